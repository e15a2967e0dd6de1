"""Backtests, bias audits and looks at drift: asked for as rows, done by a job, stored for good.

A job that was killed goes on with the step it had come to; whoever writes the heartbeat owns the
row, so that two workers at one row leave one result.
"""

import datetime as dt
import logging
import uuid
from collections.abc import Iterator, MutableMapping
from typing import TYPE_CHECKING, Any

from django.db import IntegrityError, InterfaceError, OperationalError, transaction
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext as _

from audit.claims import TakenOver, keep, left_behind, take
from audit.context import as_system, service
from audit.errors import Conflict, NotAllowed, RuleViolation
from audit.services import record
from risk import permissions, states
from risk.models import (
    ModelState,
    ModelVersion,
    Report,
    ReportKind,
    ReportState,
    ReportStep,
    ReportWhole,
)
from risk.report_readers import reduced
from risk.services import models, tested
from worklist.services import finish_tasks

if TYPE_CHECKING:
    from authorities.actors import Actor

logger = logging.getLogger(__name__)
STALE_SECONDS = 300  # longer than any step between two signs of life on a busy machine
MAX_ATTEMPTS = 5
PROPOSAL_TASK = "risk.proposal"  # ended by whoever goes on with the draft
FITTED = "fitted"  # the step of a draft that has learnt
OPEN = (ReportState.WAITING, ReportState.RUNNING)
DEFAULTS = {"capacity": 0.1, "window_days": 90, "seed": 1}


@service
def ask_report(*, actor: "Actor", version: ModelVersion, kind: str, **params: Any) -> Report:
    """Queue a test of a version; ``params`` as in ``DEFAULTS``: ``capacity`` (the share of the
    visits that can be made, below 1, or visits of each window, from 1 on; an audit takes a share,
    that of the newest backtest where none is given), days of a window, seed.

    Raises NotAllowed, Conflict (state, or one is under way), RuleViolation for an empty draft and
    for a capacity that is neither.
    """
    report = new_report(actor=actor, version=version, kind=kind, **params)
    finish_tasks(actor=actor, subject=report.version, kind=PROPOSAL_TASK)
    send(report)
    return report


def send(report: Report) -> None:
    """Hand it to a worker once it is stored."""
    from risk.jobs_reports import run_report

    transaction.on_commit(lambda: run_report.delay(report.pk))


def new_report(*, actor: "Actor | None", version: ModelVersion, kind: str, **params: Any) -> Report:
    """The row of a report, in the caller's transaction; None as actor is the installation itself."""
    version = models.locked(version)
    if actor is not None and not permissions.may_ask(actor, version):
        raise NotAllowed(
            _("Tests are asked for by analysts and managers of the model's authority.")
        )
    if kind not in states.ASKED or version.state not in states.ASKED[kind]:
        raise Conflict(
            _("The version is now “%(state)s”; this test comes at another time.")
            % {"state": version.get_state_display()}
        )
    if not version.indicators.exists():
        raise RuleViolation(_("Put at least one indicator into the model first."))
    if kind == ReportKind.AUDIT:
        params.setdefault("capacity", _backtested(version))
    params = DEFAULTS | params
    _check_capacity(kind, params["capacity"])
    try:
        with transaction.atomic():
            report = Report.objects.create(
                version=version, kind=kind, params=params,
                content_hash=version.content_hash, asked_by=actor.user if actor else None,
            )  # fmt: skip
    except IntegrityError:
        raise Conflict(_("This test is under way already.")) from None
    _record(actor, report, "asked")
    return report


def _backtested(version: ModelVersion) -> float:
    """The share chosen in the newest backtest: an audit looks at the choice that was tested."""
    done = version.reports.filter(kind=ReportKind.BACKTEST, state=ReportState.DONE)
    newest = done.order_by("-created_at", "-pk").first()
    share = float(newest.params["capacity"] if newest else DEFAULTS["capacity"])
    if newest and share >= 1 and newest.results["enough"]:
        # Reports made before the capacity could be a number of visits do not tell the share.
        share = float(newest.results["total"].get("chosen", DEFAULTS["capacity"]))
    return share if share < 1 else float(DEFAULTS["capacity"])  # all of them are no choice


def _check_capacity(kind: str, capacity: float) -> None:
    if 0 < capacity < 1:
        return
    if kind == ReportKind.AUDIT:
        raise RuleViolation(
            _(
                "A bias audit chooses a share of the visits, of more than 0 and less than 100 per cent."
            ),
            field="capacity",
        )
    if not (capacity >= 1 and float(capacity).is_integer()):
        raise RuleViolation(
            _("The capacity is a share of more than 0 and less than 100 per cent, or a whole"
              " number of visits from 1 on."),
            field="capacity",
        )  # fmt: skip


@service
def cancel_report(*, actor: "Actor", report: Report) -> Report:
    """Stop a test that waits or runs; what it has found is not kept."""
    report = Report.objects.select_for_update(of=("self",)).select_related(
        "version__model__authority"
    ).get(pk=report.pk)  # fmt: skip
    if not permissions.may_ask(actor, report.version):
        raise NotAllowed(
            _("Tests are asked for by analysts and managers of the model's authority.")
        )
    state = states.follows(states.REPORT, report.state, "cancel")
    if state is None:
        raise Conflict(_("The test has ended already."))
    report.state, report.finished_at = state, timezone.now()
    report.save(update_fields=["state", "finished_at"])
    report.kept.all().delete()
    _record(actor, report, "cancelled")
    return report


def leak_words(version: ModelVersion, code: str, reason: str) -> str:
    """Which indicator knows the result before the visit, by its name."""
    part = version.indicators.select_related("indicator").filter(indicator__indicator__code=code)
    with as_system("a failed test names the indicator to those who may ask for it"):
        use = part.first()
    return _("“%(name)s” seems to know the result before the visit: %(reason)s") % {
        "name": use.indicator.name if use else code, "reason": reason,
    }  # fmt: skip


# ------------------------------------------------------------------------------------- the job
def claim(report_id: int) -> Report | None:
    """Take a waiting or abandoned report; None when another process is at it or it has ended."""
    with transaction.atomic(), as_system("a job works for whoever asked"):
        taken = take(
            Report, report_id, waiting=ReportState.WAITING, running=ReportState.RUNNING,
            seconds=STALE_SECONDS, done_steps=0,
        )  # fmt: skip
        rows = Report.objects.select_related("version__model__authority")
        return rows.get(pk=report_id) if taken else None


def perform(report: Report) -> Report:
    """Do a claimed report to its end; it is marked done or failed."""
    try:
        if report.attempts > MAX_ATTEMPTS:
            raise RuntimeError("taken up too often; it seems to end its worker")
        _finish(report, _results(report))
    except TakenOver:
        logger.info("report %s is no longer this process's", report.pk)
    except (OperationalError, InterfaceError):
        raise  # the database is away: the sweep takes the report up again
    except RuleViolation as refused:
        _fail(report, str(refused.message))
    except tested.Leak as leak:
        _fail(report, leak_words(report.version, leak.feature, leak.reason))
    except Exception:
        number = uuid.uuid4().hex[:8]
        logger.exception("report %s stopped, number %s", report.pk, number)
        _fail(report, _("Unexpected error, number %(number)s in the log.") % {"number": number})
    with transaction.atomic(), as_system("a job works for whoever asked"):
        report.refresh_from_db()
    return report


def _results(report: Report) -> dict[str, Any]:
    """Training rows, then fitting (drafts only), then the test itself."""
    version = report.version

    def progress(done: int, steps: int) -> None:
        _save(report, done_steps=done, steps=steps)

    with transaction.atomic(), as_system("a model learns from all results of its authority"):
        rows = tested.rows(version)
    progress(1, 4)
    if version.state == ModelState.DRAFT and not _is_fitted(report):
        fitted = tested.fit(version, rows, lambda: progress(1, 4))
        with transaction.atomic(), as_system("a job works for whoever asked"):
            version = models.locked(version)
            if version.state == ModelState.DRAFT:
                version.params = fitted["params"]
                version.trained_to, version.trained_on = fitted["to"], fitted["on"]
                version.save(update_fields=["params", "trained_to", "trained_on"])
                models.take_points(version, fitted["points"])
                models.freeze(version)
            report.version, report.content_hash = version, version.content_hash
            _save(report, content_hash=version.content_hash)
            ReportStep.objects.create(report=report, key=FITTED, content=True)
    progress(2, 4)
    work = {
        ReportKind.BACKTEST: tested.backtest,
        ReportKind.AUDIT: tested.audit,
        ReportKind.DRIFT: tested.drift,
    }[ReportKind(report.kind)]
    kept = Kept(report, tested.fingerprint(report.version, rows))
    results = work(report.version, rows, report.params, progress, kept)
    if report.params.get("trial"):
        results["beside"] = _beside(report, rows)
    return results


def _is_fitted(report: Report) -> bool:
    with transaction.atomic(), as_system("a job works for whoever asked"):
        return report.kept.filter(key=FITTED).exists()


class Kept(MutableMapping[str, Any]):
    """Parts of a test that are done, as rows: a worker that takes the test up goes on after them.

    Writing one is a sign of life too; TakenOver when the report is no longer this process's. Parts
    made of other rows (``fingerprint``) are not found.
    """

    def __init__(self, report: Report, fingerprint: str) -> None:
        self.report, self.prefix = report, f"{fingerprint}:"
        with transaction.atomic(), as_system("a job works for whoever asked"):
            rows = report.kept.filter(key__startswith=self.prefix).values_list("key", "content")
            self.parts = {key.removeprefix(self.prefix): content for key, content in rows}

    def __getitem__(self, key: str) -> Any:
        return self.parts[key]

    def __setitem__(self, key: str, content: Any) -> None:
        content = tested.plain(content)
        with transaction.atomic():
            _save(self.report)
            with as_system("a job works for whoever asked"):
                ReportStep.objects.get_or_create(
                    report=self.report, key=f"{self.prefix}{key}", defaults={"content": content}
                )
        self.parts[key] = content

    def __delitem__(self, key: str) -> None:
        del self.parts[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self.parts)

    def __len__(self) -> int:
        return len(self.parts)


def _beside(report: Report, rows: tested.Rows) -> dict[str, Any]:
    """A draft that the system proposes beside the version in use."""
    with transaction.atomic(), as_system("a model learns from all results of its authority"):
        base = ModelVersion.objects.get(pk=report.params["base"])
    return tested.beside(report.version, base, rows, report.params, lambda: _save(report))


def _finish(report: Report, results: dict[str, Any]) -> None:
    """Store the results, whole and as others read them, and move the version: one transaction."""
    passed = None if report.kind != ReportKind.AUDIT else not results.get("blocking")
    with transaction.atomic(), as_system("a job works for whoever asked"):
        version = models.locked(report.version)
        _save(
            report, state=ReportState.DONE, results=reduced(report.kind, results), passed=passed,
            finished_at=timezone.now(), message="",
        )  # fmt: skip
        ReportWhole.objects.create(report=report, results=results)
        report.kept.all().delete()
        if version.content_hash == report.content_hash:
            what = "backtested" if passed is None else "passed" if passed else "blocked"
            if report.kind == ReportKind.DRIFT or report.params.get("trial"):
                what = ""  # what the system tried stays a draft until somebody tests it
            state = states.follows(states.MODEL, version.state, what)
            if state is not None:
                version.state = state
                version.save(update_fields=["state"])
        _record(None, report, "done", passed=passed)


def _fail(report: Report, message: str) -> None:
    try:
        with transaction.atomic(), as_system("a job works for whoever asked"):
            _save(report, state=ReportState.FAILED, message=message, finished_at=timezone.now())
            report.kept.all().delete()
            _record(None, report, "failed")
    except TakenOver:
        logger.info("report %s is no longer this process's", report.pk)


def _save(report: Report, **values: Any) -> None:
    """Write how far the report has come; TakenOver when it is no longer this process's."""
    with transaction.atomic(), as_system("a job works for whoever asked"):
        keep(report, ReportState.RUNNING, **values)


def waiting() -> list[int]:
    """Reports whose message was lost or whose worker died."""
    now = timezone.now()
    stale = left_behind(ReportState.RUNNING, STALE_SECONDS)
    lost = Q(state=ReportState.WAITING, created_at__lt=now - dt.timedelta(seconds=60))
    with transaction.atomic(), as_system("a sweep takes up whatever is waiting"):
        rows = Report.objects.filter(stale | lost).order_by("pk")
        return list(rows.values_list("pk", flat=True)[:10])


def _record(actor: "Actor | None", report: Report, what: str, **data: Any) -> None:
    model = report.version.model
    record(
        actor=actor, verb=f"risk_report.{what}", subject=report.version, context=model,
        data={"kind": report.kind, "number": report.version.number} | data,
        audience=None if model.joint else [model.authority_id],
    )  # fmt: skip
