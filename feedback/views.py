"""Pages of phase 3."""

from typing import Any

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET

from audit.errors import Conflict, DomainError
from audit.selectors import timeline
from audit.services import record as record_event
from authorities.access import acting, require
from execution.models import Visit
from feedback.forms import (
    CloseForm,
    DebriefForm,
    MeasureEditForm,
    MeasureForm,
    OutcomeForm,
)
from feedback.lists import (
    FeedbackList,
    MeasureList,
    OutcomeList,
    ReportList,
    shown_measure_state,
)
from feedback.models import Debrief, Measure, Outcome
from feedback.permissions import can, can_write
from feedback.selectors import report as report_data
from feedback.selectors import report_document, report_tables
from feedback.services import (
    cancel_measure,
    change_measure,
    close_measure,
    open_measure,
    record_outcome,
    write_debrief,
)
from planning.forms import ReasonForm
from planning.models import Operation
from planning.views.base import fetch, frame
from ui.exports import head_lines, write_workbook
from ui.forms import add_error, form_response
from ui.list_exports import CONTENT_TYPES
from ui.pdf import render_pdf

report_list = require_GET(acting()(ReportList.as_view()))
measure_list = require_GET(acting()(MeasureList.as_view()))
outcome_list = require_GET(acting()(OutcomeList.as_view()))
inbox = require_GET(acting()(FeedbackList.as_view()))

REPORTED = ("executing", "feedback", "closed")


def _reported(request: HttpRequest, public_id: str) -> Operation:
    operation = fetch(request, public_id)
    if operation.state not in REPORTED:
        raise Http404
    return operation


@require_GET
@acting()
def outcomes(request: HttpRequest, public_id: str) -> HttpResponse:
    """Each visit with the outcomes of all, and the own authority's buttons."""
    actor = request.actor  # type: ignore[attr-defined]
    operation = _reported(request, public_id)
    visits = (
        Visit.objects.visible_to(actor)
        .filter(operation=operation)
        .select_related("site__municipality", "planned__day")
        .prefetch_related("records")
        .order_by("planned__day__date", "planned__order", "pk")
    )
    by_visit: dict[int, list[Outcome]] = {}
    for outcome in (
        Outcome.objects.visible_to(actor)
        .filter(visit__operation=operation)
        .select_related("authority")
        .order_by("authority__code")
    ):
        by_visit.setdefault(outcome.visit_id, []).append(outcome)
    measures: dict[int, list[Any]] = {}
    for measure in (
        Measure.objects.visible_to(actor)
        .filter(operation=operation)
        .select_related("authority")
        .order_by("deadline", "pk")
    ):
        measures.setdefault(measure.visit_id, []).append(
            {"measure": measure, "badge": shown_measure_state(measure)}
        )
    rows = [
        {
            "visit": visit,
            "outcomes": by_visit.get(visit.pk, []),
            "measures": measures.get(visit.pk, []),
            "own": any(r.authority_id == actor.authority.pk for r in visit.records.all()),
        }
        for visit in visits
    ]
    context = frame(request, operation, "outcomes") | {
        "rows": rows,
        "writing": can_write(actor, operation),
        "recording": can_write(actor, operation) and operation.state != "closed",
        "debriefs": Debrief.objects.visible_to(actor)
        .filter(operation=operation)
        .select_related("authority", "written_by")
        .order_by("authority__code"),
    }
    return render(request, "feedback/outcomes.html", context)


def _visit(request: HttpRequest, public_id: str) -> Visit:
    return get_object_or_404(
        Visit.objects.visible_to(request.actor).select_related(  # type: ignore[attr-defined]
            "operation", "site", "planned__day"
        ),
        public_id=public_id,
        operation__state__in=REPORTED,
    )


@acting()
def outcome_edit(request: HttpRequest, public_id: str) -> HttpResponse:
    actor = request.actor  # type: ignore[attr-defined]
    visit = _visit(request, public_id)
    require(can_write(actor, visit.operation))
    own = Outcome.objects.filter(visit=visit, authority=actor.authority).first()
    initial = {"kind": own.kind, "note": own.note, "version": own.version} if own else {}
    form = OutcomeForm(request.POST or None, initial=initial)
    clash: dict[str, Any] | None = None
    if request.method == "POST" and form.is_valid():
        try:
            record_outcome(actor=actor, visit=visit, **form.cleaned_data)
        except Conflict as error:
            assert own is not None
            clash = {"message": error.message, "current": [
                {"label": _("Outcome"), "value": own.get_kind_display()},
                {"label": _("Own note"), "value": own.note},
            ]}  # fmt: skip
            _renew_version(form, own.version, error)
        except DomainError as error:
            add_error(form, error)
        else:
            messages.success(request, _("The outcome is recorded."))
            return redirect("feedback:outcomes", public_id=visit.operation.public_id)
    context = {
        "title": _("Outcome: %(site)s") % {"site": visit.site.name}, "submit_label": _("Save"),
        "back_url": reverse("feedback:outcomes", args=[visit.operation.public_id]),
        "back_label": visit.operation.name, "clash": clash,
    }  # fmt: skip
    return _with_clash(form_response(request, "ui/form_page.html", context, form), clash)


def _renew_version(form: Any, version: int, error: Conflict) -> None:
    """The form now stands on the newest version: sending it again is a decision to overwrite."""
    form.data = form.data.copy()
    form.data["version"] = str(version)
    form.add_error(None, str(error.message))


def _with_clash(response: HttpResponse, clash: dict[str, Any] | None) -> HttpResponse:
    if clash:
        response.status_code = 409
    return response


@acting()
def measure_create(request: HttpRequest, public_id: str) -> HttpResponse:
    actor = request.actor  # type: ignore[attr-defined]
    visit = _visit(request, public_id)
    require(can_write(actor, visit.operation))
    form = MeasureForm(request.POST or None, actor=actor)
    if request.method == "POST" and form.is_valid():
        try:
            open_measure(actor=actor, visit=visit, **form.cleaned_data)
        except DomainError as error:
            add_error(form, error)
        else:
            messages.success(request, _("The measure is open; reminders come by themselves."))
            return redirect("feedback:outcomes", public_id=visit.operation.public_id)
    context = {
        "title": _("New measure: %(site)s") % {"site": visit.site.name},
        "submit_label": _("Open the measure"), "draft": f"measure-{public_id}",
        "back_url": reverse("feedback:outcomes", args=[visit.operation.public_id]),
        "back_label": visit.operation.name,
    }  # fmt: skip
    return form_response(request, "ui/form_page.html", context, form)


def _measure(request: HttpRequest, public_id: str) -> Measure:
    return get_object_or_404(
        Measure.objects.visible_to(request.actor).select_related(  # type: ignore[attr-defined]
            "visit__site", "operation", "authority", "unit", "responsible", "closed_by"
        ),
        public_id=public_id,
    )


@require_GET
@acting()
def measure_detail(request: HttpRequest, public_id: str) -> HttpResponse:
    """All of it for the own authority; kind, deadline and state for the other participants."""
    actor = request.actor  # type: ignore[attr-defined]
    measure = _measure(request, public_id)
    own = measure.authority_id == actor.authority.pk
    facts = [
        {"label": _("Site"), "value": measure.visit.site.name},
        {"label": _("Operation"), "value": measure.operation.name},
        {"label": _("Authority"), "value": measure.authority.name},
        {"label": _("Deadline"), "value": date_format(measure.deadline, "SHORT_DATE_FORMAT")},
        {"label": _("Result"), "value": measure.get_result_display()},
    ]
    if own:
        facts += [
            {"label": _("Legal reference"), "value": measure.legal_reference},
            {"label": _("Responsible person"),
             "value": measure.responsible.full_name if measure.responsible else ""},
            {"label": _("Closed by"),
             "value": measure.closed_by.full_name if measure.closed_by else ""},
        ]  # fmt: skip
    context = {
        "measure": measure, "facts": facts, "own": own, "badge": shown_measure_state(measure),
        "changing": can(actor, "change", measure) and measure.state in ("open", "in_progress"),
        "timeline": timeline(measure, actor), "tabs": [],
        "visible_to": measure.authority.name if own else "",
    }  # fmt: skip
    return render(request, "feedback/measure.html", context)


def _own_measure(request: HttpRequest, public_id: str) -> Measure:
    measure = _measure(request, public_id)
    actor = request.actor  # type: ignore[attr-defined]
    if measure.authority_id != actor.authority.pk:
        raise Http404
    require(can(actor, "change", measure))
    return measure


@acting()
def measure_edit(request: HttpRequest, public_id: str) -> HttpResponse:
    actor = request.actor  # type: ignore[attr-defined]
    measure = _own_measure(request, public_id)
    form = MeasureEditForm(request.POST or None, actor=actor, measure=measure)
    clash: dict[str, Any] | None = None
    if request.method == "POST" and form.is_valid():
        try:
            change_measure(actor=actor, measure=measure, **form.cleaned_data)
        except Conflict as error:
            clash = {"message": error.message, "current": [
                {"label": _("Deadline"),
                 "value": date_format(measure.deadline, "SHORT_DATE_FORMAT")},
                {"label": _("Description"), "value": measure.description},
            ]}  # fmt: skip
            _renew_version(form, measure.version, error)
        except DomainError as error:
            add_error(form, error)
        else:
            messages.success(request, _("The changes are saved."))
            return redirect("feedback:measure_detail", public_id=public_id)
    context = {
        "title": _("Edit the measure"), "submit_label": _("Save"), "clash": clash,
        "back_url": reverse("feedback:measure_detail", args=[public_id]),
        "back_label": measure.get_kind_display(),
    }  # fmt: skip
    return _with_clash(form_response(request, "ui/form_page.html", context, form), clash)


@acting()
def measure_close(request: HttpRequest, public_id: str) -> HttpResponse:
    actor = request.actor  # type: ignore[attr-defined]
    measure = _own_measure(request, public_id)
    form = CloseForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            close_measure(actor=actor, measure=measure, **form.cleaned_data)
        except DomainError as error:
            add_error(form, error)
        else:
            messages.success(request, _("The measure is closed."))
            return redirect("feedback:measure_detail", public_id=public_id)
    context = {
        "title": _("Close the measure"), "submit_label": _("Close the measure"),
        "back_url": reverse("feedback:measure_detail", args=[public_id]),
        "back_label": measure.get_kind_display(),
    }  # fmt: skip
    return form_response(request, "ui/form_page.html", context, form)


@acting()
def measure_cancel(request: HttpRequest, public_id: str) -> HttpResponse:
    actor = request.actor  # type: ignore[attr-defined]
    measure = _own_measure(request, public_id)
    form = ReasonForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            cancel_measure(actor=actor, measure=measure, reason=form.cleaned_data["reason"])
        except DomainError as error:
            add_error(form, error)
        else:
            messages.success(request, _("The measure was given up."))
            return redirect("feedback:measure_detail", public_id=public_id)
    context = {
        "title": _("Give the measure up"), "submit_label": _("Give up"),
        "consequences": [_("Reminders stop. The reason is kept.")],
        "back_url": reverse("feedback:measure_detail", args=[public_id]),
    }  # fmt: skip
    return form_response(request, "ui/confirm.html", context, form)


@acting()
def debrief(request: HttpRequest, public_id: str) -> HttpResponse:
    actor = request.actor  # type: ignore[attr-defined]
    operation = _reported(request, public_id)
    require(can_write(actor, operation))
    own = Debrief.objects.filter(operation=operation, authority=actor.authority).first()
    names = ("went_well", "to_improve", "lessons", "version")
    initial = {n: getattr(own, n) for n in names} if own else {}
    form = DebriefForm(request.POST or None, initial=initial)
    clash: dict[str, Any] | None = None
    if request.method == "POST" and form.is_valid():
        try:
            write_debrief(actor=actor, operation=operation, **form.cleaned_data)
        except Conflict as error:
            assert own is not None
            clash = {"message": error.message, "current": [
                {"label": _("What went well"), "value": own.went_well},
                {"label": _("What should be better"), "value": own.to_improve},
                {"label": _("Lessons for the next time"), "value": own.lessons},
            ]}  # fmt: skip
            _renew_version(form, own.version, error)
        except DomainError as error:
            add_error(form, error)
        else:
            messages.success(request, _("The debrief is saved."))
            return redirect("feedback:outcomes", public_id=public_id)
    context = {
        "title": _("Debrief: %(name)s") % {"name": operation.name}, "submit_label": _("Save"),
        "intro": _("All participants read this."), "draft": f"debrief-{public_id}",
        "back_url": reverse("feedback:outcomes", args=[public_id]),
        "back_label": operation.name, "clash": clash,
    }  # fmt: skip
    return _with_clash(form_response(request, "ui/form_page.html", context, form), clash)


@require_GET
@acting()
def report(request: HttpRequest, public_id: str) -> HttpResponse:
    actor = request.actor  # type: ignore[attr-defined]
    operation = _reported(request, public_id)
    context = frame(request, operation, "report") | report_data(actor, operation)
    return render(request, "feedback/report.html", context)


@require_GET
@acting()
def report_pdf(request: HttpRequest, public_id: str) -> HttpResponse:
    actor = request.actor  # type: ignore[attr-defined]
    operation = _reported(request, public_id)
    pdf = render_pdf("report", report_document(actor, operation))
    _exported(request, operation, "pdf")
    response = HttpResponse(pdf, content_type="application/pdf")
    response["Content-Disposition"] = f'attachment; filename="report-{operation.number}.pdf"'
    return response


@require_GET
@acting()
def report_xlsx(request: HttpRequest, public_id: str) -> HttpResponse:
    actor = request.actor  # type: ignore[attr-defined]
    operation = _reported(request, public_id)
    data = report_data(actor, operation)
    who = f"{actor.user.full_name}, {actor.authority.name}"
    head = head_lines(operation.name, who, "", _("for official use"))
    response = HttpResponse(content_type=CONTENT_TYPES["xlsx"])
    response["Content-Disposition"] = f'attachment; filename="report-{operation.number}.xlsx"'
    write_workbook(response, head, report_tables(actor, data))  # type: ignore[arg-type]
    _exported(request, operation, "xlsx")
    return response


def _exported(request: HttpRequest, operation: Operation, kind: str) -> None:
    actor = request.actor  # type: ignore[attr-defined]
    record_event(
        actor=actor, verb="list.exported", subject=operation,
        data={"list": "report", "format": kind}, audience=[actor.authority.pk],
    )  # fmt: skip
