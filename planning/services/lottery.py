"""The random share of an operation: committed, drawn, revealed, in that order and once.

It comes before anything that somebody could have seen: no proposal is made, nothing is decided on
the board and nothing is signed while a share is set and not drawn (``check_drawn``), and nothing is
drawn any more once a proposal or a decision is there (``too_late``).
The method and how anybody draws again stand in ``planning.optimise.lottery``. The seed leaves this
module only when it is revealed.
"""

import secrets
from typing import TYPE_CHECKING

from django.utils import timezone
from django.utils.translation import gettext as _

from audit.context import service
from audit.errors import Conflict, NotAllowed, RuleViolation
from audit.services import record
from planning.candidates import Candidate, Chances, candidates
from planning.models import (
    Draw,
    DrawnSite,
    DrawState,
    Operation,
    OperationState,
    RunKind,
    SolverState,
)
from planning.optimise import lottery
from planning.permissions import may_select
from planning.selectors import draw_of
from planning.services.common import check, check_state, lock
from planning.services.inputs import days_in_window, full_team, settings_of

if TYPE_CHECKING:
    from authorities.actors import Actor

SEED_BYTES = 32
# A proposal in one of these states has been seen, or will be.
SEEN = (SolverState.QUEUED, SolverState.RUNNING, SolverState.DONE)


def too_late(operation: Operation) -> bool:
    """Whether a proposal or a decision is there already: what is drawn now were not by chance."""
    plans = operation.runs.filter(kind=RunKind.PLAN, state__in=SEEN)
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
    frame = _frame(operation, share)
    seed = secrets.token_bytes(SEED_BYTES)
    frame_hash = lottery.frame_hash(frame)
    draw = Draw.objects.create(
        operation=operation, round=operation.round, share=share, seed=seed,
        commitment=lottery.commitment(seed, frame_hash), frame=_rows(frame),
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
    sites = _ids(operation)
    strata = {one.key: one.stratum for one in frame.rows}
    DrawnSite.objects.bulk_create(
        DrawnSite(draw=row, operation=operation, site_id=sites[one.key],
                  stratum=strata[one.key], probability=float(one.chance))
        for one in drawing.drawn
    )  # fmt: skip
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


def _committed(operation: Operation) -> Draw:
    row = draw_of(operation)
    if row is None:
        raise Conflict(_("Commit the seed first."))
    return row


def _frame(operation: Operation, share: int) -> lottery.Frame:
    """Every available candidate, by region and division of industry; as many draws as fit."""
    chances = Chances(operation)
    rows = [_row(row, chances) for row in candidates(operation) if row.available]
    rows = [row for row in rows if row is not None]
    if not rows:
        raise RuleViolation(_("No candidate is available yet: there is nothing to draw from."))
    capacity = sum(days_in_window(operation, chances.places).values())
    return lottery.Frame(tuple(rows), lottery.draws_for(rows, capacity * share / 100))


def _row(row: Candidate, chances: Chances) -> lottery.Row | None:
    """A candidate in the frame, with the days of the full team that would visit it."""
    found = chances.of(row, drawn=True)
    codes = {place.authority_id: place.authority.code for place in chances.places}
    _able, enter, anybody = chances.powers(row.kind)
    team = set(full_team(found, chances, codes, enter, anybody))
    if not team:
        return None
    site = row.site
    division = "/".join(site.industry.path.split("/")[:2]) if site.industry else "-"
    return lottery.Row(
        key=str(site.public_id),
        stratum=f"{site.region.code if site.region else '-'} {division}",
        days=sum(c.days for pk, c in found.items() if codes[pk] in team),
        weight=None if row.card.value is None else max(0.0, float(row.card.value)),
    )


def _rows(frame: lottery.Frame) -> dict[str, object]:
    return {
        "draws": frame.draws,
        "rows": [[row.key, row.stratum, row.days, row.weight] for row in frame.rows],
    }


def frame_of(row: Draw) -> lottery.Frame:
    """The frame as it was frozen; its hash is that of the published file."""
    assert row.frame is not None
    rows = tuple(lottery.Row(*one) for one in row.frame["rows"])
    return lottery.Frame(rows, row.frame["draws"])


def _ids(operation: Operation) -> dict[str, int]:
    from targets.models import Site

    known = operation.availabilities.values("site")
    return {
        str(public): pk
        for public, pk in Site.objects.filter(pk__in=known).values_list("public_id", "pk")
    }
