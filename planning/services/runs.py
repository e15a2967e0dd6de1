"""Runs of the solver: asked for as rows, done by a job, kept as evidence.

A job freezes the inputs first and then works on nothing else. Whoever writes the heartbeat owns
the row, so that two workers at one run leave one result and a killed one is taken up again with the
inputs it had frozen.
"""

import datetime as dt
import logging
import uuid
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.db import IntegrityError, InterfaceError, OperationalError, transaction
from django.db.models import Max, Q
from django.db.models.functions import Coalesce, Now
from django.utils import timezone
from django.utils.translation import gettext as _

from audit.claims import TakenOver, keep, left_behind, take
from audit.context import as_system, service
from audit.errors import Conflict, NotAllowed, RuleViolation
from audit.services import record
from planning.models import Operation, OperationState, RunKind, SelectionRun, SolverState
from planning.permissions import may_select
from planning.services import changes, inputs, solving
from planning.services.common import check_state, lock
from planning.services.lottery import check_drawn
from planning.services.pulse import Pulse

if TYPE_CHECKING:
    from authorities.actors import Actor

logger = logging.getLogger(__name__)
STALE_SECONDS = 120
MAX_ATTEMPTS = 5
OPEN = (SolverState.QUEUED, SolverState.RUNNING)
# How hard a run looks: the plan of record by effort alone, what-ifs within seconds.
OPTIONS: dict[str, dict[str, float]] = {
    RunKind.PLAN: {"gap": 0.0001, "effort": 1.0, "time_limit": 600.0, "seed": 1},
    RunKind.WHAT_IF: {"gap": 0.001, "effort": 0.1, "time_limit": 60.0, "seed": 1},
    RunKind.FRONTIER: {"gap": 0.001, "effort": 0.1, "time_limit": 300.0, "seed": 1},
    RunKind.ALTERNATIVES: {"gap": 0.001, "effort": 0.1, "time_limit": 300.0, "seed": 1},
}


@service
def ask_run(
    *,
    actor: "Actor",
    operation: Operation,
    kind: str = RunKind.PLAN,
    change: dict[str, Any] | None = None,
    based_on: SelectionRun | None = None,
) -> SelectionRun:
    """Queue a run. All kinds but a plan are asked about a done plan (``based_on``).

    ``change``: of a what-if, as ``planning.services.changes`` says. Raises NotAllowed,
    RuleViolation (state, bad change, nothing drawn yet), Conflict (one is under way).
    """
    from planning.jobs import run_solver

    operation = lock(operation)
    if not may_select(actor, operation):
        raise NotAllowed(_("Coordinators of the participants ask for a proposal."))
    check_state(operation, OperationState.SELECTING)
    if kind not in RunKind.values:
        raise RuleViolation(_("Choose what is to be reckoned."), field="kind")
    if kind == RunKind.PLAN:
        check_drawn(operation)
    else:
        based_on = _basis(operation, based_on)
    if kind == RunKind.WHAT_IF:
        assert based_on is not None
        changes.check(based_on.inputs or {}, change or {})
    last = operation.runs.aggregate(last=Max("number"))["last"] or 0
    try:
        with transaction.atomic():
            run = SelectionRun.objects.create(
                operation=operation, number=last + 1, round=operation.round, kind=kind,
                based_on=based_on, change=change or {}, options=OPTIONS[kind],
                asked_by=actor.user, asked_for=actor.authority,
            )  # fmt: skip
    except IntegrityError:
        raise Conflict(_("This is being reckoned already.")) from None
    _record(actor, run, "asked")
    transaction.on_commit(lambda: run_solver.delay(run.pk))
    return run


def _basis(operation: Operation, run: SelectionRun | None) -> SelectionRun:
    if (
        run is None or run.operation_id != operation.pk
        or run.kind != RunKind.PLAN or run.state != SolverState.DONE
    ):  # fmt: skip
        raise RuleViolation(_("Make a proposal first; this is asked about one."))
    return run


@service
def cancel_run(*, actor: "Actor", run: SelectionRun) -> SelectionRun:
    """Stop a run that waits or works; what it has found is not kept."""
    operation = lock(run.operation)
    if not may_select(actor, operation):
        raise NotAllowed(_("Coordinators of the participants ask for a proposal."))
    run = SelectionRun.objects.select_for_update(of=("self",)).get(pk=run.pk)
    if run.state not in OPEN:
        raise Conflict(_("It has ended already."))
    run.state, run.cancel_asked, run.finished_at = SolverState.CANCELLED, True, timezone.now()
    run.save(update_fields=["state", "cancel_asked", "finished_at"])
    _record(actor, run, "cancelled")
    return run


# ------------------------------------------------------------------------------------- the job
def claim(run_id: int) -> SelectionRun | None:
    """Take a waiting or abandoned run; None when another process is at it or it has ended."""
    with transaction.atomic(), as_system("a job works for whoever asked"):
        taken = take(
            SelectionRun, run_id, waiting=SolverState.QUEUED, running=SolverState.RUNNING,
            seconds=STALE_SECONDS, started_at=Coalesce("started_at", Now()),
        )  # fmt: skip
        rows = SelectionRun.objects.select_related("operation", "based_on")
        return rows.get(pk=run_id) if taken else None


def perform(run: SelectionRun) -> SelectionRun:
    """Do a claimed run to its end."""
    try:
        if run.attempts > MAX_ATTEMPTS:
            raise RuntimeError("taken up too often; it seems to end its worker")
        _freeze(run)
        with Pulse(lambda **values: save(run, **values)) as pulse:
            found = solving.work(run, pulse.save, pulse.lost)
        _finish(run, found)
    except TakenOver:
        logger.info("run %s is no longer this process's", run.pk)
    except (OperationalError, InterfaceError):
        raise  # the database is away: the sweep takes the run up again
    except solving.NoPlan as none:
        _end(run, SolverState.INFEASIBLE, clash=none.clash)
    except solving.TimeUp:
        words = _(
            "Time was up (%(seconds)s s) before a plan was found that keeps all limits; there may be "
            "one or none. Take away pins, hard minimums or the share of joint visits, or have fewer "
            "candidates or one window instead of weeks, and ask again."
        )
        _end(run, SolverState.FAILED,
             message=words % {"seconds": round(run.options["time_limit"])})  # fmt: skip
    except solving.TooLarge:
        words = _(
            "This needs more memory than the server gives a search (%(most)s MB). Fewer candidates, "
            "or one window instead of weeks, need less; whoever runs the server can raise "
            "SOLVER_MEMORY_MB."
        )
        _end(run, SolverState.FAILED, message=words % {"most": settings.SOLVER_MEMORY_MB})
    except RuleViolation as refused:
        _end(run, SolverState.FAILED, message=str(refused.message))
    except Exception:
        number = uuid.uuid4().hex[:8]
        logger.exception("run %s stopped, number %s", run.pk, number)
        _end(run, SolverState.FAILED,
             message=_("Unexpected error, number %(number)s in the log.") % {"number": number})  # fmt: skip
    with transaction.atomic(), as_system("a job works for whoever asked"):
        run.refresh_from_db()
    return run


def _freeze(run: SelectionRun) -> None:
    """Store what the plan will depend on before anything is reckoned from it; once."""
    if run.inputs is not None:
        return
    with transaction.atomic(), as_system("a plan is made of what every participant sees"):
        if run.based_on is not None:
            frozen = changes.apply(run.based_on.inputs or {}, run.change)
        else:
            frozen = inputs.freeze(lock(run.operation))
        frozen["start"] = solving.start_for(run, frozen)
    if not any(site["come"] for site in frozen["sites"]):
        raise RuleViolation(_("There is no candidate that anybody could visit."))
    save(run, inputs=frozen, inputs_hash=inputs.fingerprint(frozen))


def save(run: SelectionRun, **values: Any) -> None:
    """Write how far the run has come; TakenOver when it is no longer this process's."""
    with transaction.atomic(), as_system("a job works for whoever asked"):
        keep(run, SolverState.RUNNING, **values)


def _finish(run: SelectionRun, found: solving.Found) -> None:
    """Store the plan and its proof, in one transaction."""
    with transaction.atomic(), as_system("a job works for whoever asked"):
        solving.store_proposals(run, found)
        save(run, state=SolverState.DONE, progress=1.0, finished_at=timezone.now(), message="",
             **found.columns)  # fmt: skip
        _record(None, run, "done")


def _end(run: SelectionRun, state: str, **values: Any) -> None:
    try:
        with transaction.atomic(), as_system("a job works for whoever asked"):
            save(run, state=state, finished_at=timezone.now(), **values)
            _record(None, run, "failed")
    except TakenOver:
        logger.info("run %s is no longer this process's", run.pk)


def waiting() -> list[int]:
    """Runs whose message was lost or whose worker died."""
    now = timezone.now()
    stale = left_behind(SolverState.RUNNING, STALE_SECONDS)
    lost = Q(state=SolverState.QUEUED, asked_at__lt=now - dt.timedelta(seconds=60))
    with transaction.atomic(), as_system("a sweep takes up whatever is waiting"):
        rows = SelectionRun.objects.filter(stale | lost).order_by("pk")
        return list(rows.values_list("pk", flat=True)[:10])


def _record(actor: "Actor | None", run: SelectionRun, what: str) -> None:
    record(
        actor=actor, verb=f"selection_run.{what}", subject=run.operation, context=run.operation,
        data={"number": run.number, "kind": run.kind},
    )  # fmt: skip
