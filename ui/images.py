"""Pictures: checked by content, re-encoded so that nothing of the camera's data remains."""

import io
import warnings

from django.utils.translation import gettext as _
from PIL import Image, ImageOps, UnidentifiedImageError

from audit.errors import RuleViolation

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
