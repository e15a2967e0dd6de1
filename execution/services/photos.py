"""Photos: checked by content, re-encoded so that nothing of the camera's data remains."""

import hashlib
import uuid
from typing import TYPE_CHECKING

from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.core.files.uploadedfile import UploadedFile
from django.utils import timezone
from django.utils.translation import gettext as _

from audit.context import service
from audit.errors import RuleViolation
from audit.services import record as record_event
from execution.models import Finding, InspectionRecord, Photo
from execution.services.records import locked
from ui.images import clean_image

if TYPE_CHECKING:
    from authorities.actors import Actor

MAX_BYTES = 20 * 1024 * 1024


@service
def add_photo(
    *,
    actor: "Actor",
    record: InspectionRecord,
    file: UploadedFile,
    caption: str = "",
    finding: Finding | None = None,
    client_id: uuid.UUID | None = None,
) -> Photo:
    """Store a photo of the record. The same ``client_id`` again gives the same photo."""
    record = locked(actor, record)
    client_id = client_id or uuid.uuid4()
    earlier = Photo.objects.filter(client_id=client_id, record=record).first()
    if earlier is not None:
        return earlier
    if file.size is None or file.size > MAX_BYTES:
        raise RuleViolation(_("The photo is larger than 20 MB."), field="file")
    if finding is not None and finding.record_id != record.pk:
        raise RuleViolation(_("The finding belongs to another record."), field="finding")
    data, width, height = clean_image(file.read())
    name = default_storage.save(
        timezone.localdate().strftime("photos/%Y/%m/") + uuid.uuid4().hex + ".jpg",
        ContentFile(data),
    )
    try:
        photo = Photo.objects.create(
            client_id=client_id, record=record, finding=finding, file=name, width=width,
            height=height, sha256=hashlib.sha256(data).hexdigest(), caption=caption.strip()[:200],
            taken_by=actor.user,
        )  # fmt: skip
    except Exception:
        default_storage.delete(name)
        raise
    record_event(
        actor=actor, verb="photo.added", subject=photo, context=record,
        audience=[record.authority_id],
    )  # fmt: skip
    return photo


@service
def remove_photo(*, actor: "Actor", photo: Photo) -> Photo:
    """Strike a photo out; row and file are kept."""
    record = locked(actor, photo.record)
    photo = Photo.objects.select_for_update(of=("self",)).get(pk=photo.pk)
    if photo.removed_at is None:
        photo.removed_at = timezone.now()
        photo.save(update_fields=["removed_at"])
        record_event(
            actor=actor, verb="photo.removed", subject=photo, context=record,
            audience=[record.authority_id],
        )  # fmt: skip
    return photo
