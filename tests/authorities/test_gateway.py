"""The register of powers on the real starter catalogue: answers, versions, past days."""

import datetime as dt

import pytest
import yaml
from django.db import IntegrityError, connection, transaction
from django.utils import timezone

from audit.errors import Conflict, NotAllowed, RuleViolation
from authorities.gateway import answer, answers, interested, matrix, run_cases
from authorities.models import (
    Competence,
    Ground,
    GroundVersion,
    Interest,
)
from authorities.powers_card import powers_card
from authorities.services.grounds import (
    create_ground,
    draft_version,
    publish_version,
    reject_version,
    review_version,
    save_draft,
    submit_version,
)
from authorities.services.powers import (
    publish_interest,
    review_competence,
    save_competence,
    withdraw_interest,
)
from authorities.services.starter import load_powers
from tests.authorities.powers import ask, authority, codes, person


def test_the_whole_catalogue_is_loaded_and_again_without_doubling(catalogue):
    data = yaml.safe_load((catalogue / "authorities.yaml").read_text())
    first = (Competence.objects.count(), GroundVersion.objects.count(), Interest.objects.count())
    assert first[:2] == (len(data["competences"]), len(data["disclosure_rules"])) == (51, 77)
    load_powers(catalogue)
    assert first == (
        Competence.objects.count(), GroundVersion.objects.count(), Interest.objects.count()
    )  # fmt: skip


def test_every_test_case_of_the_catalogue_holds(catalogue):
    checked = 0
    for version in GroundVersion.objects.exclude(test_cases=[]).select_related("ground"):
        for result in run_cases(version):
            assert result["ok"], (version.ground.code, result)
            checked += 1
    assert checked == 8


def test_nobody_is_asked_about_itself_and_helpers_get_nothing(catalogue):
    found = answers(authority("LVV_OSH"), "employment_terms", dt.date(2026, 5, 4))
    by_code = {a.receiver.code: a.outcome for a in found}
    assert "LVV_OSH" not in by_code
    assert by_code["TAX"] == "may_give"
    assert by_code["RIKU"] == "may_not"
    assert "AVI" not in by_code  # no longer in force on that day


def test_pay_off_the_books_may_go_to_tax_and_not_unasked_the_other_way(catalogue):
    """Scenario S4: both directions, on the ground in force that day."""
    to_tax = ask("LVV_OSH", "TAX", "employment_terms")
    assert to_tax.outcome == "may_give"
    assert "D-OSH-03" in codes(to_tax.grounds)
    assert "4d §" in to_tax.grounds[codes(to_tax.grounds).index("D-OSH-03")].basis_words
    to_osh = ask("TAX", "LVV_OSH", "employment_terms")
    assert to_osh.outcome == "on_request"
    assert "D-OSH-07" in codes(to_osh.grounds)
    exceptions = codes(to_osh.exceptions)
    assert "D-TAX-01" in exceptions  # contractor's liability
    assert "D-TAX-02" in exceptions  # an offence above the set maximum
    assert [p.code for p in to_osh.phrases] == ["P-03", "P-04"]
    assert to_osh.limits


def test_the_proposed_amendment_counts_from_its_day_on_and_not_before(catalogue):
    """Scenarios S4 and S25: the same act is answered by the law of its own day."""
    writer, second = person("TAX", "administrator"), person("TAX", "manager")
    ground = Ground.objects.get(code="D-TAX-08")
    draft = draft_version(actor=writer, ground=ground)
    draft = save_draft(
        actor=writer, version=draft, shown=draft.version, kind="in_force",
        valid_from=dt.date(2027, 6, 1), note="The act was enacted",
        test_cases=[
            {"date": "2027-05-31", "item": "employment_terms", "giver": "TAX",
             "receiver": "LVV_OSH", "expect": "on_request"},
            {"date": "2027-06-01", "item": "employment_terms", "giver": "TAX",
             "receiver": "LVV_OSH", "expect": "may_give"},
        ],
    )  # fmt: skip
    assert ask("TAX", "LVV_OSH", "employment_terms", "2027-06-01").outcome == "on_request"
    before = timezone.now()
    submit_version(actor=writer, version=draft)
    publish_version(actor=second, version=draft)
    assert ask("TAX", "LVV_OSH", "employment_terms", "2027-05-31").outcome == "on_request"
    after = ask("TAX", "LVV_OSH", "employment_terms", "2027-06-01")
    assert after.outcome == "may_give"
    assert codes(after.grounds) == ["D-TAX-08"]
    # What was answered before it was known can be answered again.
    known = ask("TAX", "LVV_OSH", "employment_terms", "2027-06-01", known_at=before)
    assert known.outcome == "on_request"


def test_what_social_welfare_may_not_give_it_can_still_say(catalogue):
    """Scenario S5: client data is blocked; the answer says what may be said, and how to ask."""
    found = ask("SOCIAL_WELFARE", "LVV_OSH", "benefits")
    assert found.outcome == "may_not"
    assert not found.grounds
    assert {p.code for p in found.phrases} == {"P-02", "P-03", "P-04", "P-05"}
    assert ask("SOCIAL_WELFARE", "LVV_OSH", "phenomenon").outcome == "may_give"
    assert "D-ALL-02" in codes(found.exceptions)  # with consent


def test_a_new_version_needs_a_second_person_and_holding_test_cases(catalogue):
    writer, second = person("LVV_OSH", "administrator"), person("LVV_OSH", "administrator")
    stranger = person("TAX", "administrator")
    ground = Ground.objects.get(code="D-OSH-03")
    with pytest.raises(NotAllowed):
        draft_version(actor=stranger, ground=ground)
    draft = draft_version(actor=writer, ground=ground)
    assert draft_version(actor=second, ground=ground).pk == draft.pk
    draft = save_draft(
        actor=writer, version=draft, shown=1, valid_from=dt.date(2027, 1, 1), receivers=["POLICE"],
        test_cases=[{"date": "2027-02-01", "item": "employment_terms", "giver": "LVV_OSH",
                     "receiver": "POLICE", "expect": "may_give"}],
    )  # fmt: skip
    with pytest.raises(Conflict):
        save_draft(actor=second, version=draft, shown=1, note="late")
    submit_version(actor=writer, version=draft)
    with pytest.raises(NotAllowed):
        publish_version(actor=writer, version=draft)
    published = publish_version(actor=second, version=draft)
    assert published.test_results[0]["ok"]
    with pytest.raises(Conflict):
        publish_version(actor=second, version=draft)
    assert ask("LVV_OSH", "TAX", "employment_terms", "2026-12-31").outcome == "may_give"
    assert ask("LVV_OSH", "TAX", "employment_terms", "2027-01-01").outcome != "may_give"


def test_a_version_that_breaks_another_grounds_case_is_not_published(catalogue):
    writer, second = person("LVV_OSH", "administrator"), person("LVV_OSH", "manager")
    draft = create_ground(
        actor=writer, code="d-osh-99", kind="in_force", givers=["LVV_OSH"], receivers=["RIKU"],
        information=["employment_terms"], mode="own_initiative", force="permission", requires=[],
        basis=[{"act": "1/2026", "section": "1 §"}], text_fi="x", valid_from=dt.date(2020, 1, 1),
        test_cases=[{"date": "2026-05-04", "item": "employment_terms", "giver": "LVV_OSH",
                     "receiver": "RIKU", "expect": "may_give"}],
    )  # fmt: skip
    submit_version(actor=writer, version=draft)
    with pytest.raises(RuleViolation, match="D-OSH-03: 2026-05-04 employment_terms") as refused:
        publish_version(actor=second, version=draft)
    assert "may_not ≠ may_give" in str(refused.value)
    draft.refresh_from_db()
    assert draft.state == "submitted"
    assert ask("LVV_OSH", "RIKU", "employment_terms").outcome == "may_not"
    with pytest.raises(RuleViolation):
        reject_version(actor=second, version=draft, reason=" ")
    assert reject_version(actor=second, version=draft, reason="Not the law").state == "rejected"


def test_bad_values_name_their_field(catalogue):
    writer = person("LVV_OSH", "administrator")
    draft = draft_version(actor=writer, ground=Ground.objects.get(code="D-OSH-03"))
    for field, value in (
        ("receivers", ["NOBODY"]), ("information", []), ("mode", "telepathy"),
        ("valid_to", dt.date(1990, 1, 1)), ("test_cases", [{"date": "soon"}]), ("givers", ["TAX"]),
    ):  # fmt: skip
        with pytest.raises(RuleViolation) as refused:
            save_draft(actor=writer, version=draft, shown=1, **{field: value})
        assert refused.value.field == field, field
    draft.refresh_from_db()
    assert draft.version == 1


def test_published_versions_never_change_but_reviews_are_noted(catalogue):
    version = GroundVersion.objects.get(ground__code="D-OSH-03")
    with pytest.raises(IntegrityError), transaction.atomic():
        GroundVersion.objects.filter(pk=version.pk).update(force="duty")
    with pytest.raises(IntegrityError), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("DELETE FROM authorities_groundversion WHERE id = %s", [version.pk])
    assert not version.is_reviewed
    reviewed = review_version(
        actor=person("LVV_OSH", "administrator"), version=version, role="lawyer"
    )
    assert reviewed.is_reviewed
    assert reviewed.reviewed_by == "LVV_OSH: lawyer"


def test_interest_profile_is_published_once_and_withdrawn(catalogue):
    analyst = person("TAX", "analyst")
    Interest.objects.filter(authority__code="TAX").delete()
    interest = publish_interest(actor=analyst, information="payroll", industries=["56"])
    with pytest.raises(RuleViolation, match="published already"):
        publish_interest(actor=analyst, information="payroll")
    assert authority("TAX").pk in interested("payroll", industry_path="I/56/561")
    assert authority("TAX").pk not in interested("payroll", industry_path="F/41/412")
    with pytest.raises(NotAllowed):
        withdraw_interest(actor=person("POLICE", "analyst"), interest=interest)
    withdraw_interest(actor=analyst, interest=interest)
    assert authority("TAX").pk not in interested("payroll", industry_path="I/56/561")
    load_powers(catalogue)
    assert not Interest.objects.filter(authority__code="TAX", from_starter=True).exists()


def test_an_edited_competence_is_the_authoritys_own_and_unreviewed(catalogue):
    own = person("LVV_OSH", "administrator")
    row = Competence.objects.get(code="C-OSH-06")
    review_competence(actor=own, competence=row, role="lawyer")
    with pytest.raises(NotAllowed):
        save_competence(
            actor=person("TAX", "administrator"), authority=row.authority, competence=row, shown=1,
            text_fi="x",
        )  # fmt: skip
    row = save_competence(
        actor=own, authority=row.authority, competence=row, shown=1, text_fi="Uusi ehto"
    )
    assert not row.is_reviewed
    with pytest.raises(Conflict):
        save_competence(actor=own, authority=row.authority, competence=row, shown=1, text_fi="y")
    load_powers(catalogue)
    row.refresh_from_db()
    assert row.text_fi == "Uusi ehto"


def test_powers_card_shows_who_may_enter_a_dwelling_and_whom_to_ask(catalogue):
    """Scenario S10, the register's half: limits of home entry and the partner with power."""
    day = dt.date(2026, 5, 4)
    osh = powers_card([authority("LVV_OSH")], "dwelling", day)
    entry = next(line for line in osh.lines if line.action == "enter")
    assert "kotirauhan" in entry.able[0].text_fi.lower()
    tax = powers_card([authority("TAX")], "dwelling", day)
    assert not tax.may_enter
    assert authority("LVV_OSH") in tax.entry_partners
    missing = {line.action for line in tax.missing}
    assert "enter" in missing
    both = powers_card([authority("TAX"), authority("POLICE")], "business_premises", day)
    assert {c.authority.code for line in both.lines for c in line.able if c.authority} == {
        "TAX",
        "POLICE",
    }


def test_queries_do_not_grow_with_the_register(catalogue, django_assert_num_queries):
    tax, osh = authority("TAX"), authority("LVV_OSH")
    with django_assert_num_queries(7):
        answers(tax, "payroll")
    with django_assert_num_queries(7):
        answer(tax, osh, "payroll")
    with django_assert_num_queries(5):
        matrix("payroll", ["TAX", "LVV_OSH", "POLICE", "MIGRI"])
    with django_assert_num_queries(4):
        powers_card([tax, osh], "dwelling")
