"""The access log: what is looked at is written, chained, and read by those it concerns."""

import datetime as dt

import pytest
from django.core.management import CommandError, call_command
from django.db import connection, transaction
from django.urls import reverse
from django.utils import timezone

from audit import chain
from audit.access import watching
from audit.context import Context, acting_as, using
from audit.models import AccessEntry, AccessLink, Purpose
from authorities.purposes import case_model, case_token, purpose_of, state_purpose
from execution.models import InspectionRecord
from targets.models import Site
from tests.conftest import owner_connection
from tests.factories import Cast, make_actor, make_site
from worklist.models import Task
from worklist.services.lookups import review_lookups


@pytest.fixture
def recorded(db) -> Cast:
    cast = Cast()
    cast.to("feedback")
    return cast


def look(cast: Cast, code: str = "OSH") -> list[AccessEntry]:
    """Read the records of one authority as its manager; returns the entries made."""
    actor = cast.actors[code, "manager"]
    before = set(AccessEntry.objects.values_list("pk", flat=True))
    with acting_as(actor), watching(actor, "/somewhere/"):
        list(InspectionRecord.objects.visible_to(actor))
    return list(AccessEntry.objects.exclude(pk__in=before).order_by("pk"))


def test_a_page_that_shows_own_words_is_in_the_log(recorded, as_user):
    osh = recorded.actors["OSH", "manager"]
    record = recorded.record(recorded.visits()[0], "OSH")
    page = reverse("execution:record", args=[record.public_id])
    assert as_user(osh).get(page).status_code == 200
    entry = AccessEntry.objects.get(
        object_type="execution.inspectionrecord", object_id=record.pk, user=osh.user
    )
    assert entry.owner == osh.authority
    assert entry.membership == osh.membership
    assert entry.route == page


def test_looks_of_a_request_that_fails_are_kept(recorded):
    actor = recorded.actors["OSH", "manager"]

    def look_and_fail() -> None:
        with watching(actor, "/x/"), acting_as(actor):
            list(InspectionRecord.objects.visible_to(actor))
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        look_and_fail()
    assert AccessEntry.objects.filter(route="/x/").exists()


def test_what_the_system_reads_is_nobodys_look(recorded):
    actor = recorded.actors["OSH", "manager"]
    with watching(actor, "/x/"):
        list(InspectionRecord.objects.all())  # a test looks as the system
    assert not AccessEntry.objects.filter(route="/x/").exists()


def test_many_rows_of_one_answer_are_summed_up(recorded, monkeypatch):
    monkeypatch.setattr("audit.access.EACH_UP_TO", 1)
    entries = look(recorded)
    assert [e.count for e in entries] == [
        1,
        InspectionRecord.objects.filter(authority__code="OSH").count() - 1,
    ]
    assert entries[1].object_id is None


def test_the_chain_is_whole_and_names_the_first_broken_link(recorded):
    look(recorded)
    look(recorded)
    while chain.seal():
        pass
    verdict = chain.verify()
    assert verdict.broken_at is None
    assert verdict.number == AccessEntry.objects.count() == AccessLink.objects.count()
    assert verdict.waiting == 0
    head = (verdict.number, verdict.hash)
    look(recorded)
    assert chain.verify(head).broken_at is None
    assert chain.verify((head[0], "0" * 64)).broken_at == head[0]
    assert chain.verify((10_000, "0" * 64)).broken_at == head[0] + 1


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("harm", ["changed", "removed", "relinked"])
def test_tampering_by_the_owner_of_the_tables_is_found(harm, capsys):
    cast = Cast()
    cast.to("feedback")
    for _ in range(2):
        look(cast)
    chain.seal()
    victim = AccessLink.objects.order_by("number")[1]
    from django.conf import settings

    with owner_connection(settings.TEST_DATABASE) as owner, owner.cursor() as cursor:
        cursor.execute("SET tarkka.system = 'on'")
        cursor.execute("ALTER TABLE audit_accessentry DISABLE TRIGGER append_only")
        cursor.execute("ALTER TABLE audit_accesslink DISABLE TRIGGER append_only")
        if harm == "changed":
            cursor.execute(
                "UPDATE audit_accessentry SET route = 'x' WHERE id = %s", [victim.entry_id]
            )
        else:
            cursor.execute("DELETE FROM audit_accesslink WHERE number = %s", [victim.number])
        if harm == "relinked":
            cursor.execute(
                "UPDATE audit_accesslink SET number = number - 1 WHERE number > %s", [victim.number]
            )
        cursor.execute("ALTER TABLE audit_accessentry ENABLE TRIGGER append_only")
        cursor.execute("ALTER TABLE audit_accesslink ENABLE TRIGGER append_only")
    with pytest.raises(CommandError, match=f"BROKEN at link {victim.number}:"):
        call_command("access_log", "verify")


@pytest.mark.parametrize("table", ["audit_accessentry", "audit_accesslink", "audit_event"])
@pytest.mark.parametrize("what", ["UPDATE {} SET id = id", "DELETE FROM {}", "TRUNCATE {}"])
def test_the_application_can_only_add(recorded, table, what):
    look(recorded)
    chain.seal()
    statement = what.format(table).replace(
        "id = id", "hash = 'x'" if "link" in table else "id = id"
    )
    with pytest.raises(Exception, match=r"permission denied|append-only"), transaction.atomic():
        connection.cursor().execute(statement)


def test_nobody_writes_a_look_in_anothers_name(recorded):
    osh, tax = recorded.actors["OSH", "manager"], recorded.actors["TAX", "manager"]
    with pytest.raises(Exception, match="row-level security"), transaction.atomic(), acting_as(osh):
        AccessEntry.objects.create(
            user=tax.user, membership=tax.membership, authority=tax.authority,
            object_type="x", route="x",
        )  # fmt: skip


def test_an_authority_reads_looks_at_its_data_and_of_its_people_only(recorded, as_user):
    look(recorded, "OSH")
    page = reverse("authorities:access_list")
    own = as_user(recorded.actors["OSH", "administrator"]).get(page).content.decode()
    name = recorded.actors["OSH", "manager"].user.full_name
    assert name in own
    other = as_user(recorded.actors["TAX", "administrator"]).get(page).content.decode()
    assert name not in other
    with using(Context(authority=recorded.actors["TAX", "manager"].authority.pk)):
        assert not AccessEntry.objects.exists()
    assert as_user(recorded.actors["OSH", "inspector"]).get(page).status_code == 403


def test_a_killed_process_loses_no_look_that_was_answered(recorded):
    """What is written before the answer is committed with it: nothing waits in memory."""
    actor = recorded.actors["OSH", "manager"]
    with acting_as(actor), watching(actor, "/x/") as watch:
        list(InspectionRecord.objects.visible_to(actor))
        assert watch.seen
    assert not watch.seen


def test_purpose_is_asked_once_and_remembered(db, as_user):
    case_model(Site)
    actor, site = make_actor("OSH", "inspector"), make_site()
    assert purpose_of(actor, site) is None
    client = as_user(actor)
    url = reverse("authorities:purpose_state")
    short = client.post(url, {"case": case_token(site), "text": "test", "next": "/sites/"})
    assert short.status_code == 422
    assert "test" in short.content.decode()
    stated = client.post(
        url, {"case": case_token(site), "text": "Tip on working hours", "next": "/sites/"}
    )
    assert stated["Location"] == "/sites/"
    purpose = purpose_of(actor, site)
    assert purpose is not None
    assert purpose.text == "Tip on working hours"
    Purpose.objects.update(holds_until=timezone.now() - dt.timedelta(minutes=1))
    assert purpose_of(actor, site) is None
    forged = client.post(url, {"case": "x" + case_token(site), "text": "Tip on working hours"})
    assert forged.status_code == 404


def test_work_that_leads_to_a_site_is_purpose_enough(db):
    cast = Cast()
    operation = cast.to("selecting")
    purpose = purpose_of(cast.lead, cast.sites[0])
    assert purpose is not None
    assert purpose.implied
    assert operation.number in purpose.text
    assert purpose_of(cast.actors["OUT", "coordinator"], cast.sites[0]) is None


def test_look_ups_without_a_task_reach_the_supervisor_and_not_the_person(db):
    curious = make_actor("OSH", "inspector", "manager")
    boss = make_actor("OSH", "manager")
    outsider = make_actor("TAX", "manager")
    for number in range(2):
        state_purpose(actor=curious, case=make_site(), text=f"Just curious, number {number}")
    assert review_lookups() == 1
    assert review_lookups() == 1
    task = Task.objects.get(kind="access.review")
    assert task.params["cases"] == 2
    assert Task.objects.mine(boss).filter(pk=task.pk).exists()
    assert not Task.objects.visible_to(outsider).exists()
    assert review_lookups(timezone.localdate() - dt.timedelta(days=1)) == 0
