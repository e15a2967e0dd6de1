"""Where each datum of a site or company comes from, and what it was before."""

from typing import TYPE_CHECKING, Any

from django.db.models import Q, QuerySet
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from targets.fact_words import kind_words, value_words
from targets.field_words import FIELDS
from targets.models import Company, CompanyStatus, Fact, RegisterChange, Site, SiteStatus, SiteType
from targets.selectors import register_of
from targets.source_words import shown_source

if TYPE_CHECKING:
    from authorities.actors import Actor

SHOWN = 40
FACTS_OF = (
    gettext_lazy("Facts %(first)s–%(last)s of %(count)s are shown."),
    gettext_lazy("Facts %(first)s–%(last)s of more than %(count)s are shown."),
)
CHANGES_OF = (
    gettext_lazy("Changes %(first)s–%(last)s of %(count)s are shown."),
    gettext_lazy("Changes %(first)s–%(last)s of more than %(count)s are shown."),
)
# What a reader of a history looks for; coordinates and the like move without meaning.
TOLD = ("name", "name_sv", "address", "postal_code", "status", "type", "form", "website",
        "company_id", "opened_on", "closed_on", "registered_on", "ended_on")  # fmt: skip
WORDS = {
    "status": {**dict(SiteStatus.choices), **dict(CompanyStatus.choices)},
    "type": dict(SiteType.choices),
}


def changes_of(target: Site | Company) -> list[RegisterChange]:
    """The latest that imports have changed of the target, newest first. One query."""
    return list(_changes(target)[:SHOWN])


def changes_told(target: Site | Company) -> QuerySet[RegisterChange]:
    """All changes that ``history_of`` has words for, newest first."""
    return _changes(target).filter(new__has_any_keys=list(TOLD))


def _changes(target: Site | Company) -> QuerySet[RegisterChange]:
    name = "site" if isinstance(target, Site) else "company"
    return RegisterChange.objects.filter(**{name: target}, old__isnull=False).order_by("-pk")


def with_sources(
    facts: list[dict[str, Any]],
    target: Site | Company,
    changes: list[RegisterChange],
    actor: "Actor",
) -> list[dict[str, Any]]:
    """The same facts, each with the register that said it and the day it did, as ``note``.

    Takes the facts' ``fields`` (columns they show). No query.
    """
    first = target.source_updated_at or target.created_at
    for fact in facts:
        if not fact["value"] or not fact.get("fields"):
            continue
        day, source = first, target.source
        for change in changes:
            if any(field in (change.new or {}) for field in fact["fields"]):
                day, source = change.said_on or change.at, change.source
                break
        source = shown_source(source, actor)
        if "longitude" in fact["fields"] and getattr(target, "located_by", "") == "gazetteer":
            source = _("gazetteer")  # the register gave an address; where that lies it did not say
        fact["note"] = f"{source}, {date_format(timezone.localtime(day), 'SHORT_DATE_FORMAT')}"
    return facts


def history_of(actor: "Actor", changes: list[RegisterChange]) -> list[dict[str, Any]]:
    """Changes of names, addresses, states and companies in words. One query.

    ``at`` (when it became known here), ``said_on``, ``source``, ``changes`` (label, old, new).
    """
    said = [values for row in changes for values in (row.old, row.new) if values]
    ids = {values.get("company_id") for values in said} - {None}
    companies = Company.objects.visible_to(actor).in_bulk(ids) if ids else {}
    found = []
    for row in changes:
        old, new = row.old or {}, row.new or {}
        told = [
            {"label": FIELDS[field], "old": _shown(field, old.get(field), companies),
             "new": _shown(field, new.get(field), companies)}
            for field in TOLD
            if field in new
        ]  # fmt: skip
        if told:
            found.append(
                {"at": row.at, "said_on": row.said_on,
                 "source": shown_source(row.source, actor), "changes": told, "undo": row.undo}
            )  # fmt: skip
    return found


def _shown(field: str, value: Any, companies: dict[int, Company]) -> str:
    if value in (None, ""):
        return "–"
    if field == "company_id":
        company = companies.get(value)
        return company.name if company else _("another company")
    return str(WORDS.get(field, {}).get(value, value))


def facts_at(
    actor: "Actor", *, site: Site | None = None, company: Company | None = None
) -> QuerySet[Fact]:
    """What registers say, as known now; of a site also of the company that runs it."""
    about = Q(company=company) if company is not None else Q(site=site)
    if site is not None and site.company_id is not None:
        about |= Q(company_id=site.company_id)
    return (
        Fact.objects.visible_to(actor).known().filter(about).select_related("authority", "company")
        .order_by("kind", "-valid_from", "-pk")
    )  # fmt: skip


def facts_told(rows: list[Fact], *, of_site: bool) -> list[dict[str, Any]]:
    """The facts in words. No query."""
    return [
        {"row": row, "kind": kind_words(row.kind), "value": value_words(row.value),
         "of_company": of_site and row.company_id is not None}
        for row in rows
    ]  # fmt: skip


def sources_of(site: Site, actor: "Actor") -> list[dict[str, Any]]:
    """The rows of registers that were found to be this site, the shown one first. One query.

    ``row``, and ``register`` with the key, as the actor may know them.
    """
    rows = [site, *Site.objects.filter(merged_into=site).order_by("source", "source_key")[:20]]
    return [{"row": row, "register": register_of(row, actor)} for row in rows]
