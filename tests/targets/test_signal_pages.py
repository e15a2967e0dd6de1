"""Pages of signals and sharing as people meet them."""

import datetime as dt

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse
from django.utils import timezone

from authorities.purposes import state_purpose
from targets.models import Disclosure, Signal
from targets.services.handovers import hand_over, refuse_handover
from targets.services.signals import add_file
from tests.factories import (
    give,
    make_actor,
    make_ground,
    make_retention,
    make_signal,
    make_site,
    make_term,
)

pytestmark = pytest.mark.django_db
WHY = "for the visit planned for today"


@pytest.fixture
def osh(db):
    return make_actor("OSH", "inspector", "manager")


@pytest.fixture
def tax(db):
    return make_actor("TAX", "inspector", "manager")


def detail(signal) -> str:
    return reverse("targets:signal_detail", args=[signal.public_id])


def test_a_signal_is_written_on_one_page_with_what_is_offered_by_itself(osh, as_user):
    make_term("information", "tip")
    make_retention()
    site = make_site(name="Ravintola Kulma")
    client = as_user(osh)
    page = client.get(reverse("targets:signal_create"))
    typed = {name: field.initial for name, field in page.context["form"].fields.items()}
    start = typed | page.context["form"].initial
    start = {k: getattr(v, "pk", v) for k, v in start.items() if v is not None}
    start |= {"target": "kulma", "kind": "tip", "text": "No roster on the wall", "purpose": "OSH"}
    answer = client.post(reverse("targets:signal_create"), start)
    signal = Signal.objects.get()
    assert answer.url == detail(signal)
    assert (signal.site, signal.observed_on) == (site, timezone.localdate())
    again = client.post(reverse("targets:signal_create"), start)  # sent twice
    assert again.url == detail(signal)
    assert Signal.objects.count() == 1


def test_a_target_that_is_not_clear_is_chosen_without_losing_what_was_typed(osh, as_user):
    make_term("information", "tip")
    keep = make_retention()
    for _ in range(2):
        make_site(name="Kulma")
    client = as_user(osh)
    start = {
        "about": "site", "target": "kulma", "kind": "tip", "text": "No roster", "purpose": "OSH",
        "observed_on": timezone.localdate().isoformat(), "source_type": "observation",
        "reliability": "B", "accuracy": "3", "classification": "internal", "retention": keep.pk,
    }  # fmt: skip
    answer = client.post(reverse("targets:signal_create"), start)
    assert answer.status_code == 422
    assert "No roster" in answer.content.decode()
    picks = [value for value, _words in answer.context["form"].fields["pick"].choices]
    assert len(picks) == 2
    client.post(reverse("targets:signal_create"), start | {"pick": picks[1]})
    assert f"site:{Signal.objects.get().site.public_id}" == picks[1]


def test_what_another_gave_is_opened_for_a_purpose_files_and_passing_on_included(osh, tax, as_user):
    signal = make_signal(osh)
    file = add_file(actor=osh, signal=signal, file=SimpleUploadedFile("n.txt", b"Secret bytes"))
    give(osh, signal, tax.authority, may_pass_on=True)
    client = as_user(tax)
    address = reverse("targets:signal_file", args=[file.public_id])
    pass_on = reverse("targets:signal_disclose", args=[signal.public_id]) + "?receiver=OSH"
    assert signal.text not in client.get(detail(signal)).content.decode()
    for closed in (address, pass_on):
        answer = client.get(closed)
        assert (answer.status_code, answer.url) == (302, detail(signal))
    state_purpose(actor=tax, case=signal, text=WHY)
    assert signal.text in client.get(detail(signal)).content.decode()
    answer = client.get(address)
    assert b"".join(answer.streaming_content) == b"Secret bytes"
    assert answer["Content-Disposition"].startswith("attachment")
    assert b"Secret bytes" in b"".join(as_user(osh).get(address).streaming_content)


def test_what_may_be_passed_on_shows_to_whom_and_what_may_not_does_not(osh, tax, as_user):
    police = make_actor("POL")
    signal = make_signal(osh)
    given = give(osh, signal, tax.authority)
    ground = make_ground("G-ON", ["TAX"], ["POL"], "tip")
    state_purpose(actor=tax, case=signal, text=WHY)
    client = as_user(tax)
    address = reverse("targets:signal_disclose", args=[signal.public_id])
    assert address not in client.get(detail(signal)).content.decode()
    Disclosure.objects.filter(pk=given.pk).update(may_pass_on=True)
    page = client.get(detail(signal)).content.decode()
    assert f"{address}?receiver=POL" in page
    assert reverse("targets:signal_hand_over", args=[signal.public_id]) not in page
    answer = client.post(
        address, {"receiver": "POL", "ground": ground.pk, "purpose": "Police work"}
    )
    assert answer.url == detail(signal)
    assert Disclosure.objects.get(receiver=police.authority).parent == given


def test_the_law_of_today_decides_what_the_page_offers(osh, tax, as_user):
    """Seen while a ground applied that has ended since: the page offers what the form takes."""
    today = timezone.localdate()
    make_ground(
        "G-OLD", ["OSH"], ["TAX"], "tip", valid_from=today - dt.timedelta(days=90),
        valid_to=today - dt.timedelta(days=10),
    )  # fmt: skip
    signal = make_signal(osh, observed_on=today - dt.timedelta(days=20))
    page = as_user(osh).get(detail(signal)).content.decode()
    assert f"{reverse('targets:signal_disclose', args=[signal.public_id])}?receiver=TAX" not in page


def test_a_refused_hand_over_shows_on_the_target(osh, tax, as_user):
    site = make_site()
    row = hand_over(
        actor=osh, signal=make_signal(osh, site=site), receiver=tax.authority, confirmed=[],
        ground=make_ground("G-H", ["OSH"], ["TAX"], "tip"),
        deadline=timezone.localdate() + dt.timedelta(days=3),
    )  # fmt: skip
    refuse_handover(actor=tax, row=row, reason_class="known", reason="Handled elsewhere")
    pages = {
        site: reverse("targets:site_detail", args=[site.public_id]),
        site.company: reverse("targets:company_detail", args=[site.company.public_id]),
    }
    outsider = make_actor("POL")
    for target, page in pages.items():
        for actor, there in ((osh, True), (tax, True), (outsider, False)):
            state_purpose(actor=actor, case=target, text=WHY)
            assert ("Handled elsewhere" in as_user(actor).get(page).content.decode()) is there
