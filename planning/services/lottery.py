"""The random share of an operation: committed, drawn, revealed, in that order and once.

It comes before anything that somebody could have seen: no proposal is made, nothing is decided on
the board and nothing is signed while a share is set and not drawn (``check_drawn``), and nothing is
drawn any more once a proposal or a decision is there (``too_late``).
The method and how anybody draws again stand in ``planning.optimise.lottery``. The seed leaves this
module only when it is revealed.
"""

import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from django.utils import timezone
from django.utils.translation import gettext as _

from audit.context import as_system, service
from audit.errors import Conflict, NotAllowed, RuleViolation
from audit.services import record
from authorities.models import Authority
from planning.candidates import Candidate, candidates
from planning.draw_words import limit_words
from planning.models import (
    Draw,
    DrawnSite,
    DrawState,
    Fixed,
    Operation,
    OperationState,
    RunKind,
    SolverState,
)
from planning.optimise import lottery
from planning.optimise.draw_room import Limit, Room
from planning.optimise.problem import Bools, Problem
from planning.permissions import may_select
from planning.selectors import draw_of
from planning.services.common import check, check_state, lock
from planning.services.inputs import freeze, problem_of, settings_of

if TYPE_CHECKING:
    from authorities.actors import Actor

SEED_BYTES = 32
# A proposal in one of these states has been seen, or will be.
SEEN = (SolverState.QUEUED, SolverState.RUNNING, SolverState.DONE)


def too_late(operation: Operation) -> bool:
    """Whether a proposal or a decision is there already: what is drawn now were not by chance."""
    plans = operation.runs.filter(kind=RunKind.PLAN, state__in=SEEN)
    with as_system("whether anything was decided is the same whoever asks"):
        return plans.exists() or operation.choices.exists()


def undrawn(operation: Operation) -> str:
    """What to say while a random share is set and not drawn; "" when nothing is in the way."""
    share, row = settings_of(operation).random_share, draw_of(operation)
    if not share or (row is not None and row.state != DrawState.COMMITTED):
        return ""
    if too_late(operation):
        return _(
            "A random share of %(share)s %% is set and nothing was drawn before sites were proposed"
            " or decided, so that it cannot be drawn any more. Set the share to 0 and say why."
        ) % {"share": share}
    return _(
        "A random share of %(share)s %% is set: draw it first, before anybody sees a proposal, or"
        " set the share to 0 and say why."
    ) % {"share": share}


def check_drawn(operation: Operation) -> None:
    """Raise RuleViolation while a random share is set and not drawn; names both ways out."""
    words = undrawn(operation)
    if words:
        raise RuleViolation(words, code="undrawn")


def _in_time(operation: Operation) -> None:
    if too_late(operation):
        raise Conflict(
            _(
                "Sites have been proposed or decided already. The random share is drawn before"
                " anybody has seen a proposal, otherwise it is not random."
            )
        )


@service
def commit(*, actor: "Actor", operation: Operation) -> Draw:
    """Freeze what can be drawn and publish the hash of a fresh seed with it; once an operation.

    Everything available is in the frame, whatever its score: unknown is not low.
    """
    operation = lock(operation)
    check(actor, "manage", operation)
    check_state(operation, OperationState.SELECTING)
    if draw_of(operation) is not None:
        raise Conflict(_("The seed of this operation has been committed already."))
    share = settings_of(operation).random_share
    if not share:
        raise RuleViolation(_("The random share is 0: there is nothing to draw."))
    _in_time(operation)
    with as_system("what can be drawn is nobody's own view: a recused person leaves nothing out"):
        found = _freeze(operation, share)
    frame = found.frame
    if found.wanted and not frame.draws:
        raise RuleViolation(
            _(
                "A share of %(share)s %% is %(wanted)s visits, and the limits leave no room that one"
                " surely fits: %(limit)s. Loosen that limit, or set the share to 0 and say why."
            ) % {"share": share, "wanted": found.wanted,
                 "limit": limit_words(operation, found.tight) if found.tight else "–"}
        )  # fmt: skip
    seed = secrets.token_bytes(SEED_BYTES)
    frame_hash = lottery.frame_hash(frame)
    draw = Draw.objects.create(
        operation=operation, round=operation.round, share=share, seed=seed,
        commitment=lottery.commitment(seed, frame_hash), frame=_stored(found),
        frame_hash=frame_hash, committed_by=actor.user,
    )  # fmt: skip
    record(
        actor=actor, verb="draw.committed", subject=operation, context=operation,
        data={"commitment": draw.commitment, "frame": frame_hash, "share": share},
    )  # fmt: skip
    return draw


@service
def draw(*, actor: "Actor", operation: Operation) -> Draw:
    """Draw from the committed frame; asked again, nothing changes."""
    operation = lock(operation)
    if not may_select(actor, operation):
        raise NotAllowed(_("Coordinators of the participants draw."))
    check_state(operation, OperationState.SELECTING)
    row = _committed(operation)
    if row.state != DrawState.COMMITTED:
        return row
    _in_time(operation)
    frame = frame_of(row)
    drawing = lottery.draw(frame, bytes(row.seed))
    with as_system("what was drawn is kept whole, also what the person who draws may not see"):
        _keep(row, frame, drawing)
    row.state, row.drawn_at = DrawState.DRAWN, timezone.now()
    row.save(update_fields=["state", "drawn_at"])
    record(
        actor=actor, verb="draw.drawn", subject=operation, context=operation,
        data={"count": len(drawing.drawn)},
    )  # fmt: skip
    return row


@service
def reveal(*, actor: "Actor", operation: Operation) -> Draw | None:
    """Show the seed, once everybody has signed; None when nothing was drawn."""
    operation = lock(operation)
    check(actor, "view", operation)
    row = draw_of(operation)
    if row is None or row.state != DrawState.DRAWN:
        return row
    if operation.state in (OperationState.SELECTING, OperationState.SIGNING):
        raise Conflict(_("The seed is shown when everybody has signed."))
    row.state, row.revealed_at = DrawState.REVEALED, timezone.now()
    row.save(update_fields=["state", "revealed_at"])
    record(
        actor=actor, verb="draw.revealed", subject=operation, context=operation,
        data={"seed": bytes(row.seed).hex()},
    )  # fmt: skip
    return row


def _keep(row: Draw, frame: lottery.Frame, drawing: lottery.Drawing) -> None:
    """The drawn sites as rows, each with its team and its chance."""
    sites = _ids(row.operation)
    lots = {one.key: one for one in frame.rows}
    authorities = dict(Authority.objects.values_list("code", "pk"))
    DrawnSite.objects.bulk_create(
        DrawnSite(draw=row, operation=row.operation, site_id=sites[one.key],
                  stratum=lots[one.key].stratum, probability=float(one.chance),
                  team=sorted(authorities[code] for code in lots[one.key].team))
        for one in drawing.drawn
    )  # fmt: skip


def _committed(operation: Operation) -> Draw:
    row = draw_of(operation)
    if row is None:
        raise Conflict(_("Commit the seed first."))
    return row


@dataclass(frozen=True)
class _Frozen:
    """What is drawn from. ``wanted``: draws by the share; fewer are made where ``tight`` stops more."""

    frame: lottery.Frame
    wanted: int
    tight: Limit | None


def _freeze(operation: Operation, share: int) -> _Frozen:
    """Every candidate that could be visited, and as many draws as surely fit.

    Not those that are pinned or excluded by hand: for them nothing is left to chance.
    """
    rows = candidates(operation)
    frozen = freeze(operation, rows=rows, as_drawn=True)
    problem = problem_of(frozen)
    free = [
        row.available and not (row.terms and row.terms.fixed != Fixed.FREE) and bool(site["team"])
        for row, site in zip(rows, frozen["sites"], strict=True)
    ]
    room = Room(problem, np.array(free, bool), _able_undrawn(rows, problem))
    lots = [
        _lot(rows[i], frozen["sites"][i]) for i in np.flatnonzero(room.drawable)
    ]  # fmt: skip
    if not lots:
        raise RuleViolation(
            _("No candidate is available yet that could be visited: there is nothing to draw from.")
        )
    wanted = lottery.draws_for(lots, float(problem.capacity.sum()) * share / 100)
    draws, tight = room.surely(lottery.groups_of(lots), wanted)
    return _Frozen(lottery.Frame(tuple(lots), draws), wanted, tight)


def _able_undrawn(rows: list[Candidate], problem: Problem) -> Bools | None:
    """[n, A] who can come to sites that are not drawn: for what hard minimums need beside the draw."""
    if not any(quota.hard and quota.minimum for quota in problem.quotas):
        return None
    come = [{authority.code for authority in row.could_come} for row in rows]
    return np.array([[code in codes for code in problem.authorities] for codes in come], bool)


def _lot(row: Candidate, site: dict[str, Any]) -> lottery.Row:
    """A candidate in the frame, with the team that would visit it."""
    division = "/".join(site["industry"].split("/")[:2]) or "-"
    return lottery.Row(
        key=site["id"], firm=site["firm"], region=site["region"] or "-",
        stratum=f"{site['region'] or '-'} {division}",
        days=sum(site["come"][code]["days"] for code in site["team"]),
        weight=None if row.card.value is None else max(0.0, float(row.card.value)),
        team=tuple(site["team"]),
    )  # fmt: skip


def _stored(found: _Frozen) -> dict[str, object]:
    tight = found.tight
    return {
        "rule": lottery.RULE, "draws": found.frame.draws, "wanted": found.wanted,
        "tight": [tight.kind, tight.key] if tight else None,
        "rows": [
            [row.key, row.firm, row.region, row.stratum, row.days, row.weight, list(row.team)]
            for row in found.frame.rows
        ],
    }  # fmt: skip


def frame_of(row: Draw) -> lottery.Frame:
    """The frame as it was frozen; its hash is that of the published file.

    Raises Conflict for one that was frozen for another rule: it is drawn again by what drew it.
    """
    frozen = row.frame or {}
    if not isinstance(frozen, dict) or frozen.get("rule") != lottery.RULE:
        raise Conflict(_("This was frozen for an earlier rule of drawing."))
    rows = tuple(
        lottery.Row(key, firm, region, stratum, days, weight, tuple(team))
        for key, firm, region, stratum, days, weight, team in frozen["rows"]
    )
    return lottery.Frame(rows, frozen["draws"])


def _ids(operation: Operation) -> dict[str, int]:
    from targets.models import Site

    known = operation.availabilities.values("site")
    return {
        str(public): pk
        for public, pk in Site.objects.filter(pk__in=known).values_list("public_id", "pk")
    }
