"""Pages of models: side by side, one version with its tests and approvals, and its card."""

import itertools
from typing import Any

from django.contrib import messages
from django.db.models import Prefetch
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from audit.errors import DomainError
from audit.selectors import timeline
from authorities.access import acting, require
from risk import cards, model_pages, permissions
from risk.forms import SHARE, ApproveForm, BacktestForm, ModelCreateForm, ModelForm, ReasonForm
from risk.models import (
    IndicatorState,
    IndicatorVersion,
    ModelState,
    ModelVersion,
    Report,
    ReportKind,
    ReportState,
    RiskModel,
    Visibility,
)
from risk.permissions import READERS
from risk.services import approvals, models, reports
from ui.forms import add_error, form_response
from ui.pdf import render_pdf


def _actor(request: HttpRequest) -> Any:
    return request.actor  # type: ignore[attr-defined]


def seen_version(actor: Any, public_id: str) -> ModelVersion:
    """A version with its model; 404 for those the actor may not see."""
    return get_object_or_404(
        ModelVersion.objects.visible_to(actor).select_related("model__authority", "created_by"),
        public_id=public_id,
    )


def _back(version: ModelVersion) -> HttpResponse:
    return redirect("risk:model_detail", public_id=version.public_id)


@require_GET
@acting(*READERS)
def model_list(request: HttpRequest) -> HttpResponse:
    """Every model the actor sees, side by side, by authority. Four queries."""
    actor = _actor(request)
    done = Report.objects.filter(state=ReportState.DONE).order_by("-created_at")
    rows = (
        RiskModel.objects.visible_to(actor)
        .select_related("authority")
        .prefetch_related(
            Prefetch("versions", ModelVersion.objects.order_by("-number").defer("params"))
        )
        .prefetch_related(Prefetch("versions__reports", done, to_attr="done_reports"))
        .order_by("authority__code", "code")
    )
    shown = [model_pages.beside(row) for row in rows]
    context = {
        "groups": [
            {"authority": authority, "models": list(group)}
            for authority, group in itertools.groupby(shown, key=lambda m: m["row"].authority)
        ],
        "may_draft": permissions.may_draft(actor, actor.authority.pk),
        "may_judge": actor.has_role(*permissions.JUDGES),
    }  # fmt: skip
    return render(request, "risk/models.html", context)


@acting(*READERS)
def model_create(request: HttpRequest) -> HttpResponse:
    actor = _actor(request)
    require(permissions.may_draft(actor, actor.authority.pk))
    form = ModelCreateForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            version = models.create_model(actor=actor, **form.cleaned_data)
        except DomainError as error:
            add_error(form, error)
        else:
            return redirect("risk:model_edit", public_id=version.public_id)
    context = {
        "title": _("New risk model"), "submit_label": _("Go on to its indicators"),
        "intro": _("A model says how probable it is that a visit of one authority finds what it"
                   " looks for. Name, results and weights are never changed afterwards."),
        "back_url": reverse("risk:model_list"), "back_label": _("Risk models"),
    }  # fmt: skip
    return form_response(request, "ui/form_page.html", context, form)


@require_GET
@acting(*READERS)
def model_detail(request: HttpRequest, public_id: str) -> HttpResponse:
    """A version: what is in it, what comes next, its tests and approvals."""
    actor = _actor(request)
    version = seen_version(actor, public_id)
    context = model_pages.context(actor, version)
    partial = request.headers.get("HX-Request") == "true"
    if not partial:
        context["timeline"] = timeline(version.model, actor)
    return render(request, "risk/model_state.html" if partial else "risk/model.html", context)


@acting(*READERS)
def model_edit(request: HttpRequest, public_id: str) -> HttpResponse:
    """Tick the indicators of a draft and give them points of the model's own."""
    actor = _actor(request)
    version = seen_version(actor, public_id)
    require(permissions.may_write_model(actor, version.model))
    if version.state != ModelState.DRAFT:
        messages.warning(request, _("A tested version is never changed. Make a new version of it."))
        return _back(version)
    rows = list(_offered(actor, version))
    form = ModelForm(rows, request.POST or None, initial=_as_filled(version))
    if request.method == "POST" and form.is_valid():
        data = form.cleaned_data
        parts = [
            models.Part(row, data.get(f"bins-{row.pk}", []))
            for row in rows if data[f"use-{row.pk}"]
        ]  # fmt: skip
        try:
            models.change_model(
                actor=actor, version=version, shown=data["edits"], parts=parts, kind=data["kind"],
                note=data["note"],
            )  # fmt: skip
        except DomainError as error:
            add_error(form, error)
        else:
            messages.success(request, _("The draft was saved."))
            return _back(version)
    context = {
        "title": _("Indicators of %(name)s %(number)s")
        % {"name": version.model.name, "number": version.number},
        "version": version,
    }  # fmt: skip
    return form_response(request, "risk/model_form.html", context, form)


def _offered(actor: Any, version: ModelVersion) -> Any:
    """Published indicators that the model may have; those in it first."""
    chosen = {p.indicator_id: p.place for p in version.indicators.all()}
    rows = IndicatorVersion.objects.visible_to(actor).filter(state=IndicatorState.PUBLISHED)
    rows = rows.filter(indicator__authority=None) | rows.filter(
        indicator__authority=version.model.authority_id
    )
    if version.model.joint:
        rows = rows.exclude(visibility=Visibility.SEALED)
    found = rows.select_related("indicator__authority").order_by("indicator__code")
    return sorted(found, key=lambda row: (chosen.get(row.pk, 1_000), row.name))


def _as_filled(version: ModelVersion) -> dict[str, Any]:
    initial: dict[str, Any] = {
        "kind": version.kind, "note": version.note, "edits": version.edits,
    }  # fmt: skip
    for part in version.indicators.all():
        initial[f"use-{part.indicator_id}"] = True
        initial[f"points-{part.indicator_id}"] = " ".join(str(b["points"]) for b in part.bins)
    return initial


@acting(*READERS)
def model_backtest(request: HttpRequest, public_id: str) -> HttpResponse:
    """Ask for a backtest, with the capacity at which the order is judged."""
    actor = _actor(request)
    version = seen_version(actor, public_id)
    require(permissions.may_ask(actor, version))
    usual = {"unit": SHARE, "capacity": f"{100 * reports.DEFAULTS['capacity']:g}"}
    form = BacktestForm(request.POST or None, initial=usual)
    if request.method == "POST" and form.is_valid():
        try:
            reports.ask_report(
                actor=actor, version=version, kind=ReportKind.BACKTEST,
                capacity=form.share_or_visits(),
            )  # fmt: skip
        except DomainError as error:
            add_error(form, error)
        else:
            messages.success(request, _("The test runs in the background; this page follows it."))
            return _back(version)
    context = {
        "title": _("Backtest of %(name)s %(number)s")
        % {"name": version.model.name, "number": version.number},
        "intro": _("The visits of the past are ranked as if their results were not known yet. The"
                   " bias audit looks at the same choice."),
        "submit_label": _("Run the backtest"), "back_label": version.model.name,
        "back_url": reverse("risk:model_detail", args=[public_id]),
    }  # fmt: skip
    return form_response(request, "ui/form_page.html", context, form)


@require_POST
@acting(*READERS)
def model_step(request: HttpRequest, public_id: str) -> HttpResponse:
    """Ask for an audit or a look at drift, copy, or give up a draft."""
    actor = _actor(request)
    version = seen_version(actor, public_id)
    step = request.POST.get("step", "")
    if step in (ReportKind.AUDIT, ReportKind.DRIFT):
        reports.ask_report(actor=actor, version=version, kind=step)
        messages.success(request, _("The test runs in the background; this page follows it."))
        return _back(version)
    if step == "copy":
        return _back(models.copy_model(actor=actor, version=version))
    if step == "drop":
        models.drop_model_draft(actor=actor, version=version)
        messages.success(request, _("The draft was given up."))
        return redirect("risk:model_list")
    raise Http404


@acting(*READERS)
def model_approve(request: HttpRequest, public_id: str) -> HttpResponse:
    """One authority's yes, for exactly the content shown."""
    actor = _actor(request)
    version = seen_version(actor, public_id)
    require(permissions.may_approve(actor, version))
    form = ApproveForm(request.POST or None, initial={"shown_hash": version.content_hash})
    if request.method == "POST" and form.is_valid():
        try:
            approvals.approve_model(actor=actor, version=version, **form.cleaned_data)
        except DomainError as error:
            if error.field is None:
                raise
            add_error(form, error)
        else:
            messages.success(request, _("Your approval was recorded."))
            return _back(version)
    context = {
        "title": _("Approve %(name)s %(number)s")
        % {"name": version.model.name, "number": version.number},
        "submit_label": _("Approve"), "back_url": reverse("risk:model_detail", args=[public_id]),
        "consequences": [
            _("You approve exactly this content: %(hash)s") % {"hash": version.content_hash[:16]},
            _("Nobody approves what they made, and each authority approves once."),
            _("When all approvals are there, its authority can put the model to use."),
        ],
    }  # fmt: skip
    return form_response(request, "ui/confirm.html", context, form)


@acting(*READERS)
def model_activate(request: HttpRequest, public_id: str) -> HttpResponse:
    """Put an approved version to use, after a page that says what follows."""
    actor = _actor(request)
    version = seen_version(actor, public_id)
    require(permissions.may_activate(actor, version))
    if request.method == "POST":
        models.activate_model(actor=actor, version=version)
        messages.success(request, _("The model is in use from now on."))
        return _back(version)
    former = version.model.versions.filter(state=ModelState.ACTIVE).first()
    context = {
        "title": _("Put %(name)s %(number)s to use")
        % {"name": version.model.name, "number": version.number},
        "submit_label": _("Put it to use"), "form": "",
        "back_url": reverse("risk:model_detail", args=[public_id]),
        "consequences": [
            _("The next scoring uses it for every site."),
            *([_("Version %(number)s is retired.") % {"number": former.number}] if former else []),
            *([_("The public text on the method is written anew.")] if version.model.joint else []),
        ],
    }  # fmt: skip
    return render(request, "ui/confirm.html", context)


@acting(*READERS)
def model_retire(request: HttpRequest, public_id: str) -> HttpResponse:
    actor = _actor(request)
    version = seen_version(actor, public_id)
    require(model_pages.may_retire(actor, version))
    form = ReasonForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            models.retire_model(actor=actor, version=version, **form.cleaned_data)
        except DomainError as error:
            if error.field is None:
                raise
            add_error(form, error)
        else:
            messages.success(request, _("The version was retired."))
            return _back(version)
    context = {
        "title": _("Retire %(name)s %(number)s")
        % {"name": version.model.name, "number": version.number},
        "submit_label": _("Retire"), "back_url": reverse("risk:model_detail", args=[public_id]),
        "consequences": [
            _("It is not used any more and cannot come back; scores it gave stay readable."),
            *([_("Nothing takes its place until another version is put to use.")]
              if version.state == ModelState.ACTIVE else []),
        ],
    }  # fmt: skip
    return form_response(request, "ui/confirm.html", context, form)


@require_POST
@acting(*READERS)
def report_cancel(request: HttpRequest, public_id: str) -> HttpResponse:
    report = get_object_or_404(
        Report.objects.visible_to(_actor(request)).select_related("version"), public_id=public_id
    )
    reports.cancel_report(actor=_actor(request), report=report)
    messages.success(request, _("The test was cancelled."))
    return _back(report.version)


@require_GET
@acting(*READERS)
def model_card(request: HttpRequest, public_id: str) -> HttpResponse:
    """The model card as PDF."""
    actor = _actor(request)
    version = seen_version(actor, public_id)
    answer = HttpResponse(
        render_pdf("report", cards.card_content(actor, version)), content_type="application/pdf"
    )
    name = f"{version.model.code}-{version.number}.pdf"
    answer["Content-Disposition"] = f'attachment; filename="{name}"'
    return answer
