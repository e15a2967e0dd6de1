"""A small world of risk: indicators, models and results of visits, through the services."""

import datetime as dt
import random
from typing import Any

from django.db import transaction
from django.utils import timezone

from authorities.actors import Actor
from risk.models import IndicatorVersion, Label, ModelVersion, Report
from risk.report_readers import reduced
from risk.services import reports
from risk.services.indicators import draft_indicator, publish_indicator
from risk.services.models import Part, change_model, create_model
from targets.models import Fact, PastVisit
from tests.factories import make_actor, make_company, make_site

BINS = [{"below": 1, "points": 0}, {"below": 3, "points": 10}, {"below": None, "points": 25}]
WORDS = {
    "name_fi": "Aiemmat havainnot", "name_sv": "Tidigare fynd", "name_en": "Earlier findings",
    "sentence_fi": "Aiempia havaintoja: {value}", "sentence_sv": "Tidigare fynd: {value}",
    "sentence_en": "Earlier findings: {value}", "ground_text": "Act 44/2006, section 4",
}  # fmt: skip
COUNT = {"measure": "count", "outcomes": ["serious", "severe"], "within_days": 3650}


def complete(**values: Any) -> dict[str, Any]:
    """Everything an indicator needs before it can be published."""
    return WORDS | {
        "source": "visits", "definition": COUNT, "direction": "up", "bins": BINS,
    } | values  # fmt: skip


def published(actor: Actor, *, shared: bool = False, **values: Any) -> IndicatorVersion:
    """A published indicator; a shared one is published by somebody else of the same authority."""
    draft = draft_indicator(
        actor=actor, authority=None if shared else actor.authority, **complete(**values)
    )
    by = make_actor(actor.authority, "analyst") if shared else actor
    return publish_indicator(actor=by, version=draft)


def drafted(actor: Actor, *indicators: IndicatorVersion, **values: Any) -> ModelVersion:
    """A draft model with indicators."""
    defaults: dict[str, Any] = {
        "name_fi": "Palkkariski", "name_en": "Pay risk", "outcomes": ["serious", "severe"],
    }  # fmt: skip
    version = create_model(actor=actor, **(defaults | values))
    if indicators:
        version = change_model(
            actor=actor, version=version, shown=version.edits, parts=[Part(i) for i in indicators]
        )
    return version


def test_now(actor: Actor, version: ModelVersion, kind: str, **params: Any) -> Report:
    """Ask for a test and do it at once, as a worker would."""
    with transaction.atomic():
        report = reports.new_report(actor=actor, version=version, kind=kind, **params)
    claimed = reports.claim(report.pk)
    assert claimed is not None
    done = reports.perform(claimed)
    version.refresh_from_db()
    return done


test_now.__test__ = False  # type: ignore[attr-defined]


def told_anew(report: Report) -> None:
    """Store the whole results as a test has put them, and what others read of them."""
    report.results = reduced(report.kind, report.whole.results)
    report.whole.save()
    report.save()


def audited(analyst: Actor, *indicators: IndicatorVersion, **values: Any) -> ModelVersion:
    """A version that has passed backtest and audit (with too few results to be stopped)."""
    version = drafted(analyst, *indicators, **values)
    test_now(analyst, version, "backtest")
    test_now(analyst, version, "audit")
    assert version.state == "audited", version.state
    return version


def results(
    authority: str = "OSH", sites: int = 60, rounds: int = 8, seed: int = 1, proxy: bool = False
) -> None:
    """Visits over three years: some sites are found wanting again and again, most hardly ever.

    Sites come in pairs with the same results; with ``proxy`` one of each pair sends notifications
    of posted workers, so that these say nothing of what is found.
    """
    chance = random.Random(seed)
    today = timezone.localdate()
    actor = make_actor(authority)
    places = []
    for number in range(sites):
        company = make_company(registered_on=today - dt.timedelta(days=9000))
        places.append(make_site(company=company))
        if proxy and number % 2:
            Fact.objects.create(
                company=company, kind="posted_workers", value={"workers": 5 + number % 7},
                valid_from=today - dt.timedelta(days=2000),
                known_from=timezone.now() - dt.timedelta(days=2000), source="test",
                source_key=str(number), authority=actor.authority, shared=True,
            )  # fmt: skip
    rows = []
    for turn in range(rounds):
        for place, site in enumerate(places):
            pair = place // 2
            if place % 2 == 0:
                found = chance.random() < (0.6 if pair % 5 == 0 else 0.08)
            day = today - dt.timedelta(days=100 + (rounds - turn) * 125 - (pair * 7) % 120)
            rows.append(
                PastVisit(
                    site=site, authority=actor.authority, on=day, shared=True, source="test",
                    source_key=f"{authority}-{turn}-{place}",
                    outcome="serious" if found else "no_remarks",
                )
            )  # fmt: skip
    for number, visit in enumerate(PastVisit.objects.bulk_create(rows)):
        lot = number // 2 % 4 == 0
        Label.objects.create(
            visit=visit, arm="random" if lot else "chosen", probability=0.1, origin="register",
            known_from=timezone.now(),
        )  # fmt: skip
