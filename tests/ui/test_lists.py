"""Every list costs the same number of queries, whatever its length."""

import uuid
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import get_resolver, reverse
from django.utils import timezone

from authorities.models import Competence, Ground
from feedback.services import open_measure
from risk.models import (
    Indicator,
    IndicatorVersion,
    ModelIndicator,
    ModelVersion,
    Report,
    RiskModel,
    ScoringRun,
)
from targets.models import Dataset, Erasure, ImportMapping, ImportRun, MatchPair
from tests.factories import (
    Cast,
    make_company,
    make_ground,
    make_past_visit,
    make_signal,
    make_site,
)
from ui.lists import ListPage
from worklist.services import create_task, notify

pytestmark = pytest.mark.django_db

# Queries of a page in full: session, person, place, groups, inbox count, then the list itself.
PINNED = {
    "planning:operation_list": 14,
    "targets:site_list": 15,
    "targets:company_list": 10,
    "targets:import_list": 9,
    "targets:mapping_list": 9,
    "targets:signal_list": 12,
    "targets:dataset_list": 11,
    "targets:erasure_list": 9,
    "targets:pair_list": 11,
    "risk:indicator_list": 12,
    "risk:model_list": 9,
    "risk:run_list": 9,
    "worklist:task_list": 10,
    "worklist:inbox": 9,
    "worklist:my_work": 8,
    "feedback:measure_list": 15,
    "feedback:outcome_list": 15,
    "feedback:inbox": 12,
    "feedback:report_list": 11,
    "authorities:authority_list": 9,
    "authorities:competence_list": 16,
    "authorities:ground_list": 19,
    "authorities:access_list": 9,
}


def grow(cast: Cast, rows: int) -> None:
    """Put ``rows`` more things of every kind into the lists."""
    lead, osh = cast.lead, cast.actors["OSH", "inspector"]
    for number in range(rows):
        make_past_visit(make_site(), shared=True)
        MatchPair.objects.create(site_a=make_site(), site_b=make_site(), probability=0.9)
        MatchPair.objects.create(
            company_a=make_company(), company_b=make_company(), probability=0.9
        )
        create_task(actor=lead, title=f"T{number}", assignee=lead.user)
        notify(recipient=lead.user, authority=lead.authority, kind="x")
        ImportRun.objects.create(
            kind="sites", format="x", file_name="f.csv", authority=lead.authority
        )
        ImportMapping.objects.create(
            code=f"m-{ImportMapping.objects.count()}", name="M", kind="sites",
            authority=lead.authority,
        )  # fmt: skip
        open_measure(
            actor=osh, visit=cast.visits()[0], kind="advice", deadline=timezone.localdate()
        )
        ground = make_ground(f"G-{Ground.objects.count()}", ["OSH"], ["TAX"], "tip")
        make_signal(lead)
        Dataset.objects.create(
            authority=lead.authority, created_by=lead.user, title="S", kind="tip", ground=ground,
            purpose="p", expires_on=timezone.localdate(),
        )  # fmt: skip
        Erasure.objects.create(
            authority=lead.authority, what="signal", item=uuid.uuid4(), rows=1, digest="0" * 64,
            expired_on=timezone.localdate(),
        )  # fmt: skip
        Competence.objects.create(authority=lead.authority, action="enter", text_fi="x")
        grow_risk(lead)


def grow_risk(lead: Any) -> None:
    indicator = Indicator.objects.create(
        code=f"i-{Indicator.objects.count()}", authority=lead.authority, told=True
    )
    row = IndicatorVersion.objects.create(
        indicator=indicator, number=1, state="published", published_at=timezone.now(),
        source="visits", name_fi="I", ground_text="x", bins=[{"below": None, "points": 1}],
    )  # fmt: skip
    model = RiskModel.objects.create(
        code=f"m-{RiskModel.objects.count()}", authority=lead.authority, name_fi="M",
        outcomes=["serious"],
    )  # fmt: skip
    version = ModelVersion.objects.create(model=model, number=1)
    ModelIndicator.objects.create(version=version, indicator=row, place=0)
    Report.objects.create(version=version, kind="backtest", state="done")
    run = ScoringRun.objects.create(as_of=timezone.localdate(), known_at=timezone.now())
    run.versions.add(version)
    ScoringRun.objects.filter(pk=run.pk).update(state="done")


def costs(client) -> dict[str, int]:
    found = {}
    for name in PINNED:
        client.get(reverse(name))
        with CaptureQueriesContext(connection) as captured:
            assert client.get(reverse(name), {"per_page": 100}).status_code == 200
        found[name] = len(captured)
    return found


def test_lists_cost_the_same_whatever_their_length(as_user):
    cast = Cast()
    cast.to("feedback", sites=2)
    grow(cast, 1)
    place = cast.lead.membership
    place.roles = [*place.roles, "manager"]  # reads the access log too
    place.save()
    client = as_user(cast.lead)
    few = costs(client)
    grow(cast, 25)
    second = Cast()
    second.to("feedback", sites=8)
    many = costs(client)
    assert many == few
    assert few == PINNED


def test_every_list_is_among_those_measured():
    """A new list joins the table above."""
    get_resolver().url_patterns  # importing the addresses imports every list
    others = {
        "candidates",
        "pool",
        "people",
        "mails",
    }  # measured through the lists they are made of
    assert (
        len(set(ListPage.registry) - others) == len(PINNED) - 3
    )  # my work, the models and their runs are no ListPage
