"""What a definition may say, and what is never used."""

import pytest

from risk.engine.definitions import FORMS, check, check_bins, check_of, forbidden

FINE = [
    ("signals", {"measure": "count", "within_days": 365}),
    ("signals", {"measure": "decayed", "half_life_days": 180, "kinds": ["tip"],
                 "reliability": "C", "accuracy": "3", "about": "company"}),
    ("facts", {"measure": "last", "kind": "tax_debt", "field": "amount"}),
    ("facts", {"measure": "in", "kind": "alcohol_licence", "field": "type", "among": ["A", "B"]}),
    ("facts", {"measure": "ratio", "kind": "corporate_tax", "field": "taxable_income",
               "per": "staff"}),
    ("register", {"measure": "company_age"}),
    ("register", {"measure": "industry_in", "codes": ["56", "81"]}),
    ("register", {"measure": "struck", "registers": ["vat", "employer"], "within_days": 365}),
    ("register", {"measure": "name_changes", "within_days": 730}),
    ("visits", {"measure": "neighbours", "near": "both", "within_days": 730, "least": 3}),
    ("visits", {"measure": "rate", "half_life_days": 365, "whose": "own"}),
    ("visits", {"measure": "said", "field": "score", "nth": 2, "kinds": ["ordinary"]}),
    ("visits", {"measure": "said_mean", "field": "score", "usual": 0, "usual_visits": 2,
                "last_visits": 3}),
    ("visits", {"measure": "neighbours", "near": "postal_code", "within_days": 9, "usual": 14}),
    ("facts", {"measure": "decayed", "kind": "visit_log", "field": "purpose",
               "among": ["complaint"], "half_life_days": 90}),
    ("links", {"measure": "contractors", "depth": 4}),
    ("cases", {"measure": "nominated", "within_days": 365}),
]  # fmt: skip


@pytest.mark.parametrize(("source", "definition"), FINE)
def test_a_definition_that_follows_its_form_is_fine(source, definition):
    assert check(source, definition) == []


@pytest.mark.parametrize(
    ("source", "definition", "field", "remedy"),
    [
        ("weather", {}, "source", "choose one of signals"),
        ("signals", "SELECT 1", "definition", "give an object"),
        ("signals", {"measure": "total"}, "measure", "choose one of count"),
        ("signals", {"measure": "count"}, "within_days", "fill it in"),
        ("signals", {"measure": "count", "within_days": "30"}, "within_days", "whole number"),
        ("signals", {"measure": "count", "within_days": True}, "within_days", "whole number"),
        ("signals", {"measure": "count", "within_days": 0}, "within_days", "from 1 to"),
        ("signals", {"measure": "count", "within_days": 9, "sql": "1"}, "sql", "take it out"),
        ("signals", {"measure": "count", "within_days": 9, "half_life_days": 9},
         "half_life_days", "take it out"),
        ("signals", {"measure": "count", "within_days": 9, "reliability": "F"},
         "reliability", "choose one of A, B"),
        ("signals", {"measure": "count", "within_days": 9, "kinds": "tip"}, "kinds", "list"),
        ("facts", {"measure": "last", "kind": "tax_debt"}, "field", "fill it in"),
        ("facts", {"measure": "ratio", "kind": "a", "field": "b", "per": "fact"},
         "per_field", "fill it in"),
        ("facts", {"measure": "count", "kind": "a", "within_days": 9, "among": ["b"]},
         "field", "fill it in"),
        ("visits", {"measure": "said"}, "field", "fill it in"),
        ("visits", {"measure": "rate", "half_life_days": 9, "usual_visits": 3},
         "usual", "fill it in"),
        ("visits", {"measure": "count", "within_days": 9, "nth": 2}, "nth", "take it out"),
        ("visits", {"measure": "rate", "half_life_days": 9, "outcomes": ["bad"]},
         "outcomes", "choose one of no_remarks"),
    ],
)  # fmt: skip
def test_an_error_names_the_field_and_the_remedy(source, definition, field, remedy):
    problems = check(source, definition)
    assert any(p.startswith(f"{field}:") and remedy in p for p in problems), problems


@pytest.mark.parametrize(
    "definition",
    [
        {"measure": "last", "kind": "posted_workers", "field": "sender_country"},
        {"measure": "last", "kind": "posted_workers", "field": "representative"},
        {"measure": "last", "kind": "owner", "field": "nationality"},
        {"measure": "last", "kind": "owner", "field": "motherTongue"},
        {"measure": "last", "kind": "owner", "field": "äidinkieli"},
        {"measure": "last", "kind": "owner", "field": "kansalaisuus"},
        {"measure": "last", "kind": "owner", "field": "etninen_alkuperä"},
        {"measure": "in", "kind": "owner", "field": "x", "among": ["religion: any"]},
        {"measure": "last", "kind": "owner", "field": "sukunimi"},
        {"measure": "last", "kind": "owner", "field": "date-of-birth"},
        {"measure": "count", "kind": "trade_union_members", "within_days": 9},
        {"measure": "last", "kind": "visit", "field": "inspector"},
        {"measure": "last", "kind": "visit", "field": "tarkastajan_numero"},
        {"measure": "ratio", "kind": "workers", "field": "foreign", "per": "fact",
         "per_kind": "workers", "per_field": "country_count"},
    ],
)  # fmt: skip
def test_what_is_never_used_is_refused_wherever_it_stands(definition):
    assert any("may not be used" in p for p in check("facts", definition))


def test_ordinary_facts_are_not_taken_for_what_is_never_used():
    from targets.fact_words import KINDS, VALUES

    refused = {code for code in [*KINDS, *VALUES] if forbidden(code)}
    assert refused == {"sender_country", "representative"}
    for form in FORMS.values():
        assert not [m for m in form.measures if forbidden(m) and m != "name_changes"]


def test_a_shared_indicator_reads_nothing_of_one_authority():
    tips = {"measure": "count", "within_days": 9}
    assert check_of("signals", tips, shared=False) == []
    assert "give it an owner" in check_of("signals", tips, shared=True)[0]
    own = {"measure": "days_since", "whose": "own"}
    assert "give it an owner" in check_of("visits", own, shared=True)[0]


@pytest.mark.parametrize(
    ("bins", "word"),
    [
        ([], "at least one"),
        ([{"below": 3, "points": 1}], "last step"),
        (
            [{"below": 3, "points": 1}, {"below": 2, "points": 1}, {"below": None, "points": 2}],
            "rise",
        ),
        ([{"below": None, "points": 1000}], "whole points"),
        ([{"below": None, "points": 1.5}], "whole points"),
        ([{"is": "56", "points": 1}, {"is": None, "points": 0}], "give codes"),
    ],
)
def test_bins_that_do_not_cover_everything_once_are_refused(bins, word):
    assert any(word in problem for problem in check_bins(bins))


def test_bins_of_texts_and_of_numbers_are_not_mixed_up():
    bins = [{"is": ["56"], "points": 5}, {"is": None, "points": 0}]
    assert check_bins(bins, text=True) == []
    assert check_bins(bins, text=False)
