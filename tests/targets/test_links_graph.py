"""Links of a site or company: a chain that can be read, in parts where it is long, within the walls."""

import re

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from authorities.purposes import state_purpose
from targets import links_graph, parts, views
from targets.models import Fact, Link
from targets.services.recusals import recuse
from tests.factories import make_actor, make_company, make_municipality, make_region, make_site
from tests.targets.test_site_page import make_link

pytestmark = pytest.mark.django_db


def look(client, target, **query):
    kind = "site" if hasattr(target, "company_id") else "company"
    return client.get(reverse(f"targets:{kind}_detail", args=[target.public_id]), query)


def graph(client, target):
    return look(client, target).context["graph"]


def levels(drawn) -> dict[str, int]:
    return {node.label: node.level for node in drawn["nodes"]}


def arrows(drawn) -> set[tuple[str, str]]:
    return {(edge.first.label, edge.second.label) for edge in drawn["edges"] if edge.arrow}


@pytest.fixture
def chain():
    """Builder ← Main ← Sub ← Subsub, Main works at the yard which Builder has work done at."""
    yard = make_site(name="Yard", company=None)
    firms = {name: make_company(name=f"{name} Oy") for name in ("Builder", "Main", "Sub", "Subsub")}
    make_link("commissions", firms["Builder"], yard)
    make_link("works_at", firms["Main"], yard)
    make_link("contracts_to", firms["Main"], firms["Builder"])
    make_link("contracts_to", firms["Sub"], firms["Main"], at_site=yard)
    make_link("contracts_to", firms["Subsub"], firms["Sub"])
    return yard, firms


def test_a_chain_of_contractors_reads_from_left_to_right(chain, as_user):
    yard, firms = chain
    client = as_user(make_actor("OSH", "inspector"))
    drawn = graph(client, yard)
    assert levels(drawn) == {"Builder Oy": -1, "Main Oy": -2, "Sub Oy": -3, "Subsub Oy": -4}
    assert arrows(drawn) == {
        ("Builder Oy", "Yard"), ("Main Oy", "Yard"), ("Main Oy", "Builder Oy"),
        ("Sub Oy", "Main Oy"), ("Subsub Oy", "Sub Oy"),
    }  # fmt: skip
    xs = [node.x for node in sorted(drawn["nodes"], key=lambda n: n.level)]
    assert xs == sorted(xs)
    assert drawn["centre"].x > max(xs)
    # From the middle of the chain both ways are seen.
    drawn = graph(client, firms["Sub"])
    assert levels(drawn) == {"Subsub Oy": -1, "Main Oy": 1, "Yard": 2, "Builder Oy": 2}


def test_arrows_have_their_words_and_the_list_has_the_second_step(chain, as_user):
    yard, firms = chain
    text = look(as_user(make_actor("OSH", "inspector")), yard).content.decode()
    drawing, _end, listed = text.partition('<svg class="graph"')[2].partition("</svg>")
    assert drawing.count("marker-end") == 5
    assert "<title>Sub Oy is a contractor of Main Oy</title>" in drawing
    assert ">is a contractor of</text>" in drawing
    assert "style=" not in drawing
    further = listed.partition("One step further")[2].partition("</ul>")[0]
    assert "Subsub Oy is a contractor of Sub Oy" in further
    assert reverse("targets:company_detail", args=[firms["Subsub"].public_id]) in further
    assert "Sub Oy is a contractor of Main Oy" in listed


def test_a_ring_of_contractors_ends(as_user):
    firms = [make_company(name=f"F{number}") for number in range(4)]
    for number, firm in enumerate(firms):
        make_link("contracts_to", firm, firms[(number + 1) % 4])
    drawn = graph(as_user(make_actor("OSH", "inspector")), firms[0])
    assert set(levels(drawn)) == {"F1", "F2", "F3"}
    assert all(abs(level) <= links_graph.STEPS for level in levels(drawn).values())


def test_what_is_hidden_is_neither_drawn_nor_counted(chain, as_user, monkeypatch):
    yard, firms = chain
    osh, tax = make_actor("OSH", "inspector"), make_actor("TAX", "inspector")
    north = make_site(
        name="North", municipality=make_municipality("698", "Rovaniemi", make_region("19", "L"))
    )
    monkeypatch.setattr(views, "LINKS_SHOWN", 4)
    before = look(as_user(tax), yard)
    assert before.context["links_part"].words == ""
    # Another authority's own links, first and second step, and one of a place in another region.
    secret = [make_company(name=f"Secret {number}") for number in range(3)]
    for firm in secret:
        make_link("commissions", firm, yard, authority=osh.authority)
    make_link("contracts_to", secret[0], firms["Subsub"], authority=osh.authority)
    make_link("contracts_to", secret[1], firms["Sub"], authority=osh.authority)
    text = look(as_user(tax), yard)
    assert "Secret" not in text.content.decode()
    for key in ("links_part", "graph"):
        assert str(text.context[key]) == str(before.context[key]), key
    assert look(as_user(osh), yard).context["links_part"].words == "Links 1–4 of 6 are shown."
    make_link("works_at", firms["Sub"], north)
    make_link("uses", north, yard)
    narrow = as_user(make_actor("POL", "inspector", regions=(yard.region,)))
    page = look(narrow, yard)
    assert "North" not in page.content.decode()
    assert page.context["links_part"].words == ""
    assert "North" in look(as_user(tax), yard).content.decode()


def test_a_recused_person_sees_the_chain_end_before_the_firm(chain, as_user):
    yard, firms = chain
    person, manager = make_actor("OSH", "inspector"), make_actor("OSH", "manager")
    recuse(actor=manager, person=person.user, target=firms["Subsub"], reason="Kin")
    text = look(as_user(person), yard).content.decode()
    assert "Subsub" not in text
    assert "Sub Oy is a contractor of Main Oy" in text


def test_the_rest_is_told_of_and_can_be_reached(as_user, monkeypatch):
    yard = make_site(name="Yard", company=None)
    for number in range(7):
        make_link("works_at", make_company(name=f"Firm {number}"), yard)
    monkeypatch.setattr(views, "LINKS_SHOWN", 3)
    monkeypatch.setattr(links_graph, "DRAWN", 2)
    client = as_user(make_actor("OSH", "inspector"))
    seen: list[str] = []
    for number, words in enumerate(("1–3", "4–6", "7–7"), start=1):
        page = look(client, yard, links=number)
        text = page.content.decode()
        assert f"Links {words} of 7 are shown." in text
        if number == 1:
            assert "1 more is in the list only." in text
            assert 'href="?links=2#links"' in text
        seen += re.findall(r"<li>(Firm \d) employs", text)
    assert sorted(seen) == [f"Firm {number}" for number in range(7)]
    assert "Links 1–3 of 7" in look(client, yard, links="x").content.decode()
    assert "Links 1–3 of 7" in look(client, yard, links=99).content.decode()
    monkeypatch.setattr(parts, "COUNTED", 5)
    text = look(client, yard, links=2).content.decode()
    assert "Links 4–6 of more than 5 are shown." in text
    assert 'href="?links=3#links"' in text


def test_whoever_is_drawn_has_a_line(as_user, monkeypatch):
    """A link whose ends do not both find room is not drawn by half."""
    yard = make_site(name="Yard", company=None)
    first, second, third = (make_company(name=name) for name in ("Eka", "Toka", "Kolmas"))
    make_link("contracts_to", first, second, at_site=yard)  # two that are new
    make_link("works_at", third, yard)
    monkeypatch.setattr(links_graph, "DRAWN", 1)
    monkeypatch.setattr(links_graph, "FURTHER", 0)
    client = as_user(make_actor("OSH", "inspector"))
    for number in range(2):
        drawing = links_graph.Drawing(yard)
        for row in sorted(Link.objects.all(), key=lambda row: row.kind, reverse=bool(number)):
            drawing.link(row)
        ends = {id(end) for edge in drawing.edges.values() for end in (edge.first, edge.second)}
        assert ends == {id(node) for node in drawing.nodes.values()}
    assert graph(client, yard) is None


def test_who_is_drawn_after_all_is_not_counted_as_left_out(as_user, monkeypatch):
    yard = make_site(name="Yard", company=None)
    near, far = make_company(name="A Near"), make_company(name="B Far")
    make_link("works_at", near, yard)
    make_link("works_at", far, yard)
    make_link("contracts_to", far, near)  # one step further it has room
    monkeypatch.setattr(links_graph, "DRAWN", 1)
    page = look(as_user(make_actor("OSH", "inspector")), yard)
    drawn = page.context["graph"]
    assert set(levels(drawn)) == {"A Near", "B Far"}
    assert (drawn["more"], drawn["further_cut"]) == (0, False)
    assert "in the list only" not in page.content.decode()


def test_one_step_further_tells_whose_a_link_is_and_where_it_is_from(chain, as_user):
    yard, firms = chain
    actor = make_actor("OSH", "inspector")
    make_link("contracts_to", make_company(name="Own Oy"), firms["Sub"], authority=actor.authority,
              valid_from="2026-03-09")  # fmt: skip
    text = look(as_user(actor), yard).content.decode()
    further = text.partition("One step further")[2].partition("</ul>")[0]
    own = next(item for item in further.split("<li>") if "Own Oy is a contractor" in item)
    assert "Occupational safety</span>" in own
    assert "lock" in own
    assert "2026–" in own
    public = next(item for item in further.split("<li>") if "Subsub Oy is a contractor" in item)
    assert "test" in public  # its source
    assert "lock" not in public


def test_facts_come_in_parts_too_and_only_with_a_purpose(as_user, monkeypatch):
    site = make_site(company=None)
    osh, tax = make_actor("OSH", "analyst"), make_actor("TAX", "analyst")
    for number in range(5):
        Fact.objects.create(
            site=site, kind="list_entry", value={"note": f"n{number}"}, source="x",
            source_key=str(number), authority=(tax if number == 4 else osh).authority,
            known_from=timezone.now(),
        )  # fmt: skip
    monkeypatch.setattr(views, "SHOWN", 2)
    client = as_user(osh)
    assert "Facts 1–2" not in look(client, site).content.decode()
    state_purpose(actor=osh, case=site, text="Choosing targets for the spring round")
    text = look(client, site).content.decode()
    assert "Facts 1–2 of 4 are shown." in text
    assert 'href="?register-facts=2#register-facts"' in text
    text = look(client, site, **{"register-facts": 2}).content.decode()
    assert "n0" in text
    assert "n4" not in text


def test_the_page_costs_the_same_however_many_links_there_are(chain, as_user):
    yard, _firms = chain
    client = as_user(make_actor("OSH", "inspector"))

    def cost() -> int:
        look(client, yard)
        with CaptureQueriesContext(connection) as captured:
            look(client, yard)
        return len(captured)

    few = cost()
    for number in range(20):
        firm = make_company(name=f"Firm {number}")
        make_link("works_at", firm, yard)
        make_link("contracts_to", make_company(name=f"Other {number}"), firm)
    assert cost() == few
