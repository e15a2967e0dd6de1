"""Values of every source: as known then, never of the future, never of somebody else's rows."""

import datetime as dt

import pytest
from django.db import connection
from django.utils import timezone

from risk.engine.values import Asked, Refused, values
from risk.services.training import first_day_told
from targets.models import (
    CompanyName,
    CompanyRegistration,
    Fact,
    ImportRun,
    Link,
    PastVisit,
    RegisterChange,
    Signal,
    Site,
    SiteOperator,
    SuccessorHint,
)
from tests.factories import (
    Cast,
    give,
    make_actor,
    make_authority,
    make_company,
    make_industry,
    make_municipality,
    make_past_visit,
    make_signal,
    make_site,
)
from tests.risk.engine.factories import make_indicator

pytestmark = pytest.mark.django_db
TIPS = {"measure": "count", "within_days": 365}


def ago(days: int) -> dt.date:
    return timezone.localdate() - dt.timedelta(days=days)


def moment(days: int) -> dt.datetime:
    return timezone.now() - dt.timedelta(days=days)


def value(version, site, day=None, known=None):
    """The number or text of one site, as of today and with all that is known, or as of then."""
    asked = Asked.some([site.pk], day or timezone.localdate(), known)
    (row,) = values([version], asked)
    return row.values[0].number if row.values[0].text is None else row.values[0].text


def make_fact(site=None, **kwargs):
    defaults = {
        "kind": "tax_debt", "value": {"amount": 1000}, "valid_from": ago(100),
        "known_from": moment(90), "source": "test", "source_key": str(Fact.objects.count()),
        "authority": make_authority("TAX"), "shared": True,
    }  # fmt: skip
    return Fact.objects.create(site=site, **(defaults | kwargs))


# ------------------------------------------------------------------------------- signals
def test_signals_are_counted_by_kind_grade_and_age(reference):
    osh, site = make_actor("OSH"), make_site()
    make_signal(osh, site=site, observed_on=ago(10), reliability="B", accuracy="2")
    make_signal(osh, site=site, observed_on=ago(20), reliability="E", accuracy="5")
    make_signal(osh, company=site.company, observed_on=ago(30), kind="report")
    make_signal(osh, site=site, observed_on=ago(500))
    make_signal(osh, site=make_site(), observed_on=ago(1))
    count = lambda **more: value(make_indicator("signals", TIPS | more, authority="OSH"), site)  # noqa: E731
    assert count() == 3
    assert count(kinds=["report"]) == 1
    assert count(reliability="C") == 2
    assert count(accuracy="2") == 1
    assert count(about="company") == 1
    assert count(about="site") == 2
    since = make_indicator("signals", {"measure": "days_since"}, authority="OSH")
    assert value(since, site) == 10
    decayed = make_indicator(
        "signals", {"measure": "decayed", "half_life_days": 10, "about": "site"}, authority="OSH"
    )
    assert value(decayed, site) == pytest.approx(0.5 + 0.25, abs=1e-5)


def test_an_undisclosed_signal_of_another_moves_nothing(reference):
    """Two worlds that differ in one signal of TAX: OSH's indicator and shared ones are the same."""
    osh, tax, site = make_actor("OSH"), make_actor("TAX"), make_site()
    mine = make_indicator("signals", TIPS, authority="OSH")
    theirs = make_indicator("signals", TIPS, authority="TAX")
    shared = [
        make_indicator("visits", {"measure": "count", "within_days": 999}),
        make_indicator("facts", {"measure": "exists", "kind": "tax_debt"}),
        make_indicator("links", {"measure": "lodges"}),
    ]
    seen = [mine, *shared]
    before = values(seen, Asked.everything(timezone.localdate()))
    signal = make_signal(tax, site=site)
    make_fact(site, shared=False)
    make_past_visit(site, "TAX", shared=False)
    Link.objects.create(
        kind="lodges", from_company=make_company(), to_site=site, source="x",
        authority=make_authority("TAX"),
    )  # fmt: skip
    assert values(seen, Asked.everything(timezone.localdate())) == before
    assert value(theirs, site) == 1
    # Nor does one that was given: an indicator reads its owner's rows, not what it was lent.
    give(tax, signal, osh.authority)
    assert values(seen, Asked.everything(timezone.localdate())) == before


def test_a_shared_indicator_over_signals_is_refused(reference):
    with pytest.raises(Refused, match="give it an owner"):
        values([make_indicator("signals", TIPS)], Asked.everything(timezone.localdate()))


def test_a_stored_definition_on_the_never_list_is_refused_when_it_is_computed(reference):
    """The check stands before the statement too, whoever wrote the row."""
    bad = make_indicator(
        "facts", {"measure": "last", "kind": "posted_workers", "field": "sender_country"}
    )
    with pytest.raises(Refused, match="may not be used"):
        values([bad], Asked.everything(timezone.localdate()))


def test_words_of_a_definition_are_parameters(reference):
    site = make_site()
    nasty = "x' OR true; DROP TABLE targets_site; -- %s %(day)s"
    version = make_indicator("facts", {"measure": "last", "kind": nasty, "field": nasty})
    assert value(version, site) is None
    make_fact(site, kind=nasty, value={nasty: "it"})
    assert value(version, site) == "it"


# ------------------------------------------------------------------------------- facts
def test_facts_are_read_as_they_were_known_and_held_then(reference):
    site = make_site()
    version = make_indicator("facts", {"measure": "last", "kind": "tax_debt", "field": "amount"})
    make_fact(site, value={"amount": 500}, known_from=moment(90), known_to=moment(40))
    make_fact(site, value={"amount": 900}, known_from=moment(40))
    make_fact(site, value={"amount": 7}, valid_from=ago(300), valid_to=ago(200))
    assert value(version, site) == 900
    assert value(version, site, ago(60), moment(60)) == 500
    assert value(version, site, ago(95), moment(95)) is None
    row = values([version], Asked.rows([(site.pk, ago(60)), (site.pk, ago(10))]))
    assert [r.values[0].number for r in row] == [500, 900]


def test_a_planted_leak_is_not_seen(reference):
    """A fact, a visit, a signal and a link of past days that became known afterwards."""
    osh, site = make_actor("OSH"), make_site()
    versions = [
        make_indicator("facts", {"measure": "count", "kind": "tax_debt", "within_days": 999}),
        make_indicator("visits", {"measure": "count", "within_days": 999}),
        make_indicator("signals", TIPS | {"within_days": 999}, authority="OSH"),
        make_indicator("links", {"measure": "lodges"}),
        make_indicator("links", {"measure": "successor"}),
    ]
    make_fact(site, valid_from=ago(300), known_from=moment(5))
    make_past_visit(site, shared=True, on=ago(300))
    make_signal(osh, site=site, observed_on=ago(300))
    Link.objects.create(
        kind="lodges", from_company=make_company(), to_site=site, source="x", valid_from=ago(300)
    )
    SuccessorHint.objects.create(old=make_company(), new=site.company, ended_on=ago(300))
    then = values(versions, Asked.some([site.pk], ago(100), moment(100)))
    assert [v.number for v in then[0].values] == [0, 0, 0, 0, 0]
    now = values(versions, Asked.some([site.pk], timezone.localdate()))
    assert [v.number for v in now[0].values] == [1, 1, 1, 1, 1]
    # A row to learn from sees as little; of visits, what their maker knew a month afterwards.
    rows = values(versions, Asked.rows([(site.pk, ago(100)), (site.pk, ago(290))]))
    assert [v.number for v in rows[0].values] == [0, 1, 0, 0, 0]
    assert [v.number for v in rows[1].values] == [0, 0, 0, 0, 0]
    strict = values(versions, Asked.rows([(site.pk, ago(100))], late=False))
    assert [v.number for v in strict[0].values] == [0, 0, 0, 0, 0]


def test_the_visit_of_the_day_itself_is_never_an_input(reference):
    site = make_site()
    make_past_visit(site, shared=True, on=timezone.localdate())
    assert value(make_indicator("visits", {"measure": "count", "within_days": 9}), site) == 0


def run_of(days: int) -> ImportRun:
    """An import that ended so many days ago."""
    return ImportRun.objects.create(
        kind="visits", format="x", file_name="x", authority=make_authority("OSH"), state="done",
        finished_at=moment(days),
    )  # fmt: skip


def test_a_result_that_was_said_over_is_the_old_one_on_a_past_day(reference):
    site = make_site()
    visit = make_past_visit(site, shared=True, on=ago(200), outcome="severe")
    run = run_of(20)
    PastVisit.objects.filter(pk=visit.pk).update(
        known_from=moment(190), outcome="no_remarks", run_id=run.pk,
        previous=[{"run": None, "outcome": "severe"}],
    )  # fmt: skip
    level = make_indicator("visits", {"measure": "level"})
    assert value(level, site) == 0
    assert value(level, site, ago(10), moment(10)) == 0
    assert value(level, site, ago(50), moment(50)) == 3


@pytest.mark.parametrize("known", [300, 95, 5])
@pytest.mark.parametrize("told", [None, 99, 40])
def test_a_result_is_learnt_from_when_it_may_be_an_input(reference, known, told):
    """The rule stands in SQL for values and in Python for rows to learn from: one and the same."""
    site = make_site()
    visit = make_past_visit(site, shared=True, on=ago(100))
    values_of = {"known_from": moment(known), "told_on": ago(told) if told else None}
    PastVisit.objects.filter(pk=visit.pk).update(**values_of)
    first = first_day_told(ago(100), values_of["told_on"], values_of["known_from"])
    count = make_indicator("visits", {"measure": "count", "within_days": 365})
    days = [ago(n) for n in range(101, 0, -1)]
    rows = values([count], Asked.rows([(site.pk, day) for day in days]))
    counted = [day for day, row in zip(days, rows, strict=True) if row.values[0].number == 1]
    assert counted == [day for day in days if day.toordinal() >= first]


def test_who_might_see_a_visit_is_as_it_was_on_a_past_day(reference):
    """One that is shared since stays out of a shared score of before, and the other way round."""
    here, near = make_site(), make_site()
    Site.objects.update(created_at=moment(400))
    run = run_of(20)
    for outcome, shared in (("severe", True), ("no_remarks", False)):
        visit = make_past_visit(near, "TAX", shared=shared, on=ago(200), outcome=outcome)
        PastVisit.objects.filter(pk=visit.pk).update(
            known_from=moment(190), run_id=run.pk,
            previous=[{"run": None, "outcome": outcome, "shared": not shared}],
        )  # fmt: skip
    count = {"measure": "count", "within_days": 365}
    found = make_indicator("visits", count | {"outcomes": ["severe"]})
    clean = make_indicator("visits", count | {"outcomes": ["no_remarks"]})
    assert (value(found, near), value(clean, near)) == (1, 0)
    then = (ago(50), moment(50))
    assert (value(found, near, *then), value(clean, near, *then)) == (0, 1)
    assert value(make_indicator("visits", count, authority="TAX"), near, *then) == 2
    rate = make_indicator(
        "visits", {"measure": "neighbours", "near": "both", "within_days": 365, "least": 1}
    )
    assert value(rate, here) == 100
    assert value(rate, here, *then) == 0
    rows = values([rate], Asked.rows([(here.pk, ago(1)), (here.pk, ago(50))]))
    assert [r.values[0].number for r in rows] == [100, 0]


def test_entries_names_and_operators_count_from_when_they_were_known(reference):
    company = make_company()
    site = make_site(company=company)
    known = {"known_from": moment(300)}
    CompanyRegistration.objects.create(
        company=company, register="vat", valid_from=ago(2000), valid_to=ago(80),
        end_known_from=moment(60), **known,
    )  # fmt: skip
    CompanyRegistration.objects.create(
        company=company, register="employer", valid_from=ago(2000), valid_to=ago(400), **known
    )
    CompanyName.objects.create(
        company=company, name="A", kind="trade", valid_from=ago(900), **known
    )
    CompanyName.objects.create(
        company=company, name="B", kind="trade", valid_from=ago(100), known_from=moment(60)
    )
    for days, one in ((700, make_company()), (100, company)):
        SiteOperator.objects.create(
            site=site, company=one, valid_from=ago(days), known_from=moment(60)
        )
    ask = lambda days, **d: value(  # noqa: E731
        make_indicator("register", d), site, ago(days), moment(days)
    )
    struck = {"measure": "struck", "registers": ["vat", "employer"]}
    changes = ({"measure": "name_changes", "within_days": 365},
               {"measure": "operator_changes", "within_days": 365})  # fmt: skip
    assert (ask(50, **struck), ask(70, **struck)) == (2, 1)
    for change in changes:
        assert (ask(50, **change), ask(70, **change)) == (1, 0)
    # To learn from, what a public register tells counts by its own days.
    rows = values([make_indicator("register", struck)], Asked.rows([(site.pk, ago(70))]))
    assert rows[0].values[0].number == 2


def test_the_end_of_a_link_counts_from_when_it_was_known(reference):
    site = make_site()
    Link.objects.create(
        kind="works_at", from_company=make_company(), to_site=site, source="x", valid_to=ago(100),
        run=run_of(20), previous=[{"run": None, "valid_to": None}],
    )  # fmt: skip
    Link.objects.update(created_at=moment(300))
    employers = make_indicator("links", {"measure": "employers"})
    assert value(employers, site) == 0
    assert value(employers, site, ago(10), moment(10)) == 0
    assert value(employers, site, ago(50), moment(50)) == 1


def test_facts_of_other_measures(reference):
    site = make_site(staff_estimate=20)
    make_fact(
        None, company=site.company, kind="tax", value={"income": 3000, "sites": 3, "type": "B"}
    )
    ask = lambda **d: value(make_indicator("facts", {"kind": "tax"} | d), site)  # noqa: E731
    assert ask(measure="exists") == 1
    assert ask(measure="exists", about="site") == 0
    assert ask(measure="count", within_days=365) == 1
    assert ask(measure="count", within_days=50) == 0
    assert ask(measure="in", field="type", among=["B", "C"]) == 1
    assert ask(measure="in", field="type", among=["A"]) == 0
    assert ask(measure="in", field="nothing", among=["A"]) is None
    assert ask(measure="last", field="type") == "B"
    assert ask(measure="ratio", field="income", per="staff") == 150
    assert ask(measure="ratio", field="income", per="fact", per_field="sites") == 1000


# ------------------------------------------------------------------------------- register
def test_facts_of_one_kind_fade_and_are_narrowed_to_what_they_say(reference):
    site = make_site()
    for days, purpose in ((200, "complaint"), (100, "licence"), (50, "complaint")):
        make_fact(site, kind="visit_log", value={"purpose": purpose}, valid_from=ago(days))
    ask = lambda **d: value(make_indicator("facts", d | {"kind": "visit_log"}), site)  # noqa: E731
    assert ask(measure="days_since") == 50
    assert ask(measure="days_since", field="purpose", among=["licence"]) == 100
    assert ask(measure="count", within_days=999, field="purpose", among=["complaint"]) == 2
    assert ask(measure="exists", field="purpose", among=["fire"]) == 0
    complaints = {"field": "purpose", "among": ["complaint"], "half_life_days": 50}
    assert ask(measure="decayed", **complaints) == pytest.approx(0.5 + 0.0625, abs=1e-5)
    assert ask(measure="decayed", half_life_days=50, within_days=60) == pytest.approx(0.5, abs=1e-5)


def test_the_register_of_a_past_day_is_found_from_its_history(reference):
    site = make_site(staff_estimate=50, industry=make_industry("56"))
    Site.objects.filter(pk=site.pk).update(created_at=moment(900))
    staff = make_indicator("register", {"measure": "staff"})
    industry = make_indicator("register", {"measure": "industry"})
    before = make_industry("81", "Cleaning")
    for days, old in (
        (200, {"staff_estimate": 5}),
        (100, {"staff_estimate": 9, "industry_id": before.pk}),
    ):
        RegisterChange.objects.create(site=site, old=old, new={}, source="x", at=moment(days))
    assert [value(staff, site, ago(d), moment(d)) for d in (10, 150, 250)] == [50, 9, 5]
    assert [value(industry, site, ago(d), moment(d)) for d in (10, 150)] == ["56", "81"]
    rows = values([staff, industry], Asked.rows([(site.pk, ago(d)) for d in (250, 150, 10)]))
    assert [r.values[0].number for r in rows] == [5, 9, 50]
    assert [r.values[1].text for r in rows] == ["81", "81", "56"]
    RegisterChange.objects.create(
        company=site.company, old={"status": "bankrupt"}, new={}, source="x", at=moment(30)
    )
    status = make_indicator("register", {"measure": "status"})
    assert value(status, site) == "active"
    assert value(status, site, ago(60), moment(60)) == "bankrupt"


def test_measures_of_the_register(reference):
    company = make_company(registered_on=ago(731), status="bankrupt")
    site = make_site(company=company, industry=make_industry("561"), opened_on=ago(366))
    make_site(company=company)
    for register, end in (("vat", ago(50)), ("employer", None), ("prepayment", ago(900))):
        CompanyRegistration.objects.create(
            company=company, register=register, valid_from=ago(2000), valid_to=end
        )
    for days in (3000, 700, 90):
        CompanyName.objects.create(
            company=company, name=f"N{days}", kind="trade", valid_from=ago(days)
        )
    for days, one in ((700, make_company()), (60, company)):
        SiteOperator.objects.create(site=site, company=one, valid_from=ago(days))
    ask = lambda **d: value(make_indicator("register", d), site)  # noqa: E731
    assert ask(measure="company_age") == pytest.approx(2.0, abs=0.01)
    assert ask(measure="site_age") == pytest.approx(1.0, abs=0.01)
    assert ask(measure="industry") == "56"
    assert ask(measure="industry", digits=3) == "561"
    assert ask(measure="industry_in", codes=["56", "81"]) == 1
    assert ask(measure="industry_in", codes=["5_"]) == 0
    assert ask(measure="status_in", statuses=["bankrupt", "liquidation"]) == 1
    every = ["vat", "employer", "prepayment"]
    assert ask(measure="struck", registers=every) == 2
    assert ask(measure="struck", registers=every, within_days=365) == 1
    assert ask(measure="struck", registers=["trade"]) is None
    assert ask(measure="sites") == 2
    assert ask(measure="name_changes", within_days=365) == 1
    assert ask(measure="name_changes", within_days=730) == 2
    assert ask(measure="operator_changes", within_days=365) == 1
    assert ask(measure="staff") is None


# ------------------------------------------------------------------------------- visits
def test_measures_of_visits(reference):
    site = make_site()
    make_past_visit(site, "OSH", on=ago(100), outcome="serious")
    make_past_visit(site, "TAX", on=ago(50), outcome="no_remarks", shared=True)
    make_past_visit(site, "TAX", on=ago(20), outcome="severe", shared=False)
    make_past_visit(site, "TAX", on=ago(10), outcome="not_possible", shared=True)
    mine = lambda **d: value(make_indicator("visits", d, authority="OSH"), site)  # noqa: E731
    shared = lambda **d: value(make_indicator("visits", d), site)  # noqa: E731
    assert mine(measure="count", within_days=365) == 3
    assert mine(measure="count", within_days=365, whose="own") == 1
    assert shared(measure="count", within_days=365) == 2
    assert mine(measure="days_since", whose="own") == 100
    assert mine(measure="level") == 0
    assert mine(measure="level", whose="own") == 2
    assert mine(measure="decayed", half_life_days=100) == pytest.approx(0.5, abs=1e-5)
    both = 0.5 / (0.5 + 0.5**0.5)
    assert mine(measure="rate", half_life_days=100) == pytest.approx(100 * both, abs=1e-3)
    assert value(make_indicator("visits", {"measure": "level"}), make_site()) is None


def test_numbers_that_visits_gave(reference):
    site = make_site()
    for days, score, kind, outcome in (
        (300, 80, "ordinary", "serious"), (200, 90, "ordinary", "no_remarks"),
        (100, 60, "follow-up", "severe"), (50, None, "ordinary", "no_remarks"),
        (10, 10, "ordinary", "not_possible"),
    ):  # fmt: skip
        detail = {"score": score} if score is not None else {"score": "absent"}
        make_past_visit(
            site, "OSH", on=ago(days), outcome=outcome, kind=kind, detail=detail, shared=True
        )
    ask = lambda **d: value(make_indicator("visits", d), site)  # noqa: E731
    said = {"measure": "said", "field": "score"}
    assert [ask(**said), ask(**said, nth=2), ask(**said, nth=3), ask(**said, nth=4)] == [
        60, 90, 80, None,
    ]  # fmt: skip
    assert ask(**said, kinds=["ordinary"]) == 90
    assert ask(**said, within_days=90) is None
    assert ask(measure="level", nth=2) == 3
    assert ask(measure="days_since", nth=2) == 50
    assert ask(measure="days_since", kinds=["follow-up"]) == 100
    assert ask(measure="count", within_days=365, kinds=["ordinary"]) == 4
    mean = {"measure": "said_mean", "field": "score"}
    assert ask(**mean) == pytest.approx(230 / 3)
    assert ask(**mean, last_visits=2) == 75
    assert ask(**mean, usual=90, usual_visits=2) == pytest.approx((230 + 180) / 5)
    faded = 80 * 0.125 + 90 * 0.25 + 60 * 0.5
    assert ask(**mean, half_life_days=100) == pytest.approx(faded / 0.875, abs=1e-4)
    assert ask(**said | {"measure": "said_sum"}, half_life_days=100) == pytest.approx(
        faded, abs=1e-4
    )
    rate = {"measure": "rate", "half_life_days": 36500}
    assert ask(**rate) == pytest.approx(50, abs=0.2)
    assert ask(**rate, last_visits=1) == 0
    assert ask(**rate, usual=10, usual_visits=6) == pytest.approx((200 + 60) / 10, abs=0.2)
    other = make_site()
    assert value(make_indicator("visits", mean | {"usual": 90}), other) is None
    nothing = said | {"measure": "said_sum", "half_life_days": 9}
    assert value(make_indicator("visits", nothing), other) == 0


def test_a_number_that_was_said_over_is_the_old_one_on_a_past_day(reference):
    from targets.models import ImportRun

    site = make_site()
    visit = make_past_visit(site, shared=True, on=ago(200), detail={"score": 70})
    run = ImportRun.objects.create(
        kind="visits", format="x", file_name="x", authority=make_authority("OSH"), state="done",
        finished_at=moment(20),
    )  # fmt: skip
    PastVisit.objects.filter(pk=visit.pk).update(
        known_from=moment(190), detail={"score": 95}, run_id=run.pk,
        previous=[{"run": None, "outcome": "severe", "detail": {"score": 70}}],
    )  # fmt: skip
    said = make_indicator("visits", {"measure": "said", "field": "score"})
    assert value(said, site) == 95
    assert value(said, site, ago(10), moment(10)) == 95
    assert value(said, site, ago(50), moment(50)) == 70


def test_rows_to_learn_from_go_by_the_day_on_which_the_source_knew(reference):
    """Only there: what was known here on a past day is never made to have been known earlier."""
    site = make_site()
    make_past_visit(site, shared=True, on=ago(300), told_on=ago(295))
    make_fact(site, valid_from=ago(300), known_from=moment(5), told_on=ago(295))
    versions = [
        make_indicator("visits", {"measure": "count", "within_days": 999}),
        make_indicator("facts", {"measure": "count", "kind": "tax_debt", "within_days": 999}),
        make_indicator("facts", {"measure": "last", "kind": "tax_debt", "field": "amount"}),
    ]
    rows = values(versions, Asked.rows([(site.pk, ago(294)), (site.pk, ago(295))]))
    assert [v.number for v in rows[0].values] == [1, 1, 1000]
    assert [v.number for v in rows[1].values] == [0, 0, None]
    strict = values(versions, Asked.rows([(site.pk, ago(294))], late=False))
    assert [v.number for v in strict[0].values] == [0, 0, None]
    then = values(versions, Asked.some([site.pk], ago(200), moment(200)))
    assert [v.number for v in then[0].values] == [0, 0, None]


def test_neighbours_of_a_postal_code_few_ones_pulled_to_the_usual(reference):
    here = [make_site(postal_code="00100") for _ in range(3)]
    elsewhere, nowhere = make_site(postal_code="00200"), [make_site(postal_code="") for _ in "ab"]
    for site in (*here[1:], elsewhere, *nowhere):
        make_past_visit(site, shared=True, on=ago(100), outcome="severe")
    near = {"measure": "neighbours", "near": "postal_code", "within_days": 365, "least": 1}
    assert value(make_indicator("visits", near), here[0]) == 100
    pulled = make_indicator("visits", near | {"usual": 20, "usual_visits": 6})
    assert value(pulled, here[0]) == pytest.approx((200 + 120) / 8)
    assert value(pulled, here[1]) == pytest.approx((100 + 120) / 7)
    assert value(pulled, nowhere[0]) is None
    rows = values([pulled], Asked.rows([(here[0].pk, ago(1)), (here[0].pk, ago(110))]))
    assert [r.values[0].number for r in rows] == [pytest.approx(40), None]


def test_neighbours_are_the_others_of_the_same_place(reference):
    espoo = make_municipality("049", "Espoo")
    here = [make_site() for _ in range(4)]
    elsewhere = make_site(municipality=espoo)
    for site, outcome in zip(here, ("severe", "severe", "no_remarks", "no_remarks"), strict=True):
        make_past_visit(site, shared=True, on=ago(100), outcome=outcome)
    make_past_visit(elsewhere, shared=True, on=ago(100), outcome="severe")
    make_past_visit(here[3], shared=True, on=ago(2000), outcome="severe")
    make_past_visit(here[3], "TAX", shared=False, on=ago(30), outcome="severe")
    near = make_indicator(
        "visits", {"measure": "neighbours", "near": "both", "within_days": 365, "least": 3}
    )
    # Of the three others of the first one has findings; of the three others of the last two have.
    assert value(near, here[0]) == pytest.approx(100 / 3)
    assert value(near, here[3]) == pytest.approx(200 / 3)
    assert value(near, elsewhere) is None
    rows = values([near], Asked.rows([(here[0].pk, ago(1)), (here[0].pk, ago(110))]))
    assert [r.values[0].number for r in rows] == [pytest.approx(100 / 3), None]


# ------------------------------------------------------------------------------- links, cases
def test_links_are_counted_along_the_chain(reference):
    site = make_site()
    main, sub, subsub, other = (make_company() for _ in range(4))

    def link(kind, one, **to):
        Link.objects.create(kind=kind, from_company=one, source="x", **to)

    link("commissions", main, to_site=site)
    link("contracts_to", sub, to_company=main)
    link("contracts_to", subsub, to_company=sub, at_site=site)
    link("contracts_to", other, to_company=sub, at_site=make_site())
    link("contracts_to", main, to_company=subsub)  # a ring ends nothing but the search
    link("works_at", sub, to_site=site)
    link("staffs", other, to_company=site.company)
    link("lodges", other, to_site=site, valid_to=ago(10))
    ask = lambda **d: value(make_indicator("links", d), site)  # noqa: E731
    assert ask(measure="contractors") == 3
    assert ask(measure="contractors", depth=1) == 2
    assert ask(measure="employers") == 1
    assert ask(measure="staffed_by") == 1
    assert ask(measure="lodges") == 0


def test_cases_are_those_of_the_own_authority(reference):
    cast = Cast()
    cast.to("scheduled")
    first = cast.sites[0]  # nominated by OSH
    ask = lambda code, **d: value(  # noqa: E731
        make_indicator("cases", {"within_days": 30} | d, authority=code), first
    )
    assert ask("OSH", measure="nominated") == 1
    assert ask("TAX", measure="nominated") == 0
    assert ask("TAX", measure="chosen") == 1
    assert ask("OUT", measure="chosen") == 0


def test_any_number_of_indicators_is_one_statement(reference, django_assert_num_queries):
    site = make_site()
    versions = [
        make_indicator("visits", {"measure": "level"}),
        make_indicator("register", {"measure": "company_age"}),
        make_indicator("signals", TIPS, authority="OSH"),
        make_indicator("links", {"measure": "contractors"}),
    ]
    with django_assert_num_queries(1):
        values(versions, Asked.rows([(site.pk, ago(3))] * 3))


def test_the_order_of_rows_in_the_table_changes_nothing(reference):
    """Decayed sums are added up in whole millionths, so no order of adding is another number."""
    osh, site = make_actor("OSH"), make_site()
    for days in (3, 77, 5, 191, 40, 33):
        make_signal(osh, site=site, observed_on=ago(days))
    version = make_indicator(
        "signals", {"measure": "decayed", "half_life_days": 17}, authority="OSH"
    )
    before = value(version, site)
    with connection.cursor() as cursor:
        # An updated row moves to the end of its table.
        for pk in Signal.objects.order_by("observed_on").values_list("pk", flat=True):
            cursor.execute("UPDATE targets_signal SET topic = topic WHERE id = %s", [pk])
    assert value(version, site) == before


def test_sites_opened_later_are_not_counted_to_learn_from(reference):
    """A register brought in today: sites of a company count from the day they opened."""
    company, today = make_company(), timezone.localdate()
    site = make_site(company=company, opened_on=None)
    for days in (900, 100):
        make_site(company=company, opened_on=today - dt.timedelta(days=days))
    make_site(company=company, opened_on=None)
    days = [today - dt.timedelta(days=n) for n in (1000, 500, 50)]
    asked = Asked.rows([(site.pk, day) for day in days])
    found = values([make_indicator("register", {"measure": "sites"})], asked)
    assert [row.values[0].number for row in found] == [1, 2, 3]
