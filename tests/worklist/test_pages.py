"""What a reader meets on the pages of the work list."""

import datetime as dt

import pytest
from django.urls import reverse
from django.utils import timezone

from tests.factories import worklist as make
from worklist.models import Heartbeat, Notification, Task
from worklist.services.digests import beat

pytestmark = pytest.mark.django_db
TODAY = timezone.localdate()


def text(response) -> str:
    return " ".join(response.content.decode().split())


# ------------------------------------------------------------------ my work
def test_my_work_groups_by_whose_turn_it_is(sign_in):
    actor = make.person()
    make.task(actor, title="Late one", due=TODAY - dt.timedelta(days=2))
    make.task(actor, title="Waits", state="waiting")
    make.task(actor, title="Far off", due=TODAY + dt.timedelta(days=90))
    make.task(actor, title="Over", state="cancelled")
    make.task(make.person(actor.unit), title="Somebody else's")
    response = sign_in(actor).get(reverse("worklist:my_work"))
    page = text(response)
    groups = {g["key"]: [e["title"] for e in g["entries"]] for g in response.context["groups"]}
    assert groups == {
        "now": ["Late one"], "waiting": ["Waits"], "later": ["Far off"], "escalated": [],
    }  # fmt: skip
    assert "Overdue" in page
    assert f'datetime="{TODAY - dt.timedelta(days=2)}"' in page
    assert page.count("<h1") == 1


def test_one_click_leads_to_the_exact_field(sign_in):
    actor = make.person()
    make.task(actor, kind="planning.answer", title="", params={"operation": "Harbour"},
              subject_url="/operations/answer/#field-decision")  # fmt: skip
    page = text(sign_in(actor).get(reverse("worklist:my_work")))
    assert (
        '<a href="/operations/answer/#field-decision">Answer the invitation to Harbour</a>' in page
    )


def test_a_manager_sees_what_was_escalated(sign_in):
    place = make.unit()
    manager, doer = make.person(place, "manager"), make.person(place)
    make.task(doer, title="Left lying", due=TODAY - dt.timedelta(9), escalated_at=timezone.now())
    assert "Left lying" in text(sign_in(manager).get(reverse("worklist:my_work")))
    listed = sign_in(manager).get(reverse("worklist:task_list"), {"deadline": "escalated"})
    assert "Left lying" in text(listed)
    other = make.person(None, "manager")
    assert "Left lying" not in text(sign_in(other).get(reverse("worklist:my_work")))


def test_my_work_says_so_when_nothing_waits(sign_in):
    assert "Nothing waits for you" in text(sign_in(make.person()).get(reverse("worklist:my_work")))


@pytest.mark.parametrize(("name", "queries"), [("my_work", 8), ("task_list", 10), ("inbox", 9)])
def test_queries_do_not_grow_with_rows(sign_in, name, queries, django_assert_num_queries):
    """Ten are the frame's (session, person, memberships, unread, savepoint ...)."""
    place = make.unit()
    actor = make.person(place, "manager")
    client = sign_in(actor)
    client.get(reverse(f"worklist:{name}"))
    for _number in range(3):
        make.task(actor, due=TODAY)
        make.task(make.person(place), due=TODAY, escalated_at=timezone.now())
        make.notification(actor)

    with django_assert_num_queries(queries):
        client.get(reverse(f"worklist:{name}"))
    for _number in range(10):
        make.task(actor, due=TODAY)
        make.task(make.person(place), due=TODAY, escalated_at=timezone.now())
        make.notification(actor)
    with django_assert_num_queries(queries):
        assert client.get(reverse(f"worklist:{name}")).status_code == 200


# ------------------------------------------------------------------ tasks
def test_the_list_holds_my_authoritys_tasks_and_filters(sign_in):
    place = make.unit()
    coordinator = make.person(place, "coordinator")
    make.task(coordinator, title="Mine", due=TODAY - dt.timedelta(days=1))
    make.task(place, title="The unit's", role="inspector")
    make.task(make.person(), title="Elsewhere")
    client, url = sign_in(coordinator), reverse("worklist:task_list")
    everything = text(client.get(url))
    assert "Mine" in everything
    assert "The unit" in everything
    assert "Elsewhere" not in everything
    overdue = text(client.get(url, {"deadline": "overdue"}))
    assert "Mine" in overdue
    assert "The unit&#x27;s" not in overdue
    mine = text(client.get(url, {"who": "mine"}))
    assert ">Mine<" in mine
    assert "The unit&#x27;s" not in mine
    assert client.get(url, {"unit": make.unit().pk}).status_code == 422
    assert client.get(url, {"export": "csv"}).status_code == 200


def test_another_authoritys_task_does_not_exist(sign_in):
    task = make.task(make.person())
    client = sign_in(make.person(None, "manager", "coordinator", "administrator"))
    assert client.get(task.get_absolute_url()).status_code == 404
    url = reverse("worklist:task_move", args=[task.public_id])
    assert client.post(url, {"arrow": "done"}).status_code == 404
    task.refresh_from_db()
    assert task.is_open


def test_make_a_task_by_hand(sign_in):
    actor = make.person()
    stranger = make.person()
    client, url = sign_in(actor), reverse("worklist:task_create")
    assert "Make the task" in text(client.get(url))
    refused = client.post(url, {"title": "Call", "assignee": stranger.user.pk})
    assert refused.status_code == 422
    assert not Task.objects.exists()
    assert client.post(url, {"title": "Call"}).status_code == 422
    answer = client.post(
        url, {"title": "Call", "note": "By phone", "due": "2026-12-24", "unit": actor.unit.pk}
    )
    assert answer.status_code == 302
    task = Task.objects.get()
    assert (task.title, task.unit, task.created_by) == ("Call", actor.unit, actor.user)
    assert "By phone" in text(client.get(task.get_absolute_url()))


def test_done_can_be_undone_at_once(sign_in):
    actor = make.person()
    task = make.task(actor, title="Send the papers", state="waiting")
    client, url = sign_in(actor), reverse("worklist:task_move", args=[task.public_id])
    page = text(client.post(url, {"arrow": "done", "next": "my-work"}, follow=True))
    assert "Undo" in page
    assert "Send the papers" in page
    client.post(url, {"arrow": "undo", "reached": "done", "before": "waiting"})
    task.refresh_from_db()
    assert (task.state, task.done_at) == ("waiting", None)
    assert "Undo" not in text(client.get(reverse("worklist:my_work")))


def test_undo_after_somebody_else_says_so(sign_in):
    actor = make.person()
    task = make.task(actor, state="cancelled")
    url = reverse("worklist:task_move", args=[task.public_id])
    answer = sign_in(actor).post(url, {"arrow": "undo", "reached": "done", "before": "not_started"})
    assert answer.status_code == 409
    assert "Cancelled" in text(answer)


def test_unknown_steps_and_foreign_hands_are_refused(sign_in):
    place = make.unit()
    task = make.task(place, role="")
    url = reverse("worklist:task_move", args=[task.public_id])
    assert sign_in(make.person(place)).post(url, {"arrow": "explode"}).status_code == 422
    administrator = make.person(make.unit(place.authority), "administrator")
    assert sign_in(administrator).post(url, {"arrow": "done"}).status_code == 403


# ------------------------------------------------------------------ inbox
def test_the_inbox_gives_the_reason_and_the_count(sign_in):
    actor = make.person()
    make.notification(actor)
    make.notification(make.person(), params={"title": "Not yours"})
    client = sign_in(actor)
    page = text(client.get(reverse("worklist:inbox")))
    assert "You were given a task: Look at the gate" in page
    assert "you are the one to do it" in page
    assert "1 unread notification" in page
    assert "Not yours" not in page
    client.post(reverse("worklist:read_all"))
    assert "0 unread notifications" in text(client.get(reverse("worklist:inbox")))
    assert Notification.objects.filter(read_at=None).count() == 1


def test_one_notification_is_read_and_followed(sign_in):
    actor = make.person()
    notification = make.notification(actor, url="/tasks/")
    client = sign_in(actor)
    url = reverse("worklist:notification_open", args=[notification.public_id])
    assert "Look at the gate" in text(client.get(url))
    notification.refresh_from_db()
    assert notification.read_at is None  # reading a page changes nothing
    assert client.post(url)["Location"] == "/tasks/"
    notification.refresh_from_db()
    assert notification.read_at is not None
    assert sign_in(make.person()).get(url).status_code == 404


# ------------------------------------------------------------------ mails, health
def test_administrators_see_troubled_mails_of_their_people(sign_in):
    place = make.unit()
    administrator = make.person(place, "administrator")
    make.digest(make.person(place, last_name="Refused"), "failed", error="550 no such mailbox")
    make.digest(make.person(place, last_name="Halfway"), "unknown")
    make.digest(make.person(place, last_name="Fine"), "sent")
    make.digest(make.person(last_name="Foreign"), "failed")
    beat("mail", error="connection refused")
    url = reverse("worklist:digest_list")
    page = text(sign_in(administrator).get(url))
    assert "Aino Refused" in page
    assert "550 no such mailbox" in page
    assert "Aino Halfway" in page
    assert "Aino Fine" not in page
    assert "Aino Foreign" not in page
    assert "connection refused" in page
    assert sign_in(make.person(place, "manager", "coordinator")).get(url).status_code == 403
    assert f'href="{url}"' in text(sign_in(administrator).get(reverse("worklist:task_list")))


def test_health_turns_red_when_the_sweep_stops(client):
    url = reverse("worklist:health")
    answer = client.get(url)
    assert answer.status_code == 503
    assert answer.json()["sweep"] is False
    assert answer.json()["database"] is True
    beat("sweep")
    answer = client.get(url)
    assert answer.status_code == 200
    assert answer.json()["healthy"] is True
    assert set(answer.json()) == {"healthy", "database", "redis", "sweep", "seconds_since_sweep"}
    Heartbeat.objects.update(at=timezone.now() - dt.timedelta(minutes=6))
    assert client.get(url).status_code == 503


def test_health_turns_red_without_redis(client, settings):
    beat("sweep")
    settings.CACHES = {
        "default": settings.CACHES["default"] | {"LOCATION": "redis://127.0.0.1:1/0"}
    }
    answer = client.get(reverse("worklist:health"))
    assert answer.status_code == 503
    assert answer.json()["redis"] is False


def test_pages_ask_for_signing_in(client):
    for name in ("my_work", "task_list", "task_create", "inbox", "digest_list"):
        answer = client.get(reverse(f"worklist:{name}"))
        assert answer.status_code == 302
        assert "/account/login/" in answer["Location"]
