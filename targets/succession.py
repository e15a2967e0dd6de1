"""Signals, data sets, disclosures and clocks pass to the authority that follows.

What has ended (withdrawn disclosures, answered requests, proofs of erasure) still names the old one.
"""

from django.db.models import F
from django.utils import timezone

from authorities.services.succession import Move, moves, rename_owner
from targets.models import (
    Dataset,
    DatasetMapping,
    DatasetRun,
    Disclosure,
    DisclosureState,
    HandOver,
    HandOverState,
    InformationRequest,
    LegalHold,
    Offer,
    OfferState,
    PastVisit,
    Recusal,
    RequestState,
    Signal,
    SignalFile,
)


@moves
def move_register(move: Move) -> dict[str, int]:
    signals = rename_owner(Signal.objects.all(), move, "authority")
    rename_owner(SignalFile.objects.all(), move, "authority")
    # Between the two themselves nothing is left to disclose.
    active = Disclosure.objects.filter(state=DisclosureState.ACTIVE)
    inner = active.filter(giver__in=[move.old, move.new], receiver__in=[move.old, move.new])
    inner.update(state=DisclosureState.WITHDRAWN, ended_at=timezone.now(), end_reason=str(move.new))
    clashing = active.filter(receiver=move.old).filter(
        signal__disclosures__receiver=move.new, signal__disclosures__state=DisclosureState.ACTIVE,
        signal__disclosures__context_id=F("context_id"),
    )  # fmt: skip
    clashing.update(
        state=DisclosureState.WITHDRAWN, ended_at=timezone.now(), end_reason=str(move.new)
    )
    disclosures = rename_owner(active, move, "giver", "receiver")
    datasets = rename_owner(Dataset.objects.all(), move, "authority")
    rename_owner(DatasetRun.objects.all(), move, "authority")
    rename_owner(DatasetMapping.objects.all(), move, "authority")
    requests = rename_owner(
        InformationRequest.objects.filter(state=RequestState.OPEN), move, "asker", "holder"
    )
    handovers = rename_owner(
        HandOver.objects.filter(state=HandOverState.OFFERED), move, "sender", "receiver"
    )
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
    }  # fmt: skip
