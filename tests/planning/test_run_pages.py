"""Pages of the selection: weights, the lottery, a proposal with its proof, questions about it."""

import json

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from planning.answers import Names, why
from planning.models import SelectionQuota, SelectionRun, SelectionSettings, SiteTerms, TeamRule
from planning.run_words import take_words
from planning.services import inputs, runs
from targets.services.recusals import recuse
from tests.factories import Cast, make_region, make_site, set_rules
from tests.planning.test_runs import plan, selecting
from tests.ui.drawings import commas_in_finnish

pytestmark = pytest.mark.django_db


def address(name: str, *args) -> str:
    return reverse(f"planning:{name}", args=args)


def settings_data(**values) -> dict[str, str]:
    base = {"form": "settings", "s-version": "1", "s-periods": "window", "s-random_share": "10",
            "s-no_draw": "",
            "s-evidence": "0.25", "s-burden": "0.10", "s-wish": "0.10", "s-coverage": "0.05",
            "s-travel": "0.05", "s-later": "0.005", "s-joint_share": "0", "s-most_per_firm": "1",
            "s-min_people": "1", "s-car_pool": "0.60", "s-penalty": "2.00",
            "s-most_authorities": "4"}  # fmt: skip
    return base | {f"s-{k}": v for k, v in values.items()}


def test_the_lead_sets_weights_and_a_clash_of_two_is_told(as_user):
    cast = selecting()
    page = address("criteria", cast.operation.public_id)
    client = as_user(cast.lead)
    assert "Shared evidence" in client.get(page).content.decode()
    assert client.post(page, settings_data(burden="0.50")).status_code == 302
    assert float(SelectionSettings.objects.get().burden) == 0.5
    second = client.post(page, settings_data(burden="0.70"))
    assert second.status_code == 422
    assert "Somebody else changed this" in second.content.decode()
    assert "0.70" in second.content.decode()
    bad = client.post(page, settings_data(version="2", random_share="80"))
    assert bad.status_code == 422
    other = as_user(cast.actors["TAX", "coordinator"])
    text = other.get(page).content.decode()
    assert "Save the weights" not in text
    assert "Save the days" in text
    assert other.post(page, settings_data(version="2")).status_code == 422


def test_each_authority_says_its_own_days_and_the_lead_sets_quotas(as_user):
    cast = selecting()
    page = address("criteria", cast.operation.public_id)
    tax = as_user(cast.actors["TAX", "coordinator"])
    assert tax.post(page, {"form": "days", "d-days": "7.5"}).status_code == 302
    row = cast.operation.capacities.get()
    assert (row.authority.code, float(row.days)) == ("TAX", 7.5)
    lead = as_user(cast.lead)
    data = {"form": "quota", "q-region": str(make_region().pk), "q-minimum": "2"}
    assert lead.post(page, data).status_code == 302
    quota = SelectionQuota.objects.get()
    assert lead.post(page, {"form": "quota", "q-minimum": "2"}).status_code == 422
    remove = address("quota_remove", cast.operation.public_id, quota.pk)
    as_user(cast.actors["TAX", "coordinator"]).post(remove)
    assert SelectionQuota.objects.exists()
    as_user(cast.lead).post(remove)
    assert not SelectionQuota.objects.exists()


def test_what_else_has_a_price_is_named_beside_the_days():
    cast = selecting()
    pool = inputs.problem_of(inputs.freeze(cast.operation)).pools[0]
    run = cast.operation.runs.create(
        number=9, round=cast.operation.round, state="done", inputs=inputs.freeze(cast.operation),
        inputs_hash="h" * 64, finished_at=timezone.now(), value=1.0, bound=1.0,
        asked_by=cast.lead.user, asked_for=cast.lead.authority,
        result={"answers": {str(cast.sites[0].public_id): {
            "verdict": "too_dear", "team": ["OSH"], "period": 0, "worth": 0.27, "reduced": -0.13,
            "costs": [["OSH", pool, 1.0, 0.1]], "quotas": [["01//", -0.3]],
            "resources": [["speaks", 1.0, 0.05]], "joint": -0.02, "firm": [],
        }}},
    )  # fmt: skip
    said = why(run, cast.sites[0]).words[0]
    for words in ("at 0.1000 each", "the limit of Uusimaa at 0.3000", "speaks at 0.0500",
                  "the share of joint visits at 0.0200", "is worth 0.2700"):  # fmt: skip
        assert words in said, said


def test_the_lead_says_who_goes_only_with_whom(as_user):
    cast = selecting()
    page = address("criteria", cast.operation.public_id)
    police, tax = (cast.actors[code, "coordinator"].authority for code in ("POL", "TAX"))
    data = {"form": "together", "t-authority": police.pk, "t-needs": tax.pk}
    assert as_user(cast.actors["TAX", "coordinator"]).post(page, data).status_code in (403, 422)
    lead = as_user(cast.lead)
    assert lead.post(page, data).status_code == 302
    assert lead.post(page, data).status_code == 302  # the same again is the same rule
    assert f"{police.short} only together with {tax.short}" in lead.get(page).content.decode()
    same = lead.post(page, data | {"t-needs": police.pk})
    assert same.status_code == 422
    assert "Choose two authorities." in same.content.decode()
    rule = TeamRule.objects.get()
    remove = address("team_rule_remove", cast.operation.public_id, rule.pk)
    as_user(cast.actors["TAX", "coordinator"]).post(remove)
    assert TeamRule.objects.exists()
    as_user(cast.lead).post(remove)
    assert not TeamRule.objects.exists()


def test_a_candidate_is_pinned_with_a_reason(as_user):
    cast = selecting()
    page = address("terms", cast.operation.public_id, cast.sites[0].public_id)
    client = as_user(cast.actors["POL", "coordinator"])
    assert client.get(page).status_code == 200
    refused = client.post(page, {"fixed": "pinned", "version": "0"})
    assert refused.status_code == 422
    assert "Say why" in refused.content.decode()
    client.post(page, {"fixed": "pinned", "version": "0", "reason": "Statutory duty"})
    assert SiteTerms.objects.get().set_for.code == "POL"


def test_a_proposal_from_the_page_to_its_proof_and_answers(as_user):
    cast = selecting()
    client = as_user(cast.lead)
    answer = client.post(address("runs", cast.operation.public_id))
    run = SelectionRun.objects.get()
    assert answer["Location"] == address("run", run.public_id)
    waiting = client.get(address("run", run.public_id)).content.decode()
    assert "every 2s" in waiting
    part = client.get(address("run", run.public_id), headers={"HX-Request": "true"})
    assert "<html" not in part.content.decode()
    runs.perform(runs.claim(run.pk))
    run.refresh_from_db()
    text = client.get(address("run", run.public_id)).content.decode()
    assert "No plan within these limits is worth more." in text
    assert run.inputs_hash in text
    for site in cast.sites:
        page = client.get(address("why", run.public_id, site.public_id))
        assert page.status_code == 200
        assert "roposed" in page.content.decode()
    frozen = client.get(address("run_inputs", run.public_id))
    assert inputs.fingerprint(json.loads(frozen.content)) == run.inputs_hash
    what = client.post(
        address("run", run.public_id), {"kind": "what_if", "pin": "", "authority": "OSH"}
    )
    assert what.status_code == 422
    asked = client.post(
        address("run", run.public_id),
        {"kind": "what_if", "exclude": str(cast.sites[0].public_id), "authority": "OSH",
         "days": "2"},
    )  # fmt: skip
    assert asked.status_code == 302
    question = SelectionRun.objects.exclude(pk=run.pk).get()
    runs.perform(runs.claim(question.pk))
    text = client.get(address("run", question.public_id)).content.decode()
    assert "What would be otherwise" in text
    for kind, words in (("frontier", "Findings alone"),
                        ("alternatives", "No plan of nearly equal worth is clearly different."),
                        ("take", "What it would take")):  # fmt: skip
        data = {"kind": kind, "site": str(cast.sites[0].public_id)}
        made = client.post(address("run", run.public_id), data)
        assert made.status_code == 302, kind
        latest = SelectionRun.objects.order_by("-number").first()
        assert runs.perform(runs.claim(latest.pk)).state == "done"
        text = client.get(address("run", latest.public_id)).content.decode()
        assert words in text
        if kind == "frontier":
            latest.refresh_from_db()
            for cost in ("Visits", "Calls on firms", "Travel (100 km)"):
                assert f"Expected findings against: {cost}; the table below" in text
            assert text.count('<circle class="bar"') == 3 * len(latest.result["points"])
            drawn = address("run", latest.public_id)
    assert commas_in_finnish(client, drawn) == []


def test_limits_that_clash_are_told_in_words(as_user):
    cast = selecting()
    SelectionQuota.objects.create(
        operation=cast.operation, region=make_region(), minimum=50, hard=True
    )
    run = runs.ask_run(actor=cast.lead, operation=cast.operation)
    runs.perform(runs.claim(run.pk))
    text = as_user(cast.lead).get(address("run", run.public_id)).content.decode()
    assert "At least 50 visits are asked for" in text


def test_what_stands_in_the_way_of_a_site_is_told_in_words(as_user):
    cast = selecting(sites=4)
    for site in cast.sites[:2]:
        site.company = cast.sites[0].company
        site.save()
    SelectionQuota.objects.create(operation=cast.operation, region=make_region(), maximum=1)
    base = plan(cast)
    chosen = base.proposals.get().site
    other = next(s for s in cast.sites[:2] if s != chosen)
    run = plan(cast, kind="what_if", based_on=base, change={"take": str(other.public_id)})
    client = as_user(cast.lead)
    text = client.get(address("run", run.public_id)).content.decode()
    assert (
        f"In the way: at most 1 visit is allowed ({make_region().name}), and it is planned." in text
    )
    if chosen in cast.sites[:2]:
        assert "In the way: its firm is visited at most 1 time, and is." in text
    # Where no plan holds it at all, the limits that clash are named, and not that it was asked for.
    take = run.result["take"] | {
        "blocked": [["resource", 0], ["joint", -1]], "instead": None,
        "clash": [["pin", str(other.public_id), {}],
                  ["quota_max", f"{make_region().code}//", {"needs": 2, "has": 1}]],
    }  # fmt: skip
    run.inputs["resources"] = [{"id": "r", "name": "Vietnamese"}]
    lines = take_words(run, take, Names(run), {})["lines"]
    assert lines[-4:] == [
        "In the way: Vietnamese is taken.",
        "In the way: with it the share of joint visits would be missed.",
        "No plan that holds it keeps all limits.",
        f"At most 1 visit is allowed ({make_region().name}); the other limits force 2.",
    ]


def test_a_candidate_that_came_after_the_plan_is_said_to_have_been_none(as_user):
    cast = selecting()
    run = plan(cast)
    late = make_site()
    page = as_user(cast.lead).get(address("why", run.public_id, late.public_id))
    assert page.status_code == 200
    assert "It was no candidate when this proposal was made" in page.content.decode()
    assert "What would it take" not in page.content.decode()


def test_the_lottery_on_its_page_never_shows_the_seed_before_its_time(as_user):
    cast = selecting(sites=9)
    set_rules(cast.operation, random_share=50)
    client = as_user(cast.lead)
    client.post(address("draw_step", cast.operation.public_id, "commit"))
    draw = cast.operation.draws.get()
    page = client.get(address("runs", cast.operation.public_id)).content.decode()
    assert draw.commitment in page
    assert bytes(draw.seed).hex() not in page
    frame = client.get(address("draw_frame", cast.operation.public_id))
    assert frame.status_code == 200
    client.post(address("draw_step", cast.operation.public_id, "draw"))
    page = client.get(address("runs", cast.operation.public_id)).content.decode()
    assert bytes(draw.seed).hex() not in page
    assert draw.sites.exists()
    assert client.post(address("draw_step", cast.operation.public_id, "x")).status_code == 404


def test_pages_cost_the_same_whatever_the_number_of_candidates(as_user):
    small = selecting(sites=3)
    few_run = plan(small)
    client = as_user(small.lead)
    names = ("runs", "criteria")

    def cost(operation, run) -> list[int]:
        found = []
        for page in [*(address(n, operation.public_id) for n in names),
                     address("run", run.public_id)]:  # fmt: skip
            with CaptureQueriesContext(connection) as queries:
                assert client.get(page).status_code == 200
            found.append(len(queries))
        return found

    cost(small.operation, few_run)  # what the session keeps is fetched once
    few = cost(small.operation, few_run)
    large = Cast.__new__(Cast)
    large.__dict__ |= dict(small.__dict__.items())
    large.to("selecting", sites=12)
    assert cost(large.operation, plan(large)) == few


def test_files_with_every_candidate_are_not_for_whoever_is_kept_away_from_one(as_user):
    cast = selecting()
    set_rules(cast.operation, random_share=50)
    for step in ("commit", "draw"):
        as_user(cast.lead).post(address("draw_step", cast.operation.public_id, step))
    run = plan(cast)
    person = cast.actors["TAX", "coordinator"]
    files = (address("run_inputs", run.public_id), address("run_prices", run.public_id),
             address("draw_frame", cast.operation.public_id))  # fmt: skip
    assert [as_user(person).get(page).status_code for page in files] == [200] * 3
    recuse(
        actor=cast.actors["TAX", "manager"], person=person.user, target=cast.sites[0], reason="Kin"
    )
    assert [as_user(person).get(page).status_code for page in files] == [404] * 3
    text = as_user(person).get(address("run", run.public_id)).content.decode()
    assert cast.sites[0].name not in text


def test_an_authority_only_invited_sees_no_tab_of_the_selection(as_user):
    cast = selecting()
    cast.operation.participations.filter(authority__code="POL").update(
        state="invited", answered_at=None
    )
    client = as_user(cast.actors["POL", "manager"])
    overview = client.get(address("operation_detail", cast.operation.public_id))
    if overview.status_code == 200:
        assert address("selection", cast.operation.public_id) not in overview.content.decode()
    assert client.get(address("runs", cast.operation.public_id)).status_code == 404
