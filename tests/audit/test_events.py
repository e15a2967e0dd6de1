"""Events are added and never changed, by whatever route."""

import pytest
from django.db import DatabaseError, connection, transaction

from audit import bus
from audit.models import Event
from audit.selectors import timeline
from audit.services import record
from audit.verbs import SENTENCES, describe
from tests.conftest import owner_connection
from tests.factories import Cast, make_actor, make_authority

pytestmark = pytest.mark.django_db


@pytest.fixture
def event():
    return record(actor=make_actor(), verb="operation.created", data={"a": 1})


def refused(action) -> None:
    with pytest.raises(DatabaseError), transaction.atomic():
        action()


def test_no_route_changes_or_deletes_an_event(event):
    event.verb = "other"
    refused(event.save)
    refused(event.delete)
    refused(lambda: Event.objects.update(verb="other"))
    refused(lambda: Event.objects.all().delete())
    refused(lambda: Event.objects.bulk_update([event], ["verb"]))
    refused(lambda: connection.cursor().execute("UPDATE audit_event SET verb = 'x'"))
    refused(lambda: connection.cursor().execute("DELETE FROM audit_event"))
    refused(lambda: connection.cursor().execute("TRUNCATE audit_event CASCADE"))
    refused(lambda: connection.cursor().execute("ALTER TABLE audit_event DISABLE TRIGGER ALL"))
    assert Event.objects.get(pk=event.pk).verb == "operation.created"


@pytest.mark.django_db(transaction=True)
def test_even_the_owner_is_stopped_by_the_trigger(event, settings):
    import psycopg2

    owner = owner_connection(settings.TEST_DATABASE)
    with owner.cursor() as cursor, pytest.raises(psycopg2.Error, match="append-only"):
        cursor.execute("UPDATE audit_event SET verb = 'x'")
    owner.close()


def test_a_failing_subscriber_rolls_the_whole_change_back():
    @bus.on("test.fails")
    def explode(event, subject, actor):
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"), transaction.atomic():
        record(actor=None, verb="test.fails")
    assert not Event.objects.filter(verb="test.fails").exists()


def test_every_verb_that_a_round_records_has_a_sentence():
    cast = Cast()
    cast.to("closed")
    verbs = set(Event.objects.values_list("verb", flat=True))
    assert verbs <= set(SENTENCES)
    for event in Event.objects.all():
        assert "%(" not in describe(event)


def test_timeline_tells_who_when_and_why():
    cast = Cast()
    operation = cast.to("scheduled")
    entries = timeline(operation, cast.actors["TAX", "manager"])
    assert entries[0]["sentence"] == "Everybody has signed; the selection is decided."
    assert any("Tax signed the selection." in e["sentence"] for e in entries)
    assert any(e["reason"] == "Decided together" for e in entries)
    assert make_authority("OSH").name in " ".join(e["who"] for e in entries)
