"""Scenarios S4, S5, S6 and S17 with the real starter catalogue of authorities and grounds."""

import datetime as dt
import json

import pytest
import time_machine
from django.core.files.uploadedfile import SimpleUploadedFile
from django.utils import timezone

from audit.context import acting_as
from audit.errors import RuleViolation
from authorities.gateway import answer
from authorities.models import Authority, Ground, Unit
from authorities.services.reference import load_authorities
from authorities.services.starter import load_powers
from targets.models import DatasetRow, Erasure, HandOver, Signal
from targets.services import datasets
from targets.services.handovers import hand_over, refuse_handover
from targets.services.retention import sweep
from targets.services.sharing import answer_request, ask, disclose
from tests.authorities.powers import FOLDER
from tests.factories import make_actor, make_company, make_signal
from worklist.models import Notification

pytestmark = pytest.mark.django_db


@pytest.fixture
def people(db):
    load_authorities(FOLDER)
    load_powers(FOLDER)

    def person(code: str, *roles: str):
        unit = Unit.objects.get(authority__code=code, code="HEAD")
        return make_actor(Authority.objects.get(code=code), *roles, unit=unit)

    return person


def latest(code: str):
    return Ground.objects.get(code=code).versions.order_by("number").last()


def seen(actor) -> set[int]:
    with acting_as(actor):
        return set(Signal.objects.visible_to(actor).values_list("pk", flat=True))


def test_wages_off_the_books_go_to_tax_on_44_2006_4d(people):
    """S4, from occupational safety to Tax."""
    osh, tax = people("LVV_OSH", "inspector"), people("TAX", "coordinator")
    signal = make_signal(osh, kind="employment_terms")
    ground = latest("D-OSH-03")

    def give(confirmed):
        return disclose(
            actor=osh, item=signal, receiver=tax.authority, purpose="Tax supervision",
            ground=ground, confirmed=confirmed,
        )  # fmt: skip

    with pytest.raises(RuleViolation) as refused:
        give(["reason_to_suspect"])
    assert refused.value.field == "confirmed"
    given = give(ground.requires)
    assert "44/2006" in given.ground_text
    assert "4d §" in given.ground_text
    assert given.confirmed == sorted(ground.requires)
    assert seen(tax) == {signal.pk}


def test_payroll_below_hours_is_not_told_to_osh_unasked_but_osh_may_ask(people):
    """S4, the other way: refused with the words and the route; then asked for and given."""
    osh, tax = people("LVV_OSH", "inspector"), people("TAX", "coordinator")
    company = make_company()
    signal = make_signal(tax, kind="employment_terms", company=company)
    with pytest.raises(RuleViolation, match="44/2006 4b §") as refused:
        disclose(
            actor=tax, item=signal, receiver=osh.authority, purpose="x", confirmed=["necessary"],
            ground=latest("D-OSH-07"),
        )  # fmt: skip
    assert "no ground on which this may be given" in str(refused.value)
    assert seen(osh) == set()
    found = answer(tax.authority, osh.authority, "employment_terms")
    assert {"D-TAX-01", "D-TAX-02"} <= {v.ground.code for v in found.exceptions}
    row = ask(
        actor=osh, holder=tax.authority, kind="employment_terms", purpose="Minimum terms",
        necessity="Hours and pay do not fit", deadline=timezone.localdate(), company=company,
    )  # fmt: skip
    assert row.ground.ground.code == "D-OSH-07"
    with pytest.raises(RuleViolation):
        answer_request(actor=tax, row=row, signal=signal, confirmed=[])
    answer_request(actor=tax, row=row, signal=signal, confirmed=["necessary"])
    assert seen(osh) == {signal.pk}


def test_client_data_of_social_welfare_is_blocked_and_the_words_are_there(people):
    """S5: nothing is given; a phenomenon may be told."""
    social, osh = people("SOCIAL_WELFARE", "coordinator"), people("LVV_OSH")
    signal = make_signal(social, kind="benefits")
    with pytest.raises(RuleViolation) as refused:
        disclose(
            actor=social, item=signal, receiver=osh.authority, purpose="x", confirmed=[],
            ground=latest("D-ALL-02").ground.versions.get(number=1),
        )  # fmt: skip
    found = answer(social.authority, osh.authority, "benefits")
    assert found.phrases
    assert refused.value.code in ("no_ground", "") or refused.value.field == "confirmed"
    assert seen(osh) == set()
    general = make_signal(social, kind="phenomenon", topic="Rooms let by the bed")
    ground = answer(social.authority, osh.authority, "phenomenon").grounds[0]
    disclose(
        actor=social, item=general, receiver=osh.authority, purpose="x", ground=ground,
        confirmed=ground.requires,
    )  # fmt: skip
    assert seen(osh) == {general.pk}


def test_debts_for_targeting_come_as_a_set_and_go_at_their_end(people):
    """S6: Tax gives OSH units with tax debt (44/2006 4c §); erased with a proof."""
    tax, osh = people("TAX", "analyst"), people("LVV_OSH", "analyst")
    ground = latest("D-OSH-11")
    day = timezone.localdate() + dt.timedelta(days=10)
    dataset = datasets.create_dataset(
        actor=tax, title="Debts", kind="tax_debt", ground=ground, expires_on=day,
        purpose="Targeting contractor's liability", recipients=["LVV_OSH"],
    )  # fmt: skip
    run = datasets.start_run(
        actor=tax, dataset=dataset, business_id_column="id",
        file=SimpleUploadedFile("d.jsonl", json.dumps({"id": "0112038-9", "debt": 9}).encode()),
    )  # fmt: skip
    datasets.perform(run.pk)
    datasets.perform(datasets.confirm_run(actor=tax, run=run).pk)
    dataset.refresh_from_db()
    with pytest.raises(RuleViolation, match="not among the recipients"):
        datasets.share_dataset(
            actor=tax, dataset=dataset, receiver=people("POLICE", "analyst").authority,
            ground=ground, purpose="Targeting", confirmed=ground.requires,
        )  # fmt: skip
    given = datasets.share_dataset(
        actor=tax, dataset=dataset, receiver=osh.authority, ground=ground, purpose="Targeting",
        confirmed=ground.requires,
    )  # fmt: skip
    assert given.mode == "mass_data"
    with acting_as(osh):
        assert DatasetRow.objects.visible_to(osh).count() == 1
    with time_machine.travel(timezone.now() + dt.timedelta(days=11), tick=False):
        sweep()
    with acting_as(osh):
        assert DatasetRow.objects.count() == 0
    assert Erasure.objects.get(item=dataset.public_id).rows == 1


def test_a_suspicion_the_police_do_not_open_comes_back_with_class_and_day(people):
    """S17: refused in time, or silence on both managers' pages; remembered on the target."""
    osh, police = people("LVV_OSH", "inspector"), people("POLICE", "coordinator")
    bosses = people("LVV_OSH", "manager"), people("POLICE", "manager")
    ground = latest("D-OSH-01")

    def send():
        return hand_over(
            actor=osh, signal=make_signal(osh, kind="suspected_trafficking"), message="",
            receiver=police.authority, ground=ground, confirmed=ground.requires,
            deadline=timezone.localdate() + dt.timedelta(days=5),
        )  # fmt: skip

    refuse_handover(actor=police, row=send(), reason_class="not_enough", reason="One statement")
    assert Notification.objects.filter(recipient=osh.user, kind="sharing.handover_refused").exists()
    silent = send()
    with time_machine.travel(timezone.now() + dt.timedelta(days=6), tick=False):
        sweep()
    for boss in bosses:
        assert Notification.objects.filter(
            recipient=boss.user, kind="sharing.handover_lapsed"
        ).exists()
    assert HandOver.objects.get(pk=silent.pk).state == "lapsed"
