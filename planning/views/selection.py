"""Nominations."""

from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from audit.errors import DomainError
from authorities.access import acting
from planning.forms import NominationForm
from planning.lists import CandidateList
from planning.models import Nomination
from planning.services import make_nomination, withdraw_nomination
from planning.views.base import attempt, fetch, frame
from targets.models import Site
from ui.forms import add_error

candidates = require_GET(acting()(CandidateList.as_view()))


@require_GET
@acting()
def nominate(request: HttpRequest, public_id: str) -> HttpResponse:
    """Own nominations while they are open; everybody's once selection has begun."""
    actor = request.actor  # type: ignore[attr-defined]
    operation = fetch(request, public_id)
    context = frame(request, operation, "nominate")
    context |= {
        "nominations": Nomination.objects.visible_to(actor)
        .filter(operation=operation)
        .select_related("site__municipality", "authority", "created_by")
        .order_by("authority__code", "site__name", "pk"),
        "open": operation.state == "nominating" and context["rights"]["nominate"],
    }
    return render(request, "planning/nominations.html", context)


@acting()
def nominate_sites(request: HttpRequest, public_id: str) -> HttpResponse:
    """Reason, rating and own note for each ticked site, on one page."""
    actor = request.actor  # type: ignore[attr-defined]
    operation = fetch(request, public_id)
    ids = request.POST.getlist("id") or request.GET.getlist("id")
    sites = list(
        Site.objects.visible_to(actor)
        .filter(public_id__in=[i for i in ids if len(i) == 36][:50])
        .select_related("municipality")
        .order_by("name", "pk")
    )
    if not sites:
        messages.error(request, _("Tick at least one site first."))
        return redirect("planning:candidates", public_id=public_id)
    own = {
        n.site_id: n
        for n in Nomination.objects.filter(
            operation=operation, authority=actor.authority, site__in=sites
        )
    }
    forms = [
        (site, NominationForm(
            request.POST if request.method == "POST" else None, prefix=str(site.pk),
            initial=_initial(own.get(site.pk)),
        ))
        for site in sites
    ]  # fmt: skip
    # Every form is checked, not only those up to the first that fails.
    valid = [form.is_valid() for _site, form in forms]
    if request.method == "POST" and all(valid):
        done = 0
        for site, form in forms:
            try:
                make_nomination(actor=actor, operation=operation, site=site, **form.cleaned_data)
                done += 1
            except DomainError as error:
                add_error(form, error)
        if done == len(forms):
            messages.success(request, _("Nominated: %(count)s.") % {"count": done})
            return redirect("planning:nominate", public_id=public_id)
    invalid = any(form.is_bound and form.errors for _site, form in forms)
    context = frame(request, operation, "nominate") | {"forms": forms}
    return render(request, "planning/nominate_sites.html", context, status=422 if invalid else 200)


def _initial(nomination: Nomination | None) -> dict[str, Any]:
    if nomination is None:
        return {}
    return {
        "reason": nomination.reason, "rating": nomination.rating, "own_note": nomination.own_note,
    }  # fmt: skip


@require_POST
@acting()
def nomination_withdraw(request: HttpRequest, public_id: str) -> HttpResponse:
    actor = request.actor  # type: ignore[attr-defined]
    nomination = get_object_or_404(
        Nomination.objects.visible_to(actor).select_related("operation", "site"),
        public_id=public_id, authority=actor.authority,
    )  # fmt: skip
    attempt(
        request, _("The nomination was withdrawn."),
        lambda: withdraw_nomination(actor=actor, nomination=nomination),
    )  # fmt: skip
    return redirect("planning:nominate", public_id=nomination.operation.public_id)
