"""Mass data for targeting: made with ground, purpose and expiry, then read from a file as a job."""

import datetime as dt
import json
import logging
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from django.core.files.storage import default_storage
from django.core.files.uploadedfile import UploadedFile
from django.db import InterfaceError, OperationalError, connection, transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from audit.context import Context, as_system, service, using
from audit.errors import Conflict, NotAllowed, RuleViolation
from audit.services import record
from authorities.gateway import register_on
from authorities.models import Authority, GroundVersion, Role
from targets.models import (
    Company,
    Dataset,
    DatasetMapping,
    DatasetRun,
    DatasetRunState,
    DatasetState,
    Disclosure,
)
from targets.services.imports import readers, workbooks
from targets.services.imports.messages import file_message
from targets.services.imports.records import (
    PERSONAL_CODE,
    FileRefused,
    Refused,
    business_id,
    check_marks,
    check_personal_codes,
    storable,
)
from targets.services.sharing import disclose

if TYPE_CHECKING:
    from authorities.actors import Actor

logger = logging.getLogger(__name__)
KEEPERS = (Role.ANALYST, Role.COORDINATOR, Role.ADMINISTRATOR)
ENDINGS = (".csv", ".txt", ".xlsx", ".jsonl", ".ndjson")
MAX_UPLOAD = 500 * 1024 * 1024
MAX_ROWS = 5_000_000
BATCH = 5_000
SHOWN_ERRORS = 200
STALE_SECONDS = 120
MAX_ATTEMPTS = 5
MAX_COLUMNS = 500
ERASED_AT_ONCE = 50_000


@service
def create_dataset(
    *,
    actor: "Actor",
    title: str,
    kind: str,
    ground: GroundVersion,
    purpose: str,
    expires_on: dt.date,
    recipients: list[str] | None = None,
) -> Dataset:
    """A set with nothing in it yet. Its ground has to let data be had as a set by this authority.

    Raises RuleViolation that names the field.
    """
    if not actor.has_role(*KEEPERS):
        raise NotAllowed(_("Your role does not include data sets."))
    for field, value in (("title", title), ("purpose", purpose)):
        if not value.strip():
            raise RuleViolation(_("This has to be filled in."), field=field)
    if expires_on <= timezone.localdate():
        raise RuleViolation(_("Choose a last day to come."), field="expires_on")
    register = register_on(timezone.localdate())
    usable = {
        v.pk
        for v in register.versions
        if v.mode == "mass_data" and kind in v.information
        and register.names([*v.givers, *v.receivers], actor.authority.code)
    }  # fmt: skip
    if ground.pk not in usable:
        raise RuleViolation(
            _("This ground does not let your authority hold such data as a set today."),
            field="ground",
        )
    dataset = Dataset.objects.create(
        authority=actor.authority, created_by=actor.user, title=title.strip(), kind=kind,
        ground=ground, purpose=purpose.strip(), expires_on=expires_on,
        recipients=sorted(set(recipients or [])),
    )  # fmt: skip
    record(
        actor=actor, verb="dataset.made", subject=dataset, audience=[actor.authority.pk],
        data={"title": dataset.title},
    )  # fmt: skip
    return dataset


@service
def start_run(
    *,
    actor: "Actor",
    dataset: Dataset,
    file: UploadedFile,
    business_id_column: str,
    keep: list[str] | None = None,
    rehearsal: bool = True,
    save_as: str = "",
) -> DatasetRun:
    """Store a file and queue its reading; ``rehearsal`` only counts and lists refused rows."""
    from targets.jobs import read_dataset

    dataset = _own(actor, dataset)
    ending = Path(file.name or "").suffix.lower()
    if ending not in ENDINGS:
        raise RuleViolation(
            _("A file ending in %(ending)s cannot be read. Use CSV, XLSX or JSON lines.")
            % {"ending": ending or "–"},
            field="file",
        )
    if (file.size or 0) > MAX_UPLOAD:
        raise RuleViolation(_("The file is larger than 500 MB."), field="file")
    if not rehearsal and dataset.state == DatasetState.READY:
        raise Conflict(_("The data set has been read already. Make a new one."))
    if dataset.runs.filter(state__in=["queued", "running"]).exists():
        raise Conflict(_("The data set is being read now."))
    if save_as.strip():
        DatasetMapping.objects.update_or_create(
            authority=actor.authority, name=save_as.strip()[:120],
            defaults={"business_id": business_id_column, "keep": keep or []},
        )  # fmt: skip
    stored = default_storage.save(f"datasets/{uuid.uuid4().hex}{ending}", file)
    run = DatasetRun.objects.create(
        dataset=dataset, authority=dataset.authority, started_by=actor.user, rehearsal=rehearsal,
        file_name=(file.name or "")[:255], stored_as=stored, keep=keep or [],
        business_id_column=business_id_column,
    )  # fmt: skip
    transaction.on_commit(lambda: read_dataset.delay(run.pk))
    return run


def _own(actor: "Actor", dataset: Dataset) -> Dataset:
    if dataset.authority_id != actor.authority.pk or not actor.has_role(*KEEPERS):
        raise NotAllowed(_("Only the authority that owns the data set may do this."))
    return Dataset.objects.select_for_update(of=("self",)).get(pk=dataset.pk)


@service
def confirm_run(*, actor: "Actor", run: DatasetRun) -> DatasetRun:
    """Read the file of a finished rehearsal for real."""
    from targets.jobs import read_dataset

    dataset = _own(actor, run.dataset)
    if (
        dataset.state == DatasetState.READY
        or dataset.runs.filter(rehearsal=False).exclude(state=DatasetRunState.FAILED).exists()
    ):
        raise Conflict(_("The data set has been read already. Make a new one."))
    forget_rows(dataset)
    real = DatasetRun.objects.create(
        dataset=dataset, authority=run.authority, started_by=actor.user, rehearsal=False,
        file_name=run.file_name, stored_as=run.stored_as, keep=run.keep,
        business_id_column=run.business_id_column,
    )  # fmt: skip
    transaction.on_commit(lambda: read_dataset.delay(real.pk))
    return real


def forget_rows(dataset: Dataset) -> None:
    """Remove all rows, in the caller's transaction: erased, or of a reading that ended badly.

    In pieces, each well within the statement timeout, whatever the size of the set.
    """
    with connection.cursor() as cursor:
        while True:
            cursor.execute(
                "DELETE FROM targets_datasetrow WHERE id = ANY (ARRAY("
                "SELECT id FROM targets_datasetrow WHERE dataset_id = %s LIMIT %s))",
                [dataset.pk, ERASED_AT_ONCE],
            )
            if cursor.rowcount < ERASED_AT_ONCE:
                return


@service
def share_dataset(
    *, actor: "Actor", dataset: Dataset, receiver: Authority, ground: GroundVersion,
    purpose: str, confirmed: list[str],
) -> Disclosure:  # fmt: skip
    """Let another authority use the set for targeting, on a ground for data sets."""
    if receiver.code not in dataset.recipients:
        raise RuleViolation(
            _("%(name)s is not among the recipients named when the set was made.")
            % {"name": receiver.name}
        )
    return disclose(
        actor=actor, item=_own(actor, dataset), receiver=receiver, ground=ground, purpose=purpose,
        confirmed=confirmed,
    )  # fmt: skip


# ------------------------------------------------------------------------------------- the job
def perform(run_id: int) -> bool:
    """Read a queued or abandoned run to its end; False when another process is at it or it ended.

    Batches are stored one by one, each line once (unique key), so that a killed run goes on.
    """
    now = timezone.now()
    with transaction.atomic(), as_system("a job takes up whatever is waiting"):
        run = (
            DatasetRun.objects.select_for_update(of=("self",), skip_locked=True)
            .select_related("dataset")
            .filter(pk=run_id)
            .first()
        )
        stale = now - dt.timedelta(seconds=STALE_SECONDS)
        if run is None or run.finished_at is not None:
            return False
        if run.state == DatasetRunState.RUNNING and run.heartbeat_at and run.heartbeat_at > stale:
            return False
        run.state, run.heartbeat_at = DatasetRunState.RUNNING, now
        run.attempts += 1
        run.lines_read = run.good = run.matched = run.refused = 0
        run.errors = []
        run.save()
        if not run.rehearsal:
            Dataset.objects.filter(pk=run.dataset_id).update(state=DatasetState.READING)
    with using(Context(authority=run.authority_id, user=run.started_by_id)):
        try:
            if run.attempts > MAX_ATTEMPTS:
                raise FileRefused("crash", number=run.pk)
            columns = _read(run)
        except FileRefused as refused:
            _end(run, DatasetRunState.FAILED, file_message(refused.code, refused.params)[:300], [])
        except (OperationalError, InterfaceError):
            raise  # the database went away: the sweep takes the run up again
        except Exception:
            # Left running, the sweep would read the same file for ever.
            logger.exception("Reading a data set failed (run %s)", run.pk)
            _end(run, DatasetRunState.FAILED, file_message("crash", {"number": run.pk})[:300], [])
        else:
            _end(run, DatasetRunState.DONE, "", columns)
    return True


def _end(run: DatasetRun, state: str, message: str, columns: list[str]) -> None:
    with transaction.atomic():
        run.state, run.message, run.finished_at = state, message, timezone.now()
        run.save()
        if run.rehearsal:
            return
        done = state == DatasetRunState.DONE
        if not done:
            forget_rows(run.dataset)
        Dataset.objects.filter(pk=run.dataset_id).update(
            state=DatasetState.READY if done else DatasetState.FAILED, columns=columns,
            row_count=run.dataset.rows.count(),
        )  # fmt: skip
        record(
            actor=None, verb="dataset.read" if done else "dataset.failed", subject=run.dataset,
            data={"rows": run.good, "refused": run.refused}, audience=[run.authority_id],
        )  # fmt: skip


def _read(run: DatasetRun) -> list[str]:
    """Read every row; returns the columns kept. Memory stays that of one batch."""
    path = Path(default_storage.path(run.stored_as))
    columns, rows = _rows(path, run.business_id_column)
    wanted = {*run.keep, run.business_id_column} if run.keep else None
    batch: list[tuple[int, str, str]] = []
    for line, row in rows:
        run.lines_read += 1
        if run.lines_read > MAX_ROWS:
            raise FileRefused("too_many_rows", limit=MAX_ROWS)
        try:
            number = business_id(row[run.business_id_column])
            batch.append((line, number, _content(row, wanted)))
            run.good += 1
        except (Refused, KeyError) as problem:
            _refuse(run, line, problem)
        if run.lines_read % BATCH == 0:
            _store(run, batch)
            batch = []
    _store(run, batch)
    return [c for c in columns if wanted is None or c in wanted]


def _content(row: dict[str, Any], wanted: set[str] | None) -> str:
    """The kept columns as JSON; Refused for personal codes at any depth and for what is no JSON."""
    check_marks(row, wanted)
    check_personal_codes(row)
    try:
        data = json.dumps(
            {c: storable(v) for c, v in row.items() if c and (wanted is None or c in wanted)},
            default=str, allow_nan=False,
        )  # fmt: skip
    except (ValueError, RecursionError):  # not-a-number, infinite, nested without end
        raise Refused("", "number_form") from None
    if PERSONAL_CODE.search(data):
        raise Refused("", "personal_code")
    return data


def _refuse(run: DatasetRun, line: int, problem: Exception) -> None:
    run.refused += 1
    if len(run.errors) >= SHOWN_ERRORS:
        return
    if isinstance(problem, Refused):
        entry = {"line": line, "field": problem.field, "code": problem.code,
                 "value": str(problem.value)[:100]}  # fmt: skip
    else:
        entry = {"line": line, "field": run.business_id_column, "code": "missing", "value": ""}
    run.errors.append(entry)


def _store(run: DatasetRun, batch: list[tuple[int, str, str]]) -> None:
    """Store a batch in one statement (COPY is refused by row-level security) and show progress."""
    numbers = [number for _line, number, _data in batch]
    with transaction.atomic():
        known = set(
            Company.objects.filter(business_id__in=numbers).values_list("business_id", flat=True)
        )
        run.matched += sum(number in known for number in numbers)
        if batch and not run.rehearsal:
            with connection.cursor() as cursor:
                cursor.execute(
                    "INSERT INTO targets_datasetrow (dataset_id, line, business_id, company_id, data)"
                    " SELECT %s, r.line, r.number, c.id, r.data::jsonb"
                    " FROM unnest(%s::int[], %s::text[], %s::text[]) AS r(line, number, data)"
                    " LEFT JOIN targets_company c ON c.business_id = r.number"
                    " ON CONFLICT (dataset_id, line) DO NOTHING",
                    [run.dataset_id, [b[0] for b in batch], numbers, [b[2] for b in batch]],
                )
        run.heartbeat_at = timezone.now()
        run.save()


# ------------------------------------------------------------------------------------- files
def _rows(path: Path, needed: str) -> tuple[list[str], Iterator[readers.Row]]:
    """Columns and rows of a CSV, XLSX or JSON lines file; FileRefused for what cannot be read."""
    ending = path.suffix.lower()
    if ending == ".xlsx":
        return _xlsx(path, needed)
    if ending in (".jsonl", ".ndjson"):
        return _json_lines(path, needed)
    survey = readers.survey_table(path, [needed], {}, lambda: None)
    _has(needed, survey.columns)
    return survey.columns, readers.table_rows(path, survey)


def _has(needed: str, columns: list[str]) -> None:
    if needed not in columns:
        found = ", ".join(columns[:20])
        raise FileRefused("no_columns", column=needed, mapping="–", found=found)


def _xlsx(path: Path, needed: str) -> tuple[list[str], Iterator[readers.Row]]:
    survey = workbooks.survey(path, [needed], lambda: None)
    _has(needed, survey.columns)
    return [c for c in survey.columns if c], workbooks.rows(path, survey)


def _json_lines(path: Path, needed: str) -> tuple[list[str], Iterator[readers.Row]]:
    def rows() -> Iterator[readers.Row]:
        with path.open("rb") as file:
            number = 0
            while line := file.readline(readers.MAX_LINE):
                number += 1
                if len(line) >= readers.MAX_LINE:
                    raise FileRefused("long_line", line=number)
                if not line.strip():
                    continue
                try:
                    row = json.loads(line)
                except (ValueError, RecursionError):
                    raise FileRefused("not_json", record=number) from None
                if not isinstance(row, dict):
                    raise FileRefused("not_json", record=number)
                if b"\\u" in line:  # the only way in for what the database cannot hold
                    row = storable(row)
                # A key may come up for the first time in any line.
                for name in row:
                    if name not in known and len(known) < MAX_COLUMNS:
                        known.add(name)
                        columns.append(name)
                yield number, row

    columns: list[str] = []
    known: set[str] = set()
    if next(rows(), None) is None:
        raise FileRefused("empty")
    _has(needed, columns)
    return columns, rows()
