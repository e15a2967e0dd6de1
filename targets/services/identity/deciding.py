"""What people decide on proposed pairs: the same, different, or later."""

import datetime as dt
from typing import TYPE_CHECKING

from django.utils import timezone
from django.utils.translation import gettext as _

from audit.context import service
from audit.errors import Conflict, RuleViolation
from audit.services import record
from targets.models import MatchPair, Merge, PairState
from targets.services.identity.merging import Target, in_regions, may_decide, merge

if TYPE_CHECKING:
    from authorities.actors import Actor

LATER_DAYS = 7


def _locked(actor: "Actor", pair: MatchPair, *states: str) -> MatchPair:
    may_decide(actor)
    found = MatchPair.objects.select_for_update(of=("self",)).filter(pk=pair.pk).first()
    if found is None:
        raise Conflict(_("The pair is not there any more: the registers have changed."))
    if found.state not in states:
        who = found.decided_by.full_name if found.decided_by else _("Tarkka")
        raise Conflict(
            _("%(name)s has decided already: %(state)s.")
            % {"name": who, "state": found.get_state_display()}
        )
    in_regions(actor, found.a, found.b)
    return found


@service
def decide_same(
    *, actor: "Actor", pair: MatchPair, survivor: Target | None = None, reason: str = ""
) -> Merge:
    """Make one of the two; ``survivor`` (default: ``better_of``) is the row that is kept."""
    # The rows of the register first, then the pair: as every merge locks them.
    kept = survivor or better_of(pair)
    other = pair.b if kept.pk == pair.a.pk else pair.a
    return merge(actor=actor, loser=other, survivor=kept, reason=reason, pair=pair)


@service
def decide_different(*, actor: "Actor", pair: MatchPair, reason: str) -> MatchPair:
    """They are two; the pair is never proposed again."""
    pair = _locked(actor, pair, PairState.PROPOSED)
    if not reason.strip():
        raise RuleViolation(_("Say it: others will meet the same likeness."), field="reason")
    pair.state, pair.reason, pair.put_off_until = (
        PairState.DIFFERENT,
        reason.strip()[:300],
        None,
    )
    pair.decided_by, pair.decided_for, pair.decided_at = actor.user, actor.authority, timezone.now()
    pair.save()
    for target, other in ((pair.a, pair.b), (pair.b, pair.a)):
        record(
            actor=actor, verb=f"{pair.kind}.different", subject=target,
            data={"name": other.name, "reason": pair.reason},
        )  # fmt: skip
    return pair


@service
def put_off(*, actor: "Actor", pair: MatchPair) -> MatchPair:
    """Out of the queue for a week."""
    pair = _locked(actor, pair, PairState.PROPOSED)
    pair.put_off_until = timezone.localdate() + dt.timedelta(days=LATER_DAYS)
    pair.save(update_fields=["put_off_until"])
    return pair


@service
def decide_again(*, actor: "Actor", pair: MatchPair) -> MatchPair:
    """Back into the queue what was found different or put off."""
    pair = _locked(actor, pair, PairState.DIFFERENT, PairState.PROPOSED)
    pair.state, pair.reason, pair.put_off_until = PairState.PROPOSED, "", None
    pair.decided_by = pair.decided_for = pair.decided_at = None
    pair.save()
    return pair


def better_of(pair: MatchPair) -> Target:
    """The row to keep: with a business id, of the older entry, whichever says more of itself."""

    def worth(target: Target) -> tuple[bool, int, int]:
        company = getattr(target, "company", None)
        known = getattr(target, "business_id", None) or (company and company.business_id)
        values = (target.address, target.postal_code, target.municipality_id, target.industry_id)
        return bool(known), sum(bool(value) for value in values), -target.pk

    best: Target = max((pair.a, pair.b), key=worth)
    return best
