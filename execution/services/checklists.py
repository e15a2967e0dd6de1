"""Loads the checklists that come with the project; can be run again."""

import yaml
from django.conf import settings

from audit.context import service
from authorities.models import Authority
from execution.models import Checklist, ChecklistItem

LANGUAGES = ("fi", "sv", "en")


@service
def load_checklists() -> int:
    """Make or renew the starter checklists; an edition in use is not changed. Returns how many."""
    file = settings.REFERENCE_DIR / "checklists.yaml"
    entries = yaml.safe_load(file.read_text(encoding="utf-8"))["checklists"]
    for entry in entries:
        authority = Authority.objects.get(code=entry["authority"])
        checklist, _created = Checklist.objects.update_or_create(
            authority=authority, code=entry["code"], edition=entry.get("edition", 1),
            defaults={f"name_{code}": entry["name"][code] for code in LANGUAGES},
        )  # fmt: skip
        if checklist.records.filter(answers__isnull=False).exists():
            continue
        for order, item in enumerate(entry["items"], start=1):
            ChecklistItem.objects.update_or_create(
                checklist=checklist, order=order,
                defaults={
                    **{f"text_{code}": item[code] for code in LANGUAGES},
                    "legal_reference": item.get("law", ""),
                },
            )  # fmt: skip
    return len(entries)
