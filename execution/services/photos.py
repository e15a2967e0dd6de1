"""Photos: checked by content, re-encoded so that nothing of the camera's data remains."""

import hashlib
import io
import uuid
import warnings
from typing import TYPE_CHECKING

from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.core.files.uploadedfile import UploadedFile
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _
from PIL import Image, ImageOps, UnidentifiedImageError

from audit.errors import RuleViolation
from audit.services import record as record_event
from execution.models import Finding, InspectionRecord, Photo
from execution.services.records import locked

if TYPE_CHECKING:
    from authorities.actors import Actor

MAX_BYTES = 20 * 1024 * 1024
MAX_PIXELS = 60_000_000
LONGEST_SIDE = 2000
FORMATS = ("JPEG", "PNG", "WEBP")


def clean_image(data: bytes) -> tuple[bytes, int, int]:
    """A fresh JPEG of the picture alone: turned upright, at most 2000 px, no metadata.

    Returns the bytes with width and height; raises RuleViolation for anything that is no photo.
    """
    problem = RuleViolation(
        _("This is not a photo that can be read. Use JPEG, PNG or WebP."), field="file"
    )
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(io.BytesIO(data), formats=FORMATS) as image:
                if image.width * image.height > MAX_PIXELS:
                    raise RuleViolation(
                        _("The photo has too many pixels (60 million at most)."), field="file"
                    )
                image.load()
                upright = ImageOps.exif_transpose(image).convert("RGB")
    except RuleViolation:
        raise
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        raise RuleViolation(
            _("The photo has too many pixels (60 million at most)."), field="file"
        ) from None
    except (UnidentifiedImageError, OSError, ValueError, SyntaxError, MemoryError):
        raise problem from None
    upright.thumbnail((LONGEST_SIDE, LONGEST_SIDE))
    # Only the pixels are carried over; profile, EXIF, XMP and comments stay behind.
    bare = Image.new("RGB", upright.size)
    bare.paste(upright)
    out = io.BytesIO()
    bare.save(out, "JPEG", quality=85, optimize=True)
    return out.getvalue(), bare.width, bare.height


@transaction.atomic
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


@transaction.atomic
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
