"""Persons in the drawing of a page: as the list names them, for a purpose, and never too many."""

import datetime as dt
import re

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from authorities.purposes import state_purpose
from targets import people_drawn, views
from targets.models import PersonRole
from targets.services.recusals import recuse
from tests.factories import make_actor, make_company, make_site
from tests.targets.test_links_graph import arrows, graph, levels, look
from tests.targets.test_site_page import make_link

pytestmark = pytest.mark.django_db


def role(company, person: str, kind: str = "board", **values) -> None:
    PersonRole.objects.create(company=company, role=kind, person=person * 64, source="x", **values)


@pytest.fixture
def tied():
    """A site whose company shares its managing director with a firm that once had them too."""
    company, other = make_company(name="Kuu Oy"), make_company(name="Uusi Oy")
    role(company, "a")
    role(company, "b", "managing_director")
    role(company, "b")
    role(other, "b", "owner", valid_to=dt.date(2024, 5, 1))
    return make_site(name="Kuu Kebab", company=company), company, other


def opened(actor, *targets):
    for target in targets:
        state_purpose(actor=actor, case=target, text="Choosing targets for the spring round")
    return actor


def drawing(client, target) -> str:
    text = look(client, target).content.decode()
    return text.partition('<svg class="graph"')[2].partition("</svg>")[0]


def test_each_person_is_a_figure_with_its_roles_on_the_line(tied, as_user):
    site, company, _other = tied
    client = as_user(opened(make_actor("OSH", "inspector"), site, company))
    drawn = graph(client, site)
    assert levels(drawn) == {"Kuu Oy": -1, "Person 1": -2, "Person 2": -2, "Uusi Oy": -1}
    assert arrows(drawn) == {
        ("Kuu Oy", "Kuu Kebab"), ("Person 1", "Kuu Oy"), ("Person 2", "Kuu Oy"),
        ("Person 1", "Uusi Oy"),
    }  # fmt: skip
    text = drawing(client, site)
    assert text.count('class="person"') == 2  # of a shape of their own
    assert "<title>Person 2 has a role in Kuu Oy: Member of the board</title>" in text
    by_name = {node.label: node.words for node in drawn["nodes"]}
    assert by_name["Person 2"] == "Member of the board"
    assert by_name["Person 1"] == "Member of the board, Managing director"
    assert by_name["Uusi Oy"] == "Person 1: Beneficial owner (ended)"
    assert ">Person 1: Beneficial owner (ended)</text>" in text
    assert "Person 1 has a role in Kuu Oy: Managing director</title>" in text
    assert "style=" not in text
    assert "bbbb" not in text
    page = look(client, site).content.decode()
    assert "figures are persons" in page
    assert "in the list only" not in page
    # The company's page has them at its own middle.
    drawn = graph(client, company)
    assert levels(drawn) == {"Person 1": -1, "Person 2": -1, "Uusi Oy": 0}
    assert drawn["centre"].x > max(n.x for n in drawn["nodes"] if n.kind == "person")


def test_what_has_ended_is_a_dotted_line_and_said_in_words(tied, as_user):
    site, company, _other = tied
    builder = make_company(name="Vanha Oy")
    make_link("contracts_to", builder, company, valid_to=dt.date(2023, 1, 1))
    client = as_user(opened(make_actor("OSH", "inspector"), site, company))
    text = drawing(client, company)
    ended = re.findall(r'<path class="edge ended".*?<title>(.*?)</title>', text)
    assert sorted(ended) == [
        "Person 1 had a role in Uusi Oy that has ended: Beneficial owner",
        "Vanha Oy is a contractor of Kuu Oy (ended)",
    ]
    assert "is drawn as a dotted line" in look(client, company).content.decode()
    # A role that ended in the company itself is in neither.
    role(company, "c", "auditor", valid_to=dt.date(2024, 5, 1))
    assert "Auditor" not in look(client, company).content.decode()


def test_no_person_is_drawn_before_a_purpose(tied, as_user):
    site, company, _other = tied
    make_link("works_at", make_company(name="Muu Oy"), site)
    actor = make_actor("OSH", "inspector")
    client = as_user(actor)
    for target in (site, company):
        page = look(client, target)
        text = page.content.decode()
        assert "Roles of persons" in text
        assert "Persons are drawn as well once you have said why you need it." in text
        assert 'class="person"' not in text
        assert "Person 1" not in text
    assert set(levels(graph(client, site))) == {"Kuu Oy", "Muu Oy"}
    opened(actor, site)
    assert 'class="person"' in drawing(client, site)
    assert "Persons are drawn as well" not in look(client, site).content.decode()
    # A purpose is of one case and of one person.
    assert 'class="person"' not in drawing(as_user(make_actor("OSH", "inspector")), site)
    assert 'class="person"' not in drawing(client, company)


def test_a_company_that_is_hidden_hides_its_roles(tied, as_user):
    site, company, other = tied
    actor, manager = make_actor("OSH", "inspector"), make_actor("OSH", "manager")
    client = as_user(opened(actor, site, company))
    before = graph(client, company)
    role(make_company(name="Muu Oy"), "a")
    assert "Muu Oy" in levels(graph(client, company))
    for firm in (other, PersonRole.objects.get(company__name="Muu Oy").company):
        recuse(actor=manager, person=actor.user, target=firm, reason="Kin")
    drawn = graph(client, company)
    assert set(levels(drawn)) == {"Person 1", "Person 2"}
    assert not drawn["more_firms"]
    assert "Uusi" not in look(client, company).content.decode()
    assert set(levels(before)) == {"Person 1", "Person 2", "Uusi Oy"}


def test_not_all_are_drawn_where_there_are_many_and_the_page_says_so(as_user, monkeypatch):
    monkeypatch.setattr(people_drawn, "PERSONS", 2)
    monkeypatch.setattr("targets.links_graph.PERSONS", 2)
    monkeypatch.setattr("targets.links_graph.FIRMS", 1)
    company = make_company(name="Kuu Oy")
    for person in "abcd":
        role(company, person)
    for number in range(3):
        role(make_company(name=f"Muu {number}"), "d")
    client = as_user(opened(make_actor("OSH", "inspector"), company))
    drawn = graph(client, company)
    # Who ties the company to others comes first.
    assert set(levels(drawn)) == {"Person 1", "Person 2", "Muu 0"}
    assert ("Person 1", "Muu 0") in arrows(drawn)
    text = look(client, company).content.decode()
    assert "2 more persons are in the list only." in text
    assert "Not all other companies of these persons are drawn" in text
    # As in the list, only those of the part that is shown.
    monkeypatch.setattr(views, "ROLES_SHOWN", 1)
    page = look(client, company, roles=4)
    assert set(levels(page.context["graph"])) == {"Person 1", "Muu 0"}
    assert "more person" not in page.content.decode()
    assert look(client, company, roles=3).context["graph"] is None  # two ends: the list says it


def test_persons_take_no_room_from_links_and_cost_no_query(tied, as_user):
    site, company, _other = tied
    actor = make_actor("OSH", "inspector")
    client = as_user(opened(actor, site))
    for number in range(20):
        make_link("works_at", make_company(name=f"Firm {number}"), site)

    def cost() -> int:
        look(client, site)
        with CaptureQueriesContext(connection) as captured:
            look(client, site)
        return len(captured)

    few, links = cost(), graph(client, site)["more"]
    for number in range(12):
        person = f"{number:x}"
        role(company, person, "partner")
        role(make_company(name=f"Tied {number}"), person)
    assert cost() == few
    drawn = graph(client, site)
    assert drawn["more"] == links
    assert sum(node.kind == "person" for node in drawn["nodes"]) == people_drawn.PERSONS
