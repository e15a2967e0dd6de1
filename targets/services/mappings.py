"""Loads the column mappings that come with the project, and the foreign areas they need."""

import yaml
from django.conf import settings
from django.db import transaction

from authorities.models import AreaKind
from authorities.services.reference import upsert_area
from targets.models import ImportMapping

# Country, region code, region, municipality code, municipality: for registers from abroad.
FOREIGN = (
    ("NO", "03", "Oslo", "0301", "Oslo"),
    ("US", "CA", "California", "SF", "San Francisco"),
)


@transaction.atomic
def load_mappings() -> int:
    """Make or renew the shipped mappings; returns how many."""
    for country, region_code, region_name, code, name in FOREIGN:
        names = {"name_fi": region_name, "name_sv": region_name, "name_en": region_name}
        region = upsert_area(AreaKind.REGION, region_code, country=country, **names)
        names = {"name_fi": name, "name_sv": name, "name_en": name}
        upsert_area(AreaKind.MUNICIPALITY, code, country=country, region=region, **names)
    file = settings.REFERENCE_DIR / "mappings.yaml"
    entries = yaml.safe_load(file.read_text(encoding="utf-8"))
    for entry in entries:
        ImportMapping.objects.update_or_create(
            code=entry["code"],
            defaults={k: entry[k] for k in ("name", "kind", "columns", "options")},
        )
    return len(entries)
