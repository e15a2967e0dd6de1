"""Who acts: reference data, places and roles, sign-in, sessions."""

import datetime as dt
from io import StringIO

import pytest
import time_machine
from django.core import mail
from django.core.management import call_command
from django.urls import reverse
from django.utils import timezone

from audit.errors import NotAllowed, RuleViolation
from authorities.models import Area, Authority, Membership, Succession, Unit, User
from authorities.services.people import (
    add_membership,
    change_membership,
    end_membership,
    enrol_totp,
    set_active,
)
from targets.models import Industry
from tests.factories import PASSWORD, make_actor, make_authority, make_unit, make_user

pytestmark = pytest.mark.django_db


def load() -> None:
    call_command("load_reference", stdout=StringIO())


def test_reference_data_loads_twice_without_doubling():
    load()
    counts = [m.objects.count() for m in (Area, Authority, Unit, Succession, Industry)]
    assert counts[1] == 50
    load()
    assert counts == [m.objects.count() for m in (Area, Authority, Unit, Succession, Industry)]
    helsinki = Area.objects.get(kind="municipality", country="FI", code="091")
    assert helsinki.region.name_fi == "Uusimaa"
    assert helsinki.districts.filter(kind="police_department", code="HELSINKI").exists()
    former = Authority.objects.get(code="AVI_OSH")
    assert not former.is_valid_on()
    assert [s.successor.code for s in former.successions.all()] == ["LVV_OSH"]
    assert Industry.objects.get(edition__code="TOL2025", code="5611").path == "I/56/561/5611"
    # Named in Finnish and Swedish as before where the class is the same, else by the translation.
    fishing = Industry.objects.get(edition__code="TOL2025", code="0311")
    assert fishing.name_en == "Marine fishing"
    assert (fishing.name_fi, fishing.name_sv) == ("Merikalastus", "Saltvattensfiske")
    support = Industry.objects.get(edition__code="TOL2025", code="033")
    assert support.name_sv == "Service till fiske och vattenbruk"


def sign_in(client, user, password=PASSWORD):
    return client.post(
        reverse("account_login"), {"login": user.email, "password": password}, follow=True
    )


def test_sign_in_and_out(client):
    actor = make_actor("OSH", "inspector")
    page = sign_in(client, actor.user)
    assert page.redirect_chain[-1][0] == reverse("worklist:my_work")
    key = client.session.session_key
    client.post(reverse("account_logout"))
    assert client.get("/my-work/").status_code == 302
    assert client.session.session_key != key


def test_sign_in_makes_a_new_session_key(client):
    actor = make_actor("OSH", "inspector")
    client.get(reverse("account_login"))
    session = client.session
    session["planted"] = True
    session.save()
    before = session.session_key
    sign_in(client, actor.user)
    assert client.session.session_key != before


def test_nobody_signs_up_alone(client):
    page = client.post(
        reverse("account_signup"),
        {"email": "x@test.example", "password1": PASSWORD, "password2": PASSWORD},
    )
    assert not User.objects.filter(email="x@test.example").exists()
    assert page.status_code == 200


def test_many_wrong_passwords_are_slowed_down_for_that_person_only(client):
    actor, other = make_actor("OSH", "inspector"), make_actor("OSH", "inspector")
    for _ in range(6):
        answer = sign_in(client, actor.user, "wrong-password")
    assert answer.status_code == 200
    page = sign_in(client, actor.user)
    assert not page.wsgi_request.user.is_authenticated
    page = sign_in(client, other.user)
    assert page.wsgi_request.user.is_authenticated


def test_unknown_and_known_addresses_read_alike(client):
    actor = make_actor("OSH", "inspector")
    known = sign_in(client, actor.user, "wrong-password").content.decode()
    stranger = User(email="nobody@test.example")
    unknown = sign_in(client, stranger, "wrong-password").content.decode()
    assert ("is not correct" in known or "are not correct" in known) == (
        "is not correct" in unknown or "are not correct" in unknown
    )


def test_idle_and_absolute_limits(as_user):
    actor = make_actor("OSH", "inspector")
    start = timezone.now()
    with time_machine.travel(start, tick=False) as clock:
        client = as_user(actor)
        assert client.get("/my-work/").status_code == 200
        clock.shift(dt.timedelta(minutes=29))
        assert client.get("/my-work/").status_code == 200
        clock.shift(dt.timedelta(minutes=31))
        assert client.get("/my-work/").status_code == 302
    with time_machine.travel(start, tick=False) as clock:
        client = as_user(actor)
        client.get("/my-work/")
        for _ in range(25):
            clock.shift(dt.timedelta(minutes=25))
            last = client.get("/my-work/").status_code
        assert last == 302


def test_extending_keeps_an_idle_session(as_user):
    with time_machine.travel(timezone.now(), tick=False) as clock:
        client = as_user(make_actor("OSH", "inspector"))
        client.get("/my-work/")
        for _ in range(3):
            clock.shift(dt.timedelta(minutes=28))
            answer = client.post(reverse("authorities:session_extend"))
            assert answer.json() == {"expires_in": 1800}
        clock.shift(dt.timedelta(minutes=31))
        assert client.post(reverse("authorities:session_extend")).status_code == 401


def test_sign_out_everywhere_ends_the_other_device(as_user):
    from django.test import Client

    actor = make_actor("OSH", "inspector")
    here, there = Client(), Client()
    for client in (here, there):
        sign_in(client, actor.user)
        client.get("/my-work/")
    with time_machine.travel(timezone.now() + dt.timedelta(seconds=2), tick=False):
        here.post(reverse("authorities:sign_out_everywhere"))
        assert there.get("/my-work/").status_code == 302
        assert here.get("/my-work/").status_code == 302


def test_closed_account_is_out_at_the_next_request(as_user):
    admin, person = make_actor("OSH", "administrator"), make_actor("OSH", "inspector")
    client = as_user(person)
    assert client.get("/my-work/").status_code == 200
    set_active(actor=admin, user=person.user, active=False)
    assert client.get("/my-work/").status_code == 302


def test_ended_place_gives_nothing_from_now_on(as_user):
    person = make_actor("OSH", "inspector")
    client = as_user(person)
    end_membership(actor=None, membership=person.membership)
    assert client.get("/my-work/")["Location"] == reverse("authorities:no_membership")
    assert client.get(reverse("authorities:no_membership")).status_code == 403
    assert not person.user.groups.exists()


def test_acting_place_is_switched_to_own_places_only(as_user):
    person = make_actor("OSH", "inspector")
    second = make_actor("TAX", "manager", user=person.user)
    foreign = make_actor("POL", "manager")
    client = as_user(person)
    switch = reverse("authorities:switch_membership")
    client.post(switch, {"membership": str(second.membership.public_id)})
    assert "You act for Tax now" in client.get("/my-work/").content.decode()
    client.post(switch, {"membership": str(foreign.membership.public_id)})
    assert client.session["acting_membership"] == second.membership.pk


def test_administrator_needs_a_second_factor_before_anything_else(client):
    admin = make_actor("OSH", "administrator")
    page = sign_in(client, admin.user)
    assert page.redirect_chain[-1][0] == reverse("mfa_index")
    assert client.get("/my-work/")["Location"] == reverse("mfa_index")


def test_administrator_with_a_second_factor_is_asked_for_it(client):
    from allauth.mfa.totp.internal.auth import (
        format_hotp_value,
        hotp_value,
        yield_hotp_counters_from_time,
    )

    admin = make_actor("OSH", "administrator")
    secret = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"
    enrol_totp(user=admin.user, secret=secret)
    page = sign_in(client, admin.user)
    assert page.redirect_chain[-1][0] == reverse("mfa_authenticate")
    assert client.get("/my-work/").status_code == 302
    counter = next(iter(yield_hotp_counters_from_time()))
    code = format_hotp_value(hotp_value(secret, counter))
    client.post(reverse("mfa_authenticate"), {"code": code})
    assert client.get("/my-work/").status_code == 200


def test_groups_follow_roles_in_the_same_transaction():
    person = make_actor("OSH", "inspector")
    names = {g.unit_group.role for g in person.user.groups.all()}
    assert names == {"inspector"}
    change_membership(actor=None, membership=person.membership, roles=["manager", "analyst"])
    assert {g.unit_group.role for g in person.user.groups.all()} == {"manager", "analyst"}
    with pytest.raises(RuleViolation, match="at least one role"):
        change_membership(actor=None, membership=person.membership, roles=[])


def test_administrator_keeps_own_people_only(as_user):
    admin = make_actor("OSH", "administrator")
    foreign = make_actor("TAX", "inspector")
    client = as_user(admin)
    page = reverse("authorities:membership_edit", args=[foreign.membership.public_id])
    assert client.get(page).status_code == 404
    with pytest.raises(NotAllowed):
        change_membership(actor=admin, membership=foreign.membership, roles=["manager"])
    with pytest.raises(NotAllowed):
        add_membership(
            actor=admin, user=make_user(), unit=make_unit(make_authority("TAX")), roles=["manager"]
        )


def test_new_person_gets_a_mail_with_a_link_in_their_language(as_user):
    admin = make_actor("OSH", "administrator")
    client = as_user(admin)
    answer = client.post(
        reverse("authorities:person_add"),
        {"email": "New@Test.example", "first_name": "New", "last_name": "Person",
         "language": "en", "unit": admin.unit.pk, "roles": ["inspector"]},
    )  # fmt: skip
    assert answer.status_code == 302
    membership = Membership.objects.get(user__email="new@test.example")
    assert membership.roles == ["inspector"]
    assert mail.outbox[0].to == ["new@test.example"]
    assert "/account/password/reset/key/" in mail.outbox[0].body


def test_directory_shows_people_of_other_authorities(as_user):
    person = make_actor("TAX", "manager", first_name="Helena", last_name="Forsman")
    client = as_user(make_actor("OSH", "inspector"))
    page = client.get(reverse("authorities:authority_detail", args=["TAX"]))
    assert "Helena Forsman" in page.content.decode()
    assert person.user.email in page.content.decode()
