"""Whatever the lottery draws can be planned: firms, single authorities' days, pins and exclusions."""

from decimal import Decimal

import pytest
from django.urls import reverse

from audit.errors import RuleViolation
from planning.models import Capacity, Draw, Fixed, SelectionQuota
from planning.optimise import lottery as method
from planning.services import inputs, lottery
from planning.services.pool import add_to_pool
from planning.workdays import weeks
from targets.models import Site
from tests.factories import (
    Cast,
    make_available,
    make_company,
    make_industry,
    make_region,
    make_site,
    set_rules,
)
from tests.planning.test_runs import pin, plan

pytestmark = pytest.mark.django_db


def with_pool(sites: list[Site], share: int = 50, **rules) -> Cast:
    cast = Cast()
    cast.to("selecting", sites=3)
    add_to_pool(actor=cast.lead, operation=cast.operation,
                sites=Site.objects.filter(pk__in=[s.pk for s in sites]))  # fmt: skip
    make_available(cast.operation)
    set_rules(cast.operation, random_share=share, no_draw="", **rules)
    return cast


def days(cast: Cast, code: str, a_week: str) -> None:
    Capacity.objects.create(
        operation=cast.operation, authority=cast.actors[code, "coordinator"].authority,
        days=Decimal(a_week),
    )  # fmt: skip


def drawn(cast: Cast) -> Draw:
    lottery.commit(actor=cast.lead, operation=cast.operation)
    return lottery.draw(actor=cast.lead, operation=cast.operation)


@pytest.mark.parametrize("periods", ["window", "weeks"])
def test_one_firm_and_one_authority_with_few_days_leave_a_plan(periods):
    firm = make_company()
    cast = with_pool([make_site(company=firm) for _ in range(12)], periods=periods)
    days(cast, "POL", "0.5")
    row = drawn(cast)
    sites = list(row.sites.select_related("site"))
    assert sites
    firms = [d.site.company_id for d in sites]
    assert len(set(firms)) == len(firms)
    random = plan(cast).proposals.filter(arm="random")
    assert {p.site_id: p.team for p in random} == {d.site_id: d.team for d in sites}


def test_fewer_are_drawn_than_the_share_gives_and_the_page_says_why(as_user):
    cast = with_pool([make_site() for _ in range(12)])
    days(cast, "POL", "0.5")
    row = drawn(cast)
    assert 0 < row.sites.count() == row.frame["draws"] < row.frame["wanted"]
    page = reverse("planning:runs", args=[cast.operation.public_id])
    text = as_user(cast.lead).get(page).content.decode()
    assert f"drawn: the share would give {row.frame['wanted']}, more are not sure to fit" in text
    police = cast.actors["POL", "coordinator"].authority
    assert f"inspector-days of {police.short}" in text
    plan(cast)


def test_an_authority_without_days_does_not_hold_the_draw_back():
    cast = with_pool([make_site() for _ in range(12)])
    days(cast, "POL", "0")
    row = drawn(cast)
    police = cast.actors["POL", "coordinator"].authority.pk
    assert row.sites.count() == row.frame["wanted"] > 2
    assert all(d.team and police not in d.team for d in row.sites.all())
    plan(cast)


def test_pinned_and_excluded_sites_are_not_left_to_chance():
    cast = with_pool([make_site() for _ in range(4)])
    pin(cast, cast.sites[0])
    pin(cast, cast.sites[1], fixed=Fixed.EXCLUDED)
    row = drawn(cast)
    keys = {one[0] for one in row.frame["rows"]}
    assert not keys & {str(site.public_id) for site in cast.sites[:2]}
    assert str(cast.sites[2].public_id) in keys
    assert cast.sites[0].pk in set(plan(cast).proposals.values_list("site_id", flat=True))


def test_a_limit_that_leaves_no_room_is_named_before_anything_is_frozen():
    cast = with_pool([make_site() for _ in range(4)])
    SelectionQuota.objects.create(operation=cast.operation, region=make_region(), maximum=2)
    for site in cast.sites[:2]:
        pin(cast, site)
    with pytest.raises(RuleViolation, match="nothing to draw from"):
        lottery.commit(actor=cast.lead, operation=cast.operation)
    assert not cast.operation.draws.exists()


def test_hard_minimums_are_held_back_from_the_draw():
    """Half of four visits would be drawn; three are those of the minimum."""
    rare = make_industry("55", "Hotels")
    hotels = [make_site(industry=rare) for _ in range(3)]
    cast = with_pool([make_site() for _ in range(12)] + hotels)
    operation = cast.operation
    for site in hotels:  # to go there undrawn, somebody must want to
        operation.nominations.create(
            site=site, authority=cast.lead.authority, participation=cast.place("OSH"), rating=3,
            reason="x", created_by=cast.lead.user,
        )  # fmt: skip
    weeks_long = sum(n for _week, n in weeks(operation.window_start, operation.window_end)) / 5
    for code in ("OSH", "TAX", "POL"):  # a visit takes each a day and a half
        days(cast, code, f"{6.4 / weeks_long:.1f}")
    SelectionQuota.objects.create(operation=operation, industry=rare, minimum=3, hard=True)
    row = drawn(cast)
    assert (row.frame["draws"], row.frame["wanted"]) == (1, 2)
    visited = set(plan(cast).proposals.values_list("site_id", flat=True))
    assert {site.pk for site in hotels} <= visited


def test_a_minimum_that_no_draw_can_leave_whole_is_named_before_anything_is_frozen():
    cast = with_pool([make_site() for _ in range(4)])
    SelectionQuota.objects.create(
        operation=cast.operation, region=make_region(), minimum=50, hard=True
    )
    with pytest.raises(RuleViolation, match="at least so many visits, by all means"):
        lottery.commit(actor=cast.lead, operation=cast.operation)
    assert not cast.operation.draws.exists()


def test_who_visits_is_settled_by_the_draw_and_not_by_what_is_nominated_after_it():
    cast = with_pool([make_site() for _ in range(4)])
    days(cast, "POL", "0")
    row = drawn(cast)
    one = row.sites.exclude(site__in=cast.sites).select_related("site").first()
    Capacity.objects.all().delete()
    frozen = next(s for s in inputs.freeze(cast.operation)["sites"]
                  if s["id"] == str(one.site.public_id))  # fmt: skip
    assert frozen["fixed"] == "pinned"
    assert frozen["team"] == ["OSH", "TAX"]


def test_every_team_of_the_frame_is_one_that_the_solver_may_send():
    from planning.optimise.columns import build

    cast = with_pool([make_site() for _ in range(6)], min_people=2)
    cast.operation.team_rules.create(
        authority=cast.lead.authority, needs=cast.actors["POL", "coordinator"].authority
    )
    frozen = inputs.freeze(cast.operation, as_drawn=True)
    problem = inputs.problem_of(frozen)
    columns = build(problem)
    assert all(site["team"] for site in frozen["sites"])
    for i in range(len(problem.keys)):
        assert columns.find(i, int(problem.fixed_team[i])) >= 0


def test_what_is_drawn_for_one_authority_alone_leaves_a_plan_of_joint_visits():
    cast = with_pool([make_site() for _ in range(9)], joint_share=100)
    for code in ("TAX", "POL"):  # nobody else has a day when it is drawn
        days(cast, code, "0")
    lots = set(drawn(cast).sites.values_list("site_id", flat=True))
    assert lots
    Capacity.objects.all().delete()
    both = Site.objects.filter(pool_entries__operation=cast.operation).exclude(pk__in=lots)[:2]
    for site in both:  # to go there undrawn, somebody must want to
        for code in ("OSH", "TAX"):
            cast.operation.nominations.create(
                site=site, authority=cast.place(code).authority, participation=cast.place(code),
                rating=5, reason="x", created_by=cast.actors[code, "coordinator"].user,
            )  # fmt: skip
    run = plan(cast)
    assert run.state == "done", run.message
    teams = {p.site_id: p.team for p in run.proposals.all()}
    assert lots < teams.keys()
    assert all((len(team) == 1) == (site in lots) for site, team in teams.items())


def test_the_file_has_what_it_takes_to_draw_again(as_user):
    firm = make_company()
    cast = with_pool([make_site(company=firm) for _ in range(5)])
    row = drawn(cast)
    file = as_user(cast.lead).get(reverse("planning:draw_frame", args=[cast.operation.public_id]))
    frame = lottery.frame_of(row)
    assert file.content == method.published(frame)
    assert method.frame_hash(frame) == row.frame_hash
    chances = method.draw(frame, bytes(row.seed)).chances
    for one in row.sites.select_related("site"):
        assert one.probability == float(chances[str(one.site.public_id)])
