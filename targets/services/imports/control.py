"""What a person may do with an import: pause, go on, cancel, store what was rehearsed, undo."""

from typing import TYPE_CHECKING

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from audit.context import service
from audit.errors import Conflict, NotAllowed, RuleViolation
from audit.services import record
from authorities.models import Role
from targets.import_states import ARROWS, ASKED
from targets.models import ENDED, ImportPhase, ImportRun, ImportState
from targets.services.imports.life import forget
from targets.services.imports.undo import has_noted

if TYPE_CHECKING:
    from authorities.actors import Actor

IMPORTERS = (Role.ANALYST, Role.COORDINATOR, Role.ADMINISTRATOR)


def may(run: ImportRun, what: str) -> bool:
    """Whether ``what`` makes sense for the run as it stands."""
    if (run.state, what) not in ARROWS or (run.wanted and what != "cancel"):
        return False
    if what == "undo":
        return bool(run.created_count + run.updated_count) or has_noted(run)
    if what == "resume" and run.phase == ImportPhase.UNDO:
        return True  # it goes by what is noted in the register; the file is long gone
    if what in ("resume", "store"):
        return bool(run.stored_as)
    return True


@service
def ask(*, actor: "Actor", run: ImportRun, what: str) -> ImportRun:
    """Do ``what`` now, or ask the process at work to do it between two batches.

    Raises NotAllowed for other roles, Conflict when the run has moved on meanwhile.
    """
    from targets.jobs import run_import

    if not actor.has_role(*IMPORTERS):
        raise NotAllowed(_("Your role does not include importing."))
    run = ImportRun.objects.visible_to(actor).select_for_update(of=("self",)).get(pk=run.pk)
    if what not in ASKED:
        raise RuleViolation(_("There is no such step."))
    if not may(run, what):
        raise Conflict(
            _("The import is now “%(state)s”; this step is not possible. Look at it again.")
            % {"state": run.get_state_display()}
        )
    if run.state == ImportState.RUNNING:
        run.wanted = what
        run.save(update_fields=["wanted"])
    else:
        _move(run, what)
    record(
        actor=actor, verb=f"import.{what}", subject=run, data={"file": run.file_name},
        audience=[run.authority_id],
    )  # fmt: skip
    if run.state == ImportState.QUEUED:
        transaction.on_commit(lambda: run_import.delay(run.pk))
    return run


def _move(run: ImportRun, what: str) -> None:
    run.state = ARROWS[run.state, what]
    run.finished_at = timezone.now() if run.state in ENDED else None
    run.message = ""
    if what == "store":
        run.rehearse = False
        run.phase = ImportPhase.MERGE
    elif what == "undo":
        run.phase = ImportPhase.UNDO
    run.save()
    if run.state == ImportState.CANCELLED:
        forget(run)
