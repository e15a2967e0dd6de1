"""Who must be on a visit, and whose days several regions share: what is set reaches the proposal."""

from decimal import Decimal

import pytest
from django.db import IntegrityError, transaction
from django.urls import reverse

from audit.errors import NotAllowed, RuleViolation
from authorities.models import Competence, Term, TermKind
from planning.candidates import Chance, Chances, candidates
from planning.full_teams import FullTeams
from planning.models import Capacity, PresenceRule
from planning.services import criteria, inputs
from planning.workdays import weeks
from tests.factories import make_actor, make_region, make_unit, set_rules
from tests.planning.test_runs import plan, selecting, window_of

pytestmark = pytest.mark.django_db


def teams(run) -> dict[int, set[int]]:
    return {p.site_id: set(p.team) for p in run.proposals.all()}


def test_whoever_must_be_at_a_kind_of_place_is_on_every_visit_there_and_on_no_other(as_user):
    cast = selecting()
    set_rules(cast.operation, random_share=0)
    police = cast.actors["POL", "coordinator"].authority
    Term.objects.create(kind=TermKind.PREMISES, code="construction_site", name_fi="Rakennustyömaa")
    yard, *others = cast.sites
    yard.kind = "construction_site"
    yard.save()
    cast.operation.nominations.exclude(authority=cast.lead.authority).delete()
    before = teams(plan(cast))
    assert before
    assert not any(police.pk in team for team in before.values())
    address = reverse("planning:criteria", args=[cast.operation.public_id])
    sent = {"form": "present", "p-kind": "construction_site", "p-authority": police.pk}
    assert as_user(cast.lead).post(address, sent).status_code == 302
    assert "comes on every visit" in as_user(cast.lead).get(address).content.decode()
    after = plan(cast)
    assert police.pk in teams(after)[yard.pk]
    assert not any(police.pk in teams(after)[s.pk] for s in others if s.pk in teams(after))
    must = {s["id"]: s["must"] for s in after.inputs["sites"]}
    assert must[str(yard.public_id)] == ["POL"]
    rule = PresenceRule.objects.get()
    remove = reverse("planning:presence_rule_remove", args=[cast.operation.public_id, rule.pk])
    as_user(cast.lead).post(remove)
    assert not PresenceRule.objects.exists()
    assert teams(plan(cast)) == before


def test_where_the_one_who_must_come_has_no_days_nothing_is_proposed_and_it_is_said():
    cast = selecting()
    set_rules(cast.operation, random_share=0)
    police = cast.actors["POL", "coordinator"].authority
    yard = cast.sites[0]
    yard.kind = "construction_site"
    yard.save()
    cast.operation.presence_rules.create(kind="construction_site", authority=police)
    Capacity.objects.create(operation=cast.operation, authority=police, days=0)
    run = plan(cast)
    assert yard.pk not in teams(run)
    assert run.result["answers"][str(yard.public_id)]["verdict"] == "too_big"


def test_a_drawn_site_is_visited_by_those_who_must_be_there_or_by_nobody():
    cast = selecting()
    ids = {code: cast.actors[code, "coordinator"].authority.pk for code in ("OSH", "TAX", "POL")}
    chances = Chances(cast.operation)
    found = {ids["OSH"]: Chance(0.9, 1.0, 0.0), ids["TAX"]: Chance(0.8, 1.0, 0.0),
             ids["POL"]: Chance(0.1, 1.0, 0.0)}  # fmt: skip
    full = FullTeams(chances, dict.fromkeys(ids.values(), 1), most=2)
    assert full.full(found, None) == sorted([ids["OSH"], ids["TAX"]])
    assert full.full(found, None, {ids["POL"]}) == sorted([ids["OSH"], ids["POL"]])
    assert full.full(found, {ids["TAX"]}, {ids["POL"]}) == sorted([ids["TAX"], ids["POL"]])
    del found[ids["POL"]]
    assert full.full(found, None, {ids["POL"]}) == []


def test_a_rule_that_could_never_be_kept_is_refused_with_words():
    cast = selecting()
    police = cast.actors["POL", "coordinator"].authority
    Competence.objects.create(authority=cast.lead.authority, code="t", premises=["dwelling"])
    asked = {"operation": cast.operation, "kind": "dwelling", "authority": police}
    with pytest.raises(RuleViolation, match="no competence at this kind of place"):
        criteria.set_presence_rule(actor=cast.lead, **asked)
    with pytest.raises(NotAllowed):
        criteria.set_presence_rule(actor=cast.actors["TAX", "coordinator"], **asked)
    outside = cast.actors["OUT", "coordinator"].authority
    with pytest.raises(RuleViolation, match="takes part"):
        criteria.set_presence_rule(actor=cast.lead, **(asked | {"authority": outside}))


def wide(cast):
    """The lead's authority with a unit of two regions, in an operation of three."""
    regions = [make_region(), make_region("09", "Kymenlaakso"), make_region("04", "Satakunta")]
    cast.operation.regions.set(regions)
    unit = make_unit(cast.lead.authority, "WEST")
    unit.areas.set(regions[:2])
    return regions, unit


def pool_of(cast, region) -> str:
    problem = inputs.problem_of(inputs.freeze(cast.operation))
    a, r = problem.authorities.index("OSH"), problem.regions.index(region.code)
    return problem.pools[problem.pool_of[a, r]]


def test_the_days_of_a_unit_are_shared_by_the_regions_it_serves():
    cast = selecting()
    regions, unit = wide(cast)
    criteria.set_days(actor=cast.lead, operation=cast.operation, days=Decimal("0.5"), unit=unit)
    assert [pool_of(cast, r) for r in regions] == ["OSH/@WEST", "OSH/@WEST", "OSH/*"]
    criteria.set_days(
        actor=cast.lead, operation=cast.operation, days=Decimal("4"), region=regions[1]
    )
    assert [pool_of(cast, r) for r in regions] == ["OSH/@WEST", "OSH/09", "OSH/*"]
    Capacity.objects.filter(region=regions[1]).delete()
    for number, site in enumerate(cast.sites):
        site.region = regions[number % 2]
        site.save()
    set_rules(cast.operation, random_share=0)
    run = plan(cast)
    pools = {f"{p['authority']}/{p['region']}": p for p in run.inputs["pools"]}
    assert pools["OSH/@WEST"]["regions"] == ["01", "09"]
    most = pools["OSH/@WEST"]["days"][0]
    osh = [p for p in run.proposals.all() if cast.lead.authority.pk in p.team]
    assert osh
    used = len(osh) * Chances(cast.operation).visit_days(cast.lead.authority.pk)
    assert used <= most < used + 1  # both regions together live on the unit's days
    assert candidates(cast.operation)


def test_a_unit_is_ones_own_serves_the_operation_and_meets_no_other():
    cast = selecting()
    regions, unit = wide(cast)

    def asked(unit, **more):
        criteria.set_days(
            actor=cast.lead, operation=cast.operation, days=Decimal("1"), unit=unit, **more
        )

    with pytest.raises(RuleViolation, match="your own authority"):
        asked(make_unit(cast.actors["TAX", "coordinator"].authority, "T"))
    with pytest.raises(RuleViolation, match="not both"):
        asked(unit, region=regions[0])
    far = make_unit(cast.lead.authority, "FAR")
    far.areas.set([make_region("19", "Lappi")])
    with pytest.raises(RuleViolation, match="serves no region"):
        asked(far)
    asked(unit)
    asked(unit)  # the same again changes nothing
    other = make_unit(cast.lead.authority, "CITY")
    other.areas.set([regions[0]])
    with pytest.raises(RuleViolation, match=regions[0].name):
        asked(other)
    assert Capacity.objects.count() == 1
    with pytest.raises(IntegrityError), transaction.atomic():
        Capacity.objects.update(region=regions[0])


def test_the_page_offers_the_units_of_ones_own_authority_and_shows_their_days(as_user):
    cast = selecting()
    _regions, unit = wide(cast)
    strange = make_unit(cast.actors["TAX", "coordinator"].authority, "STRANGE")
    address = reverse("planning:criteria", args=[cast.operation.public_id])
    client = as_user(cast.lead)
    page = client.get(address).content.decode()
    assert unit.name in page
    assert strange.name not in page
    sent = {"form": "days", "d-days": "2.5", "d-unit": unit.pk}
    assert client.post(address, sent).status_code == 302
    row = Capacity.objects.get()
    assert (row.unit, row.days) == (unit, Decimal("2.5"))
    others = as_user(cast.actors["TAX", "coordinator"]).get(address).content.decode()
    assert f"{unit.name}, every week" in others
    wrong = as_user(cast.lead).post(address, sent | {"d-unit": strange.pk})
    assert wrong.status_code == 422


def test_whoever_opens_the_door_is_chosen_so_that_the_team_is_not_too_large():
    """The likeliest to open it needs a partner for whom there is no room beside who must come."""
    cast = selecting()
    ids = {code: cast.actors[code, "coordinator"].authority.pk for code in ("OSH", "TAX", "POL")}
    chances = Chances(cast.operation)
    extra = make_actor("BOR", "coordinator").authority.pk
    found = {pk: Chance(p, 1.0, 0.0) for pk, p in
             ((ids["OSH"], 0.9), (ids["TAX"], 0.5), (ids["POL"], 0.1), (extra, 0.2))}  # fmt: skip
    chances.together = {ids["OSH"]: {extra}}
    full = FullTeams(chances, dict.fromkeys(found, 1), most=2)
    full._order[extra] = "BOR"
    doors = {ids["OSH"], ids["TAX"]}
    assert full.full(found, doors, {ids["POL"]}) == sorted([ids["TAX"], ids["POL"]])
    assert full.full(found, {ids["OSH"]}, {ids["POL"]}) == []


def test_a_region_without_days_for_a_week_has_those_of_its_authority_in_that_week():
    cast = selecting()
    regions, _unit = wide(cast)
    first, second, *_rest = [week for week, _days in weeks(*window_of(cast))]
    osh = cast.lead.authority
    for region, week, days in ((None, first, "1"), (None, None, "4"), (regions[1], second, "2")):
        Capacity.objects.create(
            operation=cast.operation, authority=osh, region=region, week=week, days=Decimal(days)
        )
    found = inputs.weekly_days(cast.operation, cast.operation.participations.accepted())
    own = found[inputs.DaysOf(osh.pk, regions[1].pk)]
    full = dict(weeks(*window_of(cast)))
    assert own[0] == pytest.approx(1 * full[first] / 5)
    assert own[1] == pytest.approx(2 * full[second] / 5)
    assert own[2] == pytest.approx(4 * list(full.values())[2] / 5)
