"""Reads of the register for pages of this room and of the rooms above."""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from django.db.models import Q, QuerySet
from django.utils.formats import date_format
from django.utils.translation import gettext as _

from authorities.models import User
from targets.models import (
    Company,
    CompanyKind,
    Dataset,
    MergeMove,
    MoveAction,
    PastVisit,
    Recusal,
    Signal,
    Site,
    SiteOperator,
)
from targets.source_words import is_anothers, shown_source

if TYPE_CHECKING:
    from authorities.actors import Actor


def shown_date(value: Any) -> str:
    return date_format(value, "SHORT_DATE_FORMAT") if value else ""


def site_facts(site: Site, actor: "Actor") -> list[dict[str, Any]]:
    """The public facts of a site, for its page and for briefing packs, as the actor may know.

    No query when company, industry, municipality and region were fetched with the site.
    """
    company = site.company
    place = (site.address, site.postal_code, site.municipality.name if site.municipality else "")
    coordinates = ""
    if site.latitude is not None and site.longitude is not None:
        coordinates = f"{site.latitude:.5f}, {site.longitude:.5f}"
    facts: list[tuple[str, Any, tuple[str, ...]]] = [
        (_("Company"), company.name if company else "", ("company_id",)),
        (_("Business ID"), company.business_id if company else "", ("company_id",)),
        (_("Industry"), str(site.industry) if site.industry else "", ("industry_id",)),
        (_("Type of place"), site.get_type_display(), ("type",)),
        (_("Registration or web address"), site.locator, ("locator",)),
        (_("Address"), ", ".join(part for part in place if part),
         ("address", "postal_code", "municipality_id")),
        (_("Region"), site.region.name if site.region else "", ("region_id",)),
        (_("Coordinates"), coordinates, ("longitude", "latitude")),
        (_("People at work, estimate"), site.staff_estimate, ("staff_estimate",)),
        (_("State"), site.get_status_display(), ("status",)),
        (_("Opened"), shown_date(site.opened_on), ("opened_on",)),
        (_("Closed"), shown_date(site.closed_on), ("closed_on",)),
        (_("Register"), register_of(site, actor), ()),
    ]  # fmt: skip
    optional = {_("Coordinates"), _("Closed"), _("Registration or web address")}
    return _listed(facts, optional)


def _listed(
    facts: list[tuple[str, Any, tuple[str, ...]]], optional: set[str]
) -> list[dict[str, Any]]:
    """Facts for a page: those of ``optional`` (labels) only where there is something to say."""
    return [
        {"label": label, "value": value, "fields": fields}
        for label, value, fields in facts
        if value or label not in optional
    ]


def register_of(site: Site, actor: "Actor") -> str:
    """Register and key of a site; of another authority's list neither."""
    if is_anothers(site.source, actor):
        return shown_source(site.source, actor)
    return f"{site.source} {site.source_key}"


def turns_of(site: Site) -> list[SiteOperator]:
    """Who has run the site, oldest first; one that never changed hands has its company's. One query.

    That one is not stored: the site itself says it.
    """
    rows = list(site.operators.select_related("company").order_by("valid_from", "id"))
    if not rows and site.company is not None:
        rows = [
            SiteOperator(
                site=site, company=site.company, valid_from=site.opened_on, source=site.source,
                known_from=site.created_at,
            )
        ]  # fmt: skip
    return rows


def company_facts(company: Company, actor: "Actor") -> list[dict[str, Any]]:
    """The public facts of a company, for its page. No query when industry and municipality were
    fetched with it."""
    place = (
        company.address, company.postal_code,
        company.municipality.name if company.municipality else "",
    )  # fmt: skip
    facts: list[tuple[str, Any, tuple[str, ...]]] = [
        (_("Business ID"), company.business_id, ("business_id",)),
        (_("Kind"), "" if company.kind == CompanyKind.UNKNOWN else company.get_kind_display(),
         ("kind",)),
        (_("Country"), "" if company.country == "FI" else company.country, ("country",)),
        (_("Industry"), str(company.industry) if company.industry else "", ("industry_id",)),
        (_("State"), company.get_status_display(), ("status",)),
        (_("Address"), ", ".join(part for part in place if part),
         ("address", "postal_code", "municipality_id")),
        (_("Registered"), shown_date(company.registered_on), ("registered_on",)),
        (_("Ended"), shown_date(company.ended_on), ("ended_on",)),
        (_("Register"), shown_source(company.source, actor), ()),
    ]  # fmt: skip
    return _listed(facts, {_("Kind"), _("Country"), _("Ended")})


def visits_of(site: Site, actor: "Actor") -> QuerySet[PastVisit]:
    """Visits to a site that the actor may see, newest first."""
    return (
        PastVisit.objects.visible_to(actor)
        .filter(site=site)
        .select_related("authority", "performed_by")
        .order_by("-on", "-pk")
    )


def signals_about(
    actor: "Actor", *, site: Site | None = None, company: Company | None = None
) -> QuerySet[Signal]:
    """Signals on a site (and the company that runs it) or on a company, newest first."""
    rows = Signal.objects.visible_to(actor)
    if site is not None:
        about = Q(site=site)
        if site.company_id is not None:
            about |= Q(company_id=site.company_id)
    else:
        about = Q(company=company) | Q(site__company=company)
    return (
        rows.filter(about)
        .select_related("authority", "site", "company")
        .order_by("-observed_on", "-pk")
    )


def datasets_about(actor: "Actor", company: Company) -> QuerySet[Dataset]:
    """Data sets that hold the company, for those who choose targets; never their rows."""
    return (
        Dataset.objects.visible_to(actor)
        .filter(rows__company=company)
        .select_related("authority")
        .distinct()
        .order_by("title", "pk")
    )


def sites_as_named(table: str, rows: list[int]) -> dict[int, Site]:
    """The site each row of a table named before merges moved it, for rows that were moved.

    For what was signed: a merge changes where a row hangs, not what was decided. Only the system
    finds any. One query.
    """
    moves = (
        MergeMove.objects.filter(
            table=table, column="site_id", row__in=rows, action=MoveAction.MOVED,
            merge__undone_at__isnull=True,
        )
        .select_related("merge__site_loser")
        .order_by("-merge__made_at", "-merge_id")
    )  # fmt: skip
    return {move.row: move.merge.loser for move in moves}


def people_kept_away(sites: Iterable[int], users: Iterable[int]) -> dict[int, set[int]]:
    """Of these people (ids) those who are kept away, by site id, as ``kept_from`` says; sites from
    which none is are left out. For the system's eyes. Two queries at most."""
    rows = list(Recusal.objects.filter(user__in=list(users), ended_at__isnull=True).order_by("pk"))
    if not rows:
        return {}
    found: dict[int, set[int]] = {}
    firms = Site.objects.filter(pk__in=list(sites)).order_by("pk").values_list("pk", "company_id")
    for site, company in firms:
        away = {
            r.user_id for r in rows
            if r.site_id == site or (r.company_id is not None and r.company_id == company)
        }  # fmt: skip
        if away:
            found[site] = away
    return found


def kept_from(user: User) -> QuerySet[Site]:
    """Sites from which a person is kept away, by the site or by its company. For the system's eyes:
    the person's own do not see them."""
    rows = Recusal.objects.filter(user=user, ended_at__isnull=True)
    return Site.objects.filter(
        Q(pk__in=rows.values("site")) | Q(company__in=rows.values("company"))
    )
