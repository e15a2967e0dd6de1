"""What a run tells as it goes, where it begins, and what its questions show."""

import copy
import html
import re
from decimal import Decimal

import pytest
from django.urls import reverse

from planning.models import Capacity, RunKind, SelectionQuota, SelectionRun
from planning.optimise import solve as solver
from planning.price_table import named_prices, prices_for
from planning.services import inputs, runs, solving
from tests.factories import Cast, make_region, set_rules
from tests.planning.test_runs import plan, selecting

pytestmark = pytest.mark.django_db


def page(client, run: SelectionRun, **headers: str) -> str:
    address = reverse("planning:run", args=[run.public_id])
    return html.unescape(client.get(address, headers=headers).content.decode())


def with_few_days(sites: int = 9) -> Cast:
    """Candidates that are worth about the same, and days for some of them only."""
    cast = selecting(sites=sites)
    for place in cast.operation.participations.accepted():
        Capacity.objects.create(operation=cast.operation, authority=place.authority, days=1)
    return cast


def test_the_page_of_a_running_search_tells_the_best_plan_so_far_and_its_bound(
    as_user, monkeypatch
):
    cast = with_few_days()
    run = runs.claim(runs.ask_run(actor=cast.lead, operation=cast.operation).pk)
    runs._freeze(run)
    client = as_user(cast.lead)
    assert "Best so far" not in page(client, run)
    monkeypatch.setattr(solving, "EVERY", -1.0)
    told = []

    def save(**values) -> None:
        runs.save(run, **values)
        if values.get("value") is not None and not told:
            told.extend([values, page(client, run), page(client, run, **{"HX-Request": "true"})])

    found = solving.work(run, save)
    values, whole, part = told
    assert 0 < values["value"] <= values["bound"]
    distance = 100 * (values["bound"] - values["value"]) / values["bound"]
    words = (
        f"Best so far {values['value']:.2f}, bound {values['bound']:.2f}, "
        f"at most {distance:.2f} % from the best plan"
    )
    assert words in whole
    assert words in part
    assert "<html" not in part
    assert found.columns["value"] >= values["value"]


# ------------------------------------------------------------------------- where it begins
def begun(monkeypatch) -> list:
    """The starts that the solver is given, in turn."""
    given, real = [], solver.solve

    def noted(*args, start=None, **kwargs):
        given.append(start)
        return real(*args, start=start, **kwargs)

    monkeypatch.setattr(solver, "solve", noted)
    return given


def visits_of(run: SelectionRun) -> list[tuple[str, tuple[str, ...]]]:
    return sorted((key, tuple(team)) for key, team, _w in run.prices["visits"])


def named(start, problem) -> list[tuple[str, tuple[str, ...]]]:
    return sorted(
        (problem.keys[i], tuple(c for a, c in enumerate(problem.authorities) if team >> a & 1))
        for i, team in zip(start.site.tolist(), start.team.tolist(), strict=True)
    )


def test_a_proposal_after_limits_were_changed_begins_from_the_last_one(monkeypatch):
    cast = with_few_days()
    first = plan(cast)
    assert first.prices["visits"]
    SelectionQuota.objects.create(operation=cast.operation, region=make_region(), maximum=7)
    cast.operation.resources.create(kind="vehicle", name="boat", per_week=1)
    Capacity.objects.create(
        operation=cast.operation, authority=cast.lead.authority, days=Decimal("0.9"),
        region=make_region(),
    )  # fmt: skip
    starts = begun(monkeypatch)
    second = plan(cast)
    for name in ("quotas", "resources", "pools"):
        assert second.inputs[name] != first.inputs[name]
    assert second.inputs["start"] == {"number": first.number, "inputs": first.inputs_hash}
    (start,) = starts
    assert named(start, inputs.problem_of(second.inputs)) == visits_of(first)
    again = solving.work(second, lambda **values: None)
    assert again.columns["value"] == second.value
    assert again.columns["prices"]["visits"] == second.prices["visits"]


def test_only_what_is_there_no_more_is_left_out_of_where_a_search_begins():
    cast = with_few_days()
    first = plan(cast)
    before = visits_of(first)
    gone = before[0][0]
    frozen = copy.deepcopy(first.inputs)
    frozen["sites"] = [site for site in frozen["sites"] if site["id"] != gone]
    problem = inputs.problem_of(frozen)
    assert named(solving.former_visits(first, problem), problem) == before[1:]
    team = before[-1][1]
    frozen["authorities"] = [a for a in frozen["authorities"] if a["code"] not in team]
    frozen["pools"] = [pool for pool in frozen["pools"] if pool["authority"] not in team]
    for site in frozen["sites"]:
        site["come"] = {code: c for code, c in site["come"].items() if code not in team}
    problem = inputs.problem_of(frozen)
    left = [visit for visit in before[1:] if not set(visit[1]) & set(team)]
    assert named(solving.former_visits(first, problem), problem) == left


def test_a_plan_of_which_nothing_is_left_is_not_named_as_the_start(monkeypatch):
    cast = with_few_days()
    plan(cast)
    set_rules(cast.operation, periods="weeks")
    starts = begun(monkeypatch)
    by_weeks = plan(cast)
    assert by_weeks.inputs["start"] is None
    assert starts == [None]


def test_a_what_if_begins_from_the_frozen_prices_of_its_plan(monkeypatch):
    """By their names, so that a row that came since or stands elsewhere changes none of them."""
    cast = with_few_days()
    base = plan(cast)
    given, real = [], solver.solve

    def noted(*args, prices=None, **kwargs):
        given.append(prices)
        return real(*args, prices=prices, **kwargs)

    monkeypatch.setattr(solver, "solve", noted)
    code = cast.lead.authority.code
    what_if = plan(cast, kind="what_if", based_on=base, change={"days": {code: 1}})
    (prices,) = given
    assert prices.pool.tolist() == base.prices["pools"]
    assert prices.pool.max() > 0
    again = solving.work(what_if, lambda **values: None)
    for name in ("value", "bound"):
        assert again.columns[name] == getattr(what_if, name)
    for name in ("pools", "quotas", "resources", "joint", "visits"):
        assert again.columns["prices"][name] == what_if.prices[name]
    # A proposal looks with all its rounds and begins them anew.
    plan(cast)
    assert given[-1] is None


def test_named_prices_find_their_rows_again():
    cast = with_few_days()
    run = plan(cast)
    frozen = copy.deepcopy(run.inputs)
    table = named_prices(run)
    frozen["pools"] = [frozen["pools"][0] | {"region": "99"}, *reversed(frozen["pools"])]
    found = prices_for(inputs.problem_of(frozen), table).pool.tolist()
    assert found == [[0.0] * len(frozen["periods"]), *reversed(run.prices["pools"])]


# ------------------------------------------------------------------------------- questions
def test_the_frontier_marks_the_weights_as_set_and_claims_no_more(as_user):
    cast = with_few_days()
    run = plan(cast, kind=RunKind.FRONTIER, based_on=plan(cast))
    points = run.result["points"]
    assert points[0]["name"] == "default"
    assert len(points) > 3
    text = page(as_user(cast.lead), run)
    mark = re.compile(
        r'<circle class="bar" cx="([\d.]+)" cy="([\d.]+)" r="(\d)"></circle>'
        r'<text x="([\d.]+)" y="([\d.]+)" dx="9" dy="4">([^<]*)</text>'
    )
    marks = mark.findall(text)
    assert len(marks) == 3 * len(points)
    own = [m for m in marks if m[5] == "A (as set)"]
    assert [m[2] for m in own] == ["7"] * 3
    assert all(m[2] == "5" for m in marks if m not in own)
    # The mark stands where the default's numbers are: with most findings at the top.
    findings = [p["measures"]["findings"] for p in points]
    higher = sum(f > findings[0] + 1e-9 for f in findings)
    panel = marks[: len(points)]
    assert sum(float(m[1]) < float(panel[0][1]) for m in panel) == higher
    for words in ("The larger mark, A (as set), has the weights of this operation.",
                  "a plan made anew for this comparison",
                  "It does not find many more violations: whoever values findings alone gains "
                  "little from it."):  # fmt: skip
        assert words in text
    assert re.search(r'<th scope="row">A: As set', text)


def test_different_plans_of_nearly_equal_worth_are_shown(as_user):
    cast = with_few_days()
    base = plan(cast)
    run = plan(cast, kind=RunKind.ALTERNATIVES, based_on=base)
    others = run.result["alternatives"]
    assert others
    names = {str(site.public_id): site.name for site in cast.sites}
    planned = {key for key, _team in visits_of(base)}
    text = page(as_user(cast.lead), run)
    cards = text.split("<h2>Alternative ")[1:]
    assert len(cards) == len(others)
    for number, (one, card) in enumerate(zip(others, cards, strict=True), start=1):
        assert 0.99 * base.value <= one["value"] <= base.value + 1e-9
        left = {visit[0] for visit in one["difference"]["left"]}
        entered = {visit[0] for visit in one["difference"]["entered"]}
        assert left <= planned
        assert not entered & planned
        assert len(left) >= 0.2 * len(planned)
        assert card.startswith(f"{number}</h2>")
        share = round(100 * len(left) / len(planned))
        assert f"Worth {one['value']:.2f}; {share} % of the visits go elsewhere." in card
        for words, keys in (("Enters", entered), ("Leaves", left)):
            part = card.split(f"<h3>{words}</h3>")[1].split("</ul>")[0]
            assert part.count("<li>") == len(keys)
            assert all(f"<li>{names[key]}: " in part for key in keys)


def test_where_no_plan_is_as_good_the_page_says_so(as_user):
    cast = selecting()
    run = plan(cast, kind=RunKind.ALTERNATIVES, based_on=plan(cast))
    assert run.result["alternatives"] == []  # all are visited: nothing can be exchanged
    text = page(as_user(cast.lead), run)
    assert "No plan of nearly equal worth is clearly different." in text
    assert "Alternative 1" not in text
