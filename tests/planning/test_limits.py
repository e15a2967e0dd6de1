"""Each limit that a proposal keeps, from what people set to the visits: without it they are others.

The rest stands where it belongs: holds and quotas' words in ``test_runs``, entry by right in
``test_leading``, the random share in ``test_draw_first`` and ``test_draw_fits``, opening hours of a
day in ``test_rounds``, who is considered at most and what a missed minimum costs in ``test_settings``.
"""

import datetime as dt
from decimal import Decimal

import pytest
from django.conf import settings
from django.utils import timezone

from authorities.models import Competence
from planning.models import (
    Capacity,
    Fixed,
    Operation,
    RunKind,
    SelectionQuota,
    SelectionRun,
    SiteHours,
)
from planning.services import inputs
from planning.services.routes import dates_for
from planning.workdays import easter, is_workday, monday, weeks, workdays
from targets.models import Site
from tests.factories import (
    Cast,
    make_available,
    make_company,
    make_industry,
    make_past_visit,
    make_region,
    set_rules,
)
from tests.planning.test_runs import pin, plan, selecting, window_of

pytestmark = pytest.mark.django_db
VISIT = 1.5  # inspector-days of each authority on it
NO_GAIN = {"evidence": 0, "burden": 0, "travel": 0, "wish": 0}  # by going together


def wanted_by_all(cast: Cast) -> None:
    """Every site is nominated by all three authorities, alike."""
    cast.operation.nominations.all().delete()
    for site in cast.sites:
        for code in Cast.CODES:
            actor = cast.actors[code, "coordinator"]
            cast.operation.nominations.create(
                site=site, authority=actor.authority, participation=cast.place(code), rating=3,
                reason="x", created_by=actor.user,
            )  # fmt: skip


def week_days(cast: Cast, code: str, days: float, **where: object) -> None:
    Capacity.objects.create(
        operation=cast.operation, authority=cast.place(code).authority, days=Decimal(str(days)),
        **where,
    )  # fmt: skip


def room_for(cast: Cast, code: str, visits: int, **where: object) -> None:
    """Days for so many visits of the authority in the whole window, and a little more."""
    window = weeks(cast.operation.window_start, cast.operation.window_end)
    long = sum(days for _week, days in window) / 5
    week_days(cast, code, round((visits * VISIT + 0.4) / long, 1), **where)


def teams(run: SelectionRun) -> dict[int, set[int]]:
    """By site id who goes."""
    return {p.site_id: set(p.team) for p in run.proposals.all()}


def going(cast: Cast, run: SelectionRun, code: str) -> set[int]:
    authority = cast.place(code).authority_id
    return {site for site, team in teams(run).items() if authority in team}


# ------------------------------------------------------------------ days


def test_inspector_days_of_each_authority_and_week_are_kept():
    cast = selecting(sites=9)
    wanted_by_all(cast)
    set_rules(cast.operation, periods="weeks", random_share=0, **NO_GAIN)
    window = [w for w, days in weeks(cast.operation.window_start, cast.operation.window_end)
              if days == 5]  # fmt: skip
    week_days(cast, "TAX", 0)
    week_days(cast, "TAX", 1.6, week=window[1])
    for code in ("OSH", "POL"):
        week_days(cast, code, 20)
    run = plan(cast)
    police = cast.place("POL").authority_id
    tax = cast.place("TAX").authority_id
    assert [p.week for p in run.proposals.all() if tax in p.team] == [window[1]]
    assert sum(police in p.team for p in run.proposals.all()) == 9


def test_holidays_are_taken_off_the_days_of_their_week():
    """Good Friday and Easter Monday each leave too few days of their week for a visit."""
    cast = selecting(sites=9)
    wanted_by_all(cast)
    today = timezone.localdate()
    sunday = next(day for day in (easter(today.year), easter(today.year + 1))
                  if day > today + dt.timedelta(days=21))  # fmt: skip
    full = monday(sunday) - dt.timedelta(days=7)
    Operation.objects.filter(pk=cast.operation.pk).update(
        window_start=full, window_end=sunday + dt.timedelta(days=5)
    )
    set_rules(cast.operation, periods="weeks", random_share=0)
    cast.refresh()
    for code in Cast.CODES:
        week_days(cast, code, 1.8)  # of five days; of four a little less than a visit takes
    run = plan(cast)
    assert {p.week for p in run.proposals.all()} == {full}
    free = dates_for(cast.operation, monday(sunday))
    assert free
    assert all(map(is_workday, free))
    assert sunday - dt.timedelta(days=2) not in free


def test_a_site_rests_after_a_visit_that_others_may_know_of():
    cast = selecting()
    wanted_by_all(cast)
    set_rules(cast.operation, periods="weeks", random_share=0, later="0.2")
    window = [week for week, _days in weeks(cast.operation.window_start, cast.operation.window_end)]
    for code in Cast.CODES:
        week_days(cast, code, 50)
    assert {p.week for p in plan(cast).proposals.all()} == {window[0]}
    rested = next(workdays(window[2], window[2] + dt.timedelta(days=4)))
    make_past_visit(cast.sites[0], shared=True, on=rested - dt.timedelta(days=settings.REST_DAYS))
    make_available(cast.operation)  # also when it is looked at again who can be visited
    week_of = {p.site_id: p.week for p in plan(cast).proposals.all()}
    assert week_of.pop(cast.sites[0].pk) == window[2]
    assert set(week_of.values()) == {window[0]}


@pytest.mark.parametrize("periods", ["weeks", "window"])
def test_rest_is_counted_to_the_days_of_the_window_and_not_from_today(periods):
    """A round that begins in two months: visits of these weeks leave it alone, later ones do not."""
    cast = selecting()
    wanted_by_all(cast)
    set_rules(cast.operation, periods=periods, random_share=0)
    rest, day = dt.timedelta(days=settings.REST_DAYS), dt.timedelta(days=1)
    start = monday(timezone.localdate() + 20 * day)
    end = start + 9 * day
    Operation.objects.filter(pk=cast.operation.pk).update(window_start=start, window_end=end)
    cast.refresh()
    before, within, beyond, kept, kept_within, _never = cast.sites
    for site, free, shared in (
        (before, start, True), (within, start + 5 * day, True), (beyond, end + day, True),
        (kept, start, False), (kept_within, start + day, False),
    ):  # fmt: skip
        make_past_visit(site, "TAX", shared=shared, on=free - rest)
    make_available(cast.operation)
    closed = cast.operation.availabilities.exclude(state="available")
    assert set(closed.values_list("site_id", flat=True)) == {beyond.pk, kept_within.pk}
    weeks_of = {s["id"]: s["weeks"] for s in inputs.freeze(cast.operation)["sites"]}
    assert weeks_of[str(within.public_id)] == ([1] if periods == "window" else [0, 1])
    # Nothing tells of a visit that its authority keeps to itself.
    for site in (before, kept, kept_within):
        assert all(weeks_of[str(site.public_id)])


@pytest.mark.parametrize("periods", ["weeks", "window"])
def test_a_site_is_proposed_for_no_week_in_which_it_is_shut(periods):
    cast = selecting()
    wanted_by_all(cast)
    set_rules(cast.operation, periods=periods, random_share=0, later="0.2")
    start = monday(window_of(cast)[0] + dt.timedelta(days=7))
    Operation.objects.filter(pk=cast.operation.pk).update(
        window_start=start,
        window_end=start + dt.timedelta(days=9),  # a week, and three days more
    )
    cast.refresh()
    late, never, _usual, *_others = cast.sites
    for site, weekdays in ((late, [3, 4]), (never, [6])):
        for weekday in weekdays:
            SiteHours.objects.create(
                site=site, weekday=weekday, opens=dt.time(9), closes=dt.time(17)
            )
    week_of = {p.site_id: p.week for p in plan(cast).proposals.all()}
    assert never.pk not in week_of
    frozen = {s["id"]: s["weeks"] for s in inputs.freeze(cast.operation)["sites"]}
    assert frozen[str(late.public_id)] == ([1] if periods == "window" else [1, 0])


def test_a_candidate_outside_the_regions_takes_the_days_of_no_region():
    """A region was taken out of the round after sites there had been nominated."""
    cast = selecting()
    wanted_by_all(cast)
    there = make_region("09", "Kymenlaakso")
    cast.operation.regions.add(
        make_region("04", "Satakunta")
    )  # where no authority says its own days
    for site in cast.sites[:2]:
        site.region = there
        site.save()
    for code in Cast.CODES:
        room_for(cast, code, 2, region=make_region())
        week_days(cast, code, 0)
    assert not set(teams(plan(cast))) & {site.pk for site in cast.sites[:2]}
    Capacity.objects.filter(region=None).delete()
    for code in Cast.CODES:
        room_for(cast, code, 1)
    outside = set(teams(plan(cast))) & {site.pk for site in cast.sites[:2]}
    assert len(outside) == 1
    assert len(teams(plan(cast))) == 3


def test_a_pinned_week_is_kept_with_the_window_as_one_period():
    cast = selecting()
    set_rules(cast.operation, random_share=0)
    week = [w for w, _days in weeks(*window_of(cast))][2]
    pin(cast, cast.sites[0], week=week)
    by_site = {p.site_id: p.week for p in plan(cast).proposals.all()}
    assert by_site.pop(cast.sites[0].pk) == week
    assert set(by_site.values()) == {None}


# ------------------------------------------------------------------ who goes


def test_nobody_goes_without_a_competence_at_that_kind_of_place():
    cast = selecting()
    wanted_by_all(cast)
    assert going(cast, plan(cast), "TAX")
    for code in ("OSH", "POL"):
        Competence.objects.create(
            authority=cast.place(code).authority, action="interview", text_fi="x",
            premises=["business_premises"],
        )  # fmt: skip
    run = plan(cast)
    assert going(cast, run, "POL")
    assert not going(cast, run, "TAX")


def test_a_team_of_fewer_people_than_was_set_does_not_go():
    cast = selecting()
    wanted_by_all(cast)
    room_for(cast, "POL", 2)  # without a rule the others would go on without the police
    assert len(teams(plan(cast))) > 2
    set_rules(cast.operation, min_people=3)  # one inspector each
    assert [len(team) for team in teams(plan(cast)).values()] == [3, 3]


def test_at_least_the_set_share_of_visits_is_joint():
    """Two authorities with days for two visits each would rather see four sites."""
    cast = selecting(sites=4)
    wanted_by_all(cast)
    for code in ("OSH", "TAX"):
        room_for(cast, code, 2)
    week_days(cast, "POL", 0)
    set_rules(cast.operation, random_share=0, coverage="2.00", **NO_GAIN)
    assert [len(team) for team in teams(plan(cast)).values()] == [1, 1, 1, 1]
    set_rules(cast.operation, joint_share=100)
    assert [len(team) for team in teams(plan(cast)).values()] == [2, 2]


# ------------------------------------------------------------------ how many


def test_a_firm_is_visited_at_most_so_often():
    cast = selecting(sites=6)
    firm = make_company()
    theirs = {site.pk for site in cast.sites[:4]}
    Site.objects.filter(pk__in=theirs).update(company=firm)
    for code in Cast.CODES:
        week_days(cast, code, 50)
    for most in (1, 3):
        set_rules(cast.operation, most_per_firm=most)
        visited = set(teams(plan(cast)))
        assert len(visited & theirs) == most
        assert len(visited - theirs) == 2


def test_quotas_of_region_and_industry_are_kept_from_below_and_from_above():
    """Days for three visits by all. Nobody would go to the two far places of another industry."""
    cast = selecting(sites=8)
    wanted_by_all(cast)
    north, hotels = make_region("19", "Lappi"), make_industry("55", "Hotels")
    cast.operation.regions.add(north)
    poor = {"north": cast.sites[6], "hotels": cast.sites[7]}
    for site in poor.values():  # nobody wants it much, and it is known well
        cast.operation.nominations.filter(site=site).exclude(authority=cast.lead.authority).delete()
    Site.objects.filter(pk=poor["north"].pk).update(region=north)
    Site.objects.filter(pk=poor["hotels"].pk).update(industry=hotels)
    for code in Cast.CODES:
        room_for(cast, code, 3)
    without = set(teams(plan(cast)))
    assert not without & {site.pk for site in poor.values()}
    for key, where in (("north", {"region": north}), ("hotels", {"industry": hotels})):
        quota = SelectionQuota.objects.create(
            operation=cast.operation, minimum=1, hard=True, **where
        )
        assert poor[key].pk in set(teams(plan(cast)))
        quota.delete()
    rest = {"region": make_region()}, {"industry": make_industry()}
    for where in rest:
        quota = SelectionQuota.objects.create(operation=cast.operation, maximum=1, **where)
        name, value = next(iter(where.items()))
        visited = Site.objects.filter(pk__in=teams(plan(cast)))
        assert visited.filter(**{name: value}).count() == 1
        quota.delete()


@pytest.mark.parametrize("kind", ["interpreter", "vehicle"])
def test_interpreters_and_vehicles_serve_so_many_visits(kind):
    cast = selecting(sites=5)
    for code in Cast.CODES:
        week_days(cast, code, 50)
    window = len(weeks(cast.operation.window_start, cast.operation.window_end))
    scarce = cast.operation.resources.create(kind=kind, name="x", per_week=0)
    needing = cast.sites[:2]
    for site in needing:
        pin(cast, site, fixed=Fixed.FREE, reason="").needs.add(scarce)
    run = plan(cast)
    assert set(teams(run)) == {site.pk for site in cast.sites[2:]}
    scarce.per_week = 1
    scarce.save()
    assert window >= 2
    assert len(teams(plan(cast))) == 5


def test_what_is_pinned_is_visited_as_it_was_pinned_and_what_is_excluded_is_not():
    cast = selecting(sites=6)
    wanted_by_all(cast)
    set_rules(cast.operation, periods="weeks", random_share=0)
    window = [week for week, _days in weeks(cast.operation.window_start, cast.operation.window_end)]
    week_days(cast, "POL", 50)
    pinned, excluded = cast.sites[4:]
    cast.operation.nominations.filter(site=pinned).update(rating=1)
    police = cast.place("POL").authority_id
    pin(cast, pinned, team=[police], week=window[-1])
    pin(cast, excluded, fixed=Fixed.EXCLUDED)
    found = {p.site_id: (p.team, p.week) for p in plan(cast).proposals.all()}
    assert found[pinned.pk] == ([police], window[-1])
    assert excluded.pk not in found


def test_a_site_that_is_taken_out_changes_its_own_region_only():
    """Each region has its own inspectors: what falls out in one is filled up there."""
    cast = selecting(sites=12)
    wanted_by_all(cast)
    north = make_region("19", "Lappi")
    cast.operation.regions.add(north)
    there = {site.pk for site in cast.sites[::2]}
    Site.objects.filter(pk__in=there).update(region=north)
    # All of the south are wanted more: days that served both regions would go there.
    cast.operation.nominations.filter(site__in=there).update(rating=1)
    for code in Cast.CODES:
        for region in (make_region(), north):
            room_for(cast, code, 3, region=region)
    before = plan(cast)
    gone = next(iter(sorted(set(teams(before)) & there)))
    site = Site.objects.get(pk=gone)
    asked = plan(
        cast, kind=RunKind.WHAT_IF, based_on=before, change={"exclude": [str(site.public_id)]}
    )
    changed = asked.result["difference"]
    touched = {visit[0] for name in ("entered", "left") for visit in changed[name]}
    touched |= {one[0] for name in ("moved", "changed") for pair in changed[name] for one in pair}
    regions = set(Site.objects.filter(public_id__in=touched).values_list("pk", flat=True))
    assert str(site.public_id) in touched
    assert len(regions) > 1  # another one takes its days
    assert regions <= there
    pin(cast, site, fixed=Fixed.EXCLUDED)
    after = plan(cast)
    south = {s: team for s, team in teams(before).items() if s not in there}
    assert {s: team for s, team in teams(after).items() if s not in there} == south
