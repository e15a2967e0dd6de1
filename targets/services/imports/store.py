"""Storing records in batches: found again by their keys, changed only where something changed."""

import datetime as dt
from dataclasses import dataclass, field
from typing import Any

from django.db import transaction
from django.db.models import Exists, F, OuterRef
from django.utils import timezone

from authorities.models import Area, AreaKind, Authority
from targets.models import (
    Company,
    CompanyIdentifier,
    CompanyName,
    CompanyRegistration,
    Industry,
    PastVisit,
    Site,
    SiteOperator,
)
from targets.services.imports.records import CompanyRecord, Refused, SiteRecord, VisitRecord

COMPANY_FIELDS = (
    "name", "form", "status", "industry_id", "municipality_id", "address", "postal_code",
    "registered_on", "ended_on", "source", "source_updated_at", "raw",
)  # fmt: skip
SITE_FIELDS = (
    "name", "name_fi", "name_sv", "kind", "company_id", "industry_id", "municipality_id",
    "region_id", "address", "postal_code", "longitude", "latitude", "staff_estimate", "status",
    "opened_on", "closed_on",
)  # fmt: skip
VISIT_FIELDS = ("site_id", "on", "kind", "outcome", "detail", "shared")


@dataclass
class Counts:
    created: int = 0
    updated: int = 0
    unchanged: int = 0
    refused: list[tuple[int, Refused]] = field(default_factory=list)


class Places:
    """Municipalities by code and by name, former ones led to their successors; loaded once."""

    def __init__(self, country: str = "FI") -> None:
        areas = Area.objects.filter(kind=AreaKind.MUNICIPALITY, country=country).select_related(
            "successor", "region"
        )
        self._found: dict[str, Area] = {}
        # Those of today last: they take a name or code that a former one had before.
        for area in areas.order_by(F("valid_to").asc(nulls_last=True), "pk"):
            target = area.successor or area
            for key in (area.code, area.name_fi, area.name_sv, area.name_en):
                if key:
                    self._found[key.casefold()] = target

    def _look_up(self, value: str) -> Area | None:
        key = value.strip().casefold()
        return self._found.get(key) or (self._found.get(key.zfill(3)) if key.isdigit() else None)

    def find(self, value: str, locality: str = "") -> Area | None:
        """The municipality, None for an empty value; refuses one that is not known.

        ``locality`` is a post town, tried when there is no ``value``; many are no municipality.
        """
        if not value:
            return self._look_up(locality) if locality else None
        area = self._look_up(value)
        if area is None:
            raise Refused("municipality", "municipality", value)
        return area


class Industries:
    """Classes of an edition; a code deeper than stored levels leads to the class above it."""

    def __init__(self) -> None:
        self._found: dict[tuple[str, str], int] = {
            (edition, code): pk
            for edition, code, pk in Industry.objects.values_list("edition__code", "code", "pk")
        }

    def find(self, value: tuple[str, str] | None) -> int | None:
        if value is None:
            return None
        edition, code = value
        for length in range(len(code), 1, -1):
            pk = self._found.get((edition, code[:length]))
            if pk is not None:
                return pk
        raise Refused("industry", "industry", f"{edition} {code}")


class Store:
    """Writes batches of one source; each batch is a transaction of its own."""

    def __init__(self, source: str, country: str = "FI") -> None:
        self.source = source
        self.places = Places(country)
        self.industries = Industries()
        self.outdated: set[str] = set()  # business ids of the batch, known newer than given

    # ---------------------------------------------------------------- companies
    def _company_values(self, record: CompanyRecord) -> dict[str, Any]:
        municipality = self.places.find(record.municipality, record.locality)
        return {
            "name": record.name[:300],
            "form": record.form[:20],
            "status": record.status,
            "industry_id": self.industries.find(record.industry),
            "municipality_id": municipality.pk if municipality else None,
            "address": record.address,
            "postal_code": record.postal_code,
            "registered_on": record.registered_on,
            "ended_on": _not_before(record.registered_on, record.ended_on),
            "source": self.source,
            "source_updated_at": record.updated_at,
            "raw": record.raw,
        }

    def companies(self, records: dict[str, CompanyRecord], counts: Counts | None) -> dict[str, int]:
        """Store companies by business id; returns business id → row id.

        A record that carries only id and name (from a list of sites) never overwrites what the
        register knows, nor does an older record of the register a newer one (``outdated``).
        """
        existing = {
            c.business_id: c for c in Company.objects.filter(business_id__in=records.keys())
        }
        new, changed = [], []
        for code, record in records.items():
            values = self._company_values(record)
            row = existing.get(code)
            if row is None:
                new.append(Company(business_id=code, **values))
            elif _older(record.updated_at, row.source_updated_at):
                self.outdated.add(code)
                if counts is not None:
                    counts.unchanged += 1
            elif record.raw or row.source == self.source:
                if _differs(row, values, COMPANY_FIELDS):
                    row.updated_at = timezone.now()
                    changed.append(row)
                elif counts is not None:
                    counts.unchanged += 1
        fields = [f.removesuffix("_id") for f in COMPANY_FIELDS]
        Company.objects.bulk_create(
            new, update_conflicts=True, unique_fields=["business_id"], update_fields=fields
        )
        Company.objects.bulk_update(changed, [*fields, "updated_at"])
        if counts is not None:
            counts.created += len(new)
            counts.updated += len(changed)
        ids = dict(
            Company.objects.filter(business_id__in=records.keys()).values_list("business_id", "pk")
        )
        # Names and entries come from the record kept as ``raw``: the same record, the same parts.
        written = {row.business_id for row in (*new, *changed)}
        self._company_parts({c: r for c, r in records.items() if c in written}, ids)
        return ids  # type: ignore[return-value]

    def _company_parts(self, records: dict[str, CompanyRecord], ids: dict[str | None, int]) -> None:
        names, identifiers, registrations = [], [], []
        for code, record in records.items():
            pk = ids[code]
            names += [
                CompanyName(
                    company_id=pk, name=n[0], kind=n[1], language=n[2], valid_from=n[3],
                    valid_to=_not_before(n[3], n[4]),
                )
                for n in _last_of(record.names, lambda n: (n[0], n[1], n[3]))
            ]  # fmt: skip
            identifiers += [
                CompanyIdentifier(company_id=pk, scheme=i[0], country=i[1], value=i[2])
                for i in record.identifiers
            ]
            registrations += [
                CompanyRegistration(
                    company_id=pk, register=r[0], entry=r[1], valid_from=r[2], valid_to=r[3]
                )
                for r in _last_of(record.registrations, lambda r: (r[0], r[1], r[2]))
            ]
        CompanyName.objects.bulk_create(
            names, update_conflicts=True, update_fields=["valid_to", "language"],
            unique_fields=["company", "name", "kind", "valid_from"],
        )  # fmt: skip
        CompanyIdentifier.objects.bulk_create(identifiers, ignore_conflicts=True)
        CompanyRegistration.objects.bulk_create(
            registrations, update_conflicts=True, update_fields=["valid_to"],
            unique_fields=["company", "register", "entry", "valid_from"],
        )  # fmt: skip

    # ---------------------------------------------------------------- sites
    @transaction.atomic
    def sites(self, batch: list[tuple[int, SiteRecord | CompanyRecord]]) -> Counts:
        """Store sites (and their companies) of one batch; refused ones are returned in the counts."""
        counts = Counts()
        self.outdated = set()
        good: list[tuple[int, SiteRecord, Area | None, int | None]] = []
        companies: dict[str, CompanyRecord] = {}
        alone: dict[str, CompanyRecord] = {}
        for line, record in batch:
            try:
                if isinstance(record, CompanyRecord):
                    self._company_values(record)
                    alone[record.business_id or ""] = record
                    continue
                place = self.places.find(record.municipality, record.locality)
                industry = self.industries.find(record.industry)
                if record.company is not None:
                    self._company_values(record.company)
                    companies[record.company.business_id or ""] = record.company
            except Refused as refusal:
                counts.refused.append((line, refusal))
                continue
            good.append((line, record, place, industry))
        if alone:
            self.companies(alone, counts)
        ids = self.companies(companies, None) if companies else {}
        self._store_sites(good, ids, counts)
        return counts

    def _store_sites(
        self,
        good: list[tuple[int, SiteRecord, Area | None, int | None]],
        companies: dict[str, int],
        counts: Counts,
    ) -> None:
        keys = [record.source_key for _line, record, _place, _industry in good]
        existing = {
            s.source_key: s for s in Site.objects.filter(source=self.source, source_key__in=keys)
        }
        new: dict[str, Site] = {}
        changed = []
        for _line, record, place, industry in good:
            if record.company and record.company.business_id in self.outdated:
                counts.unchanged += 1
                continue
            company = companies.get(record.company.business_id or "") if record.company else None
            values = {
                "name": record.name[:300], "name_fi": record.name[:300],
                "name_sv": record.name_sv[:300], "kind": record.kind, "company_id": company,
                "industry_id": industry, "municipality_id": place.pk if place else None,
                "region_id": place.region_id if place else None, "address": record.address,
                "postal_code": record.postal_code, "longitude": record.longitude,
                "latitude": record.latitude, "staff_estimate": record.staff_estimate,
                "status": record.status, "opened_on": record.opened_on,
                "closed_on": _not_before(record.opened_on, record.closed_on),
            }  # fmt: skip
            row = existing.get(record.source_key)
            if row is None:
                new[record.source_key] = Site(
                    source=self.source, source_key=record.source_key, **values
                )
            elif _differs(row, values, SITE_FIELDS):
                row.updated_at = timezone.now()
                changed.append(row)
            else:
                counts.unchanged += 1
        fields = [f.removesuffix("_id") for f in SITE_FIELDS]
        Site.objects.bulk_create(
            new.values(), update_conflicts=True, unique_fields=["source", "source_key"],
            update_fields=fields,
        )  # fmt: skip
        Site.objects.bulk_update(changed, [*fields, "updated_at"])
        counts.created += len(new)
        counts.updated += len(changed)
        self._operators(keys)

    def _operators(self, keys: list[str]) -> None:
        """Keep who ran the sites when: a new company ends the turn of the one before."""
        today = timezone.localdate()
        sites = Site.objects.filter(
            source=self.source, source_key__in=keys, company__isnull=False
        )  # fmt: skip
        running = SiteOperator.objects.filter(valid_to=None)
        running.filter(site__in=sites).exclude(company=F("site__company")).exclude(
            valid_from__gt=today
        ).update(valid_to=today)
        known = SiteOperator.objects.filter(site=OuterRef("pk"))
        missing = sites.exclude(
            Exists(running.filter(site=OuterRef("pk"), company=OuterRef("company")))
        ).annotate(had_one=Exists(known))
        SiteOperator.objects.bulk_create(
            [
                SiteOperator(site_id=s, company_id=c, valid_from=today if had_one else opened)
                for s, c, opened, had_one in missing.values_list(
                    "pk", "company_id", "opened_on", "had_one"
                )
            ],
            ignore_conflicts=True,
        )

    # ---------------------------------------------------------------- visits
    @transaction.atomic
    def visits(
        self, batch: list[tuple[int, VisitRecord]], authority: Authority, shared: bool
    ) -> Counts:
        """Store past visits of one batch for the authority that made them."""
        counts = Counts()
        sites = dict(
            Site.objects.filter(
                source=self.source, source_key__in={v.site_key for _line, v in batch}
            ).values_list("source_key", "pk")
        )
        source = f"{self.source}:{authority.code}"[:40]
        existing = {
            v.source_key: v
            for v in PastVisit.objects.filter(
                source=source, source_key__in=[v.source_key for _line, v in batch]
            )
        }
        new, changed = [], []
        for line, record in batch:
            site = sites.get(record.site_key)
            if site is None:
                counts.refused.append((line, Refused("site", "site_unknown", record.site_key)))
                continue
            values = {
                "site_id": site, "on": record.on, "kind": record.kind, "outcome": record.outcome,
                "detail": record.detail, "shared": shared,
            }  # fmt: skip
            row = existing.get(record.source_key)
            if row is None:
                new.append(
                    PastVisit(
                        authority=authority, source=source, source_key=record.source_key, **values
                    )
                )
            elif _differs(row, values, VISIT_FIELDS):
                changed.append(row)
            else:
                counts.unchanged += 1
        fields = [f.removesuffix("_id") for f in VISIT_FIELDS]
        PastVisit.objects.bulk_create(
            new, update_conflicts=True, unique_fields=["source", "source_key"],
            update_fields=fields,
        )  # fmt: skip
        PastVisit.objects.bulk_update(changed, fields)
        counts.created += len(new)
        counts.updated += len(changed)
        return counts


def _differs(row: Any, values: dict[str, Any], fields: tuple[str, ...]) -> bool:
    """Set ``values`` on ``row``; True when any of ``fields`` changed by that."""
    changed = any(getattr(row, name) != values[name] for name in fields)
    for name, value in values.items():
        setattr(row, name, value)
    return changed


def _older(given: dt.datetime | None, known: dt.datetime | None) -> bool:
    return given is not None and known is not None and given < known


def _not_before(first: dt.date | None, last: dt.date | None) -> dt.date | None:
    """``last``, but never before ``first`` (registers hold such pairs; the start is trusted)."""
    return max(first, last) if first and last else last


def _last_of(rows: list[Any], key: Any) -> list[Any]:
    """One row a key, the last one; a batch must not name a unique key twice."""
    return list({key(row): row for row in rows}.values())
