"""The board: pool, proposal and chosen; what people change on it; what the others see of it."""

import uuid
from typing import Any

from django.contrib import messages
from django.core.paginator import Paginator
from django.db.models import Q
from django.http import Http404, HttpRequest, HttpResponse, QueryDict
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from audit.errors import Conflict, DomainError, NotAllowed
from authorities.access import acting
from planning.board import (
    VIEWS,
    Board,
    Card,
    board_of,
    changes_after,
    pulse,
    said,
    undoable,
)
from planning.board_forms import UNDECIDED, BoardFilter, DecisionForm, initial_of
from planning.deviations import adopted, deviations, newer_plan, plan_of, what_was_proposed
from planning.models import BoardChange, Operation, OperationState
from planning.news import mark, mark_of
from planning.permissions import may_select
from planning.services import adopt, choose, undo, undo_choice
from planning.services.availability import OPEN_STATES, not_available_words
from planning.services.common import check_state
from planning.services.lottery import undrawn
from planning.services.parts import choices_of
from planning.views.base import frame, open_selection
from planning.words import not_adopted
from risk.selectors import joint_scores
from targets.models import Site
from ui.forms import add_error

LIVE_PARAMETERS = ("after", "plan", "was", "mark")
AT_ONCE = 40  # changes that are shown one by one; more, and the whole board is shown anew
LINES = 50  # of the history on a page


def _address(operation: Operation, query: QueryDict) -> str:
    """The board as this query shows it."""
    kept = query.copy()
    for name in LIVE_PARAMETERS:
        kept.pop(name, None)
    address = reverse("planning:selection", args=[operation.public_id])
    return f"{address}?{kept.urlencode()}" if kept else address


def _context(request: HttpRequest, board: Board, now: str) -> dict[str, Any]:
    """What every part of the board needs, whole page or fragment.

    ``now``: the mark from before the board was read, so that what came between is asked for again.
    """
    actor, operation = request.actor, board.operation  # type: ignore[attr-defined]
    address = _address(operation, request.GET)
    query = address.partition("?")[2]
    selecting = operation.state == OperationState.SELECTING
    changing = selecting and may_select(actor, operation)
    live = QueryDict(query, mutable=True)
    live.update({
        "after": str(board.last), "plan": str(board.plan.number if board.plan else 0),
        "was": operation.state, "mark": now,
    })  # fmt: skip
    return {
        "board": board, "operation": operation, "changing": changing, "selecting": selecting,
        "mark": now, "newer": not_adopted(board.newer) if board.newer else "",
        "address": address, "query": query, "wishes": board.wishes,
        "may_reserve": actor.has_role("coordinator", "manager") and operation.state in OPEN_STATES,
        "unavailable_words": not_available_words(),
        "live_url": f"{reverse('planning:board_changes', args=[operation.public_id])}?"
                    f"{live.urlencode()}",
        "last_own": undoable(actor, operation) if changing else None,
        "undo_request": uuid.uuid4(),
        "columns": board.by_week() if board.wishes.view == "weeks" else board.columns(),
    }  # fmt: skip


@require_GET
@acting()
def board(request: HttpRequest, public_id: str) -> HttpResponse:
    """The whole board as list, map or weeks."""
    operation = open_selection(request, public_id)
    now = mark(request.actor, operation)  # type: ignore[attr-defined]
    shown = board_of(operation, request.GET)
    context = frame(request, operation, "selection") | _context(request, shown, now)
    wishes = shown.wishes
    context |= {
        "filter": BoardFilter(request.GET, board=shown),
        "views": [(key, label, key == wishes.view) for key, label in VIEWS.items()],
        "points": shown.points() if wishes.view == "map" else None,
        "request_id": uuid.uuid4(), "undrawn": undrawn(operation),
    }  # fmt: skip
    return render(request, "planning/board.html", context)


@require_GET
@acting()
def board_changes(request: HttpRequest, public_id: str) -> HttpResponse:
    """What came after the change the page has seen; 204 when nothing did (one query)."""
    operation = pulse(request.actor, public_id)  # type: ignore[attr-defined]
    if operation is None:
        raise Http404
    seen = _number(request.GET.get("after", ""))
    same = (request.GET.get("plan"), request.GET.get("was"), request.GET.get("mark")) == (
        str(operation.last_plan), operation.state, mark_of(operation),
    )  # fmt: skip
    if same and operation.last_change <= seen:
        return HttpResponse(status=204)
    return _live(request, operation, seen, mark_of(operation), whole=not same)


def _number(raw: str) -> int:
    return int(raw) if raw.isdecimal() and len(raw) < 10 else 0


def _live(
    request: HttpRequest, operation: Operation, seen: int, now: str, *, whole: bool
) -> HttpResponse:
    """The fragment that brings an open page up to date: changed cards, gauges, words."""
    actor = request.actor  # type: ignore[attr-defined]
    shown, changes = board_of(operation, request.GET), changes_after(operation, seen)
    whole = whole or len(changes) > AT_ONCE or any(change.site_id is None for change in changes)
    whole = whole or _held_against_another(shown, changes)
    touched = {change.site_id for change in changes}
    listed = {column_card.candidate.site.pk for column_card in shown.matching if column_card.place}
    context = _context(request, shown, now) | {
        "cards": [] if whole else [
            card for card in shown.cards
            if card.candidate.site.pk in touched and card.candidate.site.pk in listed
        ],
        "gone": [] if whole else [
            card for card in shown.cards
            if card.candidate.site.pk in touched and card.candidate.site.pk not in listed
        ],
        "whole": whole,
        "lines": [
            {"change": change, "words": said(change),
             "own": change.made_by_id == actor.user.pk and change.undoes_id is None}
            for change in changes[-5:]
        ],
    }  # fmt: skip
    return render(request, "planning/board_live.html", context)


def _held_against_another(shown: Board, changes: list[BoardChange]) -> bool:
    """Whether cards that nobody touched may be compared with another plan than before: while none
    is taken over as a whole, a decision on a newer one makes that the plan that is followed."""
    followed = shown.followed
    if followed is None or not changes:
        return False
    named = {(stored or {}).get("run") for c in changes for stored in (c.before, c.after)}
    runs = {card.candidate.choice.run_id for card in shown.cards if card.candidate.choice}
    several = named - {None, followed.number} or runs - {None, followed.pk}
    return bool(several) and adopted(shown.operation) is None


def _done(
    request: HttpRequest, operation: Operation, words: str, site: Site | None
) -> HttpResponse:
    """After a change: the fragment for an open page, else back to the board."""
    if request.headers.get("HX-Request"):
        seen = _number(request.POST.get("after", ""))
        now = mark(request.actor, operation)  # type: ignore[attr-defined]
        # What others changed since the page was shown comes with it.
        whole = request.POST.get("mark", now) != now
        response = _live(request, operation, seen, now, whole=whole)
        response["HX-Retarget"] = "#board-live"
        response["HX-Reswap"] = "outerHTML"
        response["HX-Trigger"] = "board:done"
        return response
    messages.success(request, words)
    anchor = f"#card-{site.public_id}" if site else ""
    return redirect(_address(operation, request.GET) + anchor)


# --------------------------------------------------------------------------------- one card
def _card(request: HttpRequest, operation: Operation, site: Any) -> tuple[Board, Card]:
    shown = board_of(operation, request.GET)
    for card in shown.cards:
        if card.candidate.site.public_id == site:
            return shown, card
    raise Http404


@acting()
def board_site(request: HttpRequest, public_id: str, site: uuid.UUID) -> HttpResponse:
    """Decide on one site: the form with everything, or what a button of the card sends."""
    operation = open_selection(request, public_id)
    shown, card = _card(request, operation, site)
    actor = request.actor  # type: ignore[attr-defined]
    if not may_select(actor, operation):
        raise NotAllowed(_("Only coordinators of the participants change the board."))
    check_state(operation, OperationState.SELECTING)
    if request.method != "POST":
        state = request.GET.get("decide", "")
        form = DecisionForm(
            board=shown, card=card, initial=initial_of(card, state if state == "dropped" else "")
        )
        return _form(request, operation, card, form, 200)
    quick = "quick" in request.POST
    form = DecisionForm(request.POST, board=shown, card=card)
    status = 422
    if form.is_valid():
        try:
            _decide(actor, operation, card, form.values(quick=quick))
        except NotAllowed:
            raise
        except DomainError as error:
            if quick and error.field in ("reason", "code"):
                return _ask_why(request, operation, shown, card)
            status = 409 if isinstance(error, Conflict) else 422
            form = _refused(request.POST, shown, card, quick=quick)
            add_error(form, error)
        else:
            words = _("Decided: %(site)s") % {"site": card.candidate.site.shown_name}
            return _done(request, operation, words, card.candidate.site)
    return _form(request, operation, card, form, status)


def _decide(actor: Any, operation: Operation, card: Card, values: dict[str, Any]) -> None:
    asked = {"actor": actor, "operation": operation, "site": card.candidate.site}
    if values["state"] == UNDECIDED:
        undo_choice(**asked, version=values["version"], request=values["request"])
    else:
        choose(**asked, **values)


def _refused(data: QueryDict, shown: Board, card: Card, *, quick: bool) -> DecisionForm:
    """What was typed, to be sent again over what stands now; a quick form is filled up."""
    data = data.copy()
    start = initial_of(card, data.get("state", ""))
    if quick:
        data.setlist("team", start["team"])
        data.setdefault("week", start["week"])
    data["version"], data["request"] = str(card.version), str(uuid.uuid4())
    form = DecisionForm(data, board=shown, card=card)
    form.is_valid()
    return form


def _ask_why(request: HttpRequest, operation: Operation, shown: Board, card: Card) -> HttpResponse:
    """A button was pressed for what needs a reason: the form, with what was asked for."""
    state = request.POST.get("state", "")
    form = DecisionForm(
        board=shown, card=card,
        initial=initial_of(card, state, request.POST.get("week")) | {"reason": "", "code": ""},
    )  # fmt: skip
    form.ask_why(kind=card.planned)
    return _form(request, operation, card, form, 422, asking=True)


def _form(
    request: HttpRequest, operation: Operation, card: Card, form: DecisionForm, status: int,
    *, asking: bool = False,
) -> HttpResponse:  # fmt: skip
    context = {
        "operation": operation, "card": card, "form": form, "asking": asking,
        "query": _address(operation, request.GET).partition("?")[2],
        "back_url": _address(operation, request.GET), "planned": card.planned,
    }  # fmt: skip
    if request.headers.get("HX-Request"):
        return render(request, "planning/board_form.html", context, status=status)
    context |= frame(request, operation, "selection")
    return render(request, "planning/board_site.html", context, status=status)


@require_GET
@acting()
def board_points(request: HttpRequest, public_id: str, site: uuid.UUID) -> HttpResponse:
    """The points of one card, opened on demand."""
    operation = open_selection(request, public_id)
    found = get_object_or_404(
        Site.objects.visible_to(request.actor)  # type: ignore[attr-defined]
        .filter(
            Q(nominations__operation=operation, nominations__state="active")
            | Q(pool_entries__operation=operation)
        )
        .distinct(),
        public_id=site,
    )
    context = {"card": joint_scores([found.pk])[found.pk], "site": found}
    return render(request, "risk/site_panel.html", context)


# ------------------------------------------------------------------- whole board and history
@require_POST
@acting()
def board_adopt(request: HttpRequest, public_id: str) -> HttpResponse:
    """Take the newest proposal over."""
    operation = open_selection(request, public_id)
    run = get_object_or_404(
        operation.runs.filter(kind="plan", state="done"),
        public_id=_uuid(request.POST.get("run", "")),
    )
    try:
        done = adopt(
            actor=request.actor, operation=operation, run=run,  # type: ignore[attr-defined]
            overwrite="overwrite" in request.POST, request=_uuid(request.POST.get("request", "")),
        )  # fmt: skip
    except NotAllowed:
        raise
    except DomainError as error:
        messages.error(request, str(error))
        return redirect(_address(operation, request.GET))
    messages.success(request, said(done.change))
    if done.unavailable:
        names = ", ".join(site.shown_name for site in done.unavailable)
        messages.warning(
            request, _("Not available and still undecided: %(names)s.") % {"names": names}
        )
    return redirect(_address(operation, request.GET))


def _uuid(raw: str) -> uuid.UUID | None:
    try:
        return uuid.UUID(raw)
    except ValueError:
        return None


@require_POST
@acting()
def board_undo(request: HttpRequest, public_id: str, number: int) -> HttpResponse:
    """Put back what stood before a change, if nothing came after it."""
    operation = open_selection(request, public_id)
    actor = request.actor  # type: ignore[attr-defined]
    change = get_object_or_404(
        BoardChange.objects.visible_to(actor).select_related("site"),
        operation=operation, number=number,
    )  # fmt: skip
    try:
        undo(
            actor=actor, operation=operation, change=change,
            request=_uuid(request.POST.get("request", "")),
        )  # fmt: skip
    except NotAllowed:
        raise
    except DomainError as error:
        if request.headers.get("HX-Request"):
            context = {"words": str(error), "number": number}
            status = 409 if isinstance(error, Conflict) else 422
            return render(request, "planning/board_refused.html", context, status=status)
        messages.error(request, str(error))
        return redirect("planning:board_history", public_id=public_id)
    return _done(request, operation, _("The change was undone."), change.site)


@require_GET
@acting()
def board_history(request: HttpRequest, public_id: str) -> HttpResponse:
    """Deviations from the proposal with their reasons, and every change in order."""
    operation = open_selection(request, public_id)
    actor = request.actor  # type: ignore[attr-defined]
    rows = (
        BoardChange.objects.visible_to(actor)
        .filter(operation=operation)
        .select_related("site", "made_by", "made_for", "undone_by")
        .order_by("-number")
    )
    page = Paginator(rows, LINES).get_page(request.GET.get("page"))
    changing = operation.state == OperationState.SELECTING and may_select(actor, operation)
    plan = plan_of(operation)
    found, newer = deviations(choices_of(operation), plan), newer_plan(operation, plan)
    proposed = what_was_proposed(found)
    context = frame(request, operation, "selection") | {
        "page": page, "changing": changing,
        "compared": plan, "newer": not_adopted(newer) if newer else "",
        "deviations": [(d, proposed.get(d.choice.pk, "")) for d in found],
        "lines": [
            {"change": change, "words": said(change), "undone": hasattr(change, "undone_by")}
            for change in page
        ],
        "undo_request": uuid.uuid4(),
    }  # fmt: skip
    return render(request, "planning/board_history.html", context)
