"""The meeting: agenda, quorum, voices, decisions, minutes that nobody changes, the projector."""

import io
import json
import re
from typing import Any

import pytest
from django.db import IntegrityError, connection, transaction
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone
from pypdf import PdfReader

from audit.context import Context, acting_as, using
from audit.errors import Conflict, DomainError, NotAllowed, RuleViolation
from planning.candidates import candidates
from planning.documents import decision_content
from planning.jobs import sweep_decision_records
from planning.minutes import make_minutes, words_of
from planning.models import Meeting, MinuteLine, Proposal, SelectionRun, TargetChoice
from planning.services import choose, move, sign
from planning.services.meetings import (
    add_item,
    add_note,
    close_meeting,
    decide,
    give_voice,
    join,
    kept_off,
    leave,
    leave_undecided,
    minutes_content,
    move_item,
    open_item,
    open_meeting,
)
from planning.services.parts import digest, selection_hash
from targets.services.recusals import recuse
from tests.factories import Cast, make_actor, make_signal
from tests.isolation.test_matrix import plain
from worklist.models import Notification

pytestmark = pytest.mark.django_db


def opened(sites: int = 3, quorum: int | None = None) -> tuple[Cast, Meeting]:
    cast = Cast()
    cast.to("selecting", sites=sites)
    return cast, open_meeting(actor=cast.lead, operation=cast.operation, quorum=quorum)


def everybody(cast: Cast, meeting: Meeting) -> None:
    for code in ("TAX", "POL"):
        join(actor=cast.actors[code, "coordinator"], meeting=meeting)


def say(cast: Cast, item: Any, code: str, state: str, reason: str = "") -> None:
    give_voice(actor=cast.actors[code, "coordinator"], item=item, state=state, reason=reason)


def lines(meeting: Meeting) -> list[str]:
    names = {"OSH": "OSH", "TAX": "TAX", "POL": "POL"}
    return [words_of(line, names) for line in meeting.lines.order_by("number")]


def kinds(meeting: Meeting) -> list[str]:
    return list(meeting.lines.order_by("number").values_list("kind", flat=True))


def text(answer: Any) -> str:
    return " ".join(re.sub(r"<[^>]+>", " ", answer.content.decode()).split())


# ------------------------------------------------------------------ opening


def test_the_agenda_is_the_joint_list_with_what_the_plan_proposes_first():
    cast = Cast()
    cast.to("selecting", sites=4)
    order = [entry.site for entry in candidates(cast.operation)]
    run = SelectionRun.objects.create(
        operation=cast.operation, number=1, round=1, state="done", asked_by=cast.lead.user,
        asked_for=cast.lead.authority, inputs_hash="a" * 64, value=1, bound=1,
        finished_at=timezone.now(),
    )  # fmt: skip
    for site in (order[3], order[1]):
        Proposal.objects.create(
            run=run, operation=cast.operation, site=site, team=[], value=1, reduced=1
        )
    meeting = open_meeting(actor=cast.lead, operation=cast.operation)
    agenda = [item.site for item in meeting.items.order_by("order")]
    assert agenda == [order[1], order[3], order[0], order[2]]


def test_opening_tells_the_participants_coordinators_and_nobody_else():
    cast, meeting = opened()
    told = Notification.objects.filter(kind="planning.meeting")
    assert {n.recipient for n in told} == {
        cast.actors["TAX", "coordinator"].user, cast.actors["POL", "coordinator"].user,
    }  # fmt: skip
    assert meeting.quorum == 2  # more than half of three
    assert kinds(meeting) == ["opened", "joined"]


def test_one_meeting_at_a_time_opened_by_the_lead_while_selecting():
    cast, meeting = opened()
    with pytest.raises(Conflict, match="under way already"):
        open_meeting(actor=cast.lead, operation=cast.operation)
    with pytest.raises(NotAllowed):
        open_meeting(actor=cast.actors["TAX", "coordinator"], operation=cast.operation)
    with pytest.raises(IntegrityError), transaction.atomic():
        Meeting.objects.create(
            operation=cast.operation, number=2, round=1, quorum=1, opened_by=cast.lead.user
        )
    close_meeting(actor=cast.lead, meeting=meeting)
    assert open_meeting(actor=cast.lead, operation=cast.operation).number == 2
    other = Cast()
    other.to("nominating")
    with pytest.raises(RuleViolation, match="cannot be done now"):
        open_meeting(actor=other.lead, operation=other.operation)


@pytest.mark.parametrize("quorum", [0, 4])
def test_a_quorum_that_cannot_be_is_refused_in_words(quorum):
    with pytest.raises(RuleViolation, match="Between 1 and 3") as refused:
        opened(quorum=quorum)
    assert refused.value.field == "quorum"


# ------------------------------------------------------------------ quorum


def test_nothing_is_decided_below_the_quorum():
    cast, meeting = opened()
    item = meeting.items.first()
    open_item(actor=cast.lead, item=item)
    with pytest.raises(RuleViolation, match="1 of the 2 authorities needed"):
        decide(actor=cast.lead, item=item, state="picked", reason="Clear")
    assert not cast.operation.choices.exists()
    tax = cast.actors["TAX", "coordinator"]
    join(actor=tax, meeting=meeting)
    join(actor=tax, meeting=meeting)  # again: nothing doubles
    decide(actor=cast.lead, item=item, state="picked", reason="Clear")
    leave(actor=tax, meeting=meeting)
    assert kinds(meeting) == [
        "opened", "joined", "item_opened", "joined", "quorum_reached", "picked", "left",
        "quorum_lost",
    ]  # fmt: skip
    assert cast.operation.choices.get().reason == "Clear"


def test_two_people_of_one_authority_are_one_for_the_quorum():
    cast, meeting = opened()
    join(actor=cast.actors["OSH", "manager"], meeting=meeting)
    item = meeting.items.first()
    open_item(actor=cast.lead, item=item)
    with pytest.raises(RuleViolation, match="1 of the 2"):
        decide(actor=cast.lead, item=item, state="dropped", reason="No")


def test_who_does_not_take_part_cannot_join():
    cast, meeting = opened()
    with pytest.raises(DomainError):
        join(actor=cast.actors["OUT", "coordinator"], meeting=meeting)


# ------------------------------------------------------------------ voices


def started(sites: int = 3) -> tuple[Cast, Meeting, Any]:
    cast, meeting = opened(sites)
    everybody(cast, meeting)
    item = meeting.items.order_by("order").first()
    open_item(actor=cast.lead, item=item)
    item.refresh_from_db()
    return cast, meeting, item


def test_a_veto_needs_its_reason_and_a_voice_may_change_until_the_item_is_closed():
    cast, meeting, item = started()
    with pytest.raises(RuleViolation, match="reason of the veto") as refused:
        say(cast, item, "TAX", "veto", " ")
    assert refused.value.field == "reason"
    say(cast, item, "TAX", "veto", "We were there last week")
    say(cast, item, "TAX", "consent")
    assert [v.state for v in item.voices.all()] == ["consent"]
    decide(actor=cast.lead, item=item, state="picked", reason="All agree")
    with pytest.raises(Conflict, match="not being discussed"):
        say(cast, item, "TAX", "veto", "Too late")
    assert lines(meeting)[-3:] == [
        f"TAX vetoes {item.site.name} ({cast.actors['TAX', 'coordinator'].user.full_name}): "
        "We were there last week",
        f"TAX consents to {item.site.name} ({cast.actors['TAX', 'coordinator'].user.full_name}).",
        f"Decided: {item.site.name} is selected. Team: OSH. Week: any. Reason: All agree",
    ]


def test_who_speaks():
    cast, meeting, item = started()
    join(actor=cast.actors["TAX", "inspector"], meeting=meeting)
    with pytest.raises(NotAllowed, match="Coordinators and managers"):
        give_voice(actor=cast.actors["TAX", "inspector"], item=item, state="consent")
    give_voice(actor=cast.actors["TAX", "manager"], item=item, state="consent")
    leave(actor=cast.actors["POL", "coordinator"], meeting=meeting)
    with pytest.raises(RuleViolation, match="Join the meeting first"):
        say(cast, item, "POL", "consent")


def test_a_veto_keeps_its_own_authority_off_the_visit():
    cast, meeting, item = started()
    say(cast, item, "TAX", "veto", "We were there last week")
    decide(actor=cast.lead, item=item, state="picked", reason="Two suffice", code="capacity")
    choice = TargetChoice.objects.get(site=item.site)
    ids = {code: cast.place(code).authority_id for code in cast.CODES}
    assert choice.team
    assert ids["TAX"] not in choice.team
    assert choice.code == "capacity"
    assert kept_off(cast.operation) == {item.site_id: {ids["TAX"]}}
    # The group comes back to it in another meeting, and Tax has changed its mind.
    close_meeting(actor=cast.lead, meeting=meeting)
    again = open_meeting(actor=cast.lead, operation=cast.operation, quorum=1)
    later = again.items.get(site=item.site)
    open_item(actor=cast.lead, item=later)
    decide(actor=cast.lead, item=later, state="picked", reason="All go after all")
    assert kept_off(cast.operation) == {}


def test_a_veto_is_not_undone_on_the_board_before_sign_off():
    cast, meeting, item = started(sites=1)
    say(cast, item, "TAX", "veto", "We were there last week")
    decide(actor=cast.lead, item=item, state="picked", reason="Two suffice")
    with pytest.raises(RuleViolation, match="Close the meeting first"):
        move(actor=cast.lead, operation=cast.refresh(), arrow="ask_signatures")
    close_meeting(actor=cast.lead, meeting=meeting)
    choice = TargetChoice.objects.get()
    team = choice.team
    TargetChoice.objects.update(team=[*team, cast.place("TAX").authority_id])
    with pytest.raises(RuleViolation, match="who vetoed the visit"):
        move(actor=cast.lead, operation=cast.refresh(), arrow="ask_signatures")
    TargetChoice.objects.update(team=team)
    move(actor=cast.lead, operation=cast.refresh(), arrow="ask_signatures")
    assert cast.refresh().state == "signing"


@pytest.mark.parametrize("codes", [("OSH",), ("TAX", "POL", "OSH")])
def test_a_veto_of_the_lead_or_of_all_leaves_the_site_out(codes):
    cast, _meeting, item = started()
    for code in codes:
        say(cast, item, code, "veto", "No")
    with pytest.raises(RuleViolation, match="can only be left out"):
        decide(actor=cast.lead, item=item, state="picked", reason="Still")
    assert not cast.operation.choices.exists()
    decide(actor=cast.lead, item=item, state="dropped", reason="Vetoed")
    assert cast.operation.choices.get().state == "dropped"


def test_only_the_chair_decides_and_always_with_a_reason():
    cast, _meeting, item = started()
    for actor in (cast.actors["TAX", "coordinator"], cast.actors["OSH", "manager"]):
        with pytest.raises(NotAllowed):
            decide(actor=actor, item=item, state="picked", reason="Mine")
    with pytest.raises(RuleViolation, match="reason") as refused:
        decide(actor=cast.lead, item=item, state="picked", reason=" ")
    assert refused.value.field == "reason"
    assert item.meeting.items.get(pk=item.pk).state == "open"


# ------------------------------------------------------------------ agenda


def test_the_chair_orders_the_agenda_and_comes_back_to_items():
    cast, meeting, _item = started()
    first, second, third = meeting.items.order_by("order")
    move_item(actor=cast.lead, item=third, up=True)
    assert list(meeting.items.order_by("order")) == [first, third, second]
    move_item(actor=cast.lead, item=third, up=True)  # what is discussed stays where it is
    assert list(meeting.items.order_by("order")) == [first, third, second]
    open_item(actor=cast.lead, item=second)
    assert meeting.items.get(pk=first.pk).state == "waiting"
    assert meeting.items.filter(state="open").get() == second
    leave_undecided(actor=cast.lead, item=second)
    open_item(actor=cast.lead, item=second)
    decide(actor=cast.lead, item=second, state="dropped", reason="After all")
    assert kinds(meeting)[-6:] == [
        "moved", "set_aside", "item_opened", "undecided", "item_opened", "dropped",
    ]  # fmt: skip


def test_only_candidates_are_added_and_once():
    cast, meeting = opened()
    site = cast.sites[0]
    with pytest.raises(RuleViolation, match="on the agenda already"):
        add_item(actor=cast.lead, meeting=meeting, site=site)
    meeting.items.filter(site=site).delete()
    assert add_item(actor=cast.lead, meeting=meeting, site=site).order == 4
    from tests.factories import make_site

    with pytest.raises(RuleViolation, match="not on the joint list"):
        add_item(actor=cast.lead, meeting=meeting, site=make_site())


# ------------------------------------------------------------------ minutes


def closed() -> tuple[Cast, Meeting]:
    """S7: the lowest of the list is selected, the others are left out, all with a reason."""
    cast, meeting = opened()
    everybody(cast, meeting)
    items = list(meeting.items.order_by("order"))
    for item in items:
        open_item(actor=cast.lead, item=item)
        say(cast, item, "TAX", "consent")
        last = item == items[-1]
        decide(
            actor=cast.lead, item=item, state="picked" if last else "dropped",
            reason="A fresh tip by phone" if last else "Later", code="tip" if last else "other",
        )  # fmt: skip
    add_note(actor=cast.lead, meeting=meeting, text="Next meeting in May")
    return cast, close_meeting(actor=cast.lead, meeting=meeting)


def test_the_minutes_hold_everything_and_never_change():
    cast, meeting = closed()
    assert [x["number"] for x in minutes_content(meeting)["lines"]] == list(
        range(1, meeting.lines.count() + 1)
    )
    assert lines(meeting)[-2].endswith("(OSH): Next meeting in May")
    assert meeting.sha256 == digest(minutes_content(meeting))
    make_minutes(meeting.pk)
    for statement in (
        "UPDATE planning_minuteline SET kind = 'x'", "DELETE FROM planning_minuteline",
        "UPDATE planning_meeting SET quorum = 1", "DELETE FROM planning_meeting",
        "UPDATE planning_minutes SET sha256 = 'x'", "DELETE FROM planning_minutes",
        "INSERT INTO planning_minuteline (meeting_id, number, at, kind, data)"
        f" VALUES ({meeting.pk}, 999, now(), 'note', '{{}}')",
    ):  # fmt: skip
        with (
            pytest.raises(IntegrityError, match="evidence"),
            transaction.atomic(),
            connection.cursor() as cursor,
        ):
            cursor.execute(statement)
    with pytest.raises(Conflict, match="do not change any more"):
        add_note(actor=cast.lead, meeting=meeting, text="One more thing")
    meeting.refresh_from_db()
    assert meeting.sha256 == digest(minutes_content(meeting))


def test_the_lines_of_a_meeting_that_goes_on_are_not_changed_either():
    _cast, meeting = opened()
    with pytest.raises(IntegrityError, match="evidence"), transaction.atomic():
        MinuteLine.objects.update(data={})
    assert lines(meeting)[0].startswith("Test P")


def test_the_minutes_come_in_three_languages_once(as_user):
    cast, meeting = closed()
    sweep_decision_records()
    assert make_minutes(meeting.pk) == 0
    client = as_user(cast.actors["POL", "manager"])
    for language in ("fi", "sv", "en"):
        answer = client.get(reverse("planning:minutes", args=[meeting.public_id, language]))
        reader = PdfReader(io.BytesIO(answer.content))
        assert reader.trailer["/Root"]["/Lang"] == language
        assert reader.trailer["/Root"]["/MarkInfo"]["/Marked"]
        shown = "".join("".join(page.extract_text() for page in reader.pages).split())
        assert "".join(["A", "fresh", "tip", "by", "phone"]) in shown
        assert meeting.sha256 in shown
    stored = meeting.documents.get(language="en")
    assert stored.content["minutes"] == json.loads(json.dumps(minutes_content(meeting)))


def test_the_decision_record_names_the_meeting_and_the_deviation():
    """S7: what was picked from far down stands in the record with person, kind and reason."""
    cast, meeting = closed()
    move(actor=cast.lead, operation=cast.refresh(), arrow="ask_signatures")
    for code in cast.CODES:
        sign(
            actor=cast.actors[code, "manager"], operation=cast.refresh(), method="password",
            shown_hash=selection_hash(cast.operation),
        )  # fmt: skip
    content = decision_content(cast.refresh())
    sections = {s["title"]: s for s in content["sections"]}
    rows = {row[0]: row for row in sections["Deviations from the proposal"]["rows"]}
    picked = rows[cast.operation.choices.get(state="picked").site.name]
    assert picked[1:5] == [
        "selected from further down the joint list", "fresh tip, not yet in the register",
        "A fresh tip by phone",
        cast.lead.user.full_name,
    ]  # fmt: skip
    assert sections["Meetings"]["rows"][0][-1] == meeting.sha256


# ------------------------------------------------------------------ pages


def address(name: str, *args: Any) -> str:
    return reverse(f"planning:{name}", args=args)


def test_what_somebody_changed_on_the_board_meanwhile_is_told_before_it_is_overwritten(as_user):
    cast, meeting = opened()
    everybody(cast, meeting)
    item = meeting.items.order_by("order").first()
    open_item(actor=cast.lead, item=item)
    client = as_user(cast.lead)
    shown = client.get(address("meeting_room", meeting.public_id)).content.decode()
    version = re.search(r'name="version" value="(\d+)"', shown)[1]
    tax = cast.actors["TAX", "coordinator"]
    choose(actor=tax, operation=cast.operation, site=item.site, state="dropped", reason="No days",
           code="capacity")  # fmt: skip
    said = {"decide-state": "picked", "decide-reason": "All agree", "version": version}
    step = address("agenda_step", item.public_id, "decide")
    refused = as_user(cast.lead).post(step, said)
    assert refused.status_code == 422
    assert "All agree" in refused.content.decode()
    assert cast.operation.choices.get().state == "dropped"
    version = re.search(r'name="version" value="(\d+)"', refused.content.decode())[1]
    as_user(cast.lead).post(step, said | {"version": version})
    assert cast.operation.choices.get().reason == "All agree"


def test_a_meeting_by_its_pages(as_user):
    cast = Cast()
    cast.to("selecting")
    home = address("meeting", cast.operation.public_id)
    client = as_user(cast.lead)
    assert "Open a meeting" in text(client.get(home))
    refused = client.post(home, {"quorum": "9"})
    assert refused.status_code == 422
    assert "Between 1 and 3" in text(refused)
    room = client.post(home, {"quorum": ""}).url
    meeting = Meeting.objects.get()
    assert client.get(home).url == room
    item = meeting.items.order_by("order").first()
    client.post(address("agenda_step", item.public_id, "open"))
    client = as_user(cast.actors["TAX", "coordinator"])
    client.post(address("meeting_step", meeting.public_id, "join"))
    page = text(client.get(room))
    assert f"Your authority on {item.site.name}" in page
    assert "Close with a decision" not in page
    refused = client.post(
        address("agenda_step", item.public_id, "voice"), {"voice-state": "veto", "voice-reason": ""}
    )
    assert refused.status_code == 422
    assert "Give the reason of the veto" in text(refused)
    client.post(
        address("agenda_step", item.public_id, "voice"),
        {"voice-state": "veto", "voice-reason": "No people in May"},
    )
    client = as_user(cast.lead)
    page = text(client.get(room))
    assert "No people in May" in page
    assert "Does not come along because of its own veto" in page
    step = address("agenda_step", item.public_id, "decide")
    refused = client.post(step, {"decide-state": "picked", "decide-reason": ""})
    assert refused.status_code == 422
    client.post(step, {"decide-state": "picked", "decide-reason": "Two of us go"})
    assert cast.operation.choices.get().reason == "Two of us go"
    assert "Two of us go" in text(client.get(room))
    client.post(address("meeting_step", meeting.public_id, "note"), {"note-text": "Coffee"})
    client.post(address("meeting_step", meeting.public_id, "close"))
    page = text(client.get(room))
    assert "Coffee" in page
    assert "Fingerprint of the minutes" in page


def test_news_come_only_when_there_are_any(as_user):
    cast, meeting, item = started()
    client = as_user(cast.actors["TAX", "coordinator"])
    room = address("meeting_room", meeting.public_id)
    page = client.get(room).content.decode()
    ask = re.search(r'id="meeting-poll"[^>]*hx-get="([^"]+)"', page)[1].replace("&amp;", "&")
    htmx = {"headers": {"HX-Request": "true"}}
    assert client.get(ask, **htmx).status_code == 204
    say(cast, item, "POL", "veto", "Nobody free")
    news = client.get(ask, **htmx).content.decode()
    assert "Nobody free" in news
    assert 'id="meeting-forms"' not in news  # what is being typed stays
    open_item(actor=cast.lead, item=meeting.items.order_by("order").last())
    assert 'id="meeting-forms"' in client.get(ask, **htmx).content.decode()
    wall = address("meeting_projector", meeting.public_id)
    assert client.get(f"{wall}?after=0", **htmx).status_code == 200
    last, item = meeting.lines.count(), meeting.items.get(state="open").public_id
    assert client.get(f"{wall}?after={last}&item={item}", **htmx).status_code == 204


def test_asking_for_news_is_cheap_and_the_room_is_constant(as_user):
    counts = []
    for sites in (3, 9):
        cast, meeting, _item = started(sites)
        client = as_user(cast.actors["TAX", "coordinator"])
        room = address("meeting_room", meeting.public_id)
        client.get(room)
        with CaptureQueriesContext(connection) as queries:
            client.get(room)
        counts.append(len(queries))
        with CaptureQueriesContext(connection) as queries:
            client.get(f"{room}?after={meeting.lines.count()}", headers={"HX-Request": "true"})
        assert len(queries) <= 20, [q["sql"][:90] for q in queries]
    assert counts[0] == counts[1]


# ------------------------------------------------------------------ who sees what


def test_the_projector_shows_only_what_everybody_may_see(as_user):
    """Two worlds: with and without another authority's undisclosed signal, the wall is the same."""
    cast, meeting, item = started()
    client = as_user(cast.lead)
    wall = address("meeting_projector", meeting.public_id)
    before = plain(client.get(wall))
    tax = cast.actors["TAX", "coordinator"]
    make_signal(tax, site=item.site)
    cast.operation.nominations.update(own_note="Secret of somebody")
    assert plain(client.get(wall)) == before
    assert "Secret" not in before
    assert "Reason of" in before
    assert cast.lead.user.full_name not in re.sub(r"<[^>]+>", " ", before)
    # Others see the same wall.
    assert text(as_user(tax).get(wall)) == " ".join(re.sub(r"<[^>]+>", " ", before).split())


def test_who_is_recused_sees_neither_the_item_nor_its_lines_nor_the_minutes(as_user):
    cast, meeting, item = started()
    away = make_actor("TAX", "coordinator")
    recuse(actor=cast.actors["TAX", "manager"], person=away.user, target=item.site, reason="Kin")
    say(cast, item, "POL", "veto", "Words about the place")
    client = as_user(away)
    room = address("meeting_room", meeting.public_id)
    page = client.get(room)
    assert page.status_code == 200
    assert item.site.name not in text(page)
    assert "Words about the place" not in text(page)
    step = address("agenda_step", item.public_id, "voice")
    assert client.post(step, {"voice-state": "consent"}).status_code == 404
    # What they do is still written in order, past lines that they do not see.
    client.post(address("meeting_step", meeting.public_id, "join"))
    assert meeting.places.filter(user=away.user).exists()
    leave_undecided(actor=cast.lead, item=item)
    make_minutes(close_meeting(actor=cast.lead, meeting=meeting).pk)
    assert client.get(address("minutes", meeting.public_id, "fi")).status_code == 404
    assert as_user(cast.lead).get(address("minutes", meeting.public_id, "fi")).status_code == 200


@pytest.mark.parametrize(
    "table",
    ["meeting", "meetingplace", "agendaitem", "voice", "minuteline", "minutes"],
)
def test_raw_sql_shows_a_meeting_to_participants_only(table):
    cast, _meeting = closed()
    sweep_decision_records()
    for eyes, there in (
        (acting_as(cast.actors["POL", "manager"]), True),
        (acting_as(cast.actors["OUT", "manager"]), False),
        (using(Context()), False),
    ):
        with eyes, connection.cursor() as cursor:
            cursor.execute(f"SELECT count(*) FROM planning_{table}")
            assert bool(cursor.fetchone()[0]) is there


def test_an_authority_that_was_only_invited_or_has_left_sees_no_meeting(as_user):
    cast, meeting = opened()
    cast.operation.participations.filter(authority__code="POL").update(state="withdrawn")
    client = as_user(cast.actors["POL", "coordinator"])
    for name, args in (
        ("meeting", [cast.operation.public_id]), ("meeting_room", [meeting.public_id]),
        ("meeting_projector", [meeting.public_id]),
    ):  # fmt: skip
        assert client.get(address(name, *args)).status_code == 404, name


def test_decisions_on_the_board_show_in_the_room(as_user):
    cast, meeting, item = started()
    choose(
        actor=cast.lead, operation=cast.operation, site=item.site, state="picked", reason="Before"
    )
    assert "Now on the board: Selected" in text(
        as_user(cast.lead).get(address("meeting_room", meeting.public_id))
    )
