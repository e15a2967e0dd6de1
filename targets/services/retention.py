"""Clocks: disclosures and hand-overs that run out, and erasure with a proof."""

import hashlib
from typing import Any

from django.core.files.storage import default_storage
from django.db import transaction
from django.utils import timezone

from audit.context import as_system
from audit.services import record
from targets.models import (
    Dataset,
    Disclosure,
    DisclosureState,
    Erasure,
    HandOver,
    HandOverState,
    InformationRequest,
    LegalHold,
    RequestState,
    Signal,
)
from targets.services.sharing import end_disclosure, locked

BATCH = 200


def sweep() -> dict[str, int]:
    """Do everything that is due; each item in its own transaction. Run twice, nothing twice."""
    with as_system("clocks run for every authority"):
        return {
            "disclosures": _each(_expired_disclosures, _expire_disclosure),
            "handovers": _each(_lapsed_handovers, _lapse),
            "requests": _each(_overdue_requests, _tell_overdue),
            "signals": _each(_expired_signals, _erase_signal),
            "datasets": _each(_expired_datasets, _erase_dataset),
        }


def _each(find: Any, act: Any) -> int:
    count = 0
    for pk in find():
        with transaction.atomic():
            count += act(pk)
    return count


def _expired_disclosures() -> list[int]:
    rows = Disclosure.objects.filter(
        state=DisclosureState.ACTIVE, expires_on__lt=timezone.localdate()
    )
    return list(rows.order_by("pk").values_list("pk", flat=True)[:BATCH])


def _expire_disclosure(pk: int) -> int:
    given = locked(Disclosure(pk=pk))
    if given.state != DisclosureState.ACTIVE:
        return 0
    end_disclosure(given, DisclosureState.EXPIRED, "")
    record(
        actor=None, verb="item.expired", subject=given.signal or given.dataset,
        data={"receiver": given.receiver.name}, audience=[given.giver_id, given.receiver_id],
    )  # fmt: skip
    return 1


def _lapsed_handovers() -> list[int]:
    rows = HandOver.objects.filter(state=HandOverState.OFFERED, deadline__lt=timezone.localdate())
    return list(rows.order_by("pk").values_list("pk", flat=True)[:BATCH])


def _lapse(pk: int) -> int:
    HandOver.objects.select_for_update(of=("self",)).get(pk=pk)
    row = HandOver.objects.select_related("signal", "receiver").get(pk=pk)
    if row.state != HandOverState.OFFERED:
        return 0
    row.state, row.answered_at = HandOverState.LAPSED, timezone.now()
    row.save(update_fields=["state", "answered_at"])
    record(
        actor=None, verb="handover.lapsed", subject=row.signal or row,
        data={"receiver": row.receiver.name}, audience=[row.sender_id, row.receiver_id],
    )  # fmt: skip
    return 1


def _overdue_requests() -> list[int]:
    rows = InformationRequest.objects.filter(
        state=RequestState.OPEN, deadline__lt=timezone.localdate(), overdue_told_at__isnull=True
    )
    return list(rows.order_by("pk").values_list("pk", flat=True)[:BATCH])


def _tell_overdue(pk: int) -> int:
    """Both sides' timelines say so once; the holder's task is overdue and escalates by itself."""
    InformationRequest.objects.select_for_update(of=("self",)).get(pk=pk)
    row = InformationRequest.objects.select_related("holder").get(pk=pk)
    if row.state != RequestState.OPEN or row.overdue_told_at is not None:
        return 0
    row.overdue_told_at = timezone.now()
    row.save(update_fields=["overdue_told_at"])
    record(
        actor=None, verb="request.overdue", subject=row, data={"holder": row.holder.name},
        audience=[row.asker_id, row.holder_id],
    )  # fmt: skip
    return 1


def _expired_signals() -> list[int]:
    held = LegalHold.objects.filter(lifted_at__isnull=True, signal__isnull=False)
    rows = Signal.objects.filter(expires_on__lt=timezone.localdate()).exclude(
        pk__in=held.values("signal_id")
    )
    return list(rows.order_by("pk").values_list("pk", flat=True)[:BATCH])


def _digest(parts: list[str]) -> str:
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def _erase_signal(pk: int) -> int:
    """Erase a signal with its files; a proof and the disclosures' bare facts are what is left."""
    signal = (
        Signal.objects.select_for_update(of=("self",))
        .select_related("retention")
        .filter(pk=pk)
        .first()
    )
    if signal is None or signal.legal_holds.filter(lifted_at__isnull=True).exists():
        return 0
    files = list(signal.files.order_by("pk"))
    indicators = signal.indicators.count()
    parts = [f"{signal.public_id}:{hashlib.sha256(signal.text.encode()).hexdigest()}"]
    parts += [f"{file.public_id}:{file.sha256}" for file in files]
    _prove(
        signal.authority_id, "signal", signal.public_id, signal.retention.code, signal.expires_on,
        rows=1 + indicators + len(files), files=len(files), digest=_digest(parts),
    )  # fmt: skip
    _let_go(signal.disclosures.order_by("pk"))
    for file in files:
        name = file.file.name
        file.delete()
        # The bytes go once the row is gone for good; a file left behind by a kill is found by name.
        transaction.on_commit(lambda name=name: default_storage.delete(name))
    signal.legal_holds.all().delete()
    signal.delete()
    return 1


def _let_go(disclosures: Any) -> None:
    """Take the item off its disclosures; who got what kind on which ground stays on record."""
    now = timezone.now()
    for given in disclosures:
        if given.state == DisclosureState.ACTIVE:
            end_disclosure(locked(given), DisclosureState.EXPIRED, "")
    disclosures.update(item_erased_at=now)


def _prove(
    authority: int, what: str, item: Any, retention: str, expired_on: Any, **numbers: Any
) -> None:
    proof = Erasure.objects.create(
        authority_id=authority, what=what, item=item, retention=retention, expired_on=expired_on,
        **numbers,
    )  # fmt: skip
    record(
        actor=None, verb="item.erased", subject=proof,
        data={"what": what, "rows": proof.rows}, audience=[authority],
    )  # fmt: skip


def _expired_datasets() -> list[int]:
    held = LegalHold.objects.filter(lifted_at__isnull=True, dataset__isnull=False)
    rows = Dataset.objects.filter(expires_on__lt=timezone.localdate()).exclude(
        pk__in=held.values("dataset_id")
    )
    return list(rows.order_by("pk").values_list("pk", flat=True)[:BATCH])


def _erase_dataset(pk: int) -> int:
    """Erase a data set with all rows and its files."""
    dataset = Dataset.objects.select_for_update(of=("self",)).filter(pk=pk).first()
    if dataset is None or dataset.legal_holds.filter(lifted_at__isnull=True).exists():
        return 0
    running = hashlib.sha256()
    count = 0
    lines = dataset.rows.order_by("line").values_list("line", "business_id")
    for line, business_id in lines.iterator(chunk_size=5_000):
        running.update(f"{line}:{business_id}\n".encode())
        count += 1
    stored = [run.stored_as for run in dataset.runs.order_by("pk") if run.stored_as]
    _prove(
        dataset.authority_id, "dataset", dataset.public_id, "", dataset.expires_on, rows=count,
        files=len(stored), digest=_digest([str(dataset.public_id), running.hexdigest()]),
    )  # fmt: skip
    _let_go(dataset.disclosures.order_by("pk"))
    dataset.rows.all()._raw_delete(dataset.rows.db)  # a million rows, and nothing hangs on them
    for name in stored:
        transaction.on_commit(lambda name=name: default_storage.delete(name))
    dataset.legal_holds.all().delete()
    dataset.runs.all().delete()
    dataset.delete()
    return 1
