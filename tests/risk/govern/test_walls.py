"""What an authority keeps to itself of how it chooses: nothing of it shows anywhere for another.

Two worlds that differ only in sealed indicators and models of one's own give everybody else the
same pages, word for word.
"""

import re

import pytest
import time_machine
from django.db import connection, transaction
from django.urls import reverse
from django.utils import timezone

from audit.context import acting_as
from risk.models import ReportStep
from risk.services.approvals import approve_model
from risk.services.indicators import draft_indicator
from risk.services.models import activate_model
from tests.factories import make_actor
from tests.isolation.test_matrix import plain
from tests.isolation.test_recusal import text_of
from tests.isolation.test_two_worlds import in_world, sign_in
from tests.risk.govern.factories import audited, complete, drafted, published, test_now

pytestmark = pytest.mark.django_db
SECRET = {"name_fi": "Salainen", "name_sv": "Hemlig", "name_en": "Secret", "unit": "Secret unit"}


@pytest.fixture
def world():
    """OSH has an open and a level indicator in a joint model in use; TAX and POL look."""
    analyst, manager = make_actor("OSH", "analyst"), make_actor("OSH", "manager")
    level = published(analyst, visibility="level", name_en="Level one",
                      definition={"measure": "days_since"},
                      bins=[{"below": 777, "points": 0}, {"below": None, "points": 9}])  # fmt: skip
    version = audited(analyst, published(analyst), level)
    for actor in (manager, make_actor("TAX", "manager")):
        approve_model(actor=actor, version=version, reason="r", shown_hash=version.content_hash)
    activate_model(actor=manager, version=version)
    mine = drafted(make_actor("TAX", "analyst"))
    watchers = [make_actor("TAX", role) for role in ("analyst", "manager", "coordinator")]
    return analyst, level, version, mine, watchers


def pages(level, version, mine) -> list[str]:
    listed = reverse("risk:indicator_list")
    return [
        listed, f"{listed}?export=csv", f"{listed}?state=published", f"{listed}?visibility=sealed",
        f"{listed}?source=visits&sort=-name", f"{listed}?authority=OSH",
        reverse("risk:indicator_create"), reverse("risk:model_list"),
        reverse("risk:indicator_detail", args=[level.indicator.public_id]),
        reverse("risk:model_detail", args=[version.public_id]),
        reverse("risk:model_card", args=[version.public_id]),
        reverse("risk:model_edit", args=[mine.public_id]),
        reverse("risk:method"), reverse("risk:method_json"), reverse("risk:method_html"),
        reverse("worklist:my_work"), f"{reverse('ui:search')}?q=Secret",
    ]  # fmt: skip


def answers(world) -> dict:
    _analyst, level, version, mine, watchers = world
    found = {}
    for actor in watchers:
        client = sign_in(actor)
        for page in pages(level, version, mine):
            answer = client.get(page)
            kind = answer.get("Content-Type", "")
            words = text_of(answer) if "pdf" in kind else plain(answer)
            found[actor.membership.roles[0], page] = f"{answer.status_code} {words}"
    return found


def test_two_worlds_with_and_without_secrets_look_the_same(world):
    analyst = world[0]

    def secrets() -> None:
        sealed = published(analyst, visibility="sealed", **SECRET)
        draft_indicator(actor=analyst, authority=analyst.authority, **complete(**SECRET))
        own = drafted(analyst, sealed, joint=False, name_fi="Salainen", name_en="Secret model")
        test_now(analyst, own, "backtest")
        test_now(analyst, own, "audit")

    with time_machine.travel(timezone.now(), tick=False):
        without = in_world(lambda: None, lambda: answers(world))
        with_them = in_world(secrets, lambda: answers(world))
    assert set(without) == set(with_them)
    different = [key for key, words in without.items() if with_them[key] != words]
    assert different == []
    assert any(words.startswith("200") for words in without.values())


def test_the_owner_sees_its_secrets(world):
    analyst = world[0]
    published(analyst, visibility="sealed", **SECRET)
    page = sign_in(analyst).get(reverse("risk:indicator_list")).content.decode()
    assert "Secret unit" in page


def test_an_owner_known_only_by_a_secret_is_not_offered_as_filter(world):
    tax = world[4][0]
    published(make_actor("POL", "analyst"), visibility="sealed", **SECRET)
    page = sign_in(tax).get(reverse("risk:indicator_list")).content.decode()
    assert 'value="OSH"' in page
    assert 'value="POL"' not in page


def test_of_a_level_indicator_others_see_points_and_no_more(world):
    _analyst, level, version, _mine, watchers = world
    client = sign_in(watchers[0])
    for page in (
        reverse("risk:indicator_detail", args=[level.indicator.public_id]),
        reverse("risk:model_detail", args=[version.public_id]),
        reverse("risk:model_card", args=[version.public_id]),
    ):
        answer = client.get(page)
        words = text_of(answer) if "pdf" in answer["Content-Type"] else answer.content.decode()
        assert "Level one" in words
        assert not re.search(r"\b777\b|days since the latest", words), page
    own = sign_in(world[0]).get(reverse("risk:indicator_detail", args=[level.indicator.public_id]))
    assert "777" in own.content.decode()


def test_a_foreign_draft_cannot_be_previewed(world):
    analyst, watchers = world[0], world[4]
    draft = draft_indicator(actor=analyst, authority=analyst.authority, **complete(**SECRET))
    address = f"{reverse('risk:indicator_preview')}?version={draft.public_id}"
    assert sign_in(watchers[0]).post(address, {}).status_code == 404
    assert sign_in(watchers[0]).post(
        f"{reverse('risk:indicator_preview')}?version=x", {}
    ).status_code == 404  # fmt: skip


def test_raw_sql_of_another_authority_finds_nothing_sealed(world):
    analyst, watchers = world[0], world[4]
    sealed = published(analyst, visibility="sealed", **SECRET)
    own = drafted(analyst, sealed, joint=False)
    report = test_now(analyst, own, "backtest")
    ReportStep.objects.create(report=report, key="window:0", content={"score": [1]})
    joint = world[2].reports.first()
    ReportStep.objects.create(report=joint, key="window:0", content={"score": [1]})
    with transaction.atomic(), acting_as(watchers[0]), connection.cursor() as cursor:
        for statement in (
            "SELECT 1 FROM risk_indicatorversion WHERE visibility = 'sealed'",
            "SELECT 1 FROM risk_indicator WHERE NOT told",
            "SELECT 1 FROM risk_riskmodel WHERE NOT joint",
            f"SELECT 1 FROM risk_modelversion WHERE id = {own.pk}",
            f"SELECT 1 FROM risk_modelindicator WHERE version_id = {own.pk}",
            f"SELECT 1 FROM risk_report WHERE version_id = {own.pk}",
            "SELECT 1 FROM risk_reportstep",  # scores of single visits, also of joint models
        ):
            cursor.execute(statement)
            assert cursor.fetchall() == [], statement
