"""The board's pages: what is shown to whom, forms with and without htmx, news, cost in queries."""

import re
import uuid

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from planning.board import PAGE, Wishes
from planning.candidates import window_weeks
from planning.models import BoardChange, Participation, TargetChoice
from planning.news import mark
from planning.services import choose
from targets.services.recusals import recuse
from tests.factories import Cast, make_actor, make_site
from tests.planning.test_board import WHY, draw, make_plan

pytestmark = pytest.mark.django_db
HTMX = {"HTTP_HX_REQUEST": "true"}
BOARD_QUERIES = 54  # a page in full: session, person, place, rights, then the board
# When there are none: session, person, place, groups, who came before the authority, and one of the
# board.
NEWS_QUERIES = 9


@pytest.fixture
def cast(db: None) -> Cast:
    cast = Cast()
    cast.to("selecting")
    return cast


def address(cast: Cast, name: str = "selection", *more) -> str:
    return reverse(f"planning:{name}", args=[cast.operation.public_id, *more])


def decide(cast: Cast, number: int = 0) -> str:
    return address(cast, "board_site", cast.sites[number].public_id)


def after(cast: Cast, **values) -> str:
    """The address a page asks for news: as it was when nothing had happened."""
    seen = {"after": 0, "plan": 0, "was": "selecting", "mark": mark(cast.lead, cast.operation)}
    query = seen | values
    return f"{address(cast, 'board_changes')}?" + "&".join(f"{k}={v}" for k, v in query.items())


def column(text: str, key: str) -> str:
    return text.split(f'id="list-{key}"')[1].split("</ol>")[0]


def test_cards_lie_in_their_columns_with_all_that_is_needed_to_decide(cast, as_user):
    """Scenarios S7 to S9: points, coverage, lottery and reasons on one board."""
    first, second, third = cast.sites
    make_plan(cast, [first, second])
    draw(cast.operation, third, cast.lead)
    choose(actor=cast.lead, operation=cast.operation, site=second, state="dropped", **WHY)
    text = as_user(cast.actors["TAX", "coordinator"]).get(address(cast)).content.decode()
    assert first.name in column(text, "proposed")
    assert third.name in column(text, "pool")
    assert second.name in column(text, "dropped")
    for words in (
        "Worth 0.40 findings; its days would bring 0.30 elsewhere.",
        "Drawn at random, probability 25 %", "Little is known", "Reason of OSH", "(3/5)",
        "Could come:", "A tip came in", "(fresh tip, not yet in the register)", "Deviates from the proposal",
    ):  # fmt: skip
        assert words in text, words
    assert re.search(r"0 of [\d.]+ chosen, 3 proposed", text)  # a day and a half each
    assert "Secret of" not in text


@pytest.mark.parametrize("view", ["list", "map", "weeks", "nonsense"])
def test_every_view_holds_the_same_sites(cast, as_user, view):
    make_plan(cast, cast.sites[:1])
    choose(actor=cast.lead, operation=cast.operation, site=cast.sites[1], state="picked", **WHY)
    text = as_user(cast.lead).get(address(cast), {"view": view}).content.decode()
    for site in cast.sites[: 2 if view == "weeks" else 3]:
        assert f'id="card-{site.public_id}"' in text


def test_weeks_count_visits_and_days_of_each_authority(cast, as_user):
    week = window_weeks(cast.operation)[1]
    choose(
        actor=cast.lead, operation=cast.operation, site=cast.sites[0], state="picked", reason="r",
        week=week, team=[p.authority_id for p in cast.operation.participations.accepted()],
    )  # fmt: skip
    text = as_user(cast.lead).get(address(cast), {"view": "weeks"}).content.decode()
    head = text.split(f'id="weekhead-{week.isoformat()}"')[1].split("</header>")[0]
    assert "1 visit" in head
    assert "Tax 1" in head
    assert cast.sites[0].name in column(text, f"week-{week.isoformat()}")


def test_the_address_narrows_and_sorts_the_board(cast, as_user):
    client = as_user(cast.lead)
    names = [site.name for site in cast.sites]
    make_plan(cast, cast.sites[:1])

    def shown(**query):
        text = client.get(address(cast), query).content.decode()
        return [name for name in names if f">{name}</a>" in text]

    assert shown(authority="TAX", state="pool") == [names[1]]
    assert shown(state="proposed") == [names[0]]
    assert shown(q=names[2].upper()) == [names[2]]
    assert shown(region="01") == names
    assert shown(region="99", sort="nonsense") == []
    assert shown(state="nonsense", sort="worth") == names
    for strange in ("x", "-1", "9" * 40, "²"):
        assert client.get(address(cast), {"show_pool": strange}).status_code == 200


def test_only_participants_read_it_and_only_their_coordinators_change_it(cast, as_user):
    outsider = as_user(cast.actors["OUT", "coordinator"])
    pages = [address(cast), decide(cast), after(cast), address(cast, "board_history"),
             address(cast, "board_points", cast.sites[0].public_id)]  # fmt: skip
    assert {outsider.get(page).status_code for page in pages} == {404}
    reader = as_user(cast.actors["TAX", "inspector"])
    text = reader.get(address(cast)).content.decode()
    assert "data-act" not in text
    assert 'draggable="true"' not in text
    answer = reader.post(decide(cast), {"state": "picked", "reason": "r", "quick": "1"})
    assert answer.status_code == 403
    assert not TargetChoice.objects.exists()


def test_who_is_only_invited_sees_nothing_of_the_selection(cast, as_user):
    late = make_actor("LATE", "coordinator")
    Participation.objects.create(
        operation=cast.operation, authority=late.authority, unit=late.unit, state="invited"
    )
    from planning.services.grants import sync_grants

    sync_grants(Participation.objects.get(authority=late.authority))
    choose(actor=cast.lead, operation=cast.operation, site=cast.sites[0], state="picked", **WHY)
    # Nor of the operation, whose timeline tells decisions: it was over with the time for answers.
    pages = (address(cast), after(cast), decide(cast), address(cast, "board_history"),
             address(cast, "operation_detail"))  # fmt: skip
    assert [as_user(late).get(page).status_code for page in pages] == [404] * 5


def test_before_the_joint_list_is_open_there_is_no_board(as_user):
    cast = Cast()
    cast.to("nominating")
    assert as_user(cast.lead).get(address(cast)).status_code == 404
    assert as_user(cast.lead).get(after(cast)).status_code == 404


def test_a_button_that_needs_no_reason_decides_at_once(cast, as_user):
    make_plan(cast, cast.sites[:1])
    client = as_user(cast.lead)
    answer = client.post(decide(cast), {"state": "picked", "quick": "1", "version": "0"})
    assert answer.status_code == 302
    assert answer["Location"].endswith(f"#card-{cast.sites[0].public_id}")
    choice = TargetChoice.objects.get()
    assert (choice.state, choice.as_proposed) == ("picked", True)
    client.post(decide(cast), {"state": "undecided", "quick": "1", "version": choice.version})
    assert not TargetChoice.objects.exists()


def test_a_deviation_asks_why_and_keeps_what_was_typed(cast, as_user):
    make_plan(cast, cast.sites[:1])
    client = as_user(cast.lead)
    asked = client.post(decide(cast, 1), {"state": "picked", "quick": "1", "version": "0"}, **HTMX)
    assert asked.status_code == 422
    assert "This differs from the proposal" in asked.content.decode()
    full = {"state": "picked", "team": ["OSH"], "week": "", "version": "0"}
    answer = client.post(decide(cast, 1), full | {"reason": "Typed words"})
    text = answer.content.decode()
    assert answer.status_code == 422
    assert "Kind of reason: Say what kind of reason it is." in text
    assert "Typed words" in text
    bad = client.post(decide(cast, 1), full | {"week": "1999-01-04", "team": ["NOBODY"]})
    assert bad.status_code == 422
    done = client.post(decide(cast, 1), full | {"reason": "Typed words", "code": "other"})
    assert done.status_code == 302
    assert TargetChoice.objects.get().reason == "Typed words"


def test_who_comes_second_is_shown_both_and_overwrites_nothing_unknowingly(cast, as_user):
    tax = cast.actors["TAX", "coordinator"]
    choose(actor=tax, operation=cast.operation, site=cast.sites[0], state="picked", reason="Ours")
    client = as_user(cast.lead)
    mine = {"state": "dropped", "reason": "Mine", "version": "0", "request": str(uuid.uuid4())}
    answer = client.post(decide(cast), mine, **HTMX)
    text = answer.content.decode()
    assert answer.status_code == 409
    assert "Nothing was overwritten." in text
    assert "Mine" in text
    assert TargetChoice.objects.get().reason == "Ours"
    # The form that came back is over what stands now: sent again, it is meant.
    version = text.split('name="version" value="')[1].split('"')[0]
    again = client.post(decide(cast), mine | {"version": version, "request": ""}, **HTMX)
    assert again.status_code == 200
    assert TargetChoice.objects.get().reason == "Mine"


def test_strange_posts_are_refused_in_words(cast, as_user):
    client = as_user(cast.lead)
    for data in (
        {}, {"state": "x"}, {"state": "picked", "version": "x", "reason": "r"},
        {"state": "picked", "request": "x", "reason": "r"}, {"state": "picked", "week": "x"},
        {"state": "picked", "quick": "1", "week": "x"},
        {"state": "picked", "reason": "r" * 1001, "team": ["OSH"]},
    ):  # fmt: skip
        assert client.post(decide(cast), data).status_code == 422, data
    other = address(cast, "board_site", make_site().public_id)
    assert client.post(other, {"state": "picked"}).status_code == 404
    assert client.post(address(cast, "board_adopt"), {"run": "x"}).status_code == 404
    assert client.post(address(cast, "board_undo", 99)).status_code == 404
    assert not TargetChoice.objects.exists()


def test_news_reach_the_others_and_cost_one_query_when_there_are_none(cast, as_user):
    client = as_user(cast.actors["POL", "analyst"])
    ask = after(cast)
    client.get(ask)
    with CaptureQueriesContext(connection) as captured:
        assert client.get(ask).status_code == 204
    own = [q["sql"] for q in captured if "planning_" in q["sql"]]
    assert len(own) == 1
    assert len(captured) == NEWS_QUERIES
    tax = cast.actors["TAX", "coordinator"]
    choose(actor=tax, operation=cast.operation, site=cast.sites[0], state="picked", reason="Ours")
    last = BoardChange.objects.get().number
    answer = client.get(after(cast))
    text = answer.content.decode()
    assert answer.status_code == 200
    assert f"Tax moved {cast.sites[0].name} to chosen." in text
    assert 'data-list="chosen"' in text
    assert f"after={last}" in text
    assert re.search(r"1\.5 of [\d.]+ chosen", text)
    assert cast.sites[1].name not in text
    assert client.get(after(cast, after=last)).status_code == 204
    # A card that the reader's filter hides is taken away, not shown.
    hidden = client.get(after(cast, state="pool")).content.decode()
    assert f'data-gone="card-{cast.sites[0].public_id}"' in hidden
    for strange in ("x", "-1", "9" * 30, "²"):
        assert client.get(after(cast, after=strange)).status_code == 200


def test_a_new_proposal_or_state_shows_the_whole_board_anew(cast, as_user):
    client = as_user(cast.lead)
    make_plan(cast, cast.sites[:1])
    assert "data-whole" in client.get(after(cast)).content.decode()
    assert client.get(after(cast, plan=1)).status_code == 204
    assert "data-whole" in client.get(after(cast, plan=1, was="signing")).content.decode()


def test_news_are_no_sign_that_somebody_is_there(cast, as_user):
    from authorities.middleware import SEEN

    client = as_user(cast.lead)
    client.get(address(cast))
    session = client.session
    session[SEEN] -= 600
    session.save()
    before = session[SEEN]
    client.get(after(cast), HTTP_X_BACKGROUND="1")
    assert client.session[SEEN] == before
    client.get(after(cast))
    assert client.session[SEEN] > before


def test_the_whole_proposal_is_taken_and_undone_by_buttons(cast, as_user):
    run = make_plan(cast, cast.sites[:2])
    cast.operation.availabilities.filter(site=cast.sites[1]).update(state="not_available")
    client = as_user(cast.lead)
    answer = client.post(address(cast, "board_adopt"), {"run": str(run.public_id)}, follow=True)
    text = answer.content.decode()
    assert "took over proposal 1: 1 selected, 1 left out." in text
    assert f"Not available and still undecided: {cast.sites[1].name}." in text
    number = BoardChange.objects.get().number
    assert "Undo taking the proposal" in text
    done = client.post(address(cast, "board_undo", number), follow=True)
    assert "The change was undone." in done.content.decode()
    assert not TargetChoice.objects.exists()
    again = client.post(address(cast, "board_undo", number), **HTMX)
    assert again.status_code == 409
    assert "undone already" in again.content.decode()


def test_deviations_and_every_change_are_listed_with_who_and_why(cast, as_user):
    make_plan(cast, cast.sites[:1])
    choose(actor=cast.lead, operation=cast.operation, site=cast.sites[0], state="dropped", **WHY)
    text = as_user(cast.actors["POL", "manager"]).get(
        address(cast, "board_history")
    ).content.decode()  # fmt: skip
    first, second = text.split('id="history"')
    assert "proposed but left out" in first
    for words in (cast.sites[0].name, WHY["reason"], cast.lead.user.full_name):
        assert words in first
        assert words in second
    assert "fresh tip, not yet in the register" in first
    assert ">Undo<" not in second


def test_a_recused_person_meets_the_site_nowhere_on_the_board(cast, as_user):
    site, person = cast.sites[0], cast.actors["TAX", "coordinator"]
    make_plan(cast, [site])
    choose(actor=cast.lead, operation=cast.operation, site=site, state="dropped", **WHY)
    recuse(actor=cast.actors["TAX", "manager"], person=person.user, target=site, reason="Kin")
    client = as_user(person)
    for page in (address(cast), f"{address(cast)}?view=weeks", f"{address(cast)}?view=map",
                 after(cast), address(cast, "board_history")):  # fmt: skip
        answer = client.get(page)
        assert site.name not in answer.content.decode(), page
        assert str(site.public_id) not in answer.content.decode(), page
    assert client.get(decide(cast)).status_code == 404
    assert client.get(address(cast, "board_points", site.public_id)).status_code == 404
    # Others' numbers go on: the person's own change is no second of the same number.
    choose(actor=person, operation=cast.operation, site=cast.sites[1], state="picked", **WHY)
    numbers = list(BoardChange.objects.values_list("number", flat=True))
    assert len(numbers) == len(set(numbers)) == 2


def test_a_board_costs_the_same_whatever_its_length(as_user):
    found = []
    for count in (3, 12):
        cast = Cast()
        cast.to("selecting", sites=count)
        make_plan(cast, cast.sites[: count // 2])
        for site in cast.sites[:2]:
            choose(actor=cast.lead, operation=cast.operation, site=site, state="picked", reason="r",
                   code="other")  # fmt: skip
        client = as_user(cast.lead)
        client.get(address(cast))
        for view in ("list", "map", "weeks"):
            with CaptureQueriesContext(connection) as captured:
                assert client.get(address(cast), {"view": view}).status_code == 200
            found.append(len(captured))
    assert found == [BOARD_QUERIES] * 6


def test_a_week_is_bounded_as_well_and_counts_all(as_user, monkeypatch):
    monkeypatch.setattr("planning.board.PAGE", 3)
    cast = Cast()
    cast.to("selecting", sites=5)
    for site in cast.sites:
        choose(actor=cast.lead, operation=cast.operation, site=site, state="picked", reason="r",
               code="other")  # fmt: skip
    client = as_user(cast.lead)
    text = client.get(address(cast), {"view": "weeks"}).content.decode()
    assert text.count("data-card") == 3
    assert "5 visits" in text
    assert "show_week=6#head-any" in text
    more = client.get(address(cast), {"view": "weeks", "show_week": 6}).content.decode()
    assert more.count("data-card") == 5
    assert "Show more" not in more


def test_a_column_is_bounded_and_shows_more_on_demand(as_user):
    cast = Cast()
    cast.to("selecting", sites=PAGE + 2)
    client = as_user(cast.lead)
    text = client.get(address(cast)).content.decode()
    assert text.count("data-card") == PAGE
    assert f"show_pool={2 * PAGE}" in text
    assert client.get(address(cast), {"show_pool": 2 * PAGE}).content.decode().count(
        "data-card"
    ) == PAGE + 2  # fmt: skip


def test_an_address_that_nobody_wrote_counts_as_not_asked():
    from django.http import QueryDict

    wishes = Wishes.of(QueryDict("view=x&sort=y&state=z&show_pool=²&q=%20"))
    assert (wishes.view, wishes.sort, wishes.state, wishes.text) == ("list", "rank", "", "")
    assert not wishes.narrowed
