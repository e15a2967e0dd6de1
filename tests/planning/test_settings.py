"""What the lead sets reaches the proposal, and its page says in plain words what more of it does."""

from decimal import Decimal

import pytest
from django.urls import reverse

from planning.models import Capacity, SelectionQuota
from planning.services import inputs
from tests.factories import Cast, make_industry, set_rules
from tests.planning.test_runs import plan, selecting

pytestmark = pytest.mark.django_db


def test_each_setting_says_what_more_of_it_does(as_user):
    cast = selecting()
    page = reverse("planning:criteria", args=[cast.operation.public_id])
    text = as_user(cast.lead).get(page).content.decode()
    others = as_user(cast.actors["TAX", "coordinator"]).get(page).content.decode()
    assert "Save the weights" not in others
    for words in (
        "going together costs less travel", "taken off for each visit that a minimum lacks",
        "fewer visits, with more days each", "firms of many sites may be visited oftener",
        "each one more doubles the teams",
    ):  # fmt: skip
        assert words in text, words
        assert words in others, words  # whoever may not change it is told the effect too


def test_teams_are_no_larger_than_was_set():
    cast = selecting()
    for nomination in cast.operation.nominations.all():
        others = [c for c in Cast.CODES if c != nomination.authority.code]
        for code in others:
            cast.operation.nominations.create(
                site=nomination.site, authority=cast.actors[code, "coordinator"].authority,
                participation=cast.place(code), rating=4, reason="x",
                created_by=cast.actors[code, "coordinator"].user,
            )  # fmt: skip
    assert max(len(p.team) for p in plan(cast).proposals.all()) > 1
    set_rules(cast.operation, most_authorities=1)
    run = plan(cast)
    assert run.inputs["rules"]["most_authorities"] == 1
    assert {len(p.team) for p in run.proposals.all()} == {1}


def test_a_dear_minimum_is_kept_and_a_cheap_one_is_missed(as_user):
    cast = selecting(sites=4)
    best, poor = cast.sites[0], cast.sites[3]  # both wanted by the lead alone
    poor.industry = make_industry("81", "Cleaning")
    poor.save()
    cast.operation.nominations.filter(site=poor).update(rating=1)
    Capacity.objects.create(
        operation=cast.operation, authority=cast.lead.authority, days=Decimal("0.5")
    )
    SelectionQuota.objects.create(operation=cast.operation, industry=poor.industry, minimum=1)
    for penalty, site in (("0.05", best), ("5", poor)):
        set_rules(cast.operation, penalty=penalty)
        run = plan(cast)
        chosen = set(run.proposals.values_list("site_id", flat=True))
        assert chosen & {best.pk, poor.pk} == {site.pk}, penalty
        page = reverse("planning:run", args=[run.public_id])
        text = as_user(cast.lead).get(page).content.decode()
        lack = f"{poor.industry.name}: 1 visit is missing of at least 1"
        assert (lack in text) == (site == best)


def test_travel_saved_by_going_together_is_a_weight_of_the_operation():
    cast = selecting()
    set_rules(cast.operation, car_pool="0.25")
    frozen = inputs.freeze(cast.operation)
    assert frozen["weights"]["car_pool"] == 0.25
    assert inputs.problem_of(frozen).weights.car_pool == 0.25
