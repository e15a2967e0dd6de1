"""What if a quota were another: asked on the page of a proposal, answered with the difference."""

import pytest
from django.urls import reverse

from audit.errors import RuleViolation
from planning.models import RunKind, SelectionQuota, SelectionRun
from planning.services import changes, runs
from tests.factories import Cast, make_region
from tests.planning.test_runs import plan

pytestmark = pytest.mark.django_db
KEY = "01//"


@pytest.fixture
def cast(db: None) -> Cast:
    cast = Cast()
    cast.to("selecting", sites=6)
    return cast


def address(run: SelectionRun) -> str:
    return reverse("planning:run", args=[run.public_id])


def answered(client, run: SelectionRun, **asked: str) -> str:
    made = client.post(address(run), {"kind": "what_if"} | asked)
    assert made.status_code == 302, made.content.decode()
    question = SelectionRun.objects.filter(kind=RunKind.WHAT_IF).latest("number")
    done = runs.perform(runs.claim(question.pk))
    assert done.state == "done", done.message
    return client.get(address(done)).content.decode()


def test_a_lower_and_no_limit_of_a_region_change_the_visits(cast, as_user):
    SelectionQuota.objects.create(operation=cast.operation, region=make_region(), maximum=3)
    run = plan(cast)
    assert run.proposals.count() == 3
    client = as_user(cast.lead)
    page = client.get(address(run)).content.decode()
    assert "Uusimaa: at most 3" in page
    text = answered(client, run, quota=KEY, maximum="1")
    assert "Quota: Uusimaa: at most 1" in text
    last = SelectionRun.objects.latest("number")
    assert last.change == {"maximum": {KEY: 1}}
    assert len(last.result["difference"]["left"]) == 2
    answered(client, run, quota=KEY, no_maximum="on")
    last = SelectionRun.objects.latest("number")
    assert last.inputs["quotas"][0]["maximum"] is None
    assert len(last.result["difference"]["entered"]) == 3


def test_a_minimum_forces_visits_in(cast, as_user):
    SelectionQuota.objects.create(operation=cast.operation, region=make_region(), maximum=2)
    run = plan(cast)
    answered(as_user(cast.lead), run, quota=KEY, minimum="4", maximum="4")
    last = SelectionRun.objects.latest("number")
    assert last.change == {"minimum": {KEY: 4}, "maximum": {KEY: 4}}
    assert len(last.result["difference"]["entered"]) == 2


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ({"quota": KEY}, "Choose the quota and give at least how many or at most how many."),
        ({"minimum": "2"}, "Choose the quota and give at least how many or at most how many."),
        ({"quota": KEY, "maximum": "1", "no_maximum": "on"}, "Give an upper limit, or none."),
        ({"quota": KEY, "minimum": "3"}, "The most lies below the least."),
    ],
)
def test_half_a_question_is_sent_back_in_words(cast, as_user, asked, words):
    SelectionQuota.objects.create(operation=cast.operation, region=make_region(), maximum=2)
    run = plan(cast)
    answer = as_user(cast.lead).post(address(run), {"kind": "what_if"} | asked)
    assert answer.status_code == 422
    assert words in answer.content.decode()
    assert SelectionRun.objects.count() == 1


def test_without_quotas_none_is_asked_for(cast, as_user):
    run = plan(cast)
    text = as_user(cast.lead).get(address(run)).content.decode()
    assert 'name="quota"' not in text
    for name in ("minimum", "maximum"):
        with pytest.raises(RuleViolation, match="not set"):
            changes.check(run.inputs, {name: {KEY: 1}})
