"""The meeting: its room, every step taken in it, the projector, the minutes."""

from collections.abc import Callable
from typing import Any

from django import forms
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from audit.errors import DomainError
from authorities.access import acting
from planning.meeting_forms import AddForm, DecideForm, NoteForm, OpenForm, VoiceForm
from planning.models import AgendaItem, Meeting, MeetingState, Minutes
from planning.permissions import can
from planning.room import Room, last_line, on_the_wall, room, wall
from planning.services import meetings as services
from planning.services.availability import not_available_words
from planning.services.presence import places
from planning.views.base import attempt, fetch, frame
from ui.forms import add_error, form_response

HIDDEN_STATES = ("draft", "inviting", "nominating")


@acting()
def meeting(request: HttpRequest, public_id: str) -> HttpResponse:
    """To the meeting that is under way; else the past ones and, for the lead, opening one."""
    actor = request.actor  # type: ignore[attr-defined]
    operation = fetch(request, public_id)
    takes_part = operation.participations.held_by(actor).exists()
    if operation.state in HIDDEN_STATES or not takes_part:
        raise Http404
    past = Meeting.objects.visible_to(actor).filter(operation=operation).order_by("-number")
    under_way = next((m for m in past if m.state == MeetingState.OPEN), None)
    form = OpenForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            under_way = services.open_meeting(
                actor=actor, operation=operation, quorum=form.cleaned_data["quorum"]
            )
        except DomainError as error:
            add_error(form, error)
        else:
            messages.success(request, _("The meeting is open; the participants were told."))
    if under_way is not None and not form.errors:
        return redirect("planning:meeting_room", public_id=under_way.public_id)
    context = frame(request, operation, "meeting")
    context |= {
        "past": past,
        "opening": context["rights"]["manage"] and operation.state == "selecting",
    }
    return form_response(request, "planning/meetings.html", context, form)


def _fetch(request: HttpRequest, public_id: str) -> Meeting:
    actor = request.actor  # type: ignore[attr-defined]
    return get_object_or_404(
        Meeting.objects.visible_to(actor).select_related("operation__lead_authority", "opened_by"),
        public_id=public_id,
    )


@require_GET
@acting()
def meeting_room(request: HttpRequest, public_id: str) -> HttpResponse:
    """The room; asked by the page itself (``after``), only what is new since that line."""
    row = _fetch(request, public_id)
    after = request.GET.get("after")
    if after is None or not request.headers.get("HX-Request"):
        return _render_room(request, row)
    if after == str(last_line(row)):
        return HttpResponse(status=204)
    found = room(row)
    moved = _current_id(found) != request.GET.get("item", "")
    context = _room_context(request, found) | {
        "moved": moved,
        "rights": {"manage": _chairs(request, row)},
    }
    return render(request, "planning/meeting_news.html", context)


def _chairs(request: HttpRequest, row: Meeting) -> bool:
    return can(request.actor, "manage", row.operation)  # type: ignore[attr-defined]


def _current_id(found: Room) -> str:
    return str(found.current.item.public_id) if found.current else ""


def _room_context(request: HttpRequest, found: Room, **bound: forms.Form) -> dict[str, Any]:
    """What the room and its news need; ``bound``: a form that was refused, by its name."""
    actor = request.actor  # type: ignore[attr-defined]
    row = found.meeting
    going = row.state == MeetingState.OPEN and row.operation.state == "selecting"
    return {
        "operation": row.operation, "meeting": row, "room": found, "going": going,
        "item_id": _current_id(found), "unavailable_words": not_available_words(),
        "here": places(row).filter(user=actor.user, authority=actor.authority).exists(),
        "speaks": actor.has_role(*services.SPEAKERS),
        "voice_form": bound.get("voice", VoiceForm(prefix="voice")),
        "decide_form": bound.get("decide", DecideForm(prefix="decide")),
    }  # fmt: skip


def _render_room(request: HttpRequest, row: Meeting, **bound: forms.Form) -> HttpResponse:
    actor = request.actor  # type: ignore[attr-defined]
    context = frame(request, row.operation, "meeting") | _room_context(request, room(row), **bound)
    context |= {
        "documents": Minutes.objects.visible_to(actor).filter(meeting=row).order_by("language"),
        "past": Meeting.objects.visible_to(actor)
        .filter(operation=row.operation)
        .exclude(pk=row.pk)
        .order_by("-number"),
        "error_form": next(iter(bound.values()), None),
        "note_form": bound.get("note", NoteForm(prefix="note")),
        "add_form": bound.get("add", AddForm(prefix="add", meeting=row)),
    }
    return render(request, "planning/meeting.html", context, status=422 if bound else 200)


def _with_form(
    request: HttpRequest, row: Meeting, name: str, form: forms.Form, action: Callable[..., Any]
) -> HttpResponse:
    """Run ``action`` with what the form holds; a refusal shows the form again with its words."""
    if form.is_valid():
        try:
            action(**form.cleaned_data)
        except DomainError as error:
            add_error(form, error)
        else:
            return redirect("planning:meeting_room", public_id=row.public_id)
    return _render_room(request, _fetch(request, str(row.public_id)), **{name: form})


@require_POST
@acting()
def meeting_step(request: HttpRequest, public_id: str, step: str) -> HttpResponse:
    """Join, leave, be there, write a note, put a site on the agenda, close."""
    actor = request.actor  # type: ignore[attr-defined]
    row = _fetch(request, public_id)
    if step == "here":  # the open page says so by itself
        services.hear(actor=actor, meeting=row)
        return HttpResponse(status=204)
    if step == "note":
        return _with_form(
            request, row, "note", NoteForm(request.POST, prefix="note"),
            lambda text: services.add_note(actor=actor, meeting=row, text=text),
        )  # fmt: skip
    if step == "add":
        form = AddForm(request.POST, prefix="add", meeting=row)
        return _with_form(
            request, row, "add", form,
            lambda site: services.add_item(actor=actor, meeting=row, site=form.by_id[site]),
        )  # fmt: skip
    steps: dict[str, tuple[str, Callable[[], Any]]] = {
        "join": (_("You are in the meeting."), lambda: services.join(actor=actor, meeting=row)),
        "leave": (_("You have left the meeting."),
                  lambda: services.leave(actor=actor, meeting=row)),
        "close": (_("The meeting is closed; its minutes do not change any more."),
                  lambda: services.close_meeting(actor=actor, meeting=row)),
    }  # fmt: skip
    if step not in steps:
        raise Http404
    attempt(request, *steps[step])
    return redirect("planning:meeting_room", public_id=public_id)


@require_POST
@acting()
def agenda_step(request: HttpRequest, public_id: str, step: str) -> HttpResponse:
    """What is done with one item of the agenda."""
    actor = request.actor  # type: ignore[attr-defined]
    item = get_object_or_404(
        AgendaItem.objects.visible_to(actor).select_related("meeting__operation", "site"),
        public_id=public_id,
    )
    row = item.meeting
    if step == "voice":
        return _with_form(
            request, row, "voice", VoiceForm(request.POST, prefix="voice"),
            lambda **said: services.give_voice(actor=actor, item=item, **said),
        )  # fmt: skip
    if step == "decide":
        return _with_form(
            request, row, "decide", DecideForm(request.POST, prefix="decide"),
            lambda state, reason, code: services.decide(
                actor=actor, item=item, state=state, reason=reason, code=code or "other",
                version=_number(request.POST.get("version", ""))),
        )  # fmt: skip
    steps: dict[str, Callable[[], Any]] = {
        "open": lambda: services.open_item(actor=actor, item=item),
        "up": lambda: services.move_item(actor=actor, item=item, up=True),
        "down": lambda: services.move_item(actor=actor, item=item, up=False),
        "undecided": lambda: services.leave_undecided(actor=actor, item=item),
    }
    if step not in steps:
        raise Http404
    try:
        steps[step]()
    except DomainError as error:
        messages.error(request, str(error))
    return redirect("planning:meeting_room", public_id=row.public_id)


def _number(text: str) -> int | None:
    """What stood on the board, from a hidden field; None when it is no number."""
    return int(text) if text.isdecimal() and len(text) < 10 else None


@require_GET
@acting()
def meeting_projector(request: HttpRequest, public_id: str) -> HttpResponse:
    """For the wall: the item in big type, and only what every participant may see."""
    row = _fetch(request, public_id)
    news = request.headers.get("HX-Request") and "after" in request.GET
    seen = (request.GET.get("after"), request.GET.get("item", ""))
    if news and seen == (str(last_line(row)), on_the_wall(row)):
        return HttpResponse(status=204)
    found = wall(row)
    context = {
        "operation": row.operation, "meeting": row, "room": found, "item_id": _current_id(found),
        "going": row.state == MeetingState.OPEN, "unavailable_words": not_available_words(),
    }  # fmt: skip
    name = "planning/projector_live.html" if news else "planning/projector.html"
    return render(request, name, context)


@require_GET
@acting()
def minutes(request: HttpRequest, public_id: str, language: str) -> HttpResponse:
    """The stored minutes of a closed meeting as PDF."""
    actor = request.actor  # type: ignore[attr-defined]
    stored = get_object_or_404(
        Minutes.objects.visible_to(actor).select_related("meeting__operation"),
        meeting__public_id=public_id, language=language,
    )  # fmt: skip
    row = stored.meeting
    response = HttpResponse(bytes(stored.pdf), content_type="application/pdf")
    response["Content-Disposition"] = (
        f'attachment; filename="{row.operation.number}-meeting-{row.number}-{language}.pdf"'
    )
    return response
