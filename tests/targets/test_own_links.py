"""Links that people write down on the page of a site or a company, and limits for pairs."""

import pytest
from django.urls import reverse

from targets.models import Link, LinkThreshold
from targets.services.identity.linkage import Thresholds
from targets.services.identity.thresholds import set_threshold
from targets.services.links import add_link
from tests.factories import make_actor, make_company, make_site

pytestmark = pytest.mark.django_db


def page(client, site) -> str:
    return client.get(reverse("targets:site_detail", args=[site.public_id])).content.decode()


def test_a_contractor_is_written_down_and_only_the_own_authority_sees_it(as_user):
    site, firm = make_site(name="Työmaa Satama"), make_company(name="Kuukivi Rakennus Oy")
    ours, theirs = make_actor("OSH", "inspector"), make_actor("TAX", "inspector")
    client = as_user(ours)
    address = reverse("targets:site_link", args=[site.public_id])
    assert address in page(client, site)
    form = client.get(address).content.decode()
    assert "… employs people at Työmaa Satama" in form
    sent = {"link": "works_at:to:company", "target": "Kuukivi", "valid_from": "2026-03-01"}
    assert client.post(address, sent).status_code == 302
    link = Link.objects.get()
    assert (link.from_company, link.to_site, link.authority) == (firm, site, ours.authority)
    shown = page(client, site)
    assert "Kuukivi Rakennus Oy employs people at Työmaa Satama" in shown
    assert "Take the link to Kuukivi Rakennus Oy back" in shown
    assert "Kuukivi" not in page(as_user(theirs), site)


def test_a_link_that_is_known_or_does_not_hold_is_refused_in_words_with_what_was_typed(as_user):
    site, firm = make_site(name="Työmaa"), make_company(name="Kuukivi Oy")
    ours = make_actor("OSH", "analyst")
    client = as_user(ours)
    address = reverse("targets:company_link", args=[firm.public_id])
    sent = {"link": "commissions:from:site", "target": "Työmaa", "note": "Sign at the gate"}
    assert client.post(address, sent).status_code == 302
    again = client.post(address, sent)
    assert again.status_code == 422
    assert "known already" in again.content.decode()
    assert "Sign at the gate" in again.content.decode()
    backwards = client.post(address, sent | {"valid_from": "2026-03-01", "valid_to": "2026-02-01"})
    assert "The last day is before the first." in backwards.content.decode()
    nothing = client.post(address, sent | {"target": "Olematon"})
    assert "Nothing in the register matches" in nothing.content.decode()
    itself = client.post(address, {"link": "owns:from:company", "target": "Kuukivi"})
    assert "nothing is linked to itself" in itself.content.decode()
    assert Link.objects.count() == 1
    assert site.links_to.count() == 1


def test_several_that_match_are_offered_to_choose_from(as_user):
    site = make_site(name="Työmaa")
    first, second = make_company(name="Kuukivi Oy"), make_company(name="Kuukivi Ab")
    client = as_user(make_actor("OSH", "coordinator"))
    address = reverse("targets:site_link", args=[site.public_id])
    sent = {"link": "works_at:to:company", "target": "Kuukivi"}
    offered = client.post(address, sent).content.decode()
    assert str(first.public_id) in offered
    assert str(second.public_id) in offered
    assert client.post(address, sent | {"pick": f"company:{second.public_id}"}).status_code == 302
    assert Link.objects.get().from_company == second


def test_a_chain_of_contractors_holds_at_one_site(as_user):
    site = make_site(name="Työmaa Satama")
    main, sub = make_company(name="Pääura Oy"), make_company(name="Kuukivi Rakennus Oy")
    ours = make_actor("OSH", "inspector")
    add_link(actor=ours, kind="works_at", first=main, second=site)
    client = as_user(ours)
    address = reverse("targets:company_link", args=[main.public_id])
    form = client.get(address).content.decode()
    assert str(site.public_id) in form
    assert str(make_site(name="Elsewhere").public_id) not in client.get(address).content.decode()
    sent = {"link": "contracts_to:to:company", "target": "Kuukivi", "at_site": site.public_id}
    assert client.post(address, sent).status_code == 302
    link = Link.objects.get(kind="contracts_to")
    assert (link.from_company, link.to_company, link.at_site) == (sub, main, site)
    assert "Kuukivi Rakennus Oy is a contractor of Pääura Oy" in page(client, site)
    firm = client.get(reverse("targets:company_detail", args=[main.public_id])).content.decode()
    assert "at the site" in firm
    assert "Työmaa Satama" in firm
    wrong = sent | {"link": "works_at:from:site", "target": "Työmaa"}
    answer = client.post(address, wrong)
    assert answer.status_code == 422
    assert "Only a link between two companies holds at a site." in answer.content.decode()


def test_what_a_register_says_is_not_taken_back(as_user):
    site, firm = make_site(), make_company()
    ours = make_actor("OSH", "coordinator")
    of_register = Link.objects.create(
        kind="works_at", from_company=firm, to_site=site, source="contracts"
    )
    own = add_link(actor=ours, kind="commissions", first=firm, second=site)
    client = as_user(ours)
    remove = "targets:link_remove"
    assert client.post(reverse(remove, args=[of_register.public_id])).status_code == 404
    path = reverse("targets:site_detail", args=[site.public_id])
    answer = client.post(reverse(remove, args=[own.public_id]), {"path": path})
    assert answer["Location"] == path
    assert list(Link.objects.all()) == [of_register]


def test_limits_are_set_for_a_pair_of_registers_in_either_order(as_user):
    client = as_user(make_actor("OSH", "analyst"))
    address = reverse("targets:thresholds")
    sent = {"kind": "site", "source_a": "food", "source_b": "alcohol", "propose_at": "70",
            "join_at": "99.5"}  # fmt: skip
    assert client.post(address, sent).status_code == 302
    assert client.post(address, sent | {"source_a": "alcohol", "source_b": "food",
                                        "propose_at": "75"}).status_code == 302  # fmt: skip
    row = LinkThreshold.objects.get()
    assert (row.source_a, row.source_b, row.propose_at) == ("alcohol", "food", 0.75)
    assert "alcohol" in client.get(address).content.decode()
    wrong = client.post(address, sent | {"propose_at": "99.9"})
    assert wrong.status_code == 422
    assert "at least what a proposed one needs" in wrong.content.decode()
    assert client.post(reverse("targets:threshold_remove", args=[row.pk])).status_code == 302
    assert not LinkThreshold.objects.exists()


def test_the_next_comparison_heeds_them():
    set_threshold(actor=make_actor("OSH", "administrator"), kind="site", source_a="", source_b="",
                  propose_at=0.5, join_at=0.9)  # fmt: skip
    assert Thresholds("site").of("food", "alcohol") == (0.5, 0.9)
