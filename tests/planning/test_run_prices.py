"""The prices of a plan on its pages and as a file: what is printed adds up, and proves the bound."""

import datetime as dt
import html
import json
import random
import re
from decimal import Decimal
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.urls import reverse
from django.utils import timezone

from planning.answers import Answer, Names, clash_lines
from planning.models import Capacity, SelectionQuota, SelectionRun
from planning.price_table import recheck
from planning.services import inputs
from tests.factories import Cast, make_region, set_rules
from tests.planning.test_runs import pin, plan, selecting

pytestmark = pytest.mark.django_db
ROW = re.compile(r'<tr><th scope="row">(.*?)</th><td class="num">(.*?)</td></tr>')


def address(name: str, *args) -> str:
    return reverse(f"planning:{name}", args=args)


def scarce(periods: str = "weeks", sites: int = 12) -> Cast:
    """Days of the region so few that they have prices, and other limits that may have some."""
    cast = selecting(sites=sites)
    set_rules(cast.operation, periods=periods, random_share=0)
    for actor in {a.authority.pk: a for a in cast.actors.values()}.values():
        if cast.operation.participations.filter(authority=actor.authority).exists():
            Capacity.objects.create(
                operation=cast.operation, authority=actor.authority, days=Decimal("1.5"),
                region=make_region(),
            )  # fmt: skip
    SelectionQuota.objects.create(operation=cast.operation, region=make_region(), maximum=5)
    speaks = cast.operation.resources.create(kind="interpreter", name="vietnam", per_week=1)
    for site in cast.sites[:3]:
        pin(cast, site, fixed="free").needs.add(speaks)
    return cast


def number(text: str) -> Decimal:
    return Decimal(text.replace("\N{MINUS SIGN}", "-").replace(",", ""))


def test_the_rows_of_an_answer_add_up_as_they_are_printed(as_user):
    cast = scarce()
    run = plan(cast)
    assert len(run.inputs["periods"]) > 1
    client = as_user(cast.lead)
    several = 0
    for site in cast.sites:
        text = html.unescape(
            client.get(address("why", run.public_id, site.public_id)).content.decode()
        )
        left = number(re.search(r"<strong>(.*?)</strong></td></tr></tbody>", text).group(1))
        rows = [(label, number(amount)) for label, amount in ROW.findall(text) if "<" not in amount]
        assert rows, text
        assert sum(amount for _label, amount in rows) == left
        for label, amount in rows[:1]:
            assert re.search(r"\(week \d+\)$", label)
            assert amount.as_tuple().exponent == -4
        for label, amount in rows[1:]:
            days = re.match(r"(\S+) days of .+, Uusimaa, week \d+ at (\d+\.\d{4}) each$", label)
            if not days:
                continue
            several += amount != 0
            # The price is rounded as well: days times it come within their part of a last digit.
            of_price = number(days[1]) * number(days[2])
            assert abs(of_price + amount) <= Decimal("0.0001") * (1 + number(days[1]))
            assert f"{days[1]} days of " in text.split("<table")[0]  # the sentence says the same
            assert f"at {days[2]} each" in text.split("<table")[0]
    assert several


def test_amounts_whose_roundings_would_miss_are_printed_so_that_they_add_up():
    rng = random.Random(1)
    missed = 0
    for _ in range(300):
        amounts = [rng.uniform(-1, 1) for _ in range(rng.randint(1, 6))]
        answer = Answer("chosen", [], [("x", a) for a in amounts], sum(amounts))
        printed = [number(amount) for _label, amount in answer.printed]
        assert sum(printed) == number(answer.sum)
        for amount, shown in zip(amounts, printed, strict=True):
            assert abs(Decimal(amount) - shown) <= Decimal("0.0001")
        missed += sum(round(Decimal(a), 4) for a in amounts) != number(answer.sum)
    assert missed > 50
    exact = Answer("chosen", [], [("a", 0.7), ("b", -0.3), ("c", -0.0)], 0.4)
    assert [amount for _label, amount in exact.printed] == ["0.7000", "-0.3000", "0.0000"]


def test_a_day_more_is_worth_something_in_a_named_week(as_user):
    cast = scarce()
    cast.operation.quotas.update(maximum=20)
    run = plan(cast)
    text = html.unescape(as_user(cast.lead).get(address("run", run.public_id)).content.decode())
    table = text.split('id="marginal"')[1].split("</table>")[0]
    assert "In which week" in table
    shown = re.findall(r'<th scope="row">(.*?)</th><td class="num">(.*?)</td><td>(.*?)</td>', table)
    assert len(shown) == len(run.result["marginal"]) >= 3
    for (pool, price, when), stored in zip(shown, run.result["marginal"], strict=True):
        assert pool.endswith(", Uusimaa")
        assert price == f"{max(stored['prices']):.4f}"
        if price == "0.0000":
            assert when == "–"
            continue
        dearest = run.inputs["periods"][stored["prices"].index(max(stored["prices"]))]
        assert when == f"week {_week(dearest)}"
    assert any(when.startswith("week ") for _pool, _price, when in shown)


def test_the_named_week_is_the_one_of_the_highest_price(as_user):
    cast = scarce()
    frozen = inputs.freeze(cast.operation)
    few = [0.0] * (len(frozen["periods"]) - 3)
    run = cast.operation.runs.create(
        number=9, round=cast.operation.round, state="done", inputs=frozen, inputs_hash="h" * 64,
        finished_at=timezone.now(), value=1.0, bound=1.0, asked_by=cast.lead.user,
        asked_for=cast.lead.authority,
        result={"answers": {}, "marginal": [
            {"authority": "OSH", "pool": "OSH/01", "prices": [0.1, 0.2, 0.31427, *few],
             "free": [1.0, 0.5, 0.0, *few]},
            {"authority": "TAX", "pool": "TAX/01", "prices": [0.00001, 0.0, 0.0, *few],
             "free": [3.0, 0.0, 0.0, *few]},
        ]},
    )  # fmt: skip
    run.proposals.create(
        operation=cast.operation, site=cast.sites[0], team=[cast.lead.authority.pk], value=1.0,
        reduced=0.0, week=frozen["periods"][0],
    )  # fmt: skip
    text = as_user(cast.lead).get(address("run", run.public_id)).content.decode()
    table = text.split('id="marginal"')[1].split("</table>")[0]
    week = _week(frozen["periods"][2])
    assert f'<td class="num">0.3143</td><td>week {week}</td><td class="num">1.5</td>' in table
    assert '<td class="num">0.0000</td><td>–</td><td class="num">3.0</td>' in table


def _week(iso: str) -> int:
    return dt.date.fromisoformat(iso).isocalendar().week


def test_without_weeks_none_is_named(as_user):
    cast = scarce("window")
    run = plan(cast)
    client = as_user(cast.lead)
    text = client.get(address("run", run.public_id)).content.decode()
    assert "What one more inspector-day is worth" in text
    assert "In which week" not in text
    page = client.get(address("why", run.public_id, cast.sites[0].public_id)).content.decode()
    assert "Worth of the visit by" in page
    assert "week " not in page.split("<table")[1].split("</table>")[0]


def files(client, run: SelectionRun) -> tuple[dict, dict]:
    page = client.get(address("run", run.public_id)).content.decode()
    both = []
    for name in ("run_inputs", "run_prices"):
        assert address(name, run.public_id) in page
        both.append(json.loads(client.get(address(name, run.public_id)).content))
    return both[0], both[1]


@pytest.mark.parametrize("periods", ["window", "weeks"])
def test_the_bound_is_reckoned_again_from_the_two_files_alone(as_user, tmp_path, periods):
    cast = scarce(periods)
    run = plan(cast)
    frozen, table = files(as_user(cast.lead), run)
    found = recheck(frozen, table)
    assert (found.belongs, found.broken) == (True, [])
    assert found.value == pytest.approx(run.value, abs=1e-9)
    assert found.value <= run.bound <= found.bound + 1e-9
    assert found.bound < 1.5 * run.bound
    # It is the prices that prove it: with none, or others, no such bound follows.
    nothing = {"pools": [pool | {"prices": [0.0] * len(pool["prices"])} for pool in table["pools"]],
               "quotas": [quota | {"price": 0.0} for quota in table["quotas"]]}  # fmt: skip
    assert recheck(frozen, table | nothing).bound > found.bound + 0.1
    quotas = [quota | {"price": -5.0} for quota in table["quotas"]]
    assert recheck(frozen, table | {"quotas": quotas}).bound > found.bound + 0.1

    def said(prices: dict, given: dict = frozen) -> str:
        paths = [tmp_path / "inputs.json", tmp_path / "prices.json"]
        for path, content in zip(paths, (given, prices), strict=True):
            path.write_text(json.dumps(content), encoding="utf-8")
        out = StringIO()
        call_command("recheck_bound", *map(str, paths), stdout=out)
        return out.getvalue()

    assert f"bound by the prices: {found.bound:.6f}, stated {run.bound:.6f}" in said(table)
    fewer = table | {"pools": table["pools"][1:]}
    with pytest.raises(CommandError, match=f"leave this out: '{table['pools'][0]['pool']}'"):
        said(fewer)
    with pytest.raises(CommandError, match="of other inputs"):
        said(table, frozen | {"round": 7})
    with pytest.raises(CommandError, match="The plan does not hold: value is"):
        said(table | {"value": run.value + 0.01})
    with pytest.raises(CommandError, match="The plan does not hold"):
        said(table | {"visits": [*table["visits"], table["visits"][0]]})


def test_a_run_without_prices_has_no_file_of_them(as_user):
    cast = selecting()
    base = plan(cast)
    client = as_user(cast.lead)
    question = plan(cast, kind="frontier", based_on=base)
    page = client.get(address("run", question.public_id)).content.decode()
    assert address("run_prices", question.public_id) not in page
    assert client.get(address("run_prices", question.public_id)).status_code == 404
    what_if = plan(cast, kind="what_if", based_on=base, change={"days": {"OSH": 1}})
    frozen, table = files(client, what_if)
    assert recheck(frozen, table).belongs


def test_a_clash_stored_before_it_said_which_firm_is_still_told():
    cast = selecting()
    names = Names.of(cast.operation)
    old = [["firm", "7", {"needs": 3, "has": 1}]]
    assert clash_lines(old, names) == [
        "A firm is visited at most 1 time; the other limits need 3 visits to it."
    ]
