"""Who seems to go on after a bankruptcy: the evidence, the window, the decision."""

import datetime as dt
from typing import Any

import pytest
from django.utils import timezone

from audit.context import Context, acting_as, using
from audit.errors import Conflict, NotAllowed, RuleViolation
from audit.models import Event
from targets.models import (
    Company,
    Fact,
    Link,
    PersonRole,
    RegisterChange,
    SiteOperator,
    SuccessorHint,
)
from targets.services.identity.merging import merge
from targets.services.identity.successors import CROWDED, decide_hint, find
from targets.services.recusals import recuse
from tests.factories import make_actor, make_authority, make_company, make_signal, make_site

pytestmark = pytest.mark.django_db
END = dt.date(2024, 5, 1)


def old(**values: Any) -> Company:
    return make_company(
        **({"name": "Raksa Oy", "status": "bankrupt", "ended_on": END,
            "registered_on": dt.date(2015, 1, 1)} | values)
    )  # fmt: skip


def new(days: int = 30, **values: Any) -> Company:
    return make_company(
        **({"name": "Uusi Oy", "registered_on": END + dt.timedelta(days=days)} | values)
    )


def hints() -> dict[tuple[int, int], list[str]]:
    with using(Context()):
        find()
    return {
        (h.old_id, h.new_id): [e["what"] for e in h.evidence] for h in SuccessorHint.objects.all()
    }


def test_the_same_site_after_the_end():
    one, other = old(), new()
    site = make_site(company=other)
    SiteOperator.objects.create(site=site, company=one, valid_to=END)
    make_site(company=new(name="Elsewhere Oy"))
    assert hints() == {(one.pk, other.pk): ["site"]}
    hint = SuccessorHint.objects.get()
    assert hint.evidence == [{"what": "site", "site": site.pk}]
    assert (hint.ended_on, hint.started_on) == (END, other.registered_on)


@pytest.mark.parametrize(
    ("days", "found"), [(-366, False), (-365, True), (0, True), (730, True), (731, False)]
)
def test_only_within_the_window(days, found):
    one, other = old(address="Hämeenkatu 3", postal_code="33100"), new(days)
    Company.objects.filter(pk=other.pk).update(address="HÄMEENKATU, 3", postal_code="33100")
    assert bool(hints()) == found
    assert one.pk != other.pk


def test_an_address_that_many_have_says_nothing():
    old(address="Hämeenkatu 3", postal_code="33100")
    for _ in range(CROWDED):
        new(address="Hämeenkatu 3", postal_code="33100")
    assert hints() == {}


def test_persons_are_compared_and_never_shown():
    one, other = old(), new()
    for company in (one, other):
        PersonRole.objects.create(company=company, role="board", person="f" * 64, source="x")
    assert hints() == {(one.pk, other.pk): ["person"]}
    assert "ffff" not in str(SuccessorHint.objects.get().evidence)


def test_a_name_or_a_home_page_alone_is_no_hint_but_supports_one():
    one = old(website="https://raksa.example", address="Kuja 1", postal_code="00100")
    other = new(name="Raksa Oy 2", website="HTTPS://RAKSA.EXAMPLE")
    assert hints() == {}
    Company.objects.filter(pk=other.pk).update(address="Kuja 1", postal_code="00100")
    assert hints() == {(one.pk, other.pk): ["address", "website", "name"]}


def test_the_day_of_a_bankruptcy_is_known_from_the_history():
    one = old(ended_on=None, address="Kuja 1", postal_code="00100")
    new(address="Kuja 1", postal_code="00100")
    assert hints() == {}
    RegisterChange.objects.create(
        company=one, new={"status": "bankrupt"}, source="prh", at=timezone.now(),
        said_on=dt.datetime(2024, 5, 1, tzinfo=dt.UTC),
    )  # fmt: skip
    assert len(hints()) == 1


def test_only_public_links_count_and_nothing_undisclosed():
    one, other = old(), new()
    van = make_site(company=None, type="vehicle")
    own = make_actor("TAX", "analyst")
    for company in (one, other):
        make_signal(own, company=company)
        Link.objects.create(kind="uses", from_company=company, to_site=van, source="own",
                            authority=own.authority)  # fmt: skip
    assert hints() == {}
    Link.objects.update(authority=None)
    assert hints() == {(one.pk, other.pk): ["uses"]}


def phone(company: Company, number: str, shared: bool = True, **values: Any) -> Fact:
    return Fact.objects.create(
        company=company, kind="phone", value={"puhelin": number} | values, source="directory",
        source_key=f"{company.pk}-{number}", authority=make_authority("OSH"), shared=shared,
        known_from=timezone.now(),
    )  # fmt: skip


def test_a_shared_phone_number_is_compared_however_it_is_written_and_never_shown():
    one, other = old(), new()
    phone(one, "040 123 4567", checked="2024-01-01")
    later = phone(other, "+358 (40) 123-4567", checked="2024-01-01")
    assert hints() == {(one.pk, other.pk): ["phone"]}
    assert "123" not in str(SuccessorHint.objects.get().evidence)
    later.value = {"puhelin": "040 765 4321", "checked": "2024-01-01"}
    Fact.objects.filter(pk=later.pk).update(value=later.value)
    assert hints() == {}


def test_a_number_of_many_or_of_one_authority_says_nothing():
    one, other = old(), new()
    phone(one, "0401234567")
    mine = phone(other, "0401234567", shared=False)
    assert hints() == {}
    Fact.objects.filter(pk=mine.pk).update(shared=True)
    assert len(hints()) == 1
    for _ in range(CROWDED - 1):
        phone(new(), "0401234567")
    assert hints() == {}


def test_one_that_was_there_before_is_no_successor():
    old(registered_on=END - dt.timedelta(days=10), address="Kuja 1", postal_code="00100")
    new(-20, address="Kuja 1", postal_code="00100")
    assert hints() == {}


@pytest.fixture
def hint():
    old(address="Kuja 1", postal_code="00100")
    new(address="Kuja 1", postal_code="00100")
    hints()
    return SuccessorHint.objects.get()


def test_confirmed_it_is_a_link_and_stays(hint):
    analyst = make_actor("OSH", "analyst")
    with pytest.raises(NotAllowed):
        decide_hint(actor=make_actor("OSH", "inspector"), hint=hint, confirm=True)
    decide_hint(actor=analyst, hint=hint, confirm=True)
    link = Link.objects.get()
    assert (link.kind, link.from_company, link.to_company) == ("succeeds", hint.new, hint.old)
    with pytest.raises(Conflict):
        decide_hint(actor=analyst, hint=hint, confirm=True)
    Company.objects.filter(pk=hint.new_id).update(address="")
    assert hints()
    with pytest.raises(RuleViolation):
        decide_hint(actor=analyst, hint=hint, confirm=False, reason=" ")
    decide_hint(actor=analyst, hint=hint, confirm=False, reason="Landlord changed")
    assert not Link.objects.exists()
    assert SuccessorHint.objects.get().state == "dismissed"
    assert Event.objects.filter(verb__startswith="company.succession").count() == 4


def test_an_open_hint_without_evidence_goes(hint):
    Company.objects.filter(pk=hint.new_id).update(address="")
    assert hints() == {}


def test_a_merged_company_has_no_hints_of_its_own(hint):
    kept = make_company(name="Kept Oy")
    merge(actor=make_actor("OSH", "analyst"), loser=hint.new, survivor=kept)
    assert hints() == {}


def test_the_recused_see_no_hint(hint):
    person = make_actor("OSH", "analyst")
    recuse(actor=make_actor("OSH", "manager"), person=person.user, target=hint.new, reason="Kin")
    with acting_as(person):
        assert not SuccessorHint.objects.exists()
