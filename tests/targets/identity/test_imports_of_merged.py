"""What imports bring to rows that were merged goes back with them when they are taken apart."""

import pytest

from targets.models import Company, Fact, Link, PastVisit, Site
from targets.services.identity.merging import merge, unmerge
from tests.factories import make_company, make_site
from tests.targets.importing import analyst as analyst  # a fixture
from tests.targets.importing import upload
from tests.targets.test_import_companies import HEAD, notice

pytestmark = pytest.mark.django_db


def site(key: str) -> Site:
    return Site.objects.get(source_key=key)


def visits(analyst, rows: str):
    return upload(analyst, f"id;site;date;outcome\n{rows}", "csv-visits", "visits")


def test_visits_that_came_after_the_merge_go_back(analyst):
    upload(analyst, "id;name\n1;One\n2;Two\n3;Three\n", "csv-sites")
    first = merge(actor=analyst, loser=site("1"), survivor=site("2"))
    second = merge(actor=analyst, loser=site("2"), survivor=site("3"))
    rows = "A;1;2026-01-02;MINOR\nB;2;2026-01-02;MINOR\nC;3;2026-01-02;MINOR\n"
    visits(analyst, rows)
    assert set(PastVisit.objects.values_list("site__name", flat=True)) == {"Three"}
    again = visits(analyst, rows)
    assert (again.created_count, again.updated_count) == (0, 0)
    unmerge(actor=analyst, row=second, reason="x")
    unmerge(actor=analyst, row=first, reason="x")
    told = PastVisit.objects.order_by("source_key").values_list("source_key", "site__name")
    assert list(told) == [("A", "One"), ("B", "Two"), ("C", "Three")]
    again = visits(analyst, rows)
    assert (again.created_count, again.updated_count) == (0, 0)


def test_facts_and_links_that_came_after_the_merge_go_back_and_do_not_double(analyst):
    upload(analyst, HEAD + notice(key="LT-1"), "posted-workers", shared=True)
    survivor = make_site()
    row = merge(actor=analyst, loser=site("LT-1"), survivor=survivor)
    Fact.objects.all().delete()
    Link.objects.all().delete()
    upload(analyst, HEAD + notice(key="LT-1"), "posted-workers", shared=True)
    assert Fact.objects.get().site == survivor
    unmerge(actor=analyst, row=row, reason="x")
    assert Fact.objects.get().site == site("LT-1")
    assert not Link.objects.filter(to_site=survivor).exists()
    assert not Link.objects.filter(at_site=survivor).exists()
    count = Link.objects.count()
    upload(analyst, HEAD + notice(key="LT-1"), "posted-workers", shared=True)
    assert (Link.objects.count(), Fact.objects.count()) == (count, 1)


def test_companies_that_were_merged_take_back_what_came_to_them(analyst):
    upload(analyst, HEAD + notice(key="LT-1"), "posted-workers", shared=True)
    abroad = Company.objects.get(kind="foreign")
    survivor = make_company(business_id="9900010-6")
    row = merge(actor=analyst, loser=abroad, survivor=survivor)
    Link.objects.all().delete()
    upload(analyst, HEAD + notice(key="LT-1"), "posted-workers", shared=True)
    assert Link.objects.filter(from_company=survivor).exists()
    unmerge(actor=analyst, row=row, reason="x")
    assert not Link.objects.filter(from_company=survivor).exists()
    assert Link.objects.filter(from_company=abroad).exists()


def test_the_company_of_a_site_and_facts_about_it_go_back(analyst):
    loser = make_company(business_id="9900010-6")
    survivor = make_company(name="Kept")
    Company.objects.filter(pk=survivor.pk).update(business_id=None)
    row = merge(actor=analyst, loser=loser, survivor=survivor)
    head = ("id;name;name_sv;business_id;company;industry;municipality;address;postal_code;"
            "longitude;latitude;premises;staff;opened_on\n")  # fmt: skip
    upload(analyst, head + "1;One;;9900010-6;;56;Helsinki;;;;;;;\n")
    upload(
        analyst, "y-tunnus;nimi;päivä;verovelka_eur\n9900010-6;;1.2.2026;5\n", "tax-debts", "facts"
    )
    assert (site("1").company, Fact.objects.get().company) == (survivor, survivor)
    unmerge(actor=analyst, row=row, reason="x")
    assert (site("1").company, Fact.objects.get().company) == (loser, loser)
