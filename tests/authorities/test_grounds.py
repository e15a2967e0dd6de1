"""Changing grounds: whose they are, who the second person is, what may be published."""

import datetime as dt
import shutil

import pytest
import yaml
from django.db import IntegrityError, transaction
from django.utils import timezone

from audit.errors import Conflict, NotAllowed, RuleViolation
from audit.models import Event
from authorities.gateway import answer, answers, kinds_between, register_on, run_cases
from authorities.models import AuthorityGroup, Competence, Ground, GroundVersion
from authorities.powers_card import powers_card
from authorities.services.grounds import (
    CasesFail,
    checked_cases,
    create_ground,
    draft_version,
    failing_cases,
    may_decide,
    may_edit,
    publish_version,
    reject_version,
    review_version,
    save_draft,
    submit_version,
)
from authorities.services.powers import (
    end_competence,
    review_competence,
    save_competence,
)
from authorities.services.starter import load_powers
from tests.authorities.powers import ask, authority, case, codes, person, submitted

DAY = dt.date(2026, 5, 4)


# ------------------------------------------------------------------ the gateway
def test_on_request_tells_duty_from_permission(catalogue):
    duty = ask("TAX", "LVV_OSH", "employment_terms")
    permission = ask("TAX", "ENFORCEMENT", "tax_debt")
    assert (duty.outcome, duty.words) == ("on_request", "Must give when asked")
    assert permission.outcome == "may_not"
    allowed = ask("LVV_OSH", "PROSECUTION", "tipster_identity")
    assert (allowed.outcome, allowed.words) == ("on_request", "May give on request")


def test_narrow_conditions_make_exceptions_and_never_the_answer(catalogue):
    found = ask("TAX", "LVV_OSH", "tax_data")
    assert found.outcome == "may_give"  # contractor's liability, 18 § 4 k
    assert codes(found.narrow) == ["D-TAX-02"]  # offence above the maximum
    with_consent = ask("LVV_OSH", "RIKU", "tip")
    assert (with_consent.outcome, with_consent.narrow) == ("may_not", [])  # no authority at all
    victim = ask("POLICE", "VICTIM_ASSISTANCE", "victim_information")
    assert victim.outcome == "may_not"
    assert set(codes(victim.narrow)) == {"D-ALL-02", "D-VIC-01"}
    assert {"P-03", "P-05"} <= {p.code for p in victim.phrases}


def test_a_phenomenon_is_offered_only_where_a_ground_lets_it_be_described(catalogue):
    assert "P-04" in {p.code for p in ask("SOCIAL_WELFARE", "POLICE", "benefits").phrases}
    assert "P-04" not in {p.code for p in ask("LVV_OSH", "RIKU", "employment_terms").phrases}


def test_proposals_and_open_questions_never_count(catalogue):
    assert ask("LVV_OSH", "TAX", "visit_plan").outcome == "may_not"  # D-ALL-04
    for day in ("1990-01-01", "2026-05-04", "2090-01-01"):
        found = ask("TAX", "LVV_OSH", "employment_terms", day)
        assert "D-TAX-08" not in codes([*found.grounds, *found.others])


def test_mass_data_and_joint_presence_stand_apart(catalogue):
    found = ask("TAX", "LVV_OSH", "tax_debt")
    assert found.outcome == "on_request"
    assert codes(found.mass) == ["D-OSH-11"]
    joint = ask("RESCUE", "FOOD_MUNICIPAL", "fire_safety")
    assert joint.outcome == "may_not"
    assert codes(joint.joint) == ["D-ALL-03"]
    assert set(codes(joint.others)) >= {"D-ALL-03"}


def test_a_unit_is_named_by_itself_or_a_group_not_by_what_it_belongs_to(catalogue):
    # D-OSH-01 names POLICE, not its national team.
    assert ask("LVV_OSH", "POLICE", "suspected_trafficking").outcome == "must_give"
    team = ask("LVV_OSH", "POLICE_THB_TEAM", "suspected_trafficking")
    assert "D-OSH-01" not in codes([*team.grounds, *team.others])
    assert ask("LVV", "TAX", "employment_terms").outcome != "may_give"  # 4d § is OSH's alone


def test_a_former_authority_is_meant_until_its_successor_begins(catalogue):
    before = ask("AVI_OSH", "TAX", "employment_terms", "2025-12-31")
    after = ask("AVI_OSH", "TAX", "employment_terms", "2026-01-01")
    assert codes(before.grounds) == ["D-OSH-03"]
    assert "D-OSH-03" not in codes(after.grounds)
    # ... and where a group lists the successor.
    assert ask("POLICE", "AVI_OSH", "payroll", "2025-12-31").outcome == "on_request"
    assert {a.receiver.code for a in answers(authority("TAX"), "payroll", DAY)}.isdisjoint(
        {"AVI_OSH", "ELY", "TE_OFFICE", "TAX"}
    )


def test_nobody_is_asked_about_itself(catalogue):
    with pytest.raises(RuleViolation, match="Choose another receiver") as refused:
        ask("TAX", "TAX", "payroll")
    assert refused.value.field == "receiver"
    with pytest.raises(RuleViolation):
        kinds_between(authority("TAX"), authority("TAX"), ["payroll"], DAY)
    assert register_on(DAY).between("POLICE", "POLICE") == []  # a group gives to itself


def test_every_kind_between_two_costs_no_more_than_one(catalogue, django_assert_num_queries):
    tax, osh = authority("TAX"), authority("LVV_OSH")
    with django_assert_num_queries(7):
        found = kinds_between(tax, osh, ["employment_terms", "contractor_liability", "tip"], DAY)
    assert [(a.information, a.outcome) for a in found] == [
        ("contractor_liability", "may_give"), ("employment_terms", "on_request"),
        ("tip", "may_not"),
    ]  # fmt: skip


def test_a_group_that_changes_leaves_past_answers_as_they_were(catalogue, tmp_path):
    before = timezone.now()
    assert ask("TAX", "KKV", "phenomenon").outcome == "may_give"
    data = yaml.safe_load((catalogue / "authorities.yaml").read_text())
    group = data["groups"]["G_STATE_MUNICIPAL_ALAND"]
    group["members"] = [code for code in group["members"] if code != "POLICE"]
    (tmp_path / "authorities.yaml").write_text(yaml.safe_dump(data, allow_unicode=True))
    load_powers(tmp_path)
    load_powers(tmp_path)
    assert len(AuthorityGroup.objects.get(code="G_STATE_MUNICIPAL_ALAND").earlier) == 1
    question = ("POLICE", "LVV_OSH", "food_control")  # D-OSH-07, through the group alone
    assert ask(*question).outcome == "may_not"
    assert ask(*question, known_at=before).outcome == "on_request"


def test_what_was_not_known_yet_was_not_answered(catalogue):
    long_ago = timezone.now() - dt.timedelta(days=400)
    assert ask("LVV_OSH", "TAX", "employment_terms", known_at=long_ago).outcome == "may_not"


def test_a_withdrawn_ground_holds_until_the_day_before(catalogue):
    version = submitted(
        person("LVV_OSH", "administrator"), "D-OSH-04", kind="withdrawn",
        test_cases=[case("health_protection", "LVV_OSH", "BUILDING_CONTROL", "not_by_this_rule")],
    )  # fmt: skip
    publish_version(actor=person("LVV_OSH", "manager"), version=version)
    question = ("LVV_OSH", "BUILDING_CONTROL", "health_protection")
    assert ask(*question, "2026-12-31").outcome == "may_give"
    assert ask(*question, "2027-01-01").outcome == "may_not"


def test_a_version_with_a_last_day_ends_and_the_older_one_does_not_come_back(catalogue):
    version = submitted(
        person("LVV_OSH", "administrator"), "D-OSH-04", valid_to=dt.date(2027, 6, 30),
        test_cases=[case("health_protection", "LVV_OSH", "BUILDING_CONTROL", "may_give")],
    )  # fmt: skip
    publish_version(actor=person("LVV_OSH", "manager"), version=version)
    question = ("LVV_OSH", "BUILDING_CONTROL", "health_protection")
    assert ask(*question, "2027-06-30").outcome == "may_give"
    assert ask(*question, "2027-07-01").outcome == "may_not"


# ------------------------------------------------------------------ whose a ground is
def test_a_draft_takes_no_ground_out_of_the_hands_of_its_givers(catalogue):
    tax, osh = person("TAX", "administrator"), person("LVV_OSH", "administrator")
    ground = Ground.objects.get(code="D-TAX-01")
    draft = draft_version(actor=tax, ground=ground)
    draft = save_draft(
        actor=tax, version=draft, shown=1, givers=["TAX", "LVV_OSH"], valid_from=DAY,
        test_cases=[case("contractor_liability", "TAX", "LVV_OSH", "may_give")],
    )  # fmt: skip
    assert not may_edit(osh, draft)
    submit_version(actor=tax, version=draft)
    draft.refresh_from_db()
    with pytest.raises(NotAllowed):
        publish_version(actor=person("LVV_OSH", "manager"), version=draft)
    reject_version(actor=person("TAX", "manager"), version=draft, reason="Not so")
    with pytest.raises(NotAllowed):  # the rejected draft named them, the ground does not
        draft_version(actor=osh, ground=ground)
    again = draft_version(actor=tax, ground=ground)
    assert (again.number, again.givers) == (3, ["TAX"])


def test_an_administrator_of_any_member_changes_what_a_group_gives(catalogue):
    version = GroundVersion.objects.get(ground__code="D-TAX-09")  # the group gives to TAX
    assert may_edit(person("POLICE", "administrator"), version)
    assert not may_edit(person("RIKU", "administrator"), version)
    assert not may_edit(person("POLICE", "manager"), version)
    root = person("RIKU", "inspector", is_superuser=True)
    assert may_edit(root, version)


def test_nobody_who_wrote_in_it_is_the_second_person(catalogue):
    first, helper = person("LVV_OSH", "administrator"), person("LVV_OSH", "administrator")
    draft = draft_version(actor=first, ground=Ground.objects.get(code="D-OSH-04"))
    values = {
        "valid_from": dt.date(2027, 1, 1),
        "test_cases": [case("health_protection", "LVV_OSH", "BUILDING_CONTROL", "may_give")],
    }
    draft = save_draft(actor=helper, version=draft, shown=1, **values)
    submit_version(actor=helper, version=draft)
    draft.refresh_from_db()
    for writer in (first, helper):
        assert not may_decide(writer, draft)
        with pytest.raises(NotAllowed):
            publish_version(actor=writer, version=draft)
    # The database holds it too, whatever code asks.
    for writer in (first, helper):
        with pytest.raises(IntegrityError), transaction.atomic():
            GroundVersion.objects.filter(pk=draft.pk).update(
                state="published", published_at=timezone.now(), decided_by=writer.user
            )
    assert not may_decide(person("LVV_OSH", "inspector"), draft)
    assert publish_version(actor=person("LVV_OSH", "manager"), version=draft).state == "published"


def test_a_superuser_is_no_second_person_for_an_own_draft(catalogue):
    root = person("LVV_OSH", "inspector", is_superuser=True)
    version = submitted(
        root, "D-TAX-04", test_cases=[case("business_ban", "TAX", "POLICE", "may_give")]
    )
    with pytest.raises(NotAllowed):
        publish_version(actor=root, version=version)


# ------------------------------------------------------------------ test cases
@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"item": "employmnt_terms"}, "employmnt_terms"), ({"giver": "TAXX"}, "TAXX"),
        ({"receiver": "TAX"}, "TAX → TAX"), ({"expect": "perhaps"}, "perhaps"),
        ({"date": "1.6.2027"}, "1.6.2027"),
    ],
)  # fmt: skip
def test_a_case_that_could_never_fail_is_refused(catalogue, change, named):
    good = case("employment_terms", "TAX", "LVV_OSH", "may_not")
    assert checked_cases([good]) == [good]
    with pytest.raises(RuleViolation, match="Test case 2") as refused:
        checked_cases([good, good | change])
    assert named in str(refused.value)
    assert refused.value.field == "test_cases"


def test_own_and_all_other_cases_run_before_publishing(catalogue, django_assert_max_num_queries):
    version = submitted(
        person("TAX", "administrator"), "D-TAX-01", kind="withdrawn",
        valid_from=dt.date(2025, 1, 1),
        test_cases=[case("contractor_liability", "TAX", "LVV_OSH", "may_give", "2025-02-01")],
    )  # fmt: skip
    with django_assert_max_num_queries(7):
        failing = failing_cases(version)
    assert failing == [
        "D-TAX-01: 2025-02-01 contractor_liability TAX → LVV_OSH: may_give ≠ on_request"
    ]
    with pytest.raises(CasesFail) as refused:
        publish_version(actor=person("TAX", "manager"), version=version)
    assert refused.value.cases == failing
    assert not Event.objects.filter(verb="ground.published").exists()
    assert ask("TAX", "LVV_OSH", "contractor_liability").outcome == "may_give"


def test_results_are_kept_with_the_version(catalogue):
    version = submitted(
        person("TAX", "administrator"), "D-TAX-04",
        test_cases=[case("business_ban", "TAX", "POLICE", "may_give")],
    )  # fmt: skip
    published = publish_version(actor=person("TAX", "manager"), version=version)
    published.refresh_from_db()
    assert [(r["got"], r["ok"]) for r in published.test_results] == [("may_give", True)]
    assert all(r["ok"] for r in run_cases(published))


@pytest.mark.parametrize(
    ("values", "field"), [({"valid_from": None}, "valid_from"), ({"test_cases": []}, "test_cases")]
)
def test_handing_on_needs_a_day_and_a_case(catalogue, values, field):
    good = [case("business_ban", "TAX", "POLICE", "may_give")]
    with pytest.raises(RuleViolation) as refused:
        submitted(person("TAX", "administrator"), "D-TAX-04", **({"test_cases": good} | values))
    assert refused.value.field == field


def test_steps_are_taken_in_their_order_and_once(catalogue):
    writer, second = person("TAX", "administrator"), person("TAX", "manager")
    draft = draft_version(actor=writer, ground=Ground.objects.get(code="D-TAX-04"))
    with pytest.raises(RuleViolation, match="not been handed on"):
        publish_version(actor=second, version=draft)
    with pytest.raises(RuleViolation, match="published version"):
        review_version(actor=writer, version=draft, role="lawyer")
    given_up = reject_version(actor=writer, version=draft, reason="Written in error")
    assert (given_up.state, given_up.refusal) == ("rejected", "Written in error")
    for act in (
        lambda: reject_version(actor=second, version=draft, reason="x"),
        lambda: publish_version(actor=second, version=draft),
        lambda: submit_version(actor=writer, version=draft),
    ):
        with pytest.raises(Conflict):
            act()
    with pytest.raises(RuleViolation, match="Only a draft"):
        save_draft(actor=writer, version=draft, shown=1, note="late")


def test_a_new_ground_names_its_own_authority(catalogue):
    values = {
        "kind": "in_force", "givers": ["TAX"], "receivers": ["POLICE"], "information": ["tip"],
        "mode": "on_request", "force": "duty", "requires": [], "text_fi": "Ehto",
        "basis": [{"act": "1/2026", "section": "1 §"}], "test_cases": [],
    }  # fmt: skip
    osh = person("LVV_OSH", "administrator")
    with pytest.raises(RuleViolation) as refused:
        create_ground(actor=osh, code="D-X-1", **values)
    assert refused.value.field == "givers"
    assert not Ground.objects.filter(code="D-X-1").exists()
    with pytest.raises(NotAllowed):
        create_ground(actor=person("TAX", "manager"), code="D-X-1", **values)
    with pytest.raises(RuleViolation, match="already") as taken:
        create_ground(actor=person("TAX", "administrator"), code="d-tax-01", **values)
    assert taken.value.field == "code"
    assert ask("TAX", "POLICE", "tip").outcome == "may_not"  # consent only


# ------------------------------------------------------------------ the starter file
def corrected(catalogue, folder, change) -> None:
    data = yaml.safe_load((catalogue / "authorities.yaml").read_text())
    change(data)
    shutil.copytree(catalogue, folder, dirs_exist_ok=True)
    (folder / "authorities.yaml").write_text(yaml.safe_dump(data, allow_unicode=True))
    load_powers(folder)


def rule(data, code):
    return next(r for r in data["disclosure_rules"] if r["id"] == code)


def test_a_corrected_file_makes_a_new_version_and_spares_what_people_did(catalogue, tmp_path):
    second = person("TAX", "manager")
    publish_version(
        actor=second,
        version=submitted(
            person("TAX", "administrator"), "D-TAX-04",
            test_cases=[case("business_ban", "TAX", "POLICE", "may_give")],
        ),
    )  # fmt: skip
    review_version(
        actor=person("LVV_OSH", "administrator"), role="lawyer",
        version=GroundVersion.objects.get(ground__code="D-OSH-04"),
    )  # fmt: skip

    def change(data):
        for code in ("D-TAX-03", "D-TAX-04", "D-OSH-04"):
            rule(data, code)["force"] = "duty"

    corrected(catalogue, tmp_path, change)
    forces = {
        code: list(
            GroundVersion.objects.filter(ground__code=code)
            .order_by("number")
            .values_list("force", flat=True)
        )
        for code in ("D-TAX-03", "D-TAX-04", "D-OSH-04")
    }
    assert forces == {
        "D-TAX-03": ["permission", "duty"], "D-TAX-04": ["permission"] * 2,
        "D-OSH-04": ["permission"],
    }  # fmt: skip


def test_starter_rows_say_so_until_they_are_reviewed(catalogue):
    version = GroundVersion.objects.get(ground__code="D-OSH-04")
    competence = Competence.objects.get(code="C-OSH-01")
    assert version.is_starter
    assert not version.is_reviewed
    assert competence.is_starter
    assert not competence.is_reviewed
    assert GroundVersion.objects.filter(reviewed_on__isnull=False).count() == 0
    with pytest.raises(IntegrityError), transaction.atomic():
        GroundVersion.objects.filter(pk=version.pk).update(reviewed_on=DAY)


# ------------------------------------------------------------------ competences and the card
def test_a_tax_audit_opens_the_door_too(catalogue):
    card = powers_card([authority("TAX")], "construction_site", DAY)
    assert card.may_enter
    assert [c.code for c in card.entry] == ["C-TAX-01"]
    assert "enter" not in {line.action for line in card.missing}
    alone = powers_card([authority("MIGRI")], "construction_site", DAY)
    assert not alone.may_enter
    assert {"TAX", "LVV_OSH"} <= {a.code for a in alone.entry_partners}
    assert card.notices["main_rule"] == "prior notice is the main rule, exception possible"


def test_what_the_team_may_not_names_whom_to_ask(catalogue):
    card = powers_card([authority("TAX"), authority("FOOD_MUNICIPAL")], "food_premises", DAY)
    asked = {line.action: [a.code for a in line.ask] for line in card.missing}
    assert "POLICE" in asked["check_identity"]
    assert asked["interview_privately"] == ["LVV_OSH"]
    assert "impose_fee" in asked  # not bound to a place
    everybody = {line.action for line in card.lines}
    assert "propose_victim" in everybody  # a group's competence


def test_a_competence_ends_keeps_its_review_and_its_past(catalogue):
    own = person("LVV_OSH", "administrator")
    row = Competence.objects.get(code="C-OSH-06")
    review_competence(actor=own, competence=row, role="lawyer")
    with pytest.raises(NotAllowed):
        end_competence(
            actor=person("TAX", "administrator"), competence=row, last_day=dt.date(2026, 6, 30)
        )
    row = end_competence(actor=own, competence=row, last_day=dt.date(2026, 6, 30))
    assert row.is_reviewed

    def photographs(day: dt.date) -> bool:
        card = powers_card([authority("LVV_OSH")], "construction_site", day)
        return any(line.action == "photograph" for line in card.lines)

    assert photographs(dt.date(2026, 6, 30))
    assert not photographs(dt.date(2026, 7, 1))
    load_powers(catalogue)
    assert not photographs(dt.date(2026, 7, 1))


def test_a_groups_competence_belongs_to_the_administrators_of_its_members(catalogue):
    row = Competence.objects.get(code="C-ALL-01")
    with pytest.raises(NotAllowed):
        review_competence(actor=person("RIKU", "administrator"), competence=row, role="lawyer")
    reviewed = review_competence(
        actor=person("POLICE", "administrator"), competence=row, role="lawyer"
    )
    assert reviewed.reviewed_by == "POLICE: lawyer"


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"action": "fly"}, "action"), ({"premises": ["moon"]}, "premises"),
        ({"notice": "never"}, "notice"), ({"premises": [], "entry_right": True}, "premises"),
        ({"valid_from": DAY, "valid_to": DAY - dt.timedelta(days=1)}, "valid_to"),
    ],
)  # fmt: skip
def test_bad_competences_name_their_field(catalogue, values, field):
    good = {"action": "enter", "premises": ["dwelling"], "notice": "main_rule", "text_fi": "x"}
    with pytest.raises(RuleViolation) as refused:
        save_competence(actor=person("TAX", "administrator"), **(good | values))
    assert refused.value.field == field
    assert not Competence.objects.filter(edited=True).exists()


def test_a_new_competence_is_the_own_authoritys(catalogue):
    tax = person("TAX", "administrator")
    row = save_competence(actor=tax, action="enter", premises=["dwelling"], text_fi="x")
    assert row.authority == tax.authority
    assert not row.is_starter
    assert row.version == 1
    with pytest.raises(NotAllowed):
        save_competence(actor=tax, authority=authority("POLICE"), action="enter", text_fi="x")


def test_the_answer_of_a_past_day_is_the_same_after_many_changes(catalogue):
    """The same day as known at the same moment, whatever is published since."""
    moments = [timezone.now()]
    questions = [("TAX", "POLICE", "business_ban"), ("TAX", "LVV_OSH", "contractor_liability")]

    def said(moment):
        return [
            (a.outcome, codes(a.grounds), codes(a.others))
            for a in (
                answer(authority(g), authority(r), k, dt.date(2028, 1, 1), known_at=moment)
                for g, r, k in questions
            )
        ]

    kept = [said(moments[0])]
    writer, second = person("TAX", "administrator"), person("TAX", "manager")
    for code, item, receiver in (
        ("D-TAX-04", "business_ban", "POLICE"), ("D-TAX-04", "business_ban", "POLICE"),
    ):  # fmt: skip
        number = len(moments)
        version = submitted(
            writer, code, force=["duty", "permission"][number % 2],
            valid_from=dt.date(2027, number, 1),
            test_cases=[case(item, "TAX", receiver, ["must_give", "may_give"][number % 2],
                             "2027-12-01")],
        )  # fmt: skip
        publish_version(actor=second, version=version)
        moments.append(timezone.now())
        kept.append(said(moments[-1]))
    assert [said(m) for m in moments] == kept
    assert [k[0][0] for k in kept] == ["may_give", "may_give", "must_give"]
