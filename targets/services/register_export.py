"""The register as a table that the mapping ``sites`` reads back."""

import csv
import datetime as dt
from collections.abc import Iterable
from typing import TextIO

from targets.models import Site
from targets.services.imports.readers import marked

COLUMNS = (
    "id", "name", "name_sv", "business_id", "company", "industry", "municipality", "address",
    "postal_code", "longitude", "latitude", "premises", "staff", "opened_on",
    "type", "locator", "closed_on", "industry_edition", "country",
)  # fmt: skip


def write_sites(target: TextIO, sites: Iterable[Site]) -> int:
    """Write sites (with company, industry, its edition and municipality selected) as CSV; returns how many.

    Reading the file in and writing it out again gives the same file. They are of one register:
    without it a key says nothing.
    """
    writer = csv.writer(target, delimiter=";", lineterminator="\n")
    writer.writerow(COLUMNS)
    count = 0
    for site in sites:
        company = site.company
        writer.writerow(
            [
                site.source_key, marked(site.name), marked(site.name_sv),
                company.business_id or "" if company else "",
                marked(company.name) if company and company.business_id else "",
                site.industry.code if site.industry else "",
                site.municipality.code if site.municipality else "",
                marked(site.address), site.postal_code,
                _number(site.longitude), _number(site.latitude), site.kind,
                "" if site.staff_estimate is None else site.staff_estimate,
                _day(site.opened_on), site.type, marked(site.locator), _day(site.closed_on),
                site.industry.edition.code if site.industry else "",
                site.municipality.country if site.municipality else "",
            ]
        )  # fmt: skip
        count += 1
    return count


def _day(value: dt.date | None) -> str:
    return value.isoformat() if value else ""


def _number(value: float | None) -> str:
    return "" if value is None else repr(value).replace(".", ",")
