"""The page of a site: what is told with source and date, and what of it is for whom."""

import datetime as dt
import re

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from audit.context import acting_as
from targets import history_page, links_page, views
from targets.models import Fact, Link, PersonRole, RegisterChange
from tests.factories import (
    Cast,
    make_actor,
    make_authority,
    make_company,
    make_site,
)
from tests.targets.importing import HEAD, row, upload
from tests.targets.importing import analyst as analyst  # a fixture

pytestmark = pytest.mark.django_db


def page_of(client, target) -> str:
    kind = "site" if hasattr(target, "company_id") else "company"
    return client.get(reverse(f"targets:{kind}_detail", args=[target.public_id])).content.decode()


@pytest.fixture
def site(db):
    return make_site(
        name="Kuukivi Kebab",
        name_fi="Kuukivi Kebab",
        company=make_company(name="Kuukivi Oy", business_id="9900010-6"),
    )


def make_link(kind, first, second, **values) -> Link:
    ends = {}
    for side, end in (("from", first), ("to", second)):
        name = "site" if hasattr(end, "company_id") else "company"
        ends[f"{side}_{name}"] = end
    return Link.objects.create(kind=kind, source="test", **ends, **values)


def test_each_datum_names_its_source_and_what_it_was_before(analyst, as_user):
    from targets.models import Site

    upload(analyst, HEAD + row(1, "Old name"))
    upload(analyst, HEAD + row(1, "New name", address="Tie 5"))
    text = page_of(as_user(analyst), Site.objects.get())
    today = timezone.localdate()
    assert f"own:OSH, {today.day}.{today.month}.{today.year}" in text or "own:OSH" in text
    assert "<del>Old name</del> → <ins>New name</ins>" in text
    assert "<del>Katu 1</del> → <ins>Tie 5</ins>" in text
    assert RegisterChange.objects.count() == 2


def test_links_stand_in_the_list_and_in_the_drawing(site, as_user):
    builder = make_company(name="Rakennus Oy", business_id="9900284-9")
    dwelling = make_site(name="Asuntola", name_fi="Asuntola", type="dwelling")
    make_link("works_at", builder, site, valid_from=dt.date(2026, 3, 9))
    make_link("lodges", builder, dwelling)
    client = as_user(make_actor("OSH", "inspector"))
    text = page_of(client, site)
    assert "Rakennus Oy employs people at Kuukivi Kebab" in text
    drawing = text.partition('<svg class="graph"')[2].partition("</svg>")[0]
    assert drawing.count("<rect") == 2  # the builder and the company that runs the site
    listed = text.partition("</svg>")[2]
    assert '>Kuukivi Oy</a> <span class="muted">runs the site</span>' in listed
    company_page = page_of(client, builder)
    assert "Rakennus Oy lodges its people in Asuntola" in company_page


def test_an_authoritys_own_link_and_fact_are_its_own(site, as_user):
    osh, tax = make_actor("OSH", "inspector"), make_actor("TAX", "inspector")
    secret = make_company(name="Salattu Oy", business_id="9900147-5")
    make_link("works_at", secret, site, authority=osh.authority)
    text = page_of(as_user(tax), site)
    assert "Salattu" not in text
    assert "Salattu" in page_of(as_user(osh), site)
    with acting_as(tax):
        assert not Link.objects.filter(authority__isnull=False).exists()  # nor to raw reading


def test_no_look_at_facts_without_a_purpose(site, as_user):
    osh, tax = make_actor("OSH", "analyst"), make_actor("TAX", "analyst")
    Fact.objects.create(
        company=site.company, kind="compliance_report", value={"tax_debt": 48210}, source="x",
        source_key="1", authority=osh.authority, known_from=timezone.now(),
    )  # fmt: skip
    assert "48210" not in page_of(as_user(osh), site)
    assert "48210" not in page_of(as_user(tax), site)


def test_roles_tell_of_shared_persons_without_naming_them(site, as_user):
    other = make_company(name="Uusi Kuukivi Oy", business_id="9900284-9")
    for company, role in ((site.company, "board"), (other, "managing_director")):
        PersonRole.objects.create(company=company, role=role, person="a" * 64, source="x")
    PersonRole.objects.create(company=site.company, role="board", person="b" * 64, source="x")
    text = page_of(as_user(make_actor("OSH", "inspector")), site)
    assert "Member of the board" in text
    assert "2 persons" in text
    assert "Uusi Kuukivi Oy" in text
    assert "aaaa" not in text


def test_plans_and_open_findings_follow_the_operation(as_user):
    cast = Cast()
    cast.to("feedback")
    site = cast.visits()[0].site
    inside = page_of(as_user(cast.actors["OSH", "inspector"]), site)
    assert "Who plans a visit" in inside
    assert cast.operation.name in inside
    make_authority("CUSTOMS")
    outside = page_of(as_user(make_actor("CUSTOMS", "inspector")), site)
    assert "Who plans a visit" not in outside
    assert cast.operation.name not in outside
    assert "Secret finding of OSH" in inside
    yesterday = timezone.localdate() - dt.timedelta(days=1)
    cast.operation.days.update(date=yesterday)  # made, and no plan any more
    assert "Who plans a visit" not in page_of(as_user(cast.actors["OSH", "inspector"]), site)
    tax = page_of(as_user(cast.actors["TAX", "inspector"]), site)
    assert "Secret finding of OSH" not in tax


def test_what_is_told_stands_in_the_page_and_not_in_its_head(site, as_user):
    """A block of a page must never land in the frame's head (both once had one of that name)."""
    text = page_of(as_user(make_actor("OSH", "inspector")), site)
    head, _end, _body = text.partition("</head>")
    assert "<dl" not in head
    assert "<div" not in head


def parts(client, target, name: str) -> list[tuple[str, str]]:
    """What is shown of how many, and the page, of each part by its own links."""
    kind = "site" if hasattr(target, "company_id") else "company"
    url = reverse(f"targets:{kind}_detail", args=[target.public_id])
    found, address = [], "?"
    while address:
        page = client.get(url + address.partition("#")[0])
        part = page.context[f"{name}_part"]
        found.append((part.words, page.content.decode()))
        address = part.following
        assert not address or address.endswith(f"#{name}")
    return found


def test_long_lists_of_roles_lead_on(site, as_user, monkeypatch):
    monkeypatch.setattr(views, "ROLES_SHOWN", 2)
    monkeypatch.setattr(links_page, "OTHERS_SHOWN", 1)
    others = [make_company(name=f"Other {number}") for number in range(3)]
    for number, role in enumerate(("auditor", "board", "board", "chair", "partner")):
        PersonRole.objects.create(
            company=site.company, role=role, person=f"{number}" * 64, source="x"
        )
    PersonRole.objects.create(
        company=site.company,
        role="owner",
        person="9" * 64,
        source="x",
        valid_to=dt.date(2020, 1, 1),
    )
    for company in others[:2]:
        PersonRole.objects.create(company=company, role="board", person="0" * 64, source="x")
    PersonRole.objects.create(company=others[2], role="board", person="4" * 64, source="x")
    client = as_user(make_actor("OSH", "inspector"))
    cut = "The same persons have roles in more companies"
    for target in (site, site.company):
        shown = parts(client, target, "roles")
        assert [words for words, _text in shown] == [
            "Roles 1–2 of 5 are shown.", "Roles 3–4 of 5 are shown.", "Roles 5–5 of 5 are shown.",
        ]  # fmt: skip
        for words, text in shown:
            assert words in text
            assert 'id="roles"' in text
            assert "No link is known" not in text
        first, second, third = (text for _words, text in shown)
        assert "Auditor" in first
        assert ("Other 0" in first, "Other 1" in first, cut in first) == (True, False, True)
        assert "Chair of the board" in second
        assert cut not in second
        assert "Partner" in third
        assert "Other 2" in third
    PersonRole.objects.filter(
        company=site.company, person__in=["2" * 64, "3" * 64, "4" * 64]
    ).delete()
    assert parts(client, site, "roles")[0][0] == ""


def change(site, number: int, **columns) -> None:
    RegisterChange.objects.create(
        site=site, old=dict.fromkeys(columns, f"Old {number}"), new=dict.fromkeys(columns, f"N{number}"),
        source="x", at=timezone.now(),
    )  # fmt: skip


def test_a_long_history_leads_on_and_counts_what_it_tells(site, as_user, monkeypatch):
    for module in (views, history_page):
        monkeypatch.setattr(module, "SHOWN", 3)
    client = as_user(make_actor("OSH", "inspector"))
    for number in range(2):
        change(site, number, address="")
    assert parts(client, site, "history")[0][0] == ""
    change(site, 2, staff_estimate=7)  # none of those that a history tells
    words, text = parts(client, site, "history")[0]
    assert words == ""
    assert "<del>Old 0</del>" in text
    for number in range(3, 6):
        change(site, number, address="")
    change(make_site(), 9, address="")
    shown = parts(client, site, "history")
    assert [words for words, _text in shown] == [
        "Changes 1–3 of 5 are shown.", "Changes 4–5 of 5 are shown.",
    ]  # fmt: skip
    for (words, text), numbers in zip(shown, ((5, 4, 3), (1, 0)), strict=True):
        assert words in text
        assert [int(n) for n in re.findall(r"<del>Old (\d)</del>", text)] == list(numbers)


def test_parts_cost_the_same_however_long_the_lists_are(site, as_user, monkeypatch):
    for module in (views, history_page):
        monkeypatch.setattr(module, "SHOWN", 2)
    monkeypatch.setattr(views, "ROLES_SHOWN", 2)
    client = as_user(make_actor("OSH", "inspector"))

    def add(numbers) -> None:
        for number in numbers:
            change(site, number, address="")
            PersonRole.objects.create(
                company=site.company, role="board", person=f"{number:064d}", source="x"
            )

    def cost(**query) -> int:
        url = reverse("targets:site_detail", args=[site.public_id])
        client.get(url, query)
        with CaptureQueriesContext(connection) as captured:
            client.get(url, query)
        return len(captured)

    add(range(1))
    short = cost()
    add(range(1, 6))
    long = cost()
    assert long - short == 3  # both are counted, and the history has a part of its own
    add(range(6, 30))
    assert cost() == cost(roles=3, history=2) == long
