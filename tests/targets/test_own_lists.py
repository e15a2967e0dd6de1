"""A list that an authority keeps is named to its own people; others learn neither code nor name."""

import pytest
from django.urls import reverse
from django.utils import timezone

from targets.models import (
    Company,
    CompanyIdentifier,
    LinkThreshold,
    MatchPair,
    RegisterChange,
    Site,
    SiteOperator,
)
from targets.services.identity.merging import merge
from targets.source_words import own_list, shown_source
from tests.factories import make_actor, make_company, make_site
from tests.targets.test_succession_clashes import succeed

pytestmark = pytest.mark.django_db
LIST = "coordinator-list:OSH"
WORDS = "a list of an authority"


@pytest.fixture
def site() -> Site:
    """Of the list, as is the company that runs it and whatever is told of either."""
    company = make_company(name="Kuukivi Oy", source=LIST)
    site = make_site(name="Kuukivi", company=company, source=LIST, source_key="KEY-7")
    CompanyIdentifier.objects.create(
        company=company, scheme="vat", country="EE", value="EE1", source=LIST
    )
    SiteOperator.objects.create(site=site, company=company, source=LIST)
    for target in ({"site": site}, {"company": company}):
        RegisterChange.objects.create(
            **target, old={"name": "Ennen"}, new={"name": "Nyt"}, source=LIST, at=timezone.now()
        )
    other = make_site(name="Kuukivi 2", source=LIST, source_key="KEY-8")
    merge(actor=make_actor("OSH", "analyst"), loser=other, survivor=site)
    return site


def pages(site: Site) -> list[str]:
    twin = make_site(name="Kuukivi 3", source="food", company=site.company)
    pair = MatchPair.objects.create(site_a=site, site_b=twin, probability=0.9, evidence=[])
    LinkThreshold.objects.create(
        kind="site", source_a=LIST, source_b="food", propose_at=0.5, join_at=0.9
    )
    listed = f"{reverse('targets:site_list')}?q=Kuukivi&column=name&column=source"
    return [
        reverse("targets:site_detail", args=[site.public_id]),
        reverse("targets:company_detail", args=[site.company.public_id]),
        listed,
        f"{listed}&export=csv",
        reverse("targets:pair_list"),
        reverse("targets:pair", args=[pair.public_id]),
        f"{reverse('targets:pairs_join')}?id={pair.public_id}",
        reverse("targets:site_identity", args=[site.public_id]),
        reverse("targets:site_identity", args=[twin.public_id]),
        reverse("targets:thresholds"),
    ]


def test_only_its_own_people_see_what_list_a_row_is_of(site, as_user):
    for code in ("OSH", "TAX"):
        client = as_user(make_actor(code, "analyst"))
        MatchPair.objects.all().delete()
        LinkThreshold.objects.all().delete()
        for path in pages(site):
            text = client.get(path).getvalue().decode()
            assert (LIST in text) == (code == "OSH"), path
            assert (WORDS in text) == (code == "TAX"), path
            assert "KEY-" not in text or code == "OSH", path


def test_heirs_read_the_name_as_the_owner_did(site, as_user):
    old, new, tax = (make_actor(code, "analyst", "manager") for code in ("OSH", "NEW", "TAX"))
    last = make_actor("LAST", "analyst", "manager")
    address = reverse("targets:site_detail", args=[site.public_id])
    filtered = f"{reverse('targets:site_list')}?source=coordinator-list"

    def reads(actor) -> tuple[bool, bool]:
        client = as_user(actor)
        text = client.get(address).content.decode()
        assert (LIST in text) != (WORDS in text)
        return LIST in text, "Kuukivi" in client.get(filtered).content.decode()

    assert reads(new) == (False, False)
    succeed(old, new)
    assert reads(make_actor("NEW", "analyst")) == (True, True)
    assert reads(tax) == (False, False)
    succeed(new, last)  # and what had come to it goes on
    assert reads(make_actor("LAST", "analyst")) == (True, True)


@pytest.mark.parametrize("typed", [LIST, "coordinator-list", "coord", LIST.lower()])
def test_another_list_is_filtered_by_as_if_it_were_not_there(site, as_user, typed):
    MatchPair.objects.create(
        site_a=site, site_b=make_site(source="food"), probability=0.9, evidence=[]
    )
    for path in (reverse("targets:site_list"), reverse("targets:pair_list")):
        mine = as_user(make_actor("OSH", "analyst")).get(path, {"source": typed})
        assert "Kuukivi" in mine.content.decode()
        client = as_user(make_actor("TAX", "analyst"))
        for value in (typed, "unheard-of"):
            assert "Kuukivi" not in client.get(path, {"source": value}).content.decode()


def test_the_code_of_the_authority_is_never_cut_off():
    assert own_list("coordinator-list", "OSH") == LIST
    long = own_list("a" * 40, "OCCUPATIONAL")
    assert (len(long), long.endswith(":OCCUPATIONAL")) == (40, True)
    assert shown_source(long, make_actor("TAX")) == WORDS
    assert shown_source("prh", make_actor("TAX")) == "prh"
    assert not Company.objects.filter(source=long).exists()
