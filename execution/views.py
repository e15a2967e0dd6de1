"""Field pages: days, visits, the own record, and the leads' overview."""

from typing import Any

from django.contrib import messages
from django.http import FileResponse, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from audit.errors import Conflict, DomainError
from authorities.access import acting, require
from execution.forms import (
    FindingForm,
    NotPossibleForm,
    PhotoForm,
    RecordForm,
    SubmitForm,
)
from execution.models import Finding, InspectionRecord, Photo, Visit
from execution.permissions import can
from execution.selectors import overview as operation_overview
from execution.selectors import submissions, visits_of_day
from execution.services import (
    add_finding,
    add_photo,
    end_visit,
    mark_not_possible,
    remove_finding,
    remove_photo,
    reopen_record,
    save_record,
    start_visit,
    submit_record,
)
from execution.services.records import counts_of
from planning.forms import ReasonForm
from planning.models import InspectionDay, Nomination
from planning.selectors import own_days
from planning.views.base import fetch, frame
from targets.views import site_facts
from ui.forms import add_error, form_response


@require_GET
@acting()
def my_days(request: HttpRequest) -> HttpResponse:
    """The person's own inspection days: today first, then coming, then past."""
    actor = request.actor  # type: ignore[attr-defined]
    today = timezone.localdate()
    days = list(own_days(actor)[:300])
    groups = [
        {"label": _("Today"), "days": [d for d in days if d.date == today]},
        {"label": _("Coming"), "days": [d for d in days if d.date > today]},
        {"label": _("Past"), "days": [d for d in reversed(days) if d.date < today][:30]},
    ]
    return render(request, "execution/my_days.html", {"groups": groups, "any": bool(days)})


@require_GET
@acting()
def day(request: HttpRequest, public_id: str) -> HttpResponse:
    actor = request.actor  # type: ignore[attr-defined]
    inspection_day = get_object_or_404(
        InspectionDay.objects.visible_to(actor)
        .select_related("operation", "team_lead")
        .prefetch_related("members__user", "members__authority"),
        public_id=public_id,
    )
    visits = list(visits_of_day(actor, inspection_day))
    context = {
        "day": inspection_day,
        "visits": visits,
        "planned": []
        if visits
        else inspection_day.visits.select_related("site__municipality").order_by("order", "pk"),
    }
    return render(request, "execution/day.html", context)


def _visit(request: HttpRequest, public_id: str) -> Visit:
    return get_object_or_404(
        Visit.objects.visible_to(request.actor).select_related(  # type: ignore[attr-defined]
            "operation", "site__company", "site__industry", "site__municipality", "site__region",
            "planned__day", "started_by",
        ),
        public_id=public_id,
    )  # fmt: skip


@require_GET
@acting()
def visit(request: HttpRequest, public_id: str) -> HttpResponse:
    actor = request.actor  # type: ignore[attr-defined]
    row = _visit(request, public_id)
    own = InspectionRecord.objects.visible_to(actor).filter(visit=row).first()
    context = {
        "visit": row,
        "facts": site_facts(row.site, actor),
        "record": own,
        "running": can(actor, "run", row),
        "submissions": submissions([row])[row.pk],
        "nominations": Nomination.objects.visible_to(actor)
        .filter(operation=row.operation, site=row.site, state="active")
        .select_related("authority")
        .order_by("authority__code", "pk"),
    }
    return render(request, "execution/visit.html", context)


@require_POST
@acting()
def visit_run(request: HttpRequest, public_id: str) -> HttpResponse:
    """Start or end the visit; the server's clock stamps it."""
    actor = request.actor  # type: ignore[attr-defined]
    row = _visit(request, public_id)
    service, done = (
        (end_visit, _("The visit has ended."))
        if request.POST.get("what") == "end"
        else (start_visit, _("The visit has started."))
    )
    try:
        service(actor=actor, visit=row)
    except Conflict as error:
        messages.warning(request, str(error))
    else:
        messages.success(request, done)
    return redirect("execution:visit", public_id=public_id)


@acting()
def not_possible(request: HttpRequest, public_id: str) -> HttpResponse:
    actor = request.actor  # type: ignore[attr-defined]
    row = _visit(request, public_id)
    require(can(actor, "run", row))
    form = NotPossibleForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            mark_not_possible(actor=actor, visit=row, **form.cleaned_data)
        except DomainError as error:
            add_error(form, error)
        else:
            messages.success(request, _("Noted: the visit was not possible."))
            return redirect("execution:day", public_id=row.planned.day.public_id)
    context = {
        "title": _("Visit not possible"), "submit_label": _("Save"),
        "back_url": reverse("execution:visit", args=[public_id]), "back_label": row.site.name,
        "draft": f"not-possible-{public_id}",
    }  # fmt: skip
    return form_response(request, "ui/form_page.html", context, form)


def _record(request: HttpRequest, public_id: str) -> InspectionRecord:
    return get_object_or_404(
        InspectionRecord.objects.visible_to(request.actor)  # type: ignore[attr-defined]
        .select_related("visit__operation", "visit__site", "authority", "checklist")
        .prefetch_related("answers"),
        public_id=public_id,
    )


@acting()
def record(request: HttpRequest, public_id: str) -> HttpResponse:
    """Checklist, counts and summary on one page; findings and photos beside."""
    actor = request.actor  # type: ignore[attr-defined]
    row = _record(request, public_id)
    form = RecordForm(request.POST or None, record=row)
    clash: dict[str, Any] | None = None
    if request.method == "POST" and form.is_valid():
        try:
            save_record(
                actor=actor, record=row, version=form.cleaned_data["version"],
                answers=form.answers(), counts=counts_of(form.cleaned_data),
                summary=form.cleaned_data["summary"],
            )  # fmt: skip
        except Conflict as error:
            if error.code != "version":
                raise
            clash = {"message": error.message, "current": [
                {"label": _("People met"), "value": row.people_met},
                {"label": _("Summary"), "value": row.summary},
            ]}  # fmt: skip
            form.data = typed = request.POST.copy()
            typed["version"] = str(row.version)
            form.add_error(None, str(error.message))
        except DomainError as error:
            add_error(form, error)
        else:
            messages.success(request, _("Saved."))
            if request.POST.get("next") == "submit":
                return redirect("execution:record_submit", public_id=public_id)
            return redirect("execution:record", public_id=public_id)
    context = {
        "record": row, "form": form, "clash": clash, "writing": can(actor, "write", row),
        "reopening": can(actor, "reopen", row),
        "findings": row.findings.filter(removed_at__isnull=True)
        .select_related("signal")
        .order_by("created_at", "pk"),
        "photos": row.photos.filter(removed_at__isnull=True).order_by("created_at", "pk"),
    }  # fmt: skip
    status = 409 if clash else 422 if form.is_bound and form.errors else 200
    return render(request, "execution/record.html", context, status=status)


@acting()
def finding_add(request: HttpRequest, public_id: str) -> HttpResponse:
    actor = request.actor  # type: ignore[attr-defined]
    row = _record(request, public_id)
    require(can(actor, "write", row))
    form = FindingForm(request.POST or None, record=row)
    if request.method == "POST" and form.is_valid():
        try:
            finding = add_finding(actor=actor, record=row, **form.cleaned_data)
        except DomainError as error:
            add_error(form, error)
        else:
            messages.success(request, _("The finding was added."))
            if finding.signal is not None and finding.signal.offers.exists():
                return redirect("targets:signal_detail", public_id=finding.signal.public_id)
            return redirect("execution:record", public_id=public_id)
    context = {
        "title": _("Add a finding"), "submit_label": _("Add the finding"),
        "back_url": reverse("execution:record", args=[public_id]),
        "back_label": row.visit.site.name, "draft": f"finding-{public_id}",
    }  # fmt: skip
    return form_response(request, "ui/form_page.html", context, form)


@require_POST
@acting()
def finding_remove(request: HttpRequest, public_id: str) -> HttpResponse:
    actor = request.actor  # type: ignore[attr-defined]
    row = get_object_or_404(
        Finding.objects.visible_to(actor).select_related("record"), public_id=public_id
    )
    remove_finding(actor=actor, finding=row)
    messages.success(request, _("The finding was struck out."))
    return redirect("execution:record", public_id=row.record.public_id)


@acting()
def photo_add(request: HttpRequest, public_id: str) -> HttpResponse:
    actor = request.actor  # type: ignore[attr-defined]
    row = _record(request, public_id)
    require(can(actor, "write", row))
    form = PhotoForm(request.POST or None, request.FILES or None)
    if request.method == "POST" and form.is_valid():
        try:
            add_photo(actor=actor, record=row, **form.cleaned_data)
        except DomainError as error:
            add_error(form, error)
        else:
            messages.success(request, _("The photo was added."))
            return redirect("execution:record", public_id=public_id)
    context = {
        "title": _("Add a photo"), "submit_label": _("Add the photo"),
        "back_url": reverse("execution:record", args=[public_id]),
        "back_label": row.visit.site.name,
    }  # fmt: skip
    return form_response(request, "ui/form_page.html", context, form)


@require_GET
@acting()
def photo(request: HttpRequest, public_id: str) -> FileResponse:
    """The picture itself; only the authority that took it gets it."""
    row = get_object_or_404(
        Photo.objects.visible_to(request.actor).filter(removed_at__isnull=True),  # type: ignore[attr-defined]
        public_id=public_id,
    )
    response = FileResponse(row.file.open("rb"), content_type="image/jpeg")
    response["Content-Disposition"] = f'inline; filename="{row.public_id}.jpg"'
    response["Content-Security-Policy"] = "default-src 'none'; sandbox"
    return response


@require_POST
@acting()
def photo_remove(request: HttpRequest, public_id: str) -> HttpResponse:
    actor = request.actor  # type: ignore[attr-defined]
    row = get_object_or_404(
        Photo.objects.visible_to(actor).select_related("record"), public_id=public_id
    )
    remove_photo(actor=actor, photo=row)
    messages.success(request, _("The photo was struck out."))
    return redirect("execution:record", public_id=row.record.public_id)


@acting()
def record_submit(request: HttpRequest, public_id: str) -> HttpResponse:
    """Check your answers, choose the outcome, submit."""
    actor = request.actor  # type: ignore[attr-defined]
    row = _record(request, public_id)
    require(can(actor, "write", row))
    form = SubmitForm(request.POST or None, initial={"outcome": row.outcome})
    if request.method == "POST" and form.is_valid():
        try:
            submit_record(actor=actor, record=row, outcome=form.cleaned_data["outcome"])
        except DomainError as error:
            add_error(form, error)
        else:
            messages.success(request, _("The record was submitted."))
            return redirect("execution:visit", public_id=row.visit.public_id)
    context = {
        "record": row, "form": form,
        "answers": row.answers.select_related("item").order_by("item__order"),
        "findings": row.findings.filter(removed_at__isnull=True)
        .select_related("signal")
        .order_by("created_at", "pk"),
        "facts": [
            {"label": _("People met"), "value": _shown(row.people_met)},
            {"label": _("People interviewed"), "value": _shown(row.people_interviewed)},
            {"label": _("People without the right to work"),
             "value": _shown(row.people_without_right_to_work)},
            {"label": _("Minors met"), "value": _shown(row.minors_met)},
        ],
    }  # fmt: skip
    return form_response(request, "execution/submit.html", context, form)


def _shown(value: int | None) -> str:
    return "" if value is None else str(value)


@acting()
def record_reopen(request: HttpRequest, public_id: str) -> HttpResponse:
    actor = request.actor  # type: ignore[attr-defined]
    row = _record(request, public_id)
    require(can(actor, "reopen", row))
    form = ReasonForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            reopen_record(actor=actor, record=row, reason=form.cleaned_data["reason"])
        except DomainError as error:
            add_error(form, error)
        else:
            messages.success(request, _("The record is open again."))
            return redirect("execution:record", public_id=public_id)
    context = {
        "title": _("Reopen the record"), "submit_label": _("Reopen"),
        "consequences": [_("The team can write in it again and has to submit it again.")],
        "back_url": reverse("execution:record", args=[public_id]),
    }  # fmt: skip
    return form_response(request, "ui/confirm.html", context, form)


@require_GET
@acting()
def overview(request: HttpRequest, public_id: str) -> HttpResponse:
    """The operation's visits for all participants: times, states and outcomes, no content."""
    actor = request.actor  # type: ignore[attr-defined]
    operation = fetch(request, public_id)
    context = frame(request, operation, "execution") | {
        "rows": operation_overview(operation, actor),
        "now": date_format(timezone.localtime(), "TIME_FORMAT"),
    }
    return render(request, "execution/overview.html", context)
