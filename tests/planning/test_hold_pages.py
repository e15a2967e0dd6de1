"""Pages of holds as people use them: set, refused in words, released, converted, opened under conditions."""

import pytest
from django.urls import reverse

from planning.models import Hold, Reservation
from targets.services import search
from tests.factories import Cast, make_actor, make_available, make_company, make_site

pytestmark = pytest.mark.django_db
HOLDS = reverse("planning:holds")


@pytest.fixture
def manager(db):
    return make_actor("OSH", "manager")


@pytest.fixture
def superior(manager):
    return make_actor("OSH", "manager")


@pytest.fixture
def site(db):
    row = make_site(name="Kuukivi Kebab", name_fi="Kuukivi Kebab",
                    company=make_company(name="Kuukivi Oy", business_id="9900010-6"))  # fmt: skip
    search.refresh(sites=[row.pk], companies=[row.company_id])
    return row


def form(asked, /, **values):
    return {
        "about": "site", "target": "Kuukivi", "kind": "silent", "liaison": "Call the desk",
        "reason": "An investigation", "superior": str(asked.user.public_id), "answer_days": "2",
    } | values  # fmt: skip


def test_a_silent_hold_is_set_and_nobody_else_finds_it(manager, superior, site, as_user):
    client = as_user(manager)
    answer = client.post(HOLDS, form(superior), follow=True)
    hold = Hold.objects.get()
    assert (hold.site, hold.kind, hold.state) == (site, "silent", "active")
    assert "The hold is set." in answer.content.decode()
    address = reverse("planning:hold", args=[hold.public_id])
    for actor in (make_actor("OSH", "manager"), make_actor("OSH", "administrator"),
                  make_actor("TAX", "manager")):  # fmt: skip
        other = as_user(actor)
        assert other.get(address).status_code in (403, 404)
        assert other.post(address, {"step": "release", "version": "1"}).status_code in (403, 404)
        if actor.has_role("manager"):
            assert "Kuukivi" not in other.get(HOLDS).content.decode()
    hold.refresh_from_db()
    assert hold.state == "active"
    assert as_user(superior).get(address).status_code == 200  # cleared as the superior


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"target": ""}, "Write which one it is."),
        ({"target": "Nosuchplace"}, "Nothing in the register matches"),
        ({"reason": ""}, "This field is required."),
        ({"liaison": ""}, "This field is required."),
        ({"superior": "nobody"}, "Select a valid choice"),
        ({"answer_days": "99"}, "less than or equal to 30"),
        ({"kind": "loud"}, "Select a valid choice"),
        ({"pick": "site:not-an-id", "target": "Nosuchplace"}, "Nothing in the register matches"),
    ],
)
def test_bad_input_is_answered_in_words_with_what_was_typed(
    manager, superior, site, as_user, values, words
):
    answer = as_user(manager).post(HOLDS, form(superior, **{"reason": "Typed before"} | values))
    text = answer.content.decode()
    assert answer.status_code == 422
    assert words in text
    assert values.get("reason", "Typed before") in text
    assert not Hold.objects.exists()


def test_several_that_match_are_offered_to_choose_from(manager, superior, site, as_user):
    other = make_site(name="Kuukivi Grilli", name_fi="Kuukivi Grilli")
    search.refresh(sites=[other.pk])
    client = as_user(manager)
    answer = client.post(HOLDS, form(superior))
    assert answer.status_code == 422
    assert "Several match" in answer.content.decode()
    assert "Kuukivi Grilli" in answer.content.decode()
    client.post(HOLDS, form(superior, pick=f"site:{other.public_id}"))
    assert Hold.objects.get().site == other


def test_steps_of_a_hold_and_the_clash_of_two_people(manager, superior, site, as_user):
    client = as_user(manager)
    client.post(HOLDS, form(superior))
    hold = Hold.objects.get()
    address = reverse("planning:hold", args=[hold.public_id])

    def step(name: str, note: str = "", version: int | None = None):
        hold.refresh_from_db()
        shown = hold.version if version is None else version
        return client.post(address, {"step": name, "note": note, "version": str(shown)})

    assert step("conditions").status_code == 422  # without saying which
    assert step("conditions", "Only by daylight").status_code == 302
    hold.refresh_from_db()
    assert (hold.state, hold.conditions) == ("conditional", "Only by daylight")
    stale = step("release", "Done", version=hold.version - 1)
    assert stale.status_code == 422
    assert "Somebody else has changed the hold" in stale.content.decode()
    assert "Done" in stale.content.decode()
    assert step("convert", "No longer secret").status_code == 302
    hold.refresh_from_db()
    assert hold.kind == "named"
    assert step("nonsense", "x").status_code == 422
    assert step("release", "Closed").status_code == 302
    hold.refresh_from_db()
    assert hold.state == "released"
    assert step("release", "Again").status_code == 422
    page = client.get(address).content.decode()
    for words in ("Only by daylight", "No longer secret", "Closed"):
        assert words in page


def test_inspectors_set_no_holds(site, as_user):
    assert as_user(make_actor("OSH", "inspector")).get(HOLDS).status_code == 403


def test_a_target_is_set_aside_and_returned_on_the_page(as_user):
    cast = Cast()
    operation = cast.to("selecting")
    make_available(operation)
    site = cast.sites[0]
    address = reverse("planning:reservation", args=[operation.public_id, site.public_id])
    client = as_user(cast.lead)
    empty = client.post(address, {"reason": ""})
    assert empty.status_code == 422
    assert client.post(address, {"reason": "Ours to handle"}).status_code == 302
    assert Reservation.objects.get().ended_at is None
    tax = as_user(cast.actors["TAX", "coordinator"])
    assert "Ours to handle" not in tax.get(address).content.decode()
    client = as_user(cast.lead)
    assert "Ours to handle" in client.get(address).content.decode()
    client.post(address, {"step": "end"})
    assert Reservation.objects.get().ended_at is not None
    outsider = as_user(cast.actors["OUT", "coordinator"])
    assert outsider.get(address).status_code == 404
