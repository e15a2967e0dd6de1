"""Column mappings: those that come with the project, and those an authority makes for itself."""

from typing import TYPE_CHECKING, Any

import yaml
from django.conf import settings
from django.db import transaction
from django.utils.text import slugify
from django.utils.translation import gettext as _

from audit.context import service
from audit.errors import NotAllowed, RuleViolation
from audit.services import record
from authorities.models import AreaKind
from authorities.services.reference import upsert_area
from targets.models import ENDED, ImportMapping, ImportRun
from targets.services.imports.control import IMPORTERS

if TYPE_CHECKING:
    from authorities.actors import Actor

# Country, region code, region, municipality code, municipality: for registers from abroad.
FOREIGN = (
    ("NO", "03", "Oslo", "0301", "Oslo"),
    ("US", "CA", "California", "SF", "San Francisco"),
    ("US", "NY", "New York", "NYC", "New York City"),
    ("US", "IL", "Illinois", "CHI", "Chicago"),
)


@transaction.atomic
def load_mappings(entries: list[dict[str, Any]] | None = None) -> int:
    """Make or renew the shipped mappings, or those given in their form; returns how many."""
    for country, region_code, region_name, code, name in FOREIGN:
        names = {"name_fi": region_name, "name_sv": region_name, "name_en": region_name}
        region = upsert_area(AreaKind.REGION, region_code, country=country, **names)
        names = {"name_fi": name, "name_sv": name, "name_en": name}
        upsert_area(AreaKind.MUNICIPALITY, code, country=country, region=region, **names)
    if entries is None:
        file = settings.REFERENCE_DIR / "mappings.yaml"
        entries = yaml.safe_load(file.read_text(encoding="utf-8"))
    for entry in entries:
        ImportMapping.objects.update_or_create(
            code=entry["code"],
            defaults={k: entry[k] for k in ("name", "kind", "columns", "options")},
        )
    return len(entries)


@service
def save_mapping(
    *, actor: "Actor", name: str, kind: str, columns: dict[str, Any], options: dict[str, Any]
) -> ImportMapping:
    """Save a mapping for the actor's authority. Keys of its files are the authority's own numbers.

    Raises RuleViolation when the authority has a mapping of that name.
    """
    if not actor.has_role(*IMPORTERS):
        raise NotAllowed(_("Your role does not include importing."))
    code = slugify(f"{actor.authority.code}-{name}")[:60]
    mapping, made = ImportMapping.objects.get_or_create(
        code=code,
        defaults={
            "name": name, "kind": kind, "columns": columns, "authority": actor.authority,
            "options": options | {"own": True, "source": slugify(name)[:30] or "own"},
        },
    )  # fmt: skip
    if not made:
        raise RuleViolation(
            _("There is a mapping named “%(name)s” already. Choose another name.") % {"name": name},
            field="name",
        )
    record(actor=actor, verb="mapping.saved", subject=mapping, data={"name": name},
           audience=[actor.authority.pk])  # fmt: skip
    return mapping


@service
def remove_mapping(*, actor: "Actor", mapping: ImportMapping) -> None:
    """Remove a mapping of the own authority that no waiting import needs."""
    if not actor.has_role(*IMPORTERS) or mapping.authority_id != actor.authority.pk:
        raise NotAllowed(_("Only the own authority's mappings can be removed."))
    mapping = ImportMapping.objects.select_for_update(of=("self",)).get(pk=mapping.pk)
    if ImportRun.objects.filter(format=mapping.code).exclude(state__in=ENDED).exists():
        raise RuleViolation(_("An import that has not ended uses this mapping. End it first."))
    record(actor=actor, verb="mapping.removed", subject=mapping, data={"name": mapping.name},
           audience=[actor.authority.pk])  # fmt: skip
    mapping.delete()
