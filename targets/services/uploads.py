"""Taking an uploaded file: stored first, then a row, then a job once both are committed."""

from typing import TYPE_CHECKING
from uuid import uuid4

from django.core.files.storage import default_storage
from django.core.files.uploadedfile import UploadedFile
from django.db import transaction
from django.utils.translation import gettext as _

from audit.errors import NotAllowed, RuleViolation
from audit.services import record
from authorities.models import Role
from targets.models import ImportMapping, ImportRun
from targets.services.imports.messages import file_message
from targets.services.imports.records import FileRefused
from targets.services.imports.run import REGISTER_FORMAT, new_run

if TYPE_CHECKING:
    from authorities.actors import Actor

IMPORTERS = (Role.ANALYST, Role.COORDINATOR, Role.ADMINISTRATOR)


@transaction.atomic
def start_upload(
    *, actor: "Actor", kind: str, format: str, file: UploadedFile, shared: bool
) -> ImportRun:
    """Store the file and queue its import for the actor's authority."""
    from targets.jobs import run_import

    if not actor.has_role(*IMPORTERS):
        raise NotAllowed(_("Your role does not include importing."))
    mapping = ImportMapping.objects.filter(code=format).first()
    expected = "sites" if format == REGISTER_FORMAT else (mapping.kind if mapping else kind)
    if expected != kind:
        raise RuleViolation(file_message("wrong_kind", {"name": format}), field="format")
    ending = (file.name or "").rpartition(".")[2].lower()[:10]
    stored = default_storage.save(f"imports/{uuid4().hex}.{ending}", file)
    try:
        run = new_run(
            kind=kind, format=format, file_name=file.name or "", authority=actor.authority,
            shared=shared, started_by=actor.user, stored_as=stored,
        )  # fmt: skip
    except FileRefused as refused:
        default_storage.delete(stored)
        raise RuleViolation(file_message(refused.code, refused.params), field="format") from None
    record(
        actor=actor, verb="import.started", subject=run, data={"file": run.file_name},
        audience=[actor.authority.pk],
    )  # fmt: skip
    transaction.on_commit(lambda: run_import.delay(run.pk))
    return run
