"""Indicators: what a draft needs, who publishes, and that what is published stays as it is."""

import pytest
from django.db import DatabaseError, transaction

from audit.context import acting_as
from audit.errors import Conflict, NotAllowed, RuleViolation
from audit.models import Event
from risk.models import Indicator, IndicatorVersion
from risk.services.indicators import (
    change_indicator,
    draft_indicator,
    drop_indicator_draft,
    new_indicator_version,
    problems,
    publish_indicator,
    retire_indicator,
)
from tests.factories import make_actor
from tests.risk.govern.factories import BINS, COUNT, complete, published

pytestmark = pytest.mark.django_db


@pytest.fixture
def analyst():
    return make_actor("OSH", "analyst")


def test_a_complete_draft_is_published_and_told(analyst):
    draft = draft_indicator(actor=analyst, authority=analyst.authority, **complete())
    assert problems(draft) == []
    version = publish_indicator(actor=analyst, version=draft)
    assert (version.state, version.indicator.told) == ("published", True)
    assert Event.objects.filter(verb="indicator.published").get().data["number"] == 1


@pytest.mark.parametrize(
    ("missing", "words"),
    [
        ({"sentence_sv": ""}, "needs {value}"),
        ({"sentence_en": "Findings of {site}: {value}"}, "needs {value}"),
        ({"name_sv": ""}, "every language"),
        ({"ground_text": " "}, "legal ground"),
        ({"bins": []}, "one line"),
        ({"bins": [{"below": 3, "points": 1}, {"below": 1, "points": 2},
                   {"below": None, "points": 3}]}, "rise from line to line"),
        ({"bins": [{"below": 3, "points": 9}, {"below": None, "points": 3}]}, "may not fall"),
        ({"definition": {"measure": "count"}}, "within_days"),
        ({"definition": {"measure": "nothing"}}, "measure"),
        ({"bins": [{"is": ["56"], "points": 1}, {"is": None, "points": 0}]}, "is a number"),
    ],
)  # fmt: skip
def test_what_is_missing_is_said_before_publishing(analyst, missing, words):
    draft = draft_indicator(actor=analyst, authority=analyst.authority, **complete(**missing))
    with pytest.raises(RuleViolation, match=words):
        publish_indicator(actor=analyst, version=draft)
    draft.refresh_from_db()
    assert draft.state == "draft"


def test_direction_down_wants_falling_points(analyst):
    draft = draft_indicator(
        actor=analyst, authority=analyst.authority, **complete(direction="down")
    )
    with pytest.raises(RuleViolation, match="may not rise"):
        publish_indicator(actor=analyst, version=draft)


def test_what_is_never_used_cannot_even_be_a_draft(analyst):
    definition = {"measure": "last", "kind": "posted_workers", "field": "nationality"}
    with pytest.raises(RuleViolation, match="Never used") as refused:
        draft_indicator(
            actor=analyst, authority=analyst.authority,
            **complete(source="facts", definition=definition),
        )  # fmt: skip
    assert "nationality" in str(refused.value)
    assert not Indicator.objects.exists()


def test_a_sealed_indicator_needs_an_owner(analyst):
    with pytest.raises(RuleViolation, match="needs an owner"):
        draft_indicator(actor=analyst, authority=None, **complete(visibility="sealed"))


def test_a_shared_indicator_is_published_by_another_person(analyst):
    draft = draft_indicator(actor=analyst, authority=None, **complete())
    with pytest.raises(NotAllowed, match="not written in it"):
        publish_indicator(actor=analyst, version=draft)
    other = make_actor("TAX", "analyst")
    with pytest.raises(NotAllowed):
        change_indicator(actor=other, version=draft, shown=1, **complete(unit="visits"))
    assert publish_indicator(actor=other, version=draft).state == "published"


def test_only_analysts_of_the_authority_write(analyst):
    draft = draft_indicator(actor=analyst, authority=analyst.authority, **complete())
    with pytest.raises(NotAllowed):
        draft_indicator(actor=make_actor("OSH", "coordinator"), authority=None, **complete())
    with pytest.raises(NotAllowed):
        draft_indicator(
            actor=make_actor("TAX", "analyst"), authority=analyst.authority, **complete()
        )
    with pytest.raises(IndicatorVersion.DoesNotExist):
        publish_indicator(actor=make_actor("TAX", "manager"), version=draft)


def test_a_published_version_is_never_changed(analyst):
    version = published(analyst)
    with pytest.raises(Conflict):
        change_indicator(actor=analyst, version=version, shown=1, **complete(cap=5))
    with pytest.raises(DatabaseError), transaction.atomic():
        IndicatorVersion.objects.filter(pk=version.pk).update(cap=5)
    draft = new_indicator_version(actor=analyst, indicator=version.indicator)
    assert (draft.number, draft.bins, draft.definition) == (2, BINS, COUNT)
    assert new_indicator_version(actor=analyst, indicator=version.indicator).pk == draft.pk
    publish_indicator(actor=analyst, version=draft)
    version.refresh_from_db()
    assert version.state == "retired"


def test_open_never_becomes_sealed_nor_the_other_way(analyst):
    version = published(analyst)
    draft = new_indicator_version(actor=analyst, indicator=version.indicator)
    draft = change_indicator(actor=analyst, version=draft, shown=1, **complete(visibility="sealed"))
    with pytest.raises(RuleViolation, match="stays sealed"):
        publish_indicator(actor=analyst, version=draft)


def test_two_editors_of_one_draft_do_not_overwrite_each_other(analyst):
    draft = draft_indicator(actor=analyst, authority=analyst.authority, **complete())
    change_indicator(actor=analyst, version=draft, shown=1, **complete(unit="visits"))
    with pytest.raises(Conflict, match="Somebody has changed"):
        change_indicator(actor=analyst, version=draft, shown=1, **complete(unit="days"))


def test_a_dropped_first_draft_leaves_nothing_and_retiring_keeps_the_row(analyst):
    draft = draft_indicator(actor=analyst, authority=analyst.authority, **complete())
    drop_indicator_draft(actor=analyst, version=draft)
    assert not Indicator.objects.exists()
    version = retire_indicator(actor=analyst, version=published(analyst))
    assert version.state == "retired"
    with pytest.raises(Conflict):
        retire_indicator(actor=analyst, version=version)


def test_a_sealed_indicator_does_not_exist_for_others(analyst):
    version = published(analyst, visibility="sealed")
    other = make_actor("TAX", "analyst")
    assert not version.indicator.told
    with transaction.atomic(), acting_as(other):
        assert not Indicator.objects.filter(pk=version.indicator.pk).exists()
        assert not IndicatorVersion.objects.filter(pk=version.pk).exists()
    events = Event.objects.filter(verb__startswith="indicator.")
    assert not events.visible_to(other).exists()
    assert events.visible_to(make_actor("OSH", "manager")).count() == 2
