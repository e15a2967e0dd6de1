"""Signing: who proves what, which signatures carry over, what the record says."""

import datetime as dt
import re
import time

import pytest
from allauth.mfa.totp.internal.auth import (
    format_hotp_value,
    hotp_value,
    yield_hotp_counters_from_time,
)
from django.db import IntegrityError, connection, transaction
from django.urls import reverse
from django.utils import timezone

from audit.errors import NotAllowed
from audit.models import Event
from authorities.services.people import enrol_totp
from planning.documents import decision_content, make_records
from planning.models import Capacity, Draw, Proposal, SelectionRun, SignOff
from planning.services import choose, move, sign
from planning.services.parts import part_content, part_hash, selection_hash
from tests.factories import PASSWORD, Cast, make_site
from worklist.models import Task

pytestmark = pytest.mark.django_db
SECRET = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"
NOTE = "Agreed with the regional head"


def team(cast: Cast, **codes: list[str]) -> None:
    """Who goes to which picked site, by the site's place in the cast."""
    for place, members in codes.items():
        ids = [cast.place(code).authority_id for code in members]
        site = cast.sites[int(place[1:])]
        cast.operation.choices.filter(site=site, state="picked").update(team=ids)


def signing() -> Cast:
    """Three picked sites: OSH and TAX, POL alone, OSH and POL; round 1 waits for signatures."""
    cast = Cast()
    cast.to("selecting", sites=3)
    for site in cast.sites:
        choose(actor=cast.lead, operation=cast.operation, site=site, state="picked", reason="Yes")
    team(cast, s0=["OSH", "TAX"], s1=["POL"], s2=["OSH", "POL"])
    move(actor=cast.lead, operation=cast.refresh(), arrow="ask_signatures")
    cast.refresh()
    return cast


def reopen(cast: Cast) -> None:
    move(actor=cast.lead, operation=cast.refresh(), arrow="reopen_selection", reason="A change")
    cast.refresh()


def ask(cast: Cast) -> None:
    move(actor=cast.lead, operation=cast.refresh(), arrow="ask_signatures")
    cast.refresh()


def asked() -> set[str]:
    return {t.authority.code for t in Task.objects.open().filter(kind="planning.sign")}


def page(cast: Cast) -> str:
    return reverse("planning:signoff", args=[cast.operation.public_id])


def words(answer) -> str:
    return " ".join(re.sub(r"<[^>]+>", " ", answer.content.decode()).split())


# ------------------------------------------------------------------ parts


def test_a_part_is_what_touches_the_authority():
    cast = signing()
    tax, pol = cast.place("TAX").authority, cast.place("POL").authority
    visits = part_content(cast.operation, tax)["visits"]
    assert [v["site"] for v in visits] == [str(cast.sites[0].public_id)]
    assert visits[0]["team"] == ["OSH", "TAX"]
    before = {a.code: part_hash(cast.operation, a) for a in (tax, pol)}
    choice = cast.operation.choices.get(site=cast.sites[1])
    choice.week = dt.date(2026, 11, 2)
    choice.save()
    Capacity.objects.create(operation=cast.operation, authority=pol, days=7)
    assert part_hash(cast.operation, tax) == before["TAX"]
    assert part_hash(cast.operation, pol) != before["POL"]


def test_a_visit_whose_team_nobody_has_said_touches_everybody():
    cast = signing()
    team(cast, s1=[])
    for code in cast.CODES:
        sites = [v["site"] for v in part_content(
            cast.operation, cast.place(code).authority)["visits"]]  # fmt: skip
        assert str(cast.sites[1].public_id) in sites


@pytest.mark.parametrize("field", ["legal_purpose", "window_end"])
def test_purpose_and_window_touch_everybody(field):
    cast = signing()
    before = part_hash(cast.operation, cast.place("TAX").authority)
    value = "Another law" if field == "legal_purpose" else timezone.localdate()
    setattr(cast.operation, field, value)
    cast.operation.save()
    assert part_hash(cast.operation, cast.place("TAX").authority) != before


# ------------------------------------------------------------------ carrying over


def test_only_those_whom_a_change_touches_are_asked_again(as_user):
    cast = signing()
    cast._sign()
    assert cast.refresh().state == "scheduled"
    reopen(cast)
    team(cast, s1=["POL", "TAX"])
    ask(cast)
    assert cast.operation.state == "signing"
    assert asked() == {"POL", "TAX"}
    kept = cast.operation.signoffs.get(round=2)
    written = cast.operation.signoffs.get(round=1, participation=cast.place("OSH"))
    assert (kept.participation, kept.carried_from) == (cast.place("OSH"), written)
    assert (kept.signed_by, kept.selection_hash) == (written.signed_by, written.selection_hash)
    assert Event.objects.get(verb="signoff.carried").data["authority"] == "Occupational safety"
    day = timezone.localtime(written.signed_at)
    client = as_user(cast.actors["OSH", "manager"])
    assert f"unchanged since your signature of {day.day}" in words(client.get(page(cast)))
    client = as_user(cast.actors["TAX", "manager"])
    assert f"unchanged since its signature of {day.day}" in words(client.get(page(cast)))
    for code in ("TAX", "POL"):
        assert cast.refresh().state == "signing"
        sign(
            actor=cast.actors[code, "manager"], operation=cast.operation, method="password",
            shown_hash=selection_hash(cast.operation),
        )  # fmt: skip
    assert cast.refresh().state == "scheduled"


def test_redating_one_visit_asks_only_those_who_go_on_it():
    """S19: a plan is re-dated without approving the unchanged parts again."""
    cast = signing()
    cast._sign()
    reopen(cast)
    cast.operation.choices.filter(site=cast.sites[0]).update(week=dt.date(2026, 11, 2))
    ask(cast)
    assert asked() == {"OSH", "TAX"}
    assert cast.operation.signoffs.get(round=2).participation == cast.place("POL")


def test_when_nothing_changed_for_anybody_the_operation_goes_on_at_once(
    django_capture_on_commit_callbacks, monkeypatch
):
    asked_for = []
    monkeypatch.setattr("planning.jobs.make_decision_records.delay", asked_for.append)
    cast = signing()
    cast._sign()
    reopen(cast)
    with django_capture_on_commit_callbacks(execute=True):
        ask(cast)
    assert cast.operation.state == "scheduled"
    assert cast.operation.signoffs.filter(round=2, carried_from__isnull=False).count() == 3
    assert asked() == set()
    assert asked_for == [cast.operation.pk]
    assert Event.objects.filter(verb="operation.scheduled").count() == 2
    # A signature that was carried once is carried again from where it was written.
    reopen(cast)
    ask(cast)
    assert set(cast.operation.signoffs.filter(round=3).values_list("carried_from__round")) == {(1,)}


def test_whoever_had_not_signed_is_asked_although_nothing_changed():
    cast = signing()
    sign(
        actor=cast.actors["TAX", "manager"], operation=cast.operation, method="password",
        shown_hash=selection_hash(cast.operation),
    )  # fmt: skip
    reopen(cast)
    ask(cast)
    assert cast.operation.state == "signing"
    assert asked() == {"OSH", "POL"}


def test_a_carried_signature_cannot_be_given_again():
    cast = signing()
    cast._sign()
    reopen(cast)
    team(cast, s1=["POL", "TAX"])
    ask(cast)
    with pytest.raises(Exception, match="has signed for your authority already"):
        sign(
            actor=cast.actors["OSH", "manager"], operation=cast.operation, method="password",
            shown_hash=selection_hash(cast.operation),
        )  # fmt: skip


# ------------------------------------------------------------------ proof


def post(client, cast: Cast, **more):
    values = {"hash": selection_hash(cast.operation), "note": NOTE}
    return client.post(page(cast), values, **more)


def confirm_by_password(client, answer):
    assert answer.url.startswith(reverse("account_reauthenticate"))
    back = client.post(answer.url, {"password": PASSWORD, "next": answer.url.split("next=")[1]})
    assert back.status_code == 302, words(back)
    return back


def code_now(secret: str = SECRET) -> str:
    counter = next(iter(yield_hotp_counters_from_time()))
    return format_hotp_value(hotp_value(secret, counter))


def test_a_signature_needs_the_password_again_and_keeps_the_note(as_user):
    cast = signing()
    client = as_user(cast.actors["TAX", "manager"])
    assert "Confirm who you are" in words(client.get(page(cast)))
    answer = post(client, cast)
    assert not cast.operation.signoffs.exists()
    confirm_by_password(client, answer)
    shown = client.get(page(cast))
    assert NOTE in words(shown)
    assert "You have confirmed who you are" in words(shown)
    assert post(client, cast).status_code == 302
    signature = cast.operation.signoffs.get()
    assert (signature.method, signature.note) == ("password", NOTE)
    assert "signing_back" not in client.session


def test_a_proof_grows_old(as_user):
    cast = signing()
    client = as_user(cast.actors["TAX", "manager"])
    confirm_by_password(client, post(client, cast))
    session = client.session
    for entry in session["account_authentication_methods"]:
        entry["at"] = time.time() - 601
    session.save()
    assert post(client, cast).url.startswith(reverse("account_reauthenticate"))
    assert not cast.operation.signoffs.exists()


def test_with_a_second_factor_the_code_is_asked_for(client, settings):
    settings.SIGN_WITH_MFA = True
    cast = signing()
    manager = cast.actors["TAX", "manager"]
    enrol_totp(user=manager.user, secret=SECRET)
    client.force_login(manager.user)
    answer = post(client, cast)
    assert answer.url.startswith(reverse("mfa_reauthenticate"))
    wrong = client.post(answer.url, {"code": "000000", "next": page(cast)})
    assert wrong.status_code == 200
    assert post(client, cast).url.startswith(reverse("mfa_reauthenticate"))
    client.post(answer.url, {"code": code_now(), "next": page(cast)})
    assert post(client, cast).url == page(cast)
    assert cast.operation.signoffs.get().method == "totp"


def test_the_password_alone_is_not_enough_with_a_second_factor(client, settings):
    settings.SIGN_WITH_MFA = True
    cast = signing()
    manager = cast.actors["TAX", "manager"]
    enrol_totp(user=manager.user, secret=SECRET)
    client.force_login(manager.user)
    client.post(reverse("account_reauthenticate"), {"password": PASSWORD, "next": page(cast)})
    answer = post(client, cast)
    assert answer.url.startswith(reverse("mfa_reauthenticate"))
    assert not cast.operation.signoffs.exists()
    client.post(answer.url, {"code": code_now(), "next": page(cast)})
    assert post(client, cast).url == page(cast)
    assert cast.operation.signoffs.get().method == "password+totp"


def test_whoever_has_no_second_factor_sets_one_up_and_comes_back(as_user, settings):
    settings.SIGN_WITH_MFA = True
    cast = signing()
    client = as_user(cast.actors["TAX", "manager"])
    assert "To sign you need a second factor" in words(client.get(page(cast)))
    answer = post(client, cast)
    assert answer.url.startswith(reverse("mfa_index"))
    index = client.get(answer.url)
    assert page(cast) in index.content.decode()
    assert "your note is kept" in words(index)
    activate = reverse("mfa_activate_totp")
    confirm_by_password(client, client.get(activate))
    form = client.get(activate)
    assert "<svg" in form.content.decode()
    secret = client.session["mfa.totp.secret"]
    done = client.post(activate, {"code": code_now(secret)})
    codes = client.get(done.url)
    assert f'href="{page(cast)}"' in codes.content.decode()
    assert NOTE in words(client.get(page(cast)))
    answer = post(client, cast)
    assert answer.url.startswith(reverse("mfa_reauthenticate"))
    # The code that set the app up is used; a recovery code is a second factor too.
    from allauth.mfa.models import Authenticator

    user = cast.actors["TAX", "manager"].user
    recovery = Authenticator.objects.get(user=user, type="recovery_codes").wrap()
    client.post(answer.url, {"code": recovery.get_unused_codes()[0], "next": page(cast)})
    assert post(client, cast).url == page(cast)
    assert cast.operation.signoffs.get().method == "password+recovery_codes"


def test_others_read_the_page_without_any_proof(as_user, settings):
    settings.SIGN_WITH_MFA = True
    cast = signing()
    for role in ("coordinator", "inspector"):
        client = as_user(cast.actors["TAX", role])
        assert "What is signed" in words(client.get(page(cast)))
        # Whoever may not sign is told so, not sent to prove who they are.
        assert post(client, cast).status_code == 409
    assert not cast.operation.signoffs.exists()


def test_scripts_are_answered_without_a_redirect(as_user):
    cast = signing()
    client = as_user(cast.actors["TAX", "manager"])
    answer = post(client, cast, headers={"accept": "application/json"})
    assert answer.status_code == 401
    assert answer.json()["error"] == "proof"
    answer = post(client, cast, headers={"hx-request": "true"})
    assert answer["HX-Redirect"].startswith(reverse("account_reauthenticate"))


def test_the_service_takes_no_signature_without_a_proof():
    cast = signing()
    with pytest.raises(NotAllowed, match="Confirm who you are"):
        sign(
            actor=cast.actors["TAX", "manager"], operation=cast.operation, method="",
            shown_hash=selection_hash(cast.operation),
        )  # fmt: skip


# ------------------------------------------------------------------ the record


def planned(cast: Cast) -> SelectionRun:
    """A finished plan that proposes the first two sites, the first with another team."""
    run = SelectionRun.objects.create(
        operation=cast.operation, number=1, round=1, state="done", asked_by=cast.lead.user,
        asked_for=cast.lead.authority, inputs_hash="a" * 64, solver="HiGHS test", value=9.5,
        bound=10.0, finished_at=timezone.now(), started_at=timezone.now(),
    )  # fmt: skip
    ids = {code: cast.place(code).authority_id for code in cast.CODES}
    for site, members in ((cast.sites[0], ["OSH"]), (cast.sites[1], ["POL"])):
        Proposal.objects.create(
            run=run, operation=cast.operation, site=site, team=[ids[m] for m in members], value=1,
            reduced=1,
        )  # fmt: skip
    return run


def section(content, title):
    return next(s for s in content["sections"] if s["title"] == title)


def fact(content, label):
    return next(f["value"] for f in content["facts"] if f["label"] == label)


def test_the_record_says_how_it_came_about():
    cast = signing()
    planned(cast)
    Draw.objects.create(
        operation=cast.operation, round=1, state="revealed", share=10, seed=b"\x07" * 32,
        commitment="c" * 64, frame={}, frame_hash="f" * 64, committed_by=cast.lead.user,
        drawn_at=timezone.now(), revealed_at=timezone.now(),
    )  # fmt: skip
    cast.operation.choices.filter(site=cast.sites[1]).update(
        arm="random", probability=0.25, as_proposed=True, reason="",
        run=cast.operation.runs.get(),
    )  # fmt: skip
    cast._sign()
    content = decision_content(cast.refresh())
    assert fact(content, "Plan of the solver") == "1"
    assert fact(content, "Fingerprint of its inputs") == "a" * 64
    assert fact(content, "No plan is worth more than") == "10.00"
    assert fact(content, "Distance from the best") == "5.00 %"
    assert fact(content, "Draw: fingerprint of the frame") == "f" * 64
    assert fact(content, "Draw: fingerprint of the seed") == "c" * 64
    assert fact(content, "Draw: seed") == "07" * 32
    selected = {row[1]: row for row in section(content, "Selected sites")["rows"]}
    drawn = selected[cast.sites[1].name]
    assert "drawn at random (0.250)" in drawn
    assert "as proposed (plan 1)" in drawn
    differs = {row[0]: row[1] for row in section(content, "Deviations from the proposal")["rows"]}
    assert differs == {
        cast.sites[0].name: "another team than proposed",
        cast.sites[2].name: "selected although not proposed",
    }
    assert [row[3] for row in section(content, "Signatures")["rows"]] == ["password"] * 3


def test_the_record_names_carried_signatures():
    cast = signing()
    cast._sign()
    reopen(cast)
    ask(cast)
    rows = section(decision_content(cast.operation), "Signatures")["rows"]
    assert {row[3] for row in rows} == {
        "password; carried over from round 1, its part is unchanged"
    }


def test_without_a_plan_the_joint_list_is_the_proposal():
    """S7: one ranked low is picked, one ranked high is passed over; both stand in the record."""
    cast = Cast()
    cast.to("selecting", sites=3)
    from planning.candidates import candidates

    entries = candidates(cast.operation)
    for entry in entries:
        choose(
            actor=cast.lead, operation=cast.operation, site=entry.site, reason="We know the place",
            state="picked" if entry.rank == 3 else "dropped",
        )  # fmt: skip
    move(actor=cast.lead, operation=cast.refresh(), arrow="ask_signatures")
    cast._sign()
    rows = section(decision_content(cast.refresh()), "Deviations from the proposal")["rows"]
    assert {row[0]: row[1] for row in rows} == {
        entries[0].site.name: "passed over on the joint list",
        entries[2].site.name: "selected from further down the joint list",
    }
    assert {row[3] for row in rows} == {"We know the place"}
    assert {row[4] for row in rows} == {cast.lead.user.full_name}


@pytest.mark.parametrize("table", ["planning_decisionrecord", "planning_signoff"])
@pytest.mark.parametrize("what", ["UPDATE {} SET round = 9", "DELETE FROM {}"])
def test_records_and_signatures_are_never_changed(table, what):
    cast = signing()
    cast._sign()
    make_records(cast.refresh())
    with (
        pytest.raises(IntegrityError, match="evidence"),
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute(what.format(table))
    assert SignOff.objects.filter(round=1).count() == 3


def test_the_page_asks_the_same_number_of_queries_whatever_is_signed(
    as_user, django_assert_max_num_queries
):
    from django.test.utils import CaptureQueriesContext

    counts = []
    for number in (3, 9):
        cast = Cast()
        cast.to("signing", sites=number)
        client = as_user(cast.actors["TAX", "manager"])
        client.get(page(cast))
        with CaptureQueriesContext(connection) as queries:
            client.get(page(cast))
        counts.append(len(queries))
    assert counts[0] == counts[1]


def test_a_site_that_is_not_signed_changes_no_part():
    cast = signing()
    before = part_hash(cast.operation, cast.place("TAX").authority)
    make_site()
    cast.operation.choices.filter(site=cast.sites[1]).update(state="dropped", team=[])
    assert part_hash(cast.operation, cast.place("TAX").authority) == before
