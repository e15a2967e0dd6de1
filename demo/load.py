"""Builds the demonstration set through the services, so that it obeys every rule of the product.

Deterministic for a given day: the same rows, names, decisions and results each time.
"""

import datetime as dt
import random
import uuid
from collections.abc import Callable
from decimal import Decimal

from django.db import transaction

from authorities.actors import Actor, actor_for
from authorities.models import Area, Authority, Membership, Unit, User
from authorities.services.people import add_membership, create_person, enrol_totp
from demo.people import AUTHORITIES, DOMAIN, PASSWORD, PEOPLE, address
from demo.register import StandIn, stand_ins
from risk.services.scoring import run_scoring
from risk.services.starter import load_starter
from targets.models import Company, CompanyRegistration, PastVisit, Site
from targets.services.imports.records import CompanyRecord, SiteRecord
from targets.services.imports.run import store_records
from targets.services.search import refresh

SITES = 3_000
TOTP_SECRET = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"  # demonstration only
SOURCE = "demo"
Say = Callable[[str], None]


@transaction.atomic
def load_people() -> dict[str, list[Actor]]:
    """Forty people in eight authorities; returns authority code → actors in the order of the list."""
    actors: dict[str, list[Actor]] = {}
    for code in AUTHORITIES:
        unit = Unit.objects.select_related("authority").get(authority__code=code, code="HEAD")
        actors[code] = []
        for number, person in enumerate(PEOPLE[code]):
            user = create_person(
                actor=None, email=address(person, code), first_name=person.first,
                last_name=person.last, language=person.language, password=PASSWORD,
                phone=f"0295 {len(actors):02d}{number:02d} 00",
            )  # fmt: skip
            regions = Area.objects.filter(kind="region", country="FI", code=person.region)
            membership = Membership.objects.filter(user=user, unit=unit).first()
            if membership is None:
                membership = add_membership(
                    actor=None, user=user, unit=unit, roles=person.roles,
                    regions=regions if person.region else [],
                )  # fmt: skip
            if "administrator" in person.roles:
                enrol_totp(user=user, secret=TOTP_SECRET)
            actors[code].append(actor_for(membership))
    # One person in two places, to show the switch of the acting membership.
    user = User.objects.get(email=f"juha.peltola@vero.{DOMAIN}")
    unit = Unit.objects.get(authority__code="GEIU", code="HEAD")
    if not Membership.objects.filter(user=user, unit=unit).exists():
        add_membership(actor=None, user=user, unit=unit, roles=["analyst"])
    User.objects.filter(email=f"tiina.rautio@tyosuojelu.{DOMAIN}").update(is_staff=True)
    return actors


def load_register(today: dt.date, say: Say, count: int = SITES) -> None:
    """Stand-in companies and sites, stored as an import stores them."""
    rows = list(stand_ins(count, today))
    struck = {
        r.business_id: r.struck_from_prepayment_on for r in rows if r.struck_from_prepayment_on
    }
    owner = Authority.objects.get(code="PRH")
    run = store_records(
        source=SOURCE, authority=owner, records=map(_record, rows), file_name="demo.json"
    )
    assert not run.refused_count, run.refusals.all()[:3]
    say(f"  {count} sites")
    _registrations(struck)
    _fixed_ids()
    _past_visits(today)
    refresh()  # so that the search finds them
    load_starter(activate=True)
    scored = run_scoring()
    assert scored.state == "done", scored.message
    say(f"  {scored.sites} sites scored by the starter models")


def _record(row: StandIn) -> SiteRecord:
    company = CompanyRecord(
        business_id=row.business_id, name=row.company, form="16", status=row.status,
        industry=("TOL2025", row.trade), municipality=row.municipality.code, address=row.street,
        registered_on=row.registered_on, raw={"businessId": row.business_id},
        names=[(row.company, "trade", "", row.registered_on, None)],
        registrations=[("trade", "1", row.registered_on, None)],
    )  # fmt: skip
    return SiteRecord(
        source_key=row.business_id, name=row.site, name_sv=row.site_sv, kind=row.premises,
        company=company, industry=("TOL2025", row.trade), municipality=row.municipality.code,
        address=row.street, longitude=row.longitude, latitude=row.latitude,
        staff_estimate=row.staff, opened_on=row.registered_on,
        status="closed" if row.status == "ceased" else "active",
    )  # fmt: skip


def _registrations(struck: dict[str, dt.date]) -> None:
    companies = Company.objects.filter(source=SOURCE).order_by("business_id")
    CompanyRegistration.objects.bulk_create(
        [
            CompanyRegistration(
                company=company, register="prepayment", entry="55",
                valid_from=company.registered_on, valid_to=struck.get(company.business_id or ""),
                source=SOURCE,
            )
            for company in companies
        ],
        ignore_conflicts=True,
    )  # fmt: skip


def stable_id(*parts: object) -> uuid.UUID:
    """The same id for the same thing each time the set is loaded."""
    return uuid.uuid5(uuid.NAMESPACE_URL, "tarkka-demo/" + "/".join(map(str, parts)))


def _fixed_ids() -> None:
    for model, key in ((Site, "source_key"), (Company, "business_id")):
        rows = list(model.objects.filter(source=SOURCE).order_by("pk"))  # type: ignore[attr-defined]
        for row in rows:
            row.public_id = stable_id(model.__name__, getattr(row, key))
        model.objects.bulk_update(rows, ["public_id"], batch_size=1_000)  # type: ignore[attr-defined]


def _past_visits(today: dt.date) -> None:
    """Visits of the last six years at a third of the sites; some kept by their authority alone."""
    rng = random.Random(7)
    makers = list(
        Authority.objects.filter(code__in=["LVV_OSH", "TAX", "LVV_ALCOHOL", "POLICE"]).order_by(
            "code"
        )
    )
    visits = []
    for site in Site.objects.filter(source=SOURCE).order_by("source_key"):
        if rng.random() > 0.34:
            continue
        for number in range(rng.choice((1, 1, 2, 3))):
            maker = rng.choice(makers)
            on = today - dt.timedelta(days=rng.randint(60, 2_200))
            outcome = rng.choices(
                ("no_remarks", "minor", "serious", "severe", "not_possible"), (48, 30, 14, 3, 5)
            )[0]
            visits.append(
                PastVisit(
                    public_id=stable_id("past", site.source_key, number), site=site,
                    authority=maker, shared=rng.random() < 0.7, on=on, kind="inspection",
                    outcome=outcome, source=f"{SOURCE}:{maker.code}",
                    source_key=f"{site.source_key}#{number}",
                )
            )  # fmt: skip
    PastVisit.objects.bulk_create(visits, ignore_conflicts=True, batch_size=1_000)


def capacity(actor: Actor) -> dict[str, object]:
    """What an authority of the set offers."""
    days = {"LVV_OSH": 6, "TAX": 4, "POLICE": 3, "BORDER": 3, "LVV_ALCOHOL": 2}
    return {
        "unit": actor.unit,
        "inspector_days_per_week": Decimal(days.get(actor.authority.code, 2)),
        "competences": "",
        "contact": actor.user,
    }
