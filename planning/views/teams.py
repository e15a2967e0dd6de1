"""Pages of one day's team and order, and of an authority's people, vehicles and absences."""

import math
from itertools import pairwise
from typing import Any

from django.contrib import messages
from django.db.models import Prefetch
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from audit.errors import DomainError
from authorities.access import acting, require
from authorities.models import Membership
from planning.day_checks import warnings
from planning.day_forms import AbsenceForm, HoursForm, SkillsForm, VehicleForm
from planning.models import Absence, InspectionDay, PersonSkills, PlannedVisit, Vehicle
from planning.permissions import can
from planning.selectors import days_with_visits
from planning.services import (
    add_absence,
    add_vehicle,
    edit_vehicle,
    end_absence,
    order_by_distance,
    set_hours,
    set_skills,
    update_day,
)
from planning.services.resources import KEEPERS
from planning.services.teams import TeamProposal, propose_team
from planning.stops import place_of
from planning.views.base import fetch, frame
from targets.models import Site
from ui.forms import add_error, form_response

PLANNING = ("scheduled", "executing")


def fetch_day(request: HttpRequest, public_id: str) -> InspectionDay:
    return get_object_or_404(
        InspectionDay.objects.visible_to(request.actor).select_related(  # type: ignore[attr-defined]
            "operation", "team_lead"
        ),
        public_id=public_id,
    )


# ---------------------------------------------------------------------------------- one day
@require_GET
@acting()
def day(request: HttpRequest, public_id: str) -> HttpResponse:
    """Team, vehicles, order with times, a sketch of the way, and what stands against the day."""
    actor = request.actor  # type: ignore[attr-defined]
    row = fetch_day(request, public_id)
    operation = fetch(request, str(row.operation.public_id))
    context = frame(request, operation, "days")
    full = days_with_visits(operation).get(pk=row.pk)
    context |= {
        "day": full,
        "warnings": warnings(actor, operation, [full])[full.pk],
        "planning": context["rights"]["manage"] and operation.state in PLANNING,
        "changing": context["rights"]["manage"] and operation.state == "scheduled",
        "may_write_hours": context["rights"]["record"],
        "sketch": sketch(list(full.visits.all())),
    }
    return render(request, "planning/day.html", context)


def sketch(visits: list[PlannedVisit]) -> dict[str, Any] | None:
    """Where the visits lie, 300 × 180 units, north up; None when fewer than two are known."""
    found = [(visit, place_of(visit.site).point) for visit in visits if visit.goes]
    points = [(visit, point) for visit, point in found if point is not None]
    if len(points) < 2:
        return None
    middle = math.radians(sum(lat for _v, (lat, _lon) in points) / len(points))
    flat = [(visit, lon * math.cos(middle), lat) for visit, (lat, lon) in points]
    west, south = min(x for _v, x, _y in flat), min(y for _v, _x, y in flat)
    wide = max(x for _v, x, _y in flat) - west
    high = max(y for _v, _x, y in flat) - south
    scale = min(260 / wide if wide else 1e6, 140 / high if high else 1e6)
    if scale == 1e6:
        return None  # all in one place
    left, top = (300 - wide * scale) / 2, (180 + high * scale) / 2
    way = [
        (round(left + (x - west) * scale, 1), round(top - (y - south) * scale, 1), visit.order)
        for visit, x, y in flat
    ]
    orders: dict[tuple[float, float], list[int]] = {}
    for x, y, order in way:
        orders.setdefault((x, y), []).append(order)
    return {
        "dots": [(x, y, ", ".join(map(str, rows))) for (x, y), rows in orders.items()],
        "lines": list(pairwise(way)),
    }


@require_POST
@acting()
def day_order(request: HttpRequest, public_id: str) -> HttpResponse:
    """Put the visits into the order of least travel."""
    row = fetch_day(request, public_id)
    try:
        changed = order_by_distance(actor=request.actor, day=row)  # type: ignore[attr-defined]
    except DomainError as error:
        messages.error(request, str(error))
    else:
        messages.success(
            request, _("The order is new.") if changed else _("No shorter order was found.")
        )
    return redirect("planning:day", public_id=public_id)


@acting()
def day_team(request: HttpRequest, public_id: str) -> HttpResponse:
    """A team proposed for the day; put on it when a person confirms."""
    row = fetch_day(request, public_id)
    operation = fetch(request, str(row.operation.public_id))
    context = frame(request, operation, "days")
    if not context["rights"]["manage"] or operation.state not in PLANNING:
        raise Http404
    visits = row.visits.filter(postponed_at__isnull=True, merged_into__isnull=True)
    found = propose_team(
        operation=operation, date=row.date, instead_of=row,
        site_ids=list(visits.values_list("site_id", flat=True)),
    )  # fmt: skip
    if request.method == "POST":
        if _take(request, row, found):
            return redirect("planning:day", public_id=public_id)
        return redirect("planning:day_team", public_id=public_id)
    now = row.members.select_related("user", "authority").order_by("pk")
    return render(request, "planning/day_team.html",
                  context | {"day": row, "found": found, "now": now,
                             "shown": _shown(found)})  # fmt: skip


def _shown(found: TeamProposal) -> str:
    vehicle = str(found.vehicle.pk) if found.vehicle else ""
    return ",".join([*(str(m.pk) for m in found.members), f"v{vehicle}"])


def _take(request: HttpRequest, row: InspectionDay, found: TeamProposal) -> bool:
    """Put the proposed team on the day, if it is the one that was shown."""
    if request.POST.get("shown") != _shown(found):
        messages.warning(request, _("The proposal has changed. Look at it again."))
        return False
    version = request.POST.get("version", "")
    try:
        update_day(
            actor=request.actor, day=row,  # type: ignore[attr-defined]
            version=int(version) if version.isdigit() else 0, date=row.date,
            team_name=row.team_name, members=found.members,
            team_lead=found.lead or row.team_lead, starts_at=row.starts_at, ends_at=row.ends_at,
            vehicles=[found.vehicle] if found.vehicle else [], meeting_point=row.meeting_point,
            note=row.note,
        )  # fmt: skip
    except DomainError as error:
        messages.error(request, str(error))
        return False
    messages.success(request, _("The team is on the day."))
    return True


@acting()
def hours(request: HttpRequest, public_id: str, site: str) -> HttpResponse:
    """When a chosen site is open, as somebody found out."""
    actor = request.actor  # type: ignore[attr-defined]
    operation = fetch(request, public_id)
    target = get_object_or_404(
        Site.objects.filter(choices__operation=operation).distinct(), public_id=site
    )
    if operation.state in ("draft", "inviting", "nominating"):
        raise Http404
    require(can(actor, "record", operation))
    form = HoursForm(request.POST or None, site=target)
    back = reverse("planning:days", args=[public_id])
    if request.method == "POST" and form.is_valid():
        try:
            set_hours(actor=actor, operation=operation, site=target, hours=form.values())
        except DomainError as error:
            add_error(form, error)
        else:
            messages.success(request, _("The opening hours are kept."))
            return redirect(back)
    context = {
        "title": _("Opening hours: %(site)s") % {"site": target.shown_name},
        "intro": _("A day without times is a day on which it is closed; none at all: not known."),
        "submit_label": _("Save"), "back_url": back, "back_label": operation.name,
    }  # fmt: skip
    return form_response(request, "ui/form_page.html", context, form)


# ------------------------------------------------------------------- people of the own authority
@require_GET
@acting(*KEEPERS)
def people(request: HttpRequest) -> HttpResponse:
    """Who of the own authority can go out: skills, coming absences; and its vehicles."""
    actor = request.actor  # type: ignore[attr-defined]
    today = timezone.localdate()
    places = list(
        Membership.objects.usable()
        .filter(authority=actor.authority)
        .select_related("user", "unit")
        .prefetch_related(
            Prefetch(
                "user__absences",
                Absence.objects.visible_to(actor).filter(ends_on__gte=today).order_by("starts_on"),
                to_attr="coming",
            )
        )
        .order_by("user__last_name", "user__first_name", "pk")
    )
    skills = {
        s.user_id: s for s in PersonSkills.objects.filter(user__in=[p.user_id for p in places])
    }
    return render(
        request, "planning/people.html",
        {
            "rows": [(place, skills.get(place.user_id)) for place in places],
            "vehicles": Vehicle.objects.visible_to(actor).order_by("name", "pk"),
        },
    )  # fmt: skip


def _form(request: HttpRequest, form: Any, title: str, done: str, action: Any) -> HttpResponse:
    """One form of the people page: shown, checked, carried out."""
    back = reverse("planning:people")
    if request.method == "POST" and form.is_valid():
        try:
            action()
        except DomainError as error:
            add_error(form, error)
        else:
            messages.success(request, done)
            return redirect(back)
    context = {
        "title": title, "submit_label": _("Save"), "back_url": back,
        "back_label": _("People and vehicles"),
    }  # fmt: skip
    return form_response(request, "ui/form_page.html", context, form)


@acting(*KEEPERS)
def absence_add(request: HttpRequest) -> HttpResponse:
    actor = request.actor  # type: ignore[attr-defined]
    form = AbsenceForm(request.POST or None, actor=actor)
    return _form(
        request, form, _("Days on which somebody is away"), _("The absence is kept."),
        lambda: add_absence(actor=actor, **form.cleaned_data),
    )  # fmt: skip


@require_POST
@acting(*KEEPERS)
def absence_end(request: HttpRequest, public_id: str) -> HttpResponse:
    actor = request.actor  # type: ignore[attr-defined]
    row = get_object_or_404(Absence.objects.visible_to(actor), public_id=public_id)
    end_absence(actor=actor, absence=row)
    messages.success(request, _("The absence was taken back."))
    return redirect("planning:people")


@acting(*KEEPERS)
def skills(request: HttpRequest, public_id: str) -> HttpResponse:
    actor = request.actor  # type: ignore[attr-defined]
    place = get_object_or_404(
        Membership.objects.usable().filter(authority=actor.authority).select_related("user"),
        public_id=public_id,
    )
    row = PersonSkills.objects.filter(user=place.user).first()
    initial = {"languages": ", ".join(row.languages), "may_drive": row.may_drive} if row else {}
    form = SkillsForm(request.POST or None, initial=initial)
    return _form(
        request, form, _("What %(name)s brings to a team") % {"name": place.user.full_name},
        _("The changes are saved."),
        lambda: set_skills(actor=actor, person=place.user, **form.values()),
    )  # fmt: skip


@acting(*KEEPERS)
def vehicle_add(request: HttpRequest) -> HttpResponse:
    actor = request.actor  # type: ignore[attr-defined]
    form = VehicleForm(request.POST or None)
    return _form(
        request, form, _("New vehicle"), _("The vehicle is kept."),
        lambda: add_vehicle(actor=actor, **form.cleaned_data),
    )  # fmt: skip


@acting(*KEEPERS)
def vehicle_edit(request: HttpRequest, public_id: str) -> HttpResponse:
    actor = request.actor  # type: ignore[attr-defined]
    row = get_object_or_404(Vehicle.objects.visible_to(actor), public_id=public_id)
    initial = {name: getattr(row, name) for name in VehicleForm.base_fields}
    form = VehicleForm(request.POST or None, initial=initial)
    return _form(
        request, form, row.name, _("The changes are saved."),
        lambda: edit_vehicle(actor=actor, vehicle=row, **form.cleaned_data),
    )  # fmt: skip
