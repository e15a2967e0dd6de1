"""Signals, data sets, disclosures and clocks pass to the authority that follows.

What has ended (withdrawn disclosures, answered requests, proofs of erasure) still names the old one.
"""

from typing import Any

from django.db.models import Q
from django.utils import timezone

from authorities.services.succession import Move, moves, rename_owner
from targets.models import (
    Dataset,
    DatasetMapping,
    DatasetRun,
    Disclosure,
    DisclosureState,
    Fact,
    HandOver,
    HandOverState,
    ImportMapping,
    ImportRun,
    InformationRequest,
    LegalHold,
    Link,
    Offer,
    OfferState,
    PastVisit,
    Recusal,
    RequestState,
    Signal,
    SignalFile,
    SiteTag,
    Tag,
)
from worklist.services import finish_tasks


@moves
def move_register(move: Move) -> dict[str, int]:
    signals = rename_owner(Signal.objects.all(), move, "authority")
    rename_owner(SignalFile.objects.all(), move, "authority")
    disclosures = _move_disclosures(move)
    datasets = rename_owner(Dataset.objects.all(), move, "authority")
    rename_owner(DatasetRun.objects.all(), move, "authority")
    _move_mappings(move)
    requests = _move_requests(move)
    handovers = _move_handovers(move)
    open_offers = Offer.objects.filter(state__in=[OfferState.OPEN, OfferState.POSTPONED])
    rename_owner(open_offers, move, "authority")
    rename_owner(LegalHold.objects.all(), move, "authority")
    rename_owner(Recusal.objects.filter(ended_at__isnull=True), move, "authority")
    visits = PastVisit.objects.filter(authority=move.old)
    visits.filter(performed_by__isnull=True).update(performed_by=move.old)
    return {
        "signals": signals, "disclosures": disclosures, "datasets": datasets,
        "requests": requests, "handovers": handovers,
        "past_visits": rename_owner(visits, move, "authority"),
        "register": _move_register(move),
    }  # fmt: skip


def _move_register(move: Move) -> int:
    """What the old one brought into the register for itself: facts, links, imports, tags.

    Of what both said the new one's stays and the old one's is closed.
    """
    known = Fact.objects.filter(known_to__isnull=True)
    closed = _clashes(known, move, ("authority_id",), ("source", "source_key"))
    known.filter(pk__in=closed).update(known_to=timezone.now())
    ends = ("from_company_id", "from_site_id", "to_company_id", "to_site_id", "at_site_id")
    links = Link.objects.filter(authority__isnull=False)
    same = _clashes(links, move, ("authority_id",), ("kind", *ends, "valid_from", "source"))
    links.filter(pk__in=same).delete()
    _move_tags(move)
    for rows in (ImportRun.objects.all(), ImportMapping.objects.all()):
        rename_owner(rows, move, "authority")
    facts = rename_owner(Fact.objects.all(), move, "authority")
    return facts + rename_owner(Link.objects.all(), move, "authority")


def _move_tags(move: Move) -> None:
    """Tags of one name become one; a site that had both keeps it once."""
    theirs = {tag.name.lower(): tag for tag in Tag.objects.filter(authority=move.new)}
    for tag in Tag.objects.filter(authority=move.old).order_by("pk"):
        kept = theirs.get(tag.name.lower())
        if kept is None:
            continue
        had = SiteTag.objects.filter(tag=kept).values("site_id")
        SiteTag.objects.filter(tag=tag).exclude(site_id__in=had).update(tag=kept)
        tag.delete()
    rename_owner(Tag.objects.all(), move, "authority")
    rename_owner(SiteTag.objects.all(), move, "authority")


def _clashes(rows: Any, move: Move, sides: tuple[str, ...], key: tuple[str, ...]) -> dict[int, int]:
    """Rows that would become the same as another: theirs (of the old) → the one that stays.

    ``sides``: columns that may name the old authority; ``key``: what else makes rows the same.
    One query.
    """
    of_either = Q()
    for side in sides:
        of_either |= Q(**{f"{side}__in": [move.old, move.new]})
    stays: dict[tuple[Any, ...], int] = {}
    found: dict[int, int] = {}
    values = rows.filter(of_either).order_by("pk").values_list("pk", *sides, *key)
    # Those that change nothing stay.
    for pk, *cells in sorted(values, key=lambda row: move.old.pk in row[1 : 1 + len(sides)]):
        parties = [move.new.pk if cell == move.old.pk else cell for cell in cells[: len(sides)]]
        same = (*parties, *cells[len(sides) :])
        if same in stays:
            found[pk] = stays[same]
        else:
            stays[same] = pk
    return found


def _between(rows: Any, move: Move, one: str, other: str) -> list[int]:
    """Ids of rows between the two themselves: nothing is left to do between them."""
    both = [move.old, move.new]
    return list(
        rows.filter(**{f"{one}__in": both, f"{other}__in": both}).values_list("pk", flat=True)
    )


def _move_disclosures(move: Move) -> int:
    active = Disclosure.objects.filter(state=DisclosureState.ACTIVE)
    ended = {"state": DisclosureState.WITHDRAWN, "ended_at": timezone.now(),
             "end_reason": str(move.new)}  # fmt: skip
    inner = _between(active, move, "giver", "receiver")
    Disclosure.objects.filter(parent__in=inner).update(parent=None)  # its giver is the owner now
    Disclosure.objects.filter(pk__in=inner).update(**ended)
    context = ("context_type", "context_id")
    found = _clashes(active, move, ("giver", "receiver"), ("signal_id", "dataset_id", *context))
    for gone, stays in found.items():
        # What hangs on it goes on, and ends with the one that stays.
        Disclosure.objects.filter(parent=gone).update(parent=stays)
        HandOver.objects.filter(disclosure=gone).update(disclosure=stays)
    Disclosure.objects.filter(pk__in=found).update(**ended)
    return rename_owner(active, move, "giver", "receiver")


def _move_requests(move: Move) -> int:
    rows = InformationRequest.objects.filter(state=RequestState.OPEN)
    gone = _between(rows, move, "asker", "holder")
    gone += _clashes(rows, move, ("asker", "holder"), ("kind", "company_id", "site_id"))
    InformationRequest.objects.filter(pk__in=gone).update(state=RequestState.WITHDRAWN)
    for pk in gone:
        finish_tasks(actor=None, key=f"sharing.answer:{pk}", cancelled=True)
    return rename_owner(rows, move, "asker", "holder")


def _move_handovers(move: Move) -> int:
    rows = HandOver.objects.filter(state=HandOverState.OFFERED)
    gone = _between(rows, move, "sender", "receiver")
    # One that was accepted by the new counts: the old's would ask for the same again.
    taken = HandOver.objects.filter(
        state__in=[HandOverState.OFFERED, HandOverState.ACCEPTED], signal__isnull=False
    )
    found = _clashes(taken, move, ("receiver",), ("signal_id",))
    gone += rows.filter(pk__in=found).values_list("pk", flat=True)
    HandOver.objects.filter(pk__in=gone).update(
        state=HandOverState.WITHDRAWN, answered_at=timezone.now()
    )
    for pk in gone:
        finish_tasks(actor=None, key=f"sharing.handover:{pk}", cancelled=True)
    return rename_owner(rows, move, "sender", "receiver")


def _move_mappings(move: Move) -> None:
    """A name that both use stays the new one's; the old one's gets its code put behind."""
    theirs = DatasetMapping.objects.filter(authority=move.new).values_list("name", flat=True)
    for row in DatasetMapping.objects.filter(authority=move.old, name__in=list(theirs)):
        row.name = f"{row.name[:100]} ({move.old.code})"[:120]
        row.save(update_fields=["name"])
    rename_owner(DatasetMapping.objects.all(), move, "authority")
