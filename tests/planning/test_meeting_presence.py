"""Who is in a meeting and what its minutes say of each decision; what the wall shows to those there."""

import datetime as dt
from typing import Any

import pytest
from django.utils import timezone

from audit.errors import RuleViolation
from planning.candidates import window_weeks
from planning.minutes import minutes_document, words_of
from planning.models import Meeting
from planning.services import choose
from planning.services.board import ANY_WEEK
from planning.services.meetings import (
    close_meeting,
    decide,
    hear,
    join,
    leave,
    leave_undecided,
    open_item,
)
from planning.services.presence import present
from targets.services.recusals import recuse
from tests.factories import Cast, make_actor
from tests.planning.test_meetings import address, everybody, kinds, opened, started, text

pytestmark = pytest.mark.django_db


def silent(meeting: Meeting, user: Any, minutes: int = 10) -> None:
    """Nothing was heard of this person for so long."""
    meeting.places.filter(user=user, left_at=None).update(
        heard_at=timezone.now() - dt.timedelta(minutes=minutes)
    )


def here(client: Any, meeting: Meeting) -> int:
    return client.post(address("meeting_step", meeting.public_id, "here")).status_code


def codes(cast: Cast, meeting: Meeting) -> set[str]:
    there = present(meeting)
    return {code for code in cast.CODES if cast.place(code).authority_id in there}


# ------------------------------------------------------------------ heard of or not


def test_whoever_has_closed_their_page_counts_no_more_and_the_minutes_say_so():
    cast, meeting = opened()
    tax = cast.actors["TAX", "coordinator"]
    join(actor=tax, meeting=meeting)
    item = meeting.items.first()
    open_item(actor=cast.lead, item=item)
    silent(meeting, tax.user)
    assert codes(cast, meeting) == {"OSH"}
    with pytest.raises(RuleViolation, match="1 of the 2 authorities needed"):
        decide(actor=cast.lead, item=item, state="picked", reason="Clear")
    hear(actor=cast.lead, meeting=meeting)
    assert kinds(meeting)[-2:] == ["lapsed", "quorum_lost"]
    place = meeting.places.get(user=tax.user)
    assert place.lapsed
    assert place.left_at == place.heard_at  # until then they were surely there
    line = meeting.lines.get(kind="lapsed")
    assert words_of(line, {"TAX": "Tax"}) == (
        f"{tax.user.full_name} (Tax) has not been heard of for a while and counts as gone."
    )
    hear(actor=cast.lead, meeting=meeting)
    assert kinds(meeting).count("lapsed") == 1


def test_an_open_page_keeps_its_person_in_the_meeting(as_user):
    cast, meeting = opened()
    tax = cast.actors["TAX", "coordinator"]
    join(actor=tax, meeting=meeting)
    room = address("meeting_room", meeting.public_id)
    client = as_user(tax)
    step = address("meeting_step", meeting.public_id, "here")
    assert f'hx-post="{step}"' in client.get(room).content.decode()
    silent(meeting, tax.user, minutes=2)
    assert here(client, meeting) == 204
    heard = meeting.places.get(user=tax.user).heard_at
    assert timezone.now() - heard < dt.timedelta(seconds=30)
    # Somebody else's page finds out that this one is closed, and shows it to all.
    silent(meeting, tax.user)
    chair = as_user(cast.lead)
    assert here(chair, meeting) == 204
    assert "counts as gone" in text(chair.get(room))
    assert f'hx-post="{step}"' not in as_user(tax).get(room).content.decode()


def test_whoever_comes_back_to_their_page_is_there_again_but_not_who_left():
    cast, meeting = opened()
    tax, police = (cast.actors[code, "coordinator"] for code in ("TAX", "POL"))
    everybody(cast, meeting)
    silent(meeting, tax.user)
    leave(actor=police, meeting=meeting)
    assert codes(cast, meeting) == {"OSH"}
    hear(actor=tax, meeting=meeting)
    hear(actor=police, meeting=meeting)
    assert codes(cast, meeting) == {"OSH", "TAX"}
    assert kinds(meeting)[-2:] == ["joined", "quorum_reached"]


def test_what_somebody_does_is_a_sign_of_them_too():
    cast, meeting = opened()
    silent(meeting, cast.lead.user)
    open_item(actor=cast.lead, item=meeting.items.first())
    assert codes(cast, meeting) == {"OSH"}
    assert "lapsed" not in kinds(meeting)


def test_only_participants_are_heard(as_user):
    cast, meeting = opened()
    assert here(as_user(cast.actors["OUT", "coordinator"]), meeting) == 404
    # A participant who never joined is in no meeting by looking at it.
    assert here(as_user(cast.actors["TAX", "coordinator"]), meeting) == 204
    assert codes(cast, meeting) == {"OSH"}


def test_the_minutes_keep_who_was_there_when_each_decision_was_taken():
    cast, meeting = opened()
    everybody(cast, meeting)
    first, second = meeting.items.order_by("order")[:2]
    open_item(actor=cast.lead, item=first)
    decide(actor=cast.lead, item=first, state="picked", reason="All agree")
    leave(actor=cast.actors["POL", "coordinator"], meeting=meeting)
    open_item(actor=cast.lead, item=second)
    leave_undecided(actor=cast.lead, item=second)
    close_meeting(actor=cast.lead, meeting=meeting)
    document = minutes_document(meeting)
    decisions = next(s for s in document["sections"] if s["title"] == "Decisions")
    column = decisions["head"].index("Present")
    names = {code: cast.actors[code, "coordinator"].user.full_name for code in cast.CODES}
    rows = {row[0]: row[column] for row in decisions["rows"]}
    for code in cast.CODES:
        assert names[code] in rows[first.site.name]
    assert names["TAX"] in rows[second.site.name]
    assert names["POL"] not in rows[second.site.name]


def test_the_minutes_name_team_and_week_of_each_chosen_site():
    """As they were decided in the meeting, whatever is changed on the board after it."""
    cast, meeting, item = started()
    week = window_weeks(cast.operation)[1]
    ids = [cast.place(code).authority_id for code in ("OSH", "POL")]
    choose(actor=cast.lead, operation=cast.operation, site=item.site, state="picked",
           reason="Before", team=ids, week=week)  # fmt: skip
    decide(actor=cast.lead, item=item, state="picked", reason="All agree")
    other = meeting.items.exclude(pk=item.pk).first()
    open_item(actor=cast.lead, item=other)
    decide(actor=cast.lead, item=other, state="dropped", reason="No")
    close_meeting(actor=cast.lead, meeting=meeting)
    choose(actor=cast.lead, operation=cast.operation, site=item.site, state="picked",
           reason="After", team=ids[:1], week=ANY_WEEK)  # fmt: skip
    document = minutes_document(meeting)
    decisions = next(s for s in document["sections"] if s["title"] == "Decisions")
    rows = {row[0]: dict(zip(decisions["head"], row, strict=True)) for row in decisions["rows"]}
    names = {p.authority.code: p.authority.short for p in cast.operation.participations.all()}
    assert rows[item.site.name]["Team"] == f"{names['OSH']}, {names['POL']}"
    assert rows[item.site.name]["Week"] == str(week.isocalendar().week)
    assert (rows[other.site.name]["Team"], rows[other.site.name]["Week"]) == ("–", "–")
    said = words_of(meeting.lines.get(kind="picked"), names)
    assert f"Week: {week.isocalendar().week}." in said


# ------------------------------------------------------------------ kept away from a site


def kept_away(cast: Cast, item: Any) -> Any:
    """A coordinator of Tax who is recused from the item's site."""
    away = make_actor("TAX", "coordinator")
    recuse(actor=cast.actors["TAX", "manager"], person=away.user, target=item.site, reason="Kin")
    return away


def test_the_wall_shows_nothing_of_what_somebody_in_the_room_must_not_hear_of(as_user):
    cast, meeting, item = started()
    away = kept_away(cast, item)
    wall = address("meeting_projector", meeting.public_id)
    chair = as_user(cast.lead)
    assert item.site.name in text(chair.get(wall))
    join(actor=away, meeting=meeting)
    shown = text(chair.get(wall))
    assert item.site.name not in shown
    assert "Nothing is being discussed" in shown
    room = address("meeting_room", meeting.public_id)
    words = "The projector does not show this"
    assert words in text(chair.get(room))
    assert words not in text(as_user(cast.actors["POL", "coordinator"]).get(room))
    mine = text(as_user(away).get(room))
    assert words not in mine
    assert item.site.name not in mine
    # While it waits, the wall does not name it among what comes.
    leave_undecided(actor=cast.lead, item=item)
    other = meeting.items.exclude(pk=item.pk).first()
    chair = as_user(cast.lead)
    shown = text(chair.get(wall))
    assert other.site.name in shown
    assert item.site.name not in shown
    open_item(actor=cast.lead, item=other)
    assert other.site.name in text(chair.get(wall))


def test_the_wall_follows_who_is_there(as_user):
    cast, meeting, item = started()
    away = kept_away(cast, item)
    join(actor=away, meeting=meeting)
    client = as_user(cast.lead)
    wall = address("meeting_projector", meeting.public_id)
    htmx = {"headers": {"HX-Request": "true"}}
    last = meeting.lines.count()
    assert client.get(f"{wall}?after={last}&item=", **htmx).status_code == 204
    # Who fell silent may still sit there: a telephone that sleeps is no door.
    silent(meeting, away.user)
    hear(actor=cast.lead, meeting=meeting)
    assert "lapsed" in kinds(meeting)
    assert item.site.name not in text(client.get(wall))
    hear(actor=away, meeting=meeting)
    leave(actor=away, meeting=meeting)
    news = client.get(f"{wall}?after={last}&item=", **htmx)
    assert item.site.name in news.content.decode()


def test_whoever_is_kept_away_does_not_make_up_the_quorum_for_it():
    cast, meeting = opened()
    item, other = meeting.items.order_by("order")[:2]
    away = kept_away(cast, item)
    join(actor=away, meeting=meeting)
    open_item(actor=cast.lead, item=item)
    with pytest.raises(RuleViolation, match="1 of the 2 authorities needed"):
        decide(actor=cast.lead, item=item, state="picked", reason="Clear")
    join(actor=cast.actors["POL", "coordinator"], meeting=meeting)
    decide(actor=cast.lead, item=item, state="picked", reason="Clear")
    line = meeting.lines.get(kind="picked")
    assert [code for code, _names in line.data["present"]] == ["OSH", "POL"]
    open_item(actor=cast.lead, item=other)
    decide(actor=cast.lead, item=other, state="dropped", reason="No")
    line = meeting.lines.get(kind="dropped")
    assert [code for code, _names in line.data["present"]] == ["OSH", "POL", "TAX"]


def test_the_room_says_that_it_cannot_decide_while_who_is_there_may_not_hear_of_it(as_user):
    cast, meeting = opened()
    item, other = meeting.items.order_by("order")[:2]
    join(actor=kept_away(cast, item), meeting=meeting)
    chair, room = as_user(cast.lead), address("meeting_room", meeting.public_id)
    wall = address("meeting_projector", meeting.public_id)
    assert "The meeting can decide" in text(chair.get(room))
    open_item(actor=cast.lead, item=item)
    assert "The meeting cannot decide" in text(chair.get(room))
    # The wall, which does not show it, does not tell it either.
    assert "The meeting can decide" in text(chair.get(wall))
    leave_undecided(actor=cast.lead, item=item)
    open_item(actor=cast.lead, item=other)
    assert "The meeting can decide" in text(chair.get(room))
