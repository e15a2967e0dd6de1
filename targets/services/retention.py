"""Clocks: disclosures and hand-overs that run out, and erasure with a proof."""

import datetime as dt
import hashlib
import logging
from collections.abc import Iterator
from functools import partial
from typing import Any

from django.core.files.storage import default_storage
from django.db import InterfaceError, OperationalError, transaction
from django.db.models import CharField, Exists, OuterRef
from django.db.models.expressions import RawSQL
from django.urls import reverse
from django.utils import timezone

from audit.context import as_system
from audit.services import record
from targets.models import (
    Dataset,
    DatasetRun,
    Disclosure,
    DisclosureState,
    Erasure,
    Fact,
    HandOver,
    HandOverState,
    ImportRun,
    InformationRequest,
    LegalHold,
    RequestState,
    Signal,
    SignalFile,
)
from targets.services.datasets import forget_rows
from targets.services.sharing import end_disclosure, locked, names
from targets.services.telling import tell
from worklist.services import finish_tasks

logger = logging.getLogger(__name__)
BATCH = 200
# A file younger than this may belong to a transaction that is still open.
ORPHAN_AGE = dt.timedelta(days=1)
FACT_DIGEST = "encode(sha256(convert_to(value::text, 'UTF8')), 'hex')"
ROW_DIGEST = "encode(sha256(convert_to(data::text, 'UTF8')), 'hex')"


def sweep() -> dict[str, int]:
    """Do everything that is due; each item in its own transaction. Run twice, nothing twice.

    One item that cannot be done does not keep the others waiting: it is logged and tried again.
    """
    with as_system("clocks run for every authority"):
        return {
            "disclosures": _each(_expired_disclosures, _expire_disclosure),
            "handovers": _each(_lapsed_handovers, _lapse),
            "requests": _each(_overdue_requests, _tell_overdue),
            "signals": _each(_expired_signals, _erase_signal),
            "datasets": _each(_expired_datasets, _erase_dataset),
            "facts": _each(_expired_facts, _erase_facts),
        }


def _each(find: Any, act: Any) -> int:
    count = 0
    with transaction.atomic():  # outside a transaction the walls show nothing, to nobody
        due = find()
    for pk in due:
        try:
            with transaction.atomic():
                count += act(pk)
        except (OperationalError, InterfaceError):
            raise  # the database is away: nothing else will go better
        except Exception:
            logger.exception("%s failed for %s", act.__name__, pk)
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
    end_disclosure(given, DisclosureState.EXPIRED, "", actor=None)
    return 1


def _lapsed_handovers() -> list[int]:
    rows = HandOver.objects.filter(state=HandOverState.OFFERED, deadline__lt=timezone.localdate())
    return list(rows.order_by("pk").values_list("pk", flat=True)[:BATCH])


def _lapse(pk: int) -> int:
    HandOver.objects.select_for_update(of=("self",)).get(pk=pk)
    row = HandOver.objects.select_related("signal", "receiver", "sender", "sent_by").get(pk=pk)
    if row.state != HandOverState.OFFERED:
        return 0
    row.state, row.answered_at = HandOverState.LAPSED, timezone.now()
    row.save(update_fields=["state", "answered_at"])
    record(
        actor=None, verb="handover.lapsed", subject=row.signal or row,
        data={"receiver": row.receiver.name}, audience=[row.sender_id, row.receiver_id],
    )  # fmt: skip
    for side, person in ((row.sender, row.sent_by), (row.receiver, None)):
        tell(
            authority=side, kind="sharing.handover_lapsed", about=row, person=person, managers=True,
            url=reverse("targets:handover", args=[row.public_id]),
            params=names("receiver", row.receiver) | names("sender", row.sender),
        )  # fmt: skip
    return 1


def _overdue_requests() -> list[int]:
    rows = InformationRequest.objects.filter(
        state=RequestState.OPEN, deadline__lt=timezone.localdate(), overdue_told_at__isnull=True
    )
    return list(rows.order_by("pk").values_list("pk", flat=True)[:BATCH])


def _tell_overdue(pk: int) -> int:
    """Both sides' timelines and managers hear of it once; the holder's task escalates by itself."""
    InformationRequest.objects.select_for_update(of=("self",)).get(pk=pk)
    row = InformationRequest.objects.select_related("holder", "asker", "asked_by").get(pk=pk)
    if row.state != RequestState.OPEN or row.overdue_told_at is not None:
        return 0
    row.overdue_told_at = timezone.now()
    row.save(update_fields=["overdue_told_at"])
    record(
        actor=None, verb="request.overdue", subject=row, data={"holder": row.holder.name},
        audience=[row.asker_id, row.holder_id],
    )  # fmt: skip
    for side, person in ((row.asker, row.asked_by), (row.holder, None)):
        tell(
            authority=side, kind="sharing.request_overdue", about=row, person=person, managers=True,
            url=reverse("targets:request", args=[row.public_id]),
            params=names("holder", row.holder) | names("asker", row.asker),
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
    finish_tasks(actor=None, subject=signal, cancelled=True)
    for file in files:
        name = file.file.name
        assert name is not None  # the column is never empty
        file.delete()
        # The bytes go once the row is gone for good; ``sweep_orphans`` finds what a kill left.
        transaction.on_commit(partial(default_storage.delete, name))
    signal.legal_holds.all().delete()
    signal.delete()
    return 1


def _let_go(disclosures: Any) -> None:
    """Take the item off its disclosures; who got what kind on which ground stays on record."""
    now = timezone.now()
    for given in disclosures:
        if given.state == DisclosureState.ACTIVE:
            end_disclosure(locked(given), DisclosureState.EXPIRED, "", actor=None)
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
    lines = dataset.rows.annotate(
        digest=RawSQL(ROW_DIGEST, [], output_field=CharField())  # noqa: S611  # a constant
    ).order_by("line")
    for line, digest in lines.values_list("line", "digest").iterator(chunk_size=5_000):
        running.update(f"{line}:{digest}\n".encode())
        count += 1
    # A rehearsal and the reading that followed it share a file.
    stored = sorted({run.stored_as for run in dataset.runs.order_by("pk") if run.stored_as})
    _prove(
        dataset.authority_id, "dataset", dataset.public_id, "", dataset.expires_on, rows=count,
        files=len(stored), digest=_digest([str(dataset.public_id), running.hexdigest()]),
    )  # fmt: skip
    _let_go(dataset.disclosures.order_by("pk"))
    forget_rows(dataset)
    for name in stored:
        transaction.on_commit(partial(default_storage.delete, name))
    dataset.legal_holds.all().delete()
    dataset.runs.all().delete()
    dataset.delete()
    return 1


def _expired_facts() -> list[int]:
    """Imports whose facts have come to the day they were to be deleted on."""
    due = Fact.objects.filter(run=OuterRef("pk"), delete_on__lt=timezone.localdate())
    runs = ImportRun.objects.filter(Exists(due), delete_on__lt=timezone.localdate())
    return list(runs.order_by("pk").values_list("pk", flat=True)[:BATCH])


def _erase_facts(pk: int) -> int:
    """Erase the facts of one import, and the refused rows kept with it."""
    run = ImportRun.objects.select_for_update(of=("self",)).filter(pk=pk).first()
    if run is None or run.delete_on is None or not run.facts.exists():
        return 0
    running = hashlib.sha256()
    count = 0
    facts = run.facts.annotate(
        digest=RawSQL(FACT_DIGEST, [], output_field=CharField())  # noqa: S611  # a constant
    ).order_by("pk")
    for item, digest in facts.values_list("public_id", "digest").iterator(chunk_size=5_000):
        running.update(f"{item}:{digest}\n".encode())
        count += 1
    _prove(
        run.authority_id, "facts", run.public_id, "", run.delete_on, rows=count,
        digest=_digest([str(run.public_id), running.hexdigest()]),
    )  # fmt: skip
    run.facts.all().delete()
    run.refusals.all().delete()
    return 1


# ------------------------------------------------------------------------------ files without a row
def orphans() -> Iterator[str]:
    """Names of stored files that no row knows and that are older than ``ORPHAN_AGE``.

    What a process left that was killed between the row and the bytes, in either direction.
    """
    known_by: tuple[tuple[str, Any], ...] = (
        ("signals", lambda some: SignalFile.objects.filter(file__in=some).values_list("file")),
        ("datasets", lambda some: DatasetRun.objects.filter(stored_as__in=some).values_list(
            "stored_as")),
        ("imports", lambda some: ImportRun.objects.filter(stored_as__in=some).values_list(
            "stored_as")),
    )  # fmt: skip
    before = timezone.now() - ORPHAN_AGE
    for folder, rows in known_by:
        if not default_storage.exists(folder):
            continue
        found = [f"{folder}/{name}" for name in default_storage.listdir(folder)[1]]
        for start in range(0, len(found), 1_000):
            some = found[start : start + 1_000]
            with transaction.atomic(), as_system("a file is nobody's only if nobody at all has it"):
                known = {name for (name,) in rows(some)}
            for name in some:
                if name not in known and default_storage.get_modified_time(name) < before:
                    yield name


def sweep_orphans() -> int:
    """Delete the bytes that an interrupted erasure or upload left; returns how many files."""
    count = 0
    for name in orphans():
        default_storage.delete(name)
        count += 1
    return count


# ------------------------------------------------------------------------------------- verification
def doubts() -> list[str]:
    """What speaks against the proofs, a line each in English: for the command ``erasures``.

    A proof whose item is still there; a proof that does not say what the event of its erasure says,
    or is gone while the event stays; an item past its time that no hold stops; bytes without a row.
    """
    from audit.models import Event

    found: list[str] = []
    with transaction.atomic(), as_system("proofs of every authority are checked"):
        models: dict[str, Any] = {"signal": Signal, "dataset": Dataset}
        still_there: dict[str, Any] = {
            what: lambda item, m=model: m.objects.filter(public_id=item).exists()
            for what, model in models.items()
        } | {"facts": lambda item: Fact.objects.filter(run__public_id=item).exists()}
        told: dict[Any, Any] = dict(  # by the proof's key
            Event.objects.filter(verb="item.erased").values_list("subject_id", "data")
        )
        for proof in Erasure.objects.order_by("pk").iterator(chunk_size=1_000):
            label = f"proof {proof.public_id} ({proof.what} {proof.item})"
            if still_there[proof.what](proof.item):
                found.append(f"{label}: the item is still there")
            event = told.pop(proof.pk, None)
            if event is None:
                found.append(f"{label}: no event tells of this erasure")
            elif (event.get("what"), event.get("rows")) != (proof.what, proof.rows):
                found.append(f"{label}: the event of the erasure says something else")
        for pk in sorted(told):
            found.append(f"proof number {pk}: the event is there, the proof is not")
        late = timezone.localdate() - ORPHAN_AGE
        for what, model in models.items():
            held = LegalHold.objects.filter(lifted_at__isnull=True, **{f"{what}__isnull": False})
            rows = model.objects.filter(expires_on__lt=late).exclude(
                pk__in=held.values(f"{what}_id")
            )
            for item in rows.order_by("pk").values_list("public_id", flat=True):
                found.append(f"{what} {item}: its time is over and it has not been erased")
    found += [f"file {name}: no row knows it" for name in orphans()]
    return found
