"""The queue, a pair side by side, taking apart, successor hints: what is shown and what is done."""

import datetime as dt
import re
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from audit.errors import Conflict, RuleViolation
from targets.identity_words import contribution, percent, side_by_side
from targets.models import LinkRun, MatchPair, Merge, Site, SuccessorHint
from targets.services.identity.deciding import better_of, decide_different, decide_same, put_off
from targets.services.identity.merging import merge
from targets.services.recusals import recuse
from tests.factories import make_actor, make_company, make_past_visit, make_region, make_site

pytestmark = pytest.mark.django_db
EVIDENCE = [
    {"what": "name", "level": "alike", "weight": 6.4, "a": "kebab kulma", "b": "kebab kulmaa"},
    {"what": "location", "level": "different", "weight": -6.5, "a": "x", "b": "y"},
    {"what": "firm_id", "level": "unknown", "weight": 0.0, "a": "", "b": ""},
]  # fmt: skip


@pytest.fixture
def analyst():
    return make_actor("OSH", "analyst")


def make_pair(probability: float = 0.97, **values: Any) -> MatchPair:
    firm = make_company(name="Kulma Oy", business_id=values.pop("business_id", None))
    a = make_site(name="Kebab Kulma", address="Hämeenkatu 3 A", postal_code="33100", company=firm,
                  source="food")  # fmt: skip
    b = make_site(name="KEBAB-KULMA AB", address="Hämeenkatu 3", company=None, source="alcohol",
                  status="closed")  # fmt: skip
    return MatchPair.objects.create(
        site_a=a, site_b=b, probability=probability, evidence=EVIDENCE, **values
    )


def text(answer: Any) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", answer.content.decode()))


# ------------------------------------------------------------------------------------ the queue
def test_the_queue_shows_what_waits_the_likeliest_first(as_user, analyst):
    low, high = make_pair(0.91), make_pair(0.9995, strong=True)
    decided, later = make_pair(0.99), make_pair(0.98)
    decide_different(actor=analyst, pair=decided, reason="Two doors")
    put_off(actor=analyst, pair=later)
    client = as_user(analyst)

    def listed(**query: str) -> list[str]:
        page = client.get(reverse("targets:pair_list"), query).content.decode()
        return re.findall(r"/identity/([0-9a-f-]{36})/\"", page)

    assert listed() == [str(high.public_id), str(low.public_id)]
    assert listed(strong="on") == [str(high.public_id)]
    assert listed(state="different") == [str(decided.public_id)]
    assert listed(state="put_off") == [str(later.public_id)]
    assert listed(kind="company") == []
    assert listed(source="alc", strong="on") == [str(high.public_id)]
    assert listed(source="zzz") == []
    MatchPair.objects.filter(pk=later.pk).update(put_off_until=timezone.localdate())
    assert len(listed()) == 3
    assert "99.9 %" in text(client.get(reverse("targets:pair_list")))


def test_pairs_outside_ones_regions_and_of_recused_targets_do_not_exist(as_user, analyst):
    pair = make_pair()
    elsewhere = make_actor("TAX", "analyst", regions=(make_region("02", "Varsinais-Suomi"),))
    address = reverse("targets:pair", args=[pair.public_id])
    assert as_user(elsewhere).get(address).status_code == 404
    assert as_user(analyst).get(address).status_code == 200
    recuse(actor=make_actor("OSH", "manager"), person=analyst.user, target=pair.b, reason="Kin")
    for name in ("targets:pair_list", "targets:pairs_join"):
        page = as_user(analyst).get(reverse(name), {"id": pair.public_id})
        assert "Kulma" not in text(page), name
    assert as_user(analyst).get(address).status_code == 404
    for step in ("same", "different", "later"):
        assert as_user(analyst).post(address, {"step": step}).status_code == 404


def test_comparing_is_started_from_the_queue(as_user, analyst):
    client = as_user(analyst)
    for _ in range(2):  # the second is told that one runs already
        answer = client.post(reverse("targets:compare"), {"kind": "site"}, follow=True)
    assert LinkRun.objects.get().started_by == analyst.user
    assert "being compared now" in text(answer)
    assert client.post(reverse("targets:compare"), {"kind": "x"}).status_code == 404


# ---------------------------------------------------------------------------------- side by side
def test_the_pair_in_words(as_user, analyst):
    pair = make_pair()
    page = text(as_user(analyst).get(reverse("targets:pair", args=[pair.public_id])))
    for words in (
        "97.0 %", "names that differ by a slip of the pen", "84 times likelier to be the same",
        "91 times likelier to be different", "says nothing", "agrees, written differently",
        "known of one only", "differs",
    ):  # fmt: skip
        assert words in page, words


def test_marks_say_how_both_sides_agree():
    marks = {f["label"]: f["mark"] for f in side_by_side(make_pair(), make_actor("OSH", "analyst"))}
    assert marks["Name"] == "alike"
    assert marks["Address"] == "alike"
    assert marks["Postal code"] == "unknown"
    assert marks["Municipality"] == "agree"
    assert marks["State"] == "differ"
    assert "Coordinates" not in marks


def test_certainty_is_never_claimed():
    assert percent(0.99999) == "99.9 %"
    assert contribution(60.0)["words"] == "1,000,000 times likelier to be the same"
    assert contribution(-1.0)["words"] == "2.0 times likelier to be different"


def test_queries_of_the_page_do_not_grow(as_user, analyst):
    client = as_user(analyst)
    pair = make_pair()
    address = reverse("targets:pair", args=[pair.public_id])
    client.get(address)
    counts = []
    for _ in range(2):
        with CaptureQueriesContext(connection) as captured:
            client.get(address)
        counts.append(len(captured))
        for _more in range(5):
            make_pair()
            make_past_visit(pair.a)
    assert counts == [9, 9]


# ------------------------------------------------------------------------------------- deciding
def test_same_merges_into_the_row_that_was_chosen(as_user, analyst):
    pair, following = make_pair(), make_pair(0.9)
    assert better_of(pair) == pair.a  # it says more
    answer = as_user(analyst).post(
        reverse("targets:pair", args=[pair.public_id]),
        {"step": "same", "same-survivor": str(pair.b.public_id), "same-why": "One door"},
    )
    assert answer["Location"] == reverse("targets:pair", args=[following.public_id])
    row = Merge.objects.get()
    assert (row.loser, row.survivor, row.reason) == (pair.a, pair.b, "One door")
    pair.refresh_from_db()
    assert (pair.state, pair.decided_for) == ("same", analyst.authority)


def test_different_needs_a_reason_and_keeps_what_was_typed(as_user, analyst):
    pair = make_pair()
    client, address = as_user(analyst), reverse("targets:pair", args=[pair.public_id])
    answer = client.post(address, {"step": "different", "reason": "  "})
    assert answer.status_code == 422
    assert "others will meet the same likeness" in text(answer)
    assert client.post(address, {"step": "same", "same-survivor": "x"}).status_code == 422
    answer = client.post(address, {"step": "different", "reason": "Two doors"})
    assert answer["Location"] == reverse("targets:pair_list")  # the queue is empty
    pair.refresh_from_db()
    assert (pair.state, pair.reason, pair.decided_by) == ("different", "Two doors", analyst.user)
    assert client.post(address, {"step": "later"}).status_code == 409
    client.post(address, {"step": "again"})
    pair.refresh_from_db()
    assert (pair.state, pair.decided_at) == ("proposed", None)
    client.post(address, {"step": "later"})
    pair.refresh_from_db()
    assert pair.put_off_until == timezone.localdate() + dt.timedelta(days=7)


def test_whoever_was_second_is_told(analyst):
    pair = make_pair()
    decide_different(actor=make_actor("TAX", "analyst"), pair=pair, reason="x")
    with pytest.raises(Conflict, match="decided already"):
        decide_same(actor=analyst, pair=pair)
    assert not Site.objects.filter(merged_into__isnull=False).exists()
    with pytest.raises(Conflict, match="has decided already: Different"):
        decide_different(actor=analyst, pair=pair, reason="x")
    with pytest.raises(RuleViolation):
        decide_different(actor=analyst, pair=make_pair(), reason=" ")


def test_several_ticked_pairs_are_each_decided(as_user, analyst):
    one, two, gone = make_pair(), make_pair(), make_pair()
    decide_different(actor=analyst, pair=gone, reason="x")
    client = as_user(analyst)
    query = {"id": [str(p.public_id) for p in (one, two, gone)]}
    page = client.get(reverse("targets:pairs_join"), query)
    assert "Merge 2 pairs" in text(page)
    assert not Merge.objects.exists()
    answer = client.post(reverse("targets:pairs_join"), query | {"x": "1"}, follow=True)
    assert "2 pairs were merged" in text(answer)
    assert {m.pair_id for m in Merge.objects.all()} == {one.pk, two.pk}
    page = client.get(reverse("targets:pairs_join"), {"id": ["nonsense"]})
    assert "Nothing is ticked" in text(page)


# ------------------------------------------------------------------------------- of one target
def test_a_merged_site_leads_to_the_one_kept_and_can_be_taken_out(as_user, analyst):
    pair = make_pair()
    row = merge(actor=analyst, loser=pair.b, survivor=pair.a, reason="One door")
    client = as_user(analyst)
    answer = client.get(reverse("targets:site_detail", args=[pair.b.public_id]), follow=True)
    assert answer.redirect_chain[-1][0] == reverse("targets:site_detail", args=[pair.a.public_id])
    assert "was found to be the same as this" in text(answer)
    page = client.get(reverse("targets:site_identity", args=[pair.a.public_id]))
    assert "KEBAB-KULMA AB (alcohol) was made part of this." in text(page)
    address = reverse("targets:unmerge", args=[row.public_id])
    assert "goes back" in text(client.get(address))
    assert client.post(address, {"reason": ""}).status_code == 422
    answer = client.post(address, {"reason": "Two doors after all"}, follow=True)
    assert "They are two again" in text(answer)
    assert client.get(address).status_code == 404
    page = client.get(reverse("targets:site_identity", args=[pair.b.public_id]))
    assert "Two doors after all" in text(page)


def test_a_merged_company_leads_to_the_one_kept(as_user, analyst):
    kept, gone = make_company(), make_company()
    merge(actor=analyst, loser=gone, survivor=kept)
    client = as_user(make_actor("TAX", "inspector"))
    answer = client.get(reverse("targets:company_detail", args=[gone.public_id]))
    assert answer["Location"] == reverse("targets:company_detail", args=[kept.public_id])
    missing = reverse("targets:company_detail", args=["00000000-0000-4000-8000-000000000000"])
    assert client.get(missing).status_code == 404


# ---------------------------------------------------------------------------------------- hints
def test_a_hint_on_the_page_of_both_companies(as_user, analyst):
    old, new = make_company(name="Vanha Oy"), make_company(name="Uusi Oy")
    site = make_site(name="Halli 7")
    evidence = [{"what": "site", "site": site.pk}, {"what": "address", "text": "KUJA 1 00100"},
                {"what": "person"}, {"what": "person"}]  # fmt: skip
    hint = SuccessorHint.objects.create(
        old=old, new=new, evidence=evidence, ended_on=dt.date(2024, 5, 1),
        started_on=dt.date(2024, 5, 11),
    )  # fmt: skip
    page = text(as_user(analyst).get(reverse("targets:company_detail", args=[old.public_id])))
    for words in (
        "After this company:", "Uusi Oy", "Both have run Halli 7.", "Kuja 1 00100",
        "2 persons have roles in both.", "registered 10 days after the end",
    ):  # fmt: skip
        assert words in page, words
    reader = make_actor("TAX", "inspector")
    page = text(as_user(reader).get(reverse("targets:company_detail", args=[new.public_id])))
    assert "Before this company:" in page
    assert "Decide on" not in page
    address = reverse("targets:hint", args=[hint.public_id])
    client = as_user(analyst)
    assert client.post(address, {"step": "dismiss", "reason": ""}).status_code == 422
    client.post(address, {"step": "confirm", "reason": ""})
    hint.refresh_from_db()
    assert (hint.state, hint.decided_by) == ("confirmed", analyst.user)
    assert client.post(address, {"step": "confirm"}).status_code == 409


def test_a_site_outside_the_readers_regions_is_not_named(as_user):
    old, new = make_company(), make_company()
    site = make_site(name="Halli 7")
    SuccessorHint.objects.create(old=old, new=new, evidence=[{"what": "site", "site": site.pk}])
    far = make_actor("TAX", "analyst", regions=(make_region("02", "Varsinais-Suomi"),))
    page = text(as_user(far).get(reverse("targets:company_detail", args=[old.public_id])))
    assert "a site outside your regions" in page
    assert "Halli 7" not in page
