"""Names kept in Finnish, Swedish and English, shown in the reader's language."""

from django.db import models
from django.db.models.functions import Coalesce, NullIf
from django.utils.translation import get_language

LANGUAGE_ORDER = {
    "fi": ("fi", "sv", "en"),
    "sv": ("sv", "fi", "en"),
    "en": ("en", "fi", "sv"),
}


def language_order() -> tuple[str, str, str]:
    """Languages to try for the active language, best first."""
    code = (get_language() or "fi")[:2]
    return LANGUAGE_ORDER.get(code, LANGUAGE_ORDER["fi"])


def name_field(prefix: str = "", field: str = "name") -> Coalesce:
    """Database expression for a name in the active language, falling back to the others.

    ``prefix`` is a relation path such as ``"site__municipality__"``.
    """
    parts = [
        NullIf(models.F(f"{prefix}{field}_{code}"), models.Value("")) for code in language_order()
    ]
    return Coalesce(*parts, models.Value(""), output_field=models.TextField())


class NamedModel(models.Model):
    """Abstract model with a name in three languages; ``name`` is the reader's."""

    name_fi = models.CharField(max_length=200)
    name_sv = models.CharField(max_length=200, blank=True)
    name_en = models.CharField(max_length=200, blank=True)

    class Meta:
        abstract = True

    def __str__(self) -> str:
        return self.name

    @property
    def name(self) -> str:
        for code in language_order():
            value: str = getattr(self, f"name_{code}")
            if value:
                return value
        return ""
