"""Keeping targets out: holds of the own authority, reservations, overlaps, postponed visits."""

from typing import Any

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from audit.access import at_route
from audit.errors import DomainError
from authorities.access import acting, require
from planning.hold_forms import DeclineForm, HoldForm, RedateForm, ReserveForm, StepForm
from planning.models import Hold, HoldAlert, Operation, Overlap, PlannedVisit, Reservation
from planning.permissions import can
from planning.services import (
    accept_merge,
    change_hold,
    decline_merge,
    end_reservation,
    postpone,
    redate,
    reserve,
    set_hold,
)
from planning.services.holds import SETTERS, STEPS, cleared_people
from planning.services.overlaps import own_side
from planning.views.base import attempt, fetch
from targets.models import Site
from ui.forms import add_error, form_response


@acting(*SETTERS)
def holds(request: HttpRequest) -> HttpResponse:
    """Holds for which the person is cleared, and the form for a new one."""
    actor = request.actor  # type: ignore[attr-defined]
    at_route("/holds/")
    form = HoldForm(request.POST or None, actor=actor)
    if request.method == "POST":
        picked = request.POST.get("pick", "")
        if picked:
            form.fields["pick"].choices = [(picked, picked)]  # type: ignore[attr-defined]
        if form.is_valid() and (hold := _set(actor, form)) is not None:
            messages.success(request, _("The hold is set."))
            return redirect("planning:hold", public_id=hold.public_id)
    rows = Hold.objects.visible_to(actor).select_related("site", "company", "set_by")
    context = {
        "form": form,
        "rows": rows.order_by("state", "-set_at", "-pk"),
        "alerts": HoldAlert.objects.visible_to(actor)
        .filter(answered_at__isnull=True)
        .select_related("hold", "operation", "site")
        .order_by("due", "pk"),
        "today": timezone.localdate(),
    }
    return form_response(request, "planning/holds.html", context, form)


def _set(actor: Any, form: HoldForm) -> Hold | None:
    data = form.cleaned_data
    target = form.find_target(actor, data["about"])
    if target is None:
        return None
    try:
        return set_hold(
            actor=actor, target=target, kind=data["kind"], liaison=data["liaison"],
            reason=data["reason"], superior=form.people[data["superior"]],
            cleared=[form.people[key] for key in data["cleared"]], answer_days=data["answer_days"],
        )  # fmt: skip
    except DomainError as error:
        add_error(form, error)
        return None


@acting()
def hold(request: HttpRequest, public_id: str) -> HttpResponse:
    """One hold: what happened, which operations wait, and the steps that may be taken."""
    actor = request.actor  # type: ignore[attr-defined]
    at_route("/holds/")
    row = get_object_or_404(
        Hold.objects.visible_to(actor).select_related("site", "company", "superior", "set_by"),
        public_id=public_id,
    )
    form = StepForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        shown = request.POST.get("version", "0")
        try:
            change_hold(
                actor=actor, hold=row, step=request.POST.get("step", ""),
                shown=int(shown) if shown.isdigit() else 0, note=form.cleaned_data["note"],
            )  # fmt: skip
        except DomainError as error:
            add_error(form, error)
        else:
            messages.success(request, _("Saved."))
            return redirect("planning:hold", public_id=public_id)
    context = {
        "hold": row, "form": form, "steps": [s for s, (from_, _to) in STEPS.items()
                                             if row.state in from_],
        "people": cleared_people(row, actor), "tabs": [],
        "entries": row.entries.select_related("user").order_by("-at", "-pk"),
        "alerts": row.alerts.select_related("operation", "site").order_by("-made_at", "-pk"),
        "facts": [
            {"label": _("Kept out"), "value": str(row.site or row.company)},
            {"label": _("Kind"), "value": row.get_kind_display()},
            {"label": _("Whom to call"), "value": row.liaison},
            {"label": _("Superior"), "value": row.superior.full_name},
            {"label": _("Days to answer"), "value": row.answer_days},
            {"label": _("Conditions"), "value": row.conditions},
        ],
    }  # fmt: skip
    return form_response(request, "planning/hold.html", context, form)


def _site_of(request: HttpRequest, operation: Operation, site: str) -> Site:
    return get_object_or_404(
        Site.objects.filter(availabilities__operation=operation).distinct(), public_id=site
    )


@acting("coordinator", "manager")
def reservation(request: HttpRequest, public_id: str, site: str) -> HttpResponse:
    """Set a target aside in an operation, or end that; the others are told nothing."""
    actor = request.actor  # type: ignore[attr-defined]
    operation = fetch(request, public_id)
    if operation.state in ("draft", "inviting", "nominating"):
        raise Http404  # whether others have nominated a site is not to be found out here
    target = _site_of(request, operation, site)
    current = (
        Reservation.objects.visible_to(actor)
        .filter(operation=operation, site=target, ended_at__isnull=True)
        .first()
    )
    back = reverse("planning:selection", args=[public_id])
    if request.method == "POST" and current is not None and request.POST.get("step") == "end":
        end_reservation(actor=actor, reservation=current)
        messages.success(request, _("It can be selected again after the next check."))
        return redirect(back)
    form = ReserveForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            reserve(actor=actor, operation=operation, site=target, **form.cleaned_data)
        except DomainError as error:
            add_error(form, error)
        else:
            messages.success(request, _("It is set aside from the next check on."))
            return redirect(back)
    context = {
        "title": _("Set aside: %(site)s") % {"site": target.shown_name}, "current": current,
        "submit_label": _("Set aside for this round"), "back_url": back,
        "back_label": _("Selection"), "operation": operation,
    }  # fmt: skip
    return form_response(request, "planning/reserve.html", context, form)


@require_GET
@acting()
def overlaps(request: HttpRequest) -> HttpResponse:
    """Visits of own operations that meet another authority's visit."""
    actor = request.actor  # type: ignore[attr-defined]
    rows = (
        Overlap.objects.visible_to(actor).select_related("site").order_by("-found_at", "-pk")[:100]
    )
    return render(request, "planning/overlaps.html", {"rows": rows})


@acting()
def overlap(request: HttpRequest, public_id: str) -> HttpResponse:
    """Two visits to one place: the own one in full, of the other only authority and week."""
    actor = request.actor  # type: ignore[attr-defined]
    row = get_object_or_404(
        Overlap.objects.visible_to(actor).select_related(
            "site", "first__day", "second__day", "first_operation__lead_authority",
            "second_operation__lead_authority", "declined_by",
        ),
        public_id=public_id,
    )  # fmt: skip
    leading = can(actor, "manage", row.first_operation) or can(
        actor, "manage", row.second_operation
    )
    form = DeclineForm(request.POST if request.POST.get("step") == "decline" else None)
    if request.method == "POST":
        require(leading)
        if request.POST.get("step") == "accept":
            done = attempt(
                request, _("Your answer was kept."), lambda: accept_merge(actor=actor, overlap=row)
            )
            return (
                redirect("planning:overlap", public_id=public_id)
                if done
                else redirect("planning:overlaps")
            )
        if form.is_valid():
            try:
                decline_merge(actor=actor, overlap=row, **form.cleaned_data)
            except DomainError as error:
                add_error(form, error)
            else:
                messages.success(request, _("The reason was kept; both sides read it."))
                return redirect("planning:overlap", public_id=public_id)
    mine = "first" if can(actor, "view", row.first_operation) else "second"
    other = "second" if mine == "first" else "first"
    context = {
        "row": row, "form": form, "deciding": leading and row.state == "offered",
        "mine": getattr(row, mine), "operation": getattr(row, f"{mine}_operation"),
        "agreed": bool(getattr(row, f"{own_side(actor, row)}_accepted_by_id")) if leading else False,
        "other_authority": getattr(row, f"{other}_operation").lead_authority,
        "other_week": getattr(row, other).day.date.isocalendar().week,
    }  # fmt: skip
    return form_response(request, "planning/overlap.html", context, form)


@require_POST
@acting("coordinator", "manager")
def visit_postpone(request: HttpRequest, public_id: str) -> HttpResponse:
    actor = request.actor  # type: ignore[attr-defined]
    visit = _visit(request, public_id)
    attempt(request, _("Postponed."), lambda: postpone(actor=actor, visit=visit))
    return redirect("planning:days", public_id=visit.operation.public_id)


def _visit(request: HttpRequest, public_id: str) -> PlannedVisit:
    operations = Operation.objects.visible_to(request.actor)  # type: ignore[attr-defined]
    return get_object_or_404(
        PlannedVisit.objects.filter(operation__in=operations).select_related("operation", "site"),
        public_id=public_id,
    )


@acting("coordinator")
def visit_redate(request: HttpRequest, public_id: str) -> HttpResponse:
    """Put a postponed visit on a day; what is signed stays signed."""
    actor = request.actor  # type: ignore[attr-defined]
    visit = _visit(request, public_id)
    require(can(actor, "manage", visit.operation))
    form = RedateForm(request.POST or None, operation=visit.operation)
    back = reverse("planning:days", args=[visit.operation.public_id])
    if request.method == "POST" and form.is_valid():
        try:
            redate(actor=actor, visit=visit, day=form.cleaned_data["day"])
        except DomainError as error:
            add_error(form, error)
        else:
            messages.success(request, _("The visit has a day again."))
            return redirect(back)
    context = {
        "title": _("New day: %(site)s") % {"site": visit.site.shown_name},
        "submit_label": _("Put on the day"), "back_url": back, "back_label": _("Inspection days"),
    }  # fmt: skip
    return form_response(request, "ui/form_page.html", context, form)
