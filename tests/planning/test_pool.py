"""The pool: filled from the register by many, each site once, and seen by the participants."""

import threading

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from audit.context import acting_as
from audit.errors import NotAllowed, RuleViolation
from planning.models import Availability, PoolEntry
from planning.services import add_to_pool, choose, take_from_pool
from targets.models import Site
from tests.factories import (
    Cast,
    make_actor,
    make_available,
    make_municipality,
    make_region,
    make_site,
)


def sites(*rows: Site):
    return Site.objects.filter(pk__in=[row.pk for row in rows])


@pytest.mark.django_db
def test_sites_of_the_regions_go_in_once_and_are_checked(cast_nominating: Cast):
    cast, operation = cast_nominating, cast_nominating.operation
    inside = [make_site() for _ in range(3)]
    far = make_site(municipality=make_municipality("698", "R", make_region("19", "Lappi")))
    tax = cast.actors["TAX", "analyst"]
    assert add_to_pool(actor=tax, operation=operation, sites=sites(*inside, far)) == (3, 0, 1)
    lead = cast.lead
    assert add_to_pool(actor=lead, operation=operation, sites=sites(*inside)) == (0, 3, 0)
    assert operation.pool.count() == 3
    assert Availability.objects.filter(operation=operation, site__in=inside).count() == 3
    # What another authority put in stays; the own goes.
    assert take_from_pool(actor=lead, operation=operation, sites=[inside[0].pk]) == 0
    assert take_from_pool(actor=tax, operation=operation, sites=[inside[0].pk]) == 1


@pytest.mark.django_db
def test_who_may_not_and_too_many_are_refused_with_words(cast_nominating: Cast, settings):
    cast, operation = cast_nominating, cast_nominating.operation
    one, two = make_site(), make_site()
    for actor in (cast.actors["TAX", "inspector"], make_actor("OUT", "coordinator")):
        with pytest.raises(NotAllowed):
            add_to_pool(actor=actor, operation=operation, sites=sites(one))
    settings.POOL_MOST = 1
    with pytest.raises(RuleViolation, match="at most 1 sites"):
        add_to_pool(actor=cast.lead, operation=operation, sites=sites(one, two))
    assert not operation.pool.exists()


@pytest.mark.django_db
def test_others_do_not_see_the_pool(cast_nominating: Cast):
    cast, operation = cast_nominating, cast_nominating.operation
    add_to_pool(actor=cast.lead, operation=operation, sites=sites(make_site()))
    for actor, count in ((cast.actors["POL", "manager"], 1), (make_actor("OUT", "manager"), 0)):
        with acting_as(actor), transaction.atomic():
            assert PoolEntry.objects.count() == count
            assert PoolEntry.objects.visible_to(actor).count() == count


@pytest.mark.django_db(transaction=True)
def test_two_people_at_once_leave_each_site_once():
    cast = Cast()
    operation = cast.to("nominating")
    rows = [make_site() for _ in range(20)]
    people = [cast.lead, cast.actors["TAX", "analyst"], cast.actors["POL", "coordinator"]]
    counts: list[int] = []

    def put(actor) -> None:
        try:
            counts.append(add_to_pool(actor=actor, operation=operation, sites=sites(*rows))[0])
        finally:
            connection.close()

    threads = [threading.Thread(target=put, args=(actor,)) for actor in people]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(counts) == [0, 0, 20]
    assert operation.pool.count() == 20


@pytest.mark.django_db
def test_what_matches_in_the_register_goes_in_from_the_page(as_user):
    cast = Cast()
    operation = cast.to("nominating")
    for name in ("Grilli A", "Grilli B", "Pesula"):
        make_site(name=name)
    client = as_user(cast.lead)
    data = {"all": "1", "query": "q=grilli", "operation": str(operation.public_id)}
    page = client.get(reverse("planning:pool_chosen"), data)
    assert "2 sites chosen." in page.content.decode()
    answer = client.post(reverse("planning:pool_chosen"), data, follow=True)
    text = answer.content.decode()
    assert "2 sites were added to the pool." in text
    assert "Grilli A" in text
    assert "Pesula" not in text
    with CaptureQueriesContext(connection) as few:
        client.get(reverse("planning:pool", args=[operation.public_id]))
    add_to_pool(actor=cast.lead, operation=operation, sites=sites(*(make_site() for _ in range(9))))
    with CaptureQueriesContext(connection) as many:
        client.get(reverse("planning:pool", args=[operation.public_id]))
    assert len(many) == len(few)
    one = Site.objects.get(name="Grilli A")
    answer = client.post(
        reverse("planning:pool_take", args=[operation.public_id]),
        {"id": [str(one.public_id), "not-an-id"]}, follow=True,
    )  # fmt: skip
    assert "1 site was taken out." in answer.content.decode()


@pytest.mark.django_db
def test_what_is_decided_on_stays_a_candidate(cast_nominating: Cast):
    cast = cast_nominating
    operation = cast.to("selecting")
    add_to_pool(actor=cast.lead, operation=operation, sites=sites(*cast.sites))
    make_available(operation)
    choose(
        actor=cast.lead, operation=operation, site=cast.sites[0], state="picked", reason="Because"
    )  # fmt: skip
    taken = take_from_pool(
        actor=cast.lead, operation=operation, sites=[s.pk for s in cast.sites]
    )  # fmt: skip
    assert taken == len(cast.sites) - 1


@pytest.fixture
def cast_nominating() -> Cast:
    cast = Cast()
    cast.to("nominating")
    return cast
