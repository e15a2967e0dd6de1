"""Taking an uploaded file: stored first, then a row, then a job once both are committed."""

import datetime as dt
from typing import TYPE_CHECKING
from uuid import uuid4

from django.core.files.storage import default_storage
from django.core.files.uploadedfile import UploadedFile
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from audit.context import service
from audit.errors import NotAllowed, RuleViolation
from audit.services import record
from targets.models import ImportKind, ImportMapping, ImportRun
from targets.services.imports.control import IMPORTERS
from targets.services.imports.life import new_run
from targets.services.imports.messages import file_message
from targets.services.imports.records import FileRefused
from targets.services.imports.sources import REGISTER_FORMATS

if TYPE_CHECKING:
    from authorities.actors import Actor


@service
def start_upload(
    *,
    actor: "Actor",
    kind: str,
    format: str,
    file: UploadedFile,
    shared: bool = False,
    rehearse: bool = False,
    full_list: bool = False,
    legal_basis: str = "",
    purpose: str = "",
    received_on: dt.date | None = None,
    delete_on: dt.date | None = None,
) -> ImportRun:
    """Store the file and queue its import for the actor's authority.

    Facts that are not an open register's, also those on rows of sites, need a legal basis, a
    purpose and a last day. What a ``full_list`` leaves out has ended.
    """
    from targets.jobs import run_import

    if not actor.has_role(*IMPORTERS):
        raise NotAllowed(_("Your role does not include importing."))
    mapping = ImportMapping.objects.visible_to(actor).filter(code=format).first()
    expected = mapping.kind if mapping else ImportKind.SITES if format in REGISTER_FORMATS else kind
    if expected != kind:
        raise RuleViolation(file_message("wrong_kind", {"name": format}), field="format")
    if mapping:
        check_reasons(mapping, legal_basis, purpose, delete_on)
    if full_list and not (mapping and mapping.fact_kinds):
        raise RuleViolation(
            _("This mapping brings no facts that could end. Read it as a list that is not full."),
            field="full_list",
        )
    ending = (file.name or "").rpartition(".")[2].lower()[:10]
    stored = default_storage.save(f"imports/{uuid4().hex}.{ending}", file)
    try:
        run = new_run(
            kind=kind, format=format, file_name=file.name or "", authority=actor.authority,
            shared=shared, started_by=actor.user, stored_as=stored, rehearse=rehearse, full_list=full_list,
            legal_basis=legal_basis, purpose=purpose, delete_on=delete_on,
            received_on=received_on or timezone.localdate(),
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


def check_reasons(
    mapping: ImportMapping, legal_basis: str, purpose: str, delete_on: dt.date | None
) -> None:
    """RuleViolation unless own material comes with a legal basis, a purpose and a last day ahead."""
    if not mapping.own_material:
        return
    why = _("This is not an open register: say why it may be held, what for, and until when.")
    for field, value in (
        ("legal_basis", legal_basis), ("purpose", purpose), ("delete_on", delete_on),
    ):  # fmt: skip
        if not value:
            raise RuleViolation(why, field=field)
    if delete_on is not None and delete_on <= timezone.localdate():
        raise RuleViolation(_("The last day must lie ahead."), field="delete_on")
