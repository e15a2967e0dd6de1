"""Pages of the register: sites, companies, imports."""

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_GET

from authorities.access import acting
from authorities.purposes import case_token, purpose_of
from targets.fact_words import register_name
from targets.history_page import (
    CHANGES_OF,
    FACTS_OF,
    SHOWN,
    changes_of,
    changes_told,
    facts_at,
    facts_told,
    history_of,
    sources_of,
    with_sources,
)
from targets.identity_views import hints_of, kept_instead
from targets.links_graph import graph_of
from targets.links_page import (
    LINKS_SHOWN,
    ROLES_OF,
    ROLES_SHOWN,
    SHOWN_OF,
    link_url,
    links_at,
    roles_at,
    roles_elsewhere,
    roles_told,
    told,
)
from targets.lists import CompanyList, SiteList
from targets.models import DECIDERS, Company, PersonRole, RegisterChange, Site
from targets.panels import panels_of
from targets.parts import Part, part_of
from targets.people_drawn import People
from targets.selectors import (
    company_facts,
    datasets_about,
    signals_about,
    site_facts,
    turns_of,
    visits_of,
)
from targets.services.handovers import earlier_refusals
from targets.timeline_page import ENTRIES_OF, ENTRIES_SHOWN, entries_of, happened_at

VISITS_SHOWN = 50
VISITS_OF = (
    gettext_lazy("Visits %(first)s–%(last)s of %(count)s are shown."),
    gettext_lazy("Visits %(first)s–%(last)s of more than %(count)s are shown."),
)
SIGNALS_SHOWN = 20
SIGNALS_OF = (
    gettext_lazy("Signals %(first)s–%(last)s of %(count)s are shown."),
    gettext_lazy("Signals %(first)s–%(last)s of more than %(count)s are shown."),
)
SETS_SHOWN = 20
SETS_OF = (
    gettext_lazy("Data sets %(first)s–%(last)s of %(count)s are shown."),
    gettext_lazy("Data sets %(first)s–%(last)s of more than %(count)s are shown."),
)
SITES_SHOWN = 100
SITES_OF = (
    gettext_lazy("Sites %(first)s–%(last)s of %(count)s are shown."),
    gettext_lazy("Sites %(first)s–%(last)s of more than %(count)s are shown."),
)

site_list = require_GET(acting()(SiteList.as_view()))
company_list = require_GET(acting()(CompanyList.as_view()))


def _linked(request: HttpRequest, centre: Site | Company, open_: bool) -> dict[str, Any]:
    """The links of a page and the roles of persons in its company, a part at a time, with their
    drawing.

    Without a purpose persons stand in the list alone, as numbers: drawn one by one, each with the
    companies that it ties together, they are a look at persons.
    """
    actor = request.actor  # type: ignore[attr-defined]
    part = part_of(links_at(actor, centre), request, "links", LINKS_SHOWN, SHOWN_OF)
    runs = centre.company if isinstance(centre, Site) else None
    company = runs if isinstance(centre, Site) else centre
    roles, others, cut = _roles(request, company)
    people = People(company, roles.rows, others) if company and open_ else None
    return {
        "links_part": part,
        "links": told(part.rows, centre),
        "graph": graph_of(actor, centre, part.rows, runs, people),
        "runs": runs,
        "link_url": link_url(actor, centre),
        "roles_part": roles,
        "roles": roles_told(roles.rows, others),
        "others_cut": cut,
    }


def _roles(
    request: HttpRequest, company: Company | None
) -> tuple[Part, list[PersonRole], bool]:  # fmt: skip
    """Roles of persons in the company, a part at a time, and those of the same persons elsewhere."""
    part = Part([])
    if company is not None:
        part = part_of(roles_at(company), request, "roles", ROLES_SHOWN, ROLES_OF)
        for row in part.rows:
            row.company = company
    return part, *roles_elsewhere(request.actor, part.rows)  # type: ignore[attr-defined]


def _history(
    request: HttpRequest, target: Site | Company, changes: list[RegisterChange]
) -> dict[str, Any]:
    """What it was before, a part at a time where there may be more than these latest changes."""
    part = Part(changes)
    if len(changes) >= SHOWN:
        part = part_of(changes_told(target), request, "history", SHOWN, CHANGES_OF)
    rows = history_of(request.actor, part.rows)  # type: ignore[attr-defined]
    return {"history_part": part, "history": rows}


def _facts(request: HttpRequest, open_: bool, **target: Any) -> dict[str, Any]:
    """What registers say, a part at a time; nothing without a purpose."""
    part = Part([])
    if open_:
        rows = facts_at(request.actor, **target)  # type: ignore[attr-defined]
        part = part_of(rows, request, "register-facts", SHOWN, FACTS_OF)
    return {"facts_part": part, "register_facts": facts_told(part.rows, of_site="site" in target)}


def _signals(request: HttpRequest, open_: bool, **target: Any) -> dict[str, Any]:
    """Signals that the reader sees, a part at a time, and what was handed over in vain; nothing
    without a purpose."""
    actor, part = request.actor, Part([])  # type: ignore[attr-defined]
    if open_:
        rows = signals_about(actor, **target)
        part = part_of(rows, request, "signals", SIGNALS_SHOWN, SIGNALS_OF)
    refusals = earlier_refusals(actor, **target) if open_ else []
    return {"signals_part": part, "signals": part.rows, "refusals": refusals}


def _sets(request: HttpRequest, open_: bool, company: Company) -> Part:
    """Data sets that hold the company, a part at a time; nothing without a purpose."""
    if not open_:
        return Part([])
    rows = datasets_about(request.actor, company)  # type: ignore[attr-defined]
    return part_of(rows, request, "sets", SETS_SHOWN, SETS_OF)


def _visits(request: HttpRequest, site: Site, open_: bool) -> dict[str, Any]:
    part = Part([])
    if open_:
        rows = visits_of(site, request.actor)  # type: ignore[attr-defined]
        part = part_of(rows, request, "visits", VISITS_SHOWN, VISITS_OF)
    return {"visits_part": part, "visits": part.rows}


def _timeline(request: HttpRequest, site: Site, open_: bool) -> dict[str, Any]:
    """What happened at the site, a part at a time; nothing without a purpose."""
    actor, part = request.actor, Part([])  # type: ignore[attr-defined]
    if open_:
        rows = happened_at(actor, site)
        part = part_of(rows, request, "timeline", ENTRIES_SHOWN, ENTRIES_OF)
    return {"timeline_part": part, "timeline": entries_of(actor, part.rows)}


@require_GET
@acting()
def site_detail(request: HttpRequest, public_id: str) -> HttpResponse:
    actor = request.actor  # type: ignore[attr-defined]
    rows = Site.objects.visible_to(actor).select_related(
        "company", "industry__edition", "municipality", "region"
    )
    site = rows.filter(public_id=public_id).first()
    if site is None:
        return kept_instead(request, Site, public_id)
    open_ = purpose_of(actor, site) is not None
    changes, sources = changes_of(site), sources_of(site, actor)
    context = {
        "site": site,
        "facts": with_sources(site_facts(site, actor), site, changes, actor),
        "sources": sources,
        **_linked(request, site, open_),
        **_facts(request, open_, site=site),
        **_history(request, site, changes),
        "panels": panels_of(request, site),
        "open": open_,
        "case_token": case_token(site),
        **_signals(request, open_, site=site),
        **_visits(request, site, open_),
        "identifiers": site.company.identifiers.order_by("scheme", "value") if site.company else [],
        "operators": turns_of(site),
        **_timeline(request, site, open_),
        "may_decide": actor.has_role(*DECIDERS),
        "visible_to": _("everybody who uses Tarkka (register data)"),
        "tabs": [],
    }
    return render(request, "targets/site.html", context)


@require_GET
@acting()
def company_detail(request: HttpRequest, public_id: str) -> HttpResponse:
    actor = request.actor  # type: ignore[attr-defined]
    found = Company.objects.visible_to(actor).select_related("industry", "municipality")
    company = found.filter(public_id=public_id).first()
    if company is None:
        return kept_instead(request, Company, public_id)
    registrations = [
        {"register": register_name(r.register), "row": r}
        for r in company.registrations.order_by("register", "valid_from", "id")
    ]
    open_ = purpose_of(actor, company) is not None
    changes = changes_of(company)
    run = Site.objects.visible_to(actor).filter(company=company)
    rows = run.select_related("municipality").order_by("name", "pk")
    sites = part_of(rows, request, "sites", SITES_SHOWN, SITES_OF)
    context = {
        "company": company,
        "facts": with_sources(company_facts(company, actor), company, changes, actor),
        "open": open_,
        "case_token": case_token(company),
        **_signals(request, open_, company=company),
        "sets_part": _sets(request, open_, company),
        **_linked(request, company, open_),
        **_facts(request, open_, company=company),
        **_history(request, company, changes),
        "names": company.names.order_by("kind", "valid_from", "id"),
        "registrations": registrations,
        "identifiers": company.identifiers.order_by("scheme", "value"),
        "hints": hints_of(actor, company),
        "may_decide": actor.has_role(*DECIDERS),
        "sites_part": sites,
        "sites": sites.rows,
        "visible_to": _("everybody who uses Tarkka (register data)"),
        "tabs": [],
    }
    return render(request, "targets/company.html", context)
