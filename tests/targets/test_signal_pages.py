"""Pages of signals and sharing as people meet them."""

import datetime as dt

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse
from django.utils import timezone

from authorities.models import Interest
from authorities.purposes import state_purpose
from targets.models import Disclosure, HandOver, InformationRequest, Offer, Signal
from targets.services.handovers import hand_over, refuse_handover
from targets.services.signals import add_file
from tests.factories import (
    give,
    make_actor,
    make_company,
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


# ------------------------------------------------------------------------------- answering
def test_one_click_gives_what_another_wants_to_know(osh, tax, as_user):
    make_term("requires", "necessary", name_en="it is necessary")
    make_ground("G-O", ["OSH"], ["TAX"], "tip", requires=["necessary"])
    Interest.objects.create(authority=tax.authority, information="tip")
    signal = make_signal(osh)
    offer = Offer.objects.get()
    client = as_user(osh)
    assert "it is necessary" in client.get(detail(signal)).content.decode()
    address = reverse("targets:offer_decide", args=[offer.public_id])
    page = client.post(address, {"step": "accept"}, follow=True).content.decode()
    assert "Confirm each condition" in page
    assert not Disclosure.objects.exists()
    client.post(address, {"step": "accept", "confirmed": ["necessary"]})
    client.post(address, {"step": "accept", "confirmed": ["necessary"]})  # pressed twice
    assert Disclosure.objects.get().confirmed == ["necessary"]
    assert client.post(address, {"step": "other"}).status_code == 404
    assert as_user(tax).post(address, {"step": "accept"}).status_code == 404


def test_a_request_comes_filled_in_from_the_gateway_and_from_a_target(osh, tax, as_user):
    make_ground("G-7", ["TAX"], ["OSH"], "payroll", mode="on_request", force="duty")
    company = make_company(name="Kulma Oy")
    client = as_user(osh)
    gateway = client.get(
        reverse("authorities:gateway"),
        {"giver": "TAX", "receiver": "OSH", "information": "payroll"},
    ).content.decode()
    form = reverse("targets:request_create")
    assert f"{form}?holder=TAX&amp;kind=payroll" in gateway
    other = (
        as_user(tax)
        .get(
            reverse("authorities:gateway"),
            {"giver": "TAX", "receiver": "OSH", "information": "payroll"},
        )
        .content.decode()
    )
    assert f"{form}?holder" not in other
    client = as_user(osh)  # there is one client; it is whoever signed in last
    page = client.get(f"{form}?holder=TAX&kind=payroll&company={company.public_id}")
    start = page.context["form"].initial
    assert (start["holder"], start["kind"], start["target"]) == ("TAX", "payroll", "Kulma Oy")
    typed = {k: start[k] for k in ("holder", "kind", "about", "target", "pick")} | {
        "purpose": "Hours", "necessity": " ", "deadline": start["deadline"].isoformat(),
    }  # fmt: skip
    answer = client.post(form, typed)
    assert answer.status_code == 422
    assert "Kulma Oy" in answer.content.decode()
    answer = client.post(form, typed | {"necessity": "One visit is not enough"})
    row = InformationRequest.objects.get()
    assert answer.url == reverse("targets:request", args=[row.public_id])
    assert row.company == company
    signal = make_signal(tax, kind="payroll", company=company)
    holder = as_user(tax)
    page = holder.get(answer.url).content.decode()
    assert str(signal.public_id) in page
    holder.post(answer.url, {"step": "answer", "signal": str(signal.public_id)})
    row.refresh_from_db()
    assert row.state == "answered"
    assert holder.post(answer.url, {"step": "refuse", "reason": "late"}).status_code == 302


def test_a_hand_over_is_answered_on_its_page(osh, tax, as_user):
    ground = make_ground("G-H", ["OSH"], ["TAX"], "tip")
    signal = make_signal(osh)
    send = reverse("targets:signal_hand_over", args=[signal.public_id])
    day = timezone.localdate() + dt.timedelta(days=4)
    typed = {"receiver": "TAX", "ground": ground.pk, "purpose": "x", "message": "Yours to act on"}
    client = as_user(osh)
    answer = client.post(send, typed | {"deadline": timezone.localdate().isoformat()})
    assert answer.status_code == 422
    assert "Yours to act on" in answer.content.decode()
    client.post(send, typed | {"deadline": day.isoformat()})
    row = HandOver.objects.get()
    address = reverse("targets:handover", args=[row.public_id])
    holder = as_user(tax)
    page = holder.post(address, {"step": "refuse", "reason_class": "known"}, follow=True)
    assert "Say why" in page.content.decode()
    holder.post(address, {"step": "refuse", "reason_class": "known", "reason": "Open here"})
    client = as_user(osh)
    assert "Open here" in client.get(address).content.decode()
    assert client.post(address, {"step": "accept"}).status_code == 403
    assert as_user(make_actor("POL")).get(address).status_code == 404


def test_what_may_not_be_given_says_what_may_be_said_and_how_it_is_asked_for(osh, tax, as_user):
    make_ground("G-7", ["OSH"], ["TAX"], "tip", mode="on_request")
    signal = make_signal(osh)
    address = reverse("targets:signal_disclose", args=[signal.public_id])
    page = as_user(osh).get(address, {"receiver": "TAX"}).content.decode()
    assert "no ground" in page
    assert "can ask for it" in page
    assert 'name="ground"' not in page


def test_no_kind_is_chosen_beforehand_and_conditions_are_not_optional(osh, tax, as_user):
    make_term("requires", "necessary", name_en="it is necessary")
    make_ground("G-C", ["OSH"], ["TAX"], "tip", requires=["necessary"])
    signal = make_signal(osh)
    client = as_user(osh)
    kinds = client.get(reverse("targets:signal_create")).context["form"].fields["kind"].choices
    assert kinds[0][0] == ""
    address = reverse("targets:signal_disclose", args=[signal.public_id])
    form = client.get(address, {"receiver": "TAX"}).context["form"]
    ground = next(iter(form.grounds))
    answer = client.post(address, {"receiver": "TAX", "ground": ground, "purpose": "Its task"})
    assert answer.status_code == 422
    assert set(answer.context["form"].errors) == {"confirmed"}
    assert not Disclosure.objects.exists()
