"""What people set before a proposal is made: weights, days, quotas, single candidates."""

from collections.abc import Callable
from typing import Any

from django import forms
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from audit.errors import DomainError
from authorities.access import acting, require
from authorities.models import TermKind
from authorities.terms import labels
from planning.models import (
    Operation,
    PresenceRule,
    SelectionQuota,
    SelectionResource,
    SelectionSettings,
    SiteTerms,
    TeamRule,
)
from planning.news import changes_since, mark, opened
from planning.permissions import may_select
from planning.selection_forms import (
    DaysForm,
    PresenceRuleForm,
    QuotaForm,
    ResourceForm,
    SettingsForm,
    TeamRuleForm,
    TermsForm,
)
from planning.services import criteria as services
from planning.services.inputs import settings_of
from planning.views.base import attempt, fetch, frame, open_selection
from targets.models import Site
from ui.forms import add_error, form_response

NEWS_PAGES = ("criteria", "pool")  # that tell what was changed since they were opened


def _forms(request: HttpRequest, operation: Operation) -> dict[str, forms.BaseForm]:
    """The page's forms; the one that was sent is bound."""
    sent = request.POST.get("form", "")
    row = settings_of(operation)
    version = row.version if row.pk else 0
    authority = request.actor.authority  # type: ignore[attr-defined]

    def data(name: str) -> Any:
        return request.POST if sent == name else None

    return {
        "settings": SettingsForm(
            data("settings"), prefix="s", instance=row, initial={"version": version}
        ),
        "days": DaysForm(data("days"), prefix="d", operation=operation, authority=authority),
        "quota": QuotaForm(data("quota"), prefix="q", operation=operation),
        "together": TeamRuleForm(data("together"), prefix="t", operation=operation),
        "present": PresenceRuleForm(data("present"), prefix="p", operation=operation),
        "resource": ResourceForm(data("resource"), prefix="r"),
    }


def _save(actor: Any, operation: Operation, name: str, values: dict[str, Any]) -> None:
    given: dict[str, Callable[..., Any]] = {
        "settings": services.save_settings, "days": services.set_days,
        "quota": services.set_quota, "resource": services.set_resource,
        "together": services.set_team_rule, "present": services.set_presence_rule,
    }  # fmt: skip
    if name == "settings":
        values["version"] = values.get("version") or 0
    given[name](actor=actor, operation=operation, **values)


@acting()
def criteria(request: HttpRequest, public_id: str) -> HttpResponse:
    """Weights and rules with their effect, days of each authority, quotas, resources."""
    actor = request.actor  # type: ignore[attr-defined]
    operation = open_selection(request, public_id)
    found = _forms(request, operation)
    name = request.POST.get("form", "")
    form = found.get(name)
    if form is not None and form.is_valid():
        try:
            _save(actor, operation, name, dict(form.cleaned_data))
        except DomainError as error:
            add_error(form, error)
        else:
            messages.success(request, _("Saved."))
            return redirect("planning:criteria", public_id=public_id)
    context = frame(request, operation, "criteria")
    selecting = operation.state == "selecting"
    context |= {
        "forms": found, "form": form,
        "settings_words": settings_of(operation).get_periods_display(),
        "may_lead": context["rights"]["manage"] and selecting,
        "may_days": may_select(actor, operation) and selecting,
        "settings_row": SelectionSettings.objects.filter(operation=operation).first(),
        "capacities": operation.capacities.select_related("authority", "region", "unit"),
        "places": operation.participations.accepted().select_related("authority")
        .order_by("authority__code"),
        "quotas": operation.quotas.select_related("region", "industry", "authority"),
        "team_rules": operation.team_rules.select_related("authority", "needs"),
        "presence_rules": _named_kinds(operation),
        "resources": operation.resources.order_by("kind", "name"),
        "terms": operation.terms.exclude(fixed="free").select_related("site", "set_by", "set_for"),
    }  # fmt: skip
    context |= opened(actor, operation, "criteria")
    status = 422 if form is not None and form.errors else 200
    return render(request, "planning/criteria.html", context, status=status)


def _named_kinds(operation: Operation) -> list[tuple[PresenceRule, str]]:
    """Who comes on every visit to a kind of place, with the kind in words."""
    kinds = labels(TermKind.PREMISES)
    rules = operation.presence_rules.select_related("authority")
    return [(rule, kinds.get(rule.kind, rule.kind)) for rule in rules]


@require_GET
@acting()
def news(request: HttpRequest, public_id: str) -> HttpResponse:
    """For an open page: who changed what it shows since it was opened; 204 when nobody did."""
    actor = request.actor  # type: ignore[attr-defined]
    page, shown = request.GET.get("page", "criteria"), request.GET.get("shown", "")
    if page not in NEWS_PAGES:
        raise Http404
    operation = fetch(request, public_id) if page == "pool" else open_selection(request, public_id)
    if operation.state in ("draft", "inviting"):
        raise Http404
    now = mark(actor, operation)
    if now == request.GET.get("mark"):
        return HttpResponse(status=204)
    since = shown.partition("-")[0]
    context = {
        "operation": operation, "news_page": page, "news_mark": now, "news_shown": shown,
        "news_told": now != shown, "news_url": reverse(f"planning:{page}", args=[public_id]),
        "news_changes": changes_since(
            actor, operation, int(since) if since.isdecimal() and len(since) < 19 else 0
        ),
    }  # fmt: skip
    return render(request, "planning/news.html", context)


@require_POST
@acting()
def quota_remove(request: HttpRequest, public_id: str, number: int) -> HttpResponse:
    operation = open_selection(request, public_id)
    quota = get_object_or_404(SelectionQuota, operation=operation, pk=number)
    actor = request.actor  # type: ignore[attr-defined]
    attempt(request, _("Removed."), lambda: services.remove_quota(actor=actor, quota=quota))
    return redirect("planning:criteria", public_id=public_id)


@require_POST
@acting()
def team_rule_remove(request: HttpRequest, public_id: str, number: int) -> HttpResponse:
    operation = open_selection(request, public_id)
    rule = get_object_or_404(
        TeamRule.objects.select_related("authority", "needs"), operation=operation, pk=number
    )
    actor = request.actor  # type: ignore[attr-defined]
    attempt(request, _("Removed."), lambda: services.remove_team_rule(actor=actor, rule=rule))
    return redirect("planning:criteria", public_id=public_id)


@require_POST
@acting()
def presence_rule_remove(request: HttpRequest, public_id: str, number: int) -> HttpResponse:
    operation = open_selection(request, public_id)
    rule = get_object_or_404(
        PresenceRule.objects.select_related("authority"), operation=operation, pk=number
    )
    actor = request.actor  # type: ignore[attr-defined]
    attempt(request, _("Removed."), lambda: services.remove_presence_rule(actor=actor, rule=rule))
    return redirect("planning:criteria", public_id=public_id)


@require_POST
@acting()
def resource_remove(request: HttpRequest, public_id: str, resource: str) -> HttpResponse:
    operation = open_selection(request, public_id)
    row = get_object_or_404(SelectionResource, operation=operation, public_id=resource)
    actor = request.actor  # type: ignore[attr-defined]
    attempt(request, _("Removed."), lambda: services.remove_resource(actor=actor, resource=row))
    return redirect("planning:criteria", public_id=public_id)


@acting()
def terms(request: HttpRequest, public_id: str, site: str) -> HttpResponse:
    """Pin or exclude one candidate, or say what its visit needs."""
    actor = request.actor  # type: ignore[attr-defined]
    operation = open_selection(request, public_id)
    target = get_object_or_404(
        Site.objects.visible_to(actor).filter(availabilities__operation=operation), public_id=site
    )
    require(may_select(actor, operation), _("Coordinators of the participants do this."))
    row = (
        SiteTerms.objects.filter(operation=operation, site=target).prefetch_related("needs").first()
    )
    form = TermsForm(
        request.POST if request.method == "POST" else None, operation=operation, row=row
    )
    if form.is_bound and form.is_valid():
        values = dict(form.cleaned_data)
        values["team"] = [a.pk for a in values["team"]]
        try:
            services.set_terms(actor=actor, operation=operation, site=target, **values)
        except DomainError as error:
            add_error(form, error)
        else:
            messages.success(request, _("Saved."))
            return redirect("planning:selection", public_id=public_id)
    context = {
        "title": target.shown_name, "submit_label": _("Save"), "back_label": operation.name,
        "intro": _("The next proposal keeps to it; what is on the board stays as it is."),
        "back_url": frame(request, operation, "selection")["tabs"][0]["url"],
    }  # fmt: skip
    return form_response(request, "ui/form_page.html", context, form)
