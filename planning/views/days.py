"""Inspection days, briefing packs and personal calendars."""

import calendar as month_calendar
import datetime as dt
from typing import Any

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from audit.errors import Conflict, DomainError
from authorities.access import acting
from planning.briefing import briefing_content
from planning.calendar import feed_for, ical, renew_feed
from planning.day_checks import warnings
from planning.forms import DayForm
from planning.models import CalendarFeed, ChoiceState, DayPlan, InspectionDay, PlannedVisit
from planning.selectors import day_cards, days_with_visits, own_days
from planning.services import (
    add_visit,
    change_length,
    create_day,
    move_visit,
    remove_day,
    remove_visit,
    update_day,
)
from planning.views.base import attempt, fetch, frame
from planning.views.teams import fetch_day
from planning.workdays import monday
from targets.models import Site
from ui.forms import add_error, form_response
from ui.pdf import render_pdf


@require_GET
@acting()
def days(request: HttpRequest, public_id: str) -> HttpResponse:
    operation = fetch(request, public_id)
    context = frame(request, operation, "days")
    picked = operation.choices.filter(state=ChoiceState.PICKED)
    rows = list(days_with_visits(operation).order_by("date", "team_name", "pk"))
    found = warnings(request.actor, operation, rows)  # type: ignore[attr-defined]
    context |= {
        "days": [(day, found[day.pk]) for day in rows],
        "weeks": _weeks(rows),
        "plan": DayPlan.objects.visible_to(request.actor)  # type: ignore[attr-defined]
        .filter(operation=operation)
        .order_by("-pk")
        .first(),
        "unplanned": Site.objects.filter(
            pk__in=picked.exclude(site__in=operation.planned_visits.values("site")).values("site")
        )
        .select_related("municipality")
        .order_by("name", "pk"),
        "planning": context["rights"]["manage"] and operation.state in ("scheduled", "executing"),
        "may_postpone": operation.state in ("scheduled", "executing")
        and request.actor.has_role("coordinator", "manager"),  # type: ignore[attr-defined]
        "changing": context["rights"]["manage"] and operation.state == "scheduled",
    }
    return render(request, "planning/days.html", context)


def _weeks(days: list[InspectionDay]) -> list[dict[str, Any]]:
    """Weeks that have days, each with its seven dates and the days on them."""
    by_date: dict[dt.date, list[InspectionDay]] = {}
    for day in days:
        by_date.setdefault(day.date, []).append(day)
    return [
        {
            "number": start.isocalendar().week,
            "dates": [
                {"date": date, "days": by_date.get(date, [])}
                for date in (start + dt.timedelta(days=number) for number in range(7))
            ],
        }
        for start in sorted({monday(date) for date in by_date})
    ]


@require_GET
@acting()
def powers(request: HttpRequest, public_id: str) -> HttpResponse:
    """The powers cards of a day: one for each kind of place on it."""
    day = fetch_day(request, public_id)
    operation = fetch(request, str(day.operation.public_id))
    context = frame(request, operation, "days") | {"day": day, "cards": day_cards(day)}
    return render(request, "planning/powers.html", context)


@acting()
def day_create(request: HttpRequest, public_id: str) -> HttpResponse:
    actor = request.actor  # type: ignore[attr-defined]
    operation = fetch(request, public_id)
    if not frame(request, operation, "days")["rights"]["manage"]:
        raise Http404
    form = DayForm(request.POST or None, operation=operation)
    if request.method == "POST" and form.is_valid():
        values = form.values()
        values.pop("version")
        try:
            create_day(actor=actor, operation=operation, **values)
        except DomainError as error:
            add_error(form, error)
        else:
            messages.success(request, _("The day is planned."))
            return redirect("planning:days", public_id=public_id)
    context = {
        "title": _("New inspection day"), "submit_label": _("Plan the day"),
        "back_url": reverse("planning:days", args=[public_id]), "back_label": operation.name,
        "draft": f"day-{public_id}",
    }  # fmt: skip
    return form_response(request, "ui/form_page.html", context, form)


@acting()
def day_edit(request: HttpRequest, public_id: str) -> HttpResponse:
    actor = request.actor  # type: ignore[attr-defined]
    day = fetch_day(request, public_id)
    operation = day.operation
    if not frame(request, operation, "days")["rights"]["manage"]:
        raise Http404
    form = DayForm(request.POST or None, operation=operation, day=day)
    clash: dict[str, Any] | None = None
    if request.method == "POST" and form.is_valid():
        values = form.values()
        version = values.pop("version") or 0
        try:
            update_day(actor=actor, day=day, version=version, **values)
        except Conflict as error:
            clash = {"message": error.message, "current": [
                {"label": _("Date"), "value": date_format(day.date, "SHORT_DATE_FORMAT")},
                {"label": _("Name of the team"), "value": day.team_name},
                {"label": _("Team lead"), "value": day.team_lead.full_name},
            ]}  # fmt: skip
            form.data = typed = request.POST.copy()
            typed["version"] = str(day.version)
            form.add_error(None, str(error.message))
        except DomainError as error:
            add_error(form, error)
        else:
            messages.success(request, _("The changes are saved."))
            return redirect("planning:days", public_id=operation.public_id)
    context = {
        "title": _("Edit inspection day"), "submit_label": _("Save"), "clash": clash,
        "back_url": reverse("planning:days", args=[operation.public_id]),
        "back_label": operation.name,
    }  # fmt: skip
    response = form_response(request, "ui/form_page.html", context, form)
    if clash:
        response.status_code = 409
    return response


@require_POST
@acting()
def day_remove(request: HttpRequest, public_id: str) -> HttpResponse:
    day = fetch_day(request, public_id)
    attempt(
        request, _("The day was removed; its sites are unplanned again."),
        lambda: remove_day(actor=request.actor, day=day),  # type: ignore[attr-defined]
    )  # fmt: skip
    return redirect("planning:days", public_id=day.operation.public_id)


@require_POST
@acting()
def visit_add(request: HttpRequest, public_id: str) -> HttpResponse:
    """Put the chosen sites at the end of a day."""
    day = fetch_day(request, public_id)
    sites = Site.objects.filter(
        public_id__in=[i for i in request.POST.getlist("site") if len(i) == 36],
        choices__operation=day.operation,
    ).order_by("name", "pk")
    if not sites:
        messages.error(request, _("Tick at least one site first."))
    for site in sites:
        attempt(
            request, _("Planned: %(site)s") % {"site": site.name},
            lambda s=site: add_visit(actor=request.actor, day=day, site=s),  # type: ignore[attr-defined,misc]
        )  # fmt: skip
    return redirect("planning:days", public_id=day.operation.public_id)


@require_POST
@acting()
def visit_change(request: HttpRequest, public_id: str) -> HttpResponse:
    """Move a visit up or down, or take it off the day."""
    actor = request.actor  # type: ignore[attr-defined]
    visit = get_object_or_404(
        PlannedVisit.objects.filter(day__in=InspectionDay.objects.visible_to(actor)).select_related(
            "day__operation", "operation", "site"
        ),
        public_id=public_id,
    )
    what = request.POST.get("what")
    if what == "remove":
        attempt(request, _("Taken off the day."), lambda: remove_visit(actor=actor, visit=visit))
    elif what == "length":
        raw = request.POST.get("minutes", "")
        minutes = int(raw) if raw.isdecimal() and len(raw) < 5 else 0
        attempt(
            request,
            _("The changes are saved."),
            lambda: change_length(actor=actor, visit=visit, minutes=minutes),
        )
    else:
        step = -1 if what == "up" else 1
        attempt(request, _("Moved."), lambda: move_visit(actor=actor, visit=visit, step=step))
    if request.POST.get("from") == "day":
        return redirect("planning:day", public_id=visit.day.public_id)
    return redirect("planning:days", public_id=visit.operation.public_id)


@require_GET
@acting()
def briefing(request: HttpRequest, public_id: str) -> HttpResponse:
    """The day's briefing pack as PDF, for participants."""
    actor = request.actor  # type: ignore[attr-defined]
    day = fetch_day(request, public_id)
    pdf = render_pdf("briefing", briefing_content(actor, day))
    response = HttpResponse(pdf, content_type="application/pdf")
    response["Content-Disposition"] = f'attachment; filename="briefing-{day.date}.pdf"'
    return response


@require_GET
@acting()
def calendar(request: HttpRequest) -> HttpResponse:
    """The person's own days as a month table and a list, and the address of the feed."""
    actor = request.actor  # type: ignore[attr-defined]
    today = timezone.localdate()
    try:
        first = dt.date.fromisoformat(f"{request.GET.get('month', '')}-01")
    except ValueError:
        first = today.replace(day=1)
    upcoming = list(own_days(actor).filter(date__gte=today - dt.timedelta(days=400))[:500])
    by_date: dict[dt.date, list[InspectionDay]] = {}
    for day in upcoming:
        by_date.setdefault(day.date, []).append(day)
    weeks = [
        [
            {"date": d, "inside": d.month == first.month, "today": d == today,
             "days": by_date.get(d, [])}
            for d in week
        ]
        for week in month_calendar.Calendar(0).monthdatescalendar(first.year, first.month)
    ]  # fmt: skip
    feed = CalendarFeed.objects.filter(user=actor.user).first()
    first_monday = dt.date(2024, 1, 1)
    context = {
        "weeks": weeks,
        "weekdays": [date_format(first_monday + dt.timedelta(days=i), "D") for i in range(7)],
        "first": first,
        "previous": (first - dt.timedelta(days=1)).strftime("%Y-%m"),
        "next": (first + dt.timedelta(days=32)).strftime("%Y-%m"),
        "agenda": [d for d in upcoming if d.date >= today],
        "feed_url": request.build_absolute_uri(reverse("planning:calendar_feed", args=[feed.token]))
        if feed
        else "",
    }
    return render(request, "planning/calendar.html", context)


@require_POST
@acting()
def calendar_renew(request: HttpRequest) -> HttpResponse:
    """Make a new feed address (the old one stops), or revoke it."""
    actor = request.actor  # type: ignore[attr-defined]
    if request.POST.get("what") == "revoke":
        CalendarFeed.objects.filter(user=actor.user).delete()
        messages.success(request, _("The address no longer works."))
    else:
        renew_feed(actor.user)
        messages.success(request, _("A new address was made; an older one no longer works."))
    return redirect("planning:calendar")


@require_GET
def calendar_feed(request: HttpRequest, token: str) -> HttpResponse:
    """The feed itself, for calendar programs: no sign-in, an unguessable address."""
    feed = feed_for(token)
    if feed is None:
        raise Http404
    return HttpResponse(ical(feed.user), content_type="text/calendar; charset=utf-8")
