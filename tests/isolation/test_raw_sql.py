"""Raw SQL as the application's role with no, the wrong and the right context."""

import json

import pytest
from django.conf import settings
from django.db import connection, transaction
from django.urls import reverse
from django.utils.translation import override

from audit.access import watching
from audit.context import Context, acting_as, as_system, using
from execution.models import InspectionRecord
from planning.documents import decision_content
from planning.jobs import make_decision_records
from planning.services import make_nomination, move, reserve
from tests.factories import Cast, make_past_visit

pytestmark = pytest.mark.django_db
OWN = (
    "execution_finding", "execution_checklistanswer", "planning_reservation",
    "targets_pastvisit", "audit_accessentry",
)  # fmt: skip


@pytest.fixture
def cast():
    cast = Cast()
    operation = cast.to("feedback")
    make_past_visit(cast.sites[0], "OSH", shared=False)
    reserve(actor=cast.lead, operation=operation, site=cast.sites[0], reason="Ours")
    with acting_as(cast.lead), watching(cast.lead, "/x/"):
        list(InspectionRecord.objects.visible_to(cast.lead))
    return cast


def count(table: str, where: str = "true") -> int:
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT count(*) FROM {table} WHERE {where}")
        return int(cursor.fetchone()[0])


@pytest.mark.parametrize("table", OWN)
def test_own_rows_show_to_their_authority_only(cast, table):
    with as_system("how many there are"):
        there = count(table)
    assert there
    with acting_as(cast.lead):
        mine = count(table)
        assert mine
    with using(Context()):
        assert count(table) == 0
    with acting_as(cast.actors["OUT", "manager"]):
        assert count(table) == 0


def test_ratings_show_to_participants_once_the_joint_list_is_open():
    cast = Cast()
    cast.to("nominating")
    make_nomination(actor=cast.lead, operation=cast.operation, site=cast.sites[0], reason="r",
                    rating=4)  # fmt: skip
    tax, out = cast.actors["TAX", "manager"], cast.actors["OUT", "manager"]
    for eyes, expected in ((cast.lead, 1), (tax, 0), (out, 0)):
        with acting_as(eyes):
            assert count("planning_nomination") == expected
    move(actor=cast.lead, operation=cast.refresh(), arrow="start_selection")
    for eyes, expected in ((cast.lead, 1), (tax, 1), (out, 0)):
        with acting_as(eyes):
            assert count("planning_nomination") == expected


def test_nobody_writes_into_anothers_record(cast):
    tax = cast.actors["TAX", "inspector"]
    for statement in (
        "UPDATE execution_finding SET text = 'x'", "DELETE FROM execution_finding",
        "UPDATE planning_nomination SET rating = 1 WHERE authority_id <> {me}",
        "DELETE FROM planning_reservation",
    ):  # fmt: skip
        with transaction.atomic(), acting_as(tax), connection.cursor() as cursor:
            cursor.execute(statement.format(me=tax.authority.pk))
            assert cursor.rowcount == 0, statement


def test_every_walled_table_holds_its_owner_too_and_the_role_cannot_pass():
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT relname FROM pg_class WHERE relrowsecurity AND NOT relforcerowsecurity"
        )
        assert cursor.fetchall() == []
        cursor.execute("SELECT count(*) FROM pg_class WHERE relrowsecurity")
        assert cursor.fetchone()[0] >= 30
        cursor.execute("SELECT rolsuper, rolbypassrls FROM pg_roles WHERE rolname = current_user")
        assert cursor.fetchone() == (False, False)
        cursor.execute(
            "SELECT count(*) FROM pg_tables WHERE schemaname = 'public' AND tableowner = %s",
            [settings.DATABASES["default"]["USER"]],
        )
        assert cursor.fetchone()[0] == 0


def test_a_job_that_works_for_nobody_still_names_who_nominated():
    """Workers have no context of their own: what a job needs beyond it, it says."""
    cast = Cast()
    operation = cast.to("scheduled")
    with using(Context()):
        make_decision_records(operation.pk)
    stored = operation.decision_records.get(language="en").content
    with override("en"):
        whole = decision_content(operation)
    assert json.loads(json.dumps(whole)) == stored


def test_selection_starts_when_only_others_have_nominated():
    """The lead does not see their nominations yet, and is not told that there are none."""
    cast = Cast()
    cast.to("nominating")
    make_nomination(
        actor=cast.actors["TAX", "coordinator"], operation=cast.operation, site=cast.sites[0],
        reason="r", rating=3,
    )  # fmt: skip
    with acting_as(cast.lead):
        assert count("planning_nomination") == 0
        operation = move(actor=cast.lead, operation=cast.refresh(), arrow="start_selection")
    assert operation.state == "selecting"


def test_setting_aside_does_not_tell_what_others_have_nominated(as_user):
    cast = Cast()
    cast.to("nominating")
    tax = cast.actors["TAX", "coordinator"]
    make_nomination(actor=tax, operation=cast.operation, site=cast.sites[0], reason="r", rating=3)
    for site in cast.sites[:2]:  # nominated by another, and by nobody
        page = reverse("planning:reservation", args=[cast.operation.public_id, site.public_id])
        assert as_user(cast.lead).get(page).status_code == 404
