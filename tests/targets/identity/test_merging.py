"""Merging loses nothing: what hangs on a row moves, is noted, and goes back exactly."""

import re
import threading
from typing import Any

import pytest
from django.apps import apps
from django.db import connection, models
from django.test.utils import CaptureQueriesContext
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from audit.context import Context, acting_as, as_system, using
from audit.errors import Conflict, NotAllowed, RuleViolation
from audit.models import Event
from authorities.models import User
from planning.models import Hold, Nomination
from planning.services import make_nomination, set_hold
from targets.models import (
    Company,
    CompanyName,
    Link,
    MatchPair,
    Merge,
    MergeMove,
    PastVisit,
    Recusal,
    Signal,
    Site,
    SiteOperator,
)
from targets.services import search
from targets.services.identity import merging
from targets.services.identity.merging import merge, unmerge
from targets.services.recusals import end_recusal, recuse
from tests.factories import (
    Cast,
    make_actor,
    make_company,
    make_past_visit,
    make_region,
    make_signal,
    make_site,
)

OWN = {
    "targets_merge", "targets_mergemove", "audit_event", "targets_matchpair",
    "risk_touched",  # what is to be scored anew
}  # fmt: skip


def dump() -> dict[str, list[tuple[Any, ...]]]:
    """Every row of every table but the journal's own."""
    found = {}
    with connection.cursor() as cursor:
        cursor.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
        for (table,) in cursor.fetchall():
            if table == "targets_searchentry":  # made anew: the same, under other numbers
                cursor.execute(
                    "SELECT site_id, company_id, kind, text, words::text FROM targets_searchentry"
                    " ORDER BY 1, 2, 3, 4"
                )
                found[table] = cursor.fetchall()
            elif table not in OWN:
                cursor.execute(f'SELECT t::text FROM "{table}" t ORDER BY 1')
                found[table] = cursor.fetchall()
    return found


@pytest.fixture
def analyst(db):
    return make_actor("OSH", "analyst")


def test_what_hangs_on_a_site_moves_in_every_room(analyst):
    cast = Cast()
    operation = cast.to("nominating")
    loser, survivor = cast.sites[0], make_site()
    tax = cast.actors["TAX", "coordinator"]
    visit = make_past_visit(loser, "TAX", shared=False)
    signal = make_signal(tax, site=loser)
    nomination = make_nomination(
        actor=tax, operation=operation, site=loser, reason="r", rating=3
    )  # fmt: skip
    hold = set_hold(
        actor=tax, target=loser, kind="silent", liaison="Call", reason="Secret",
        superior=cast.actors["TAX", "manager"].user,
    )  # fmt: skip
    row = merge(actor=analyst, loser=loser, survivor=survivor, reason="One place")
    for model, pk in (
        (PastVisit, visit.pk), (Signal, signal.pk), (Nomination, nomination.pk), (Hold, hold.pk),
    ):  # fmt: skip
        assert model.objects.get(pk=pk).site_id == survivor.pk, model
    loser.refresh_from_db()
    assert loser.merged_into_id == survivor.pk
    assert list(Site.objects.visible_to(analyst).filter(pk__in=[loser.pk, survivor.pk])) == [
        survivor
    ]
    assert {e.verb for e in Event.objects.filter(site_id__in=[loser.pk, survivor.pk])} >= {
        "site.merged", "site.became_part",
    }  # fmt: skip
    assert row.moves.filter(table="planning_hold", action="moved").exists()


def test_no_relation_is_forgotten():
    """Each column of each model that names a site or company is moved, or stays for a reason."""
    for target in (Site, Company):
        named = {
            (model._meta.db_table, field.column)
            for model in apps.get_models(include_auto_created=True)
            for field in model._meta.concrete_fields
            if isinstance(field, models.ForeignKey) and field.related_model is target
            # Scores are of a day and are computed anew: they never move.
            if model._meta.label_lower not in merging.STAYS and model._meta.managed
        }
        assert {(p.table, p.column) for p in merging.hanging_on(target)} == named
        assert len(named) >= 15
    assert set(merging.STAYS) <= {m._meta.label_lower for m in apps.get_models()}


def test_plain_columns_with_ids_of_targets_are_known():
    """Ids without a foreign key would be missed: each such column has been thought about."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT c.table_name, c.column_name FROM information_schema.columns c"
            " WHERE c.table_schema = 'public' AND c.column_name ~ '(site|company)_id$'"
        )
        found = set(cursor.fetchall())
    keys = {
        (m._meta.db_table, f.column)
        for m in apps.get_models(include_auto_created=True)
        for f in m._meta.concrete_fields
        if isinstance(f, models.ForeignKey)
    }
    # What happened to a row stays its history; tasks lead to what has moved.
    assert {table for table, _column in found - keys} == {
        "audit_event", "worklist_task", "worklist_notification",
        "risk_touched", "risk_refreshed",  # which scores to compute anew
    }  # fmt: skip


test_plain_columns_with_ids_of_targets_are_known = pytest.mark.django_db(
    test_plain_columns_with_ids_of_targets_are_known
)


def test_clashes_stay_on_the_loser_and_the_journal_says_so(analyst):
    one, other = make_company(name="A"), make_company(name="A")
    for company in (one, other):
        CompanyName.objects.create(company=company, name="A", kind="trade")
    CompanyName.objects.create(company=one, name="Old A", kind="trade")
    Link.objects.create(kind="owns", from_company=one, to_company=other, source="x")
    row = merge(actor=analyst, loser=one, survivor=other)
    assert set(other.names.values_list("name", flat=True)) == {"A", "Old A"}
    assert list(one.names.values_list("name", flat=True)) == ["A"]
    left = row.moves.filter(action="left").values_list("table", flat=True)
    assert sorted(left) == ["targets_companyname", "targets_link"]  # not a link to itself either
    unmerge(actor=analyst, row=row, reason="Two after all")
    assert set(one.names.values_list("name", flat=True)) == {"A", "Old A"}


def test_two_companies_with_business_ids_are_never_one(analyst):
    one, other = make_company(business_id="9900010-6"), make_company(business_id="9900011-4")
    with pytest.raises(RuleViolation, match="9900010-6 and 9900011-4"):
        merge(actor=analyst, loser=one, survivor=other)
    merge(actor=analyst, loser=make_company(), survivor=one)


def test_who_may_and_what_is_refused(analyst):
    loser, survivor = make_site(), make_site()
    for role in ("inspector", "manager"):
        with pytest.raises(NotAllowed):
            merge(actor=make_actor("OSH", role), loser=loser, survivor=survivor)
    elsewhere = make_actor("TAX", "analyst", regions=(make_region("02", "Varsinais-Suomi"),))
    with pytest.raises(NotAllowed, match="regions"):
        merge(actor=elsewhere, loser=loser, survivor=survivor)
    with pytest.raises(RuleViolation, match="different"):
        merge(actor=analyst, loser=loser, survivor=loser)
    row = merge(actor=analyst, loser=loser, survivor=survivor)
    for again in ((loser, survivor), (survivor, loser), (make_site(), loser)):
        with pytest.raises(Conflict, match="merged already"):
            merge(actor=analyst, loser=again[0], survivor=again[1])
    with pytest.raises(RuleViolation):
        unmerge(actor=analyst, row=row, reason=" ")
    unmerge(actor=analyst, row=row, reason="x")
    with pytest.raises(Conflict, match="undone already"):
        unmerge(actor=analyst, row=row, reason="x")


def test_chains_stay_flat_and_come_apart_from_the_end(analyst):
    a, b, c = make_site(), make_site(), make_site()
    visit = make_past_visit(a)
    first = merge(actor=analyst, loser=a, survivor=b)
    second = merge(actor=analyst, loser=b, survivor=c)
    visit.refresh_from_db()
    a.refresh_from_db()
    assert visit.site_id == c.pk
    assert a.merged_into_id == c.pk
    with pytest.raises(Conflict, match="Undo that merge first"):
        unmerge(actor=analyst, row=first, reason="x")
    unmerge(actor=analyst, row=second, reason="x")
    unmerge(actor=analyst, row=Merge.objects.get(pk=first.pk), reason="x")
    visit.refresh_from_db()
    assert visit.site_id == a.pk


def test_the_pair_is_decided_with_the_merge_and_open_again_after(analyst):
    a, b = make_site(), make_site()
    pair = MatchPair.objects.create(site_a=a, site_b=b, probability=0.9)
    row = merge(actor=analyst, loser=b, survivor=a, reason="Same door")
    pair.refresh_from_db()
    assert (pair.state, pair.decided_by, pair.reason) == ("same", analyst.user, "Same door")
    unmerge(actor=analyst, row=row, reason="x")
    pair.refresh_from_db()
    assert (pair.state, pair.decided_by) == ("proposed", None)


def test_late_comers_are_swept_along_and_go_back_too(analyst):
    """An import of the loser's source goes on naming the loser."""
    loser, survivor = make_site(), make_site()
    row = merge(actor=analyst, loser=loser, survivor=survivor)
    visit = make_past_visit(loser)
    with using(Context()):  # as in a worker
        assert merging.sweep() == 1
        assert merging.sweep() == 0
    visit.refresh_from_db()
    assert visit.site_id == survivor.pk
    PastVisit.objects.filter(pk=visit.pk).update(site=loser)  # said again by the same source
    assert merging.sweep() == 1
    unmerge(actor=analyst, row=row, reason="x")
    visit.refresh_from_db()
    assert visit.site_id == loser.pk
    assert merging.sweep() == 0


def test_what_came_to_the_survivor_meanwhile_stays_there(analyst):
    loser, survivor = make_site(), make_site()
    row = merge(actor=analyst, loser=loser, survivor=survivor)
    visit = make_past_visit(survivor)
    unmerge(actor=analyst, row=row, reason="x")
    visit.refresh_from_db()
    assert visit.site_id == survivor.pk


# ------------------------------------------------------------------------------------- recusals
def test_who_is_kept_away_from_one_is_kept_away_from_both(analyst):
    loser, survivor, company = make_site(), make_site(), make_company()
    third = make_site(company=company)
    person = make_actor("TAX", "inspector")
    manager = make_actor("TAX", "manager")
    recuse(actor=manager, person=person.user, target=company, reason="Kin")

    def seen() -> set[int]:
        with acting_as(person):
            return set(Site.objects.values_list("pk", flat=True))

    assert seen() == {loser.pk, survivor.pk}
    first = merge(actor=analyst, loser=third, survivor=survivor)
    assert seen() == {loser.pk}
    second = merge(actor=analyst, loser=loser, survivor=survivor)
    assert seen() == set()
    unmerge(actor=analyst, row=second, reason="x")
    assert seen() == {loser.pk}
    unmerge(actor=analyst, row=first, reason="x")
    assert seen() == {loser.pk, survivor.pk}
    assert Recusal.objects.count() == 1


def test_a_recused_decider_cannot_merge(analyst):
    loser, survivor = make_site(), make_site()
    recuse(actor=make_actor("OSH", "manager"), person=analyst.user, target=loser, reason="Kin")
    with pytest.raises(Conflict, match="not there"):
        merge(actor=analyst, loser=loser, survivor=survivor)


# ------------------------------------------------------------------------------ nothing betrayed
def test_the_journal_tells_nobody_what_others_have(analyst):
    loser, survivor = make_site(), make_site()
    SiteOperator.objects.create(site=loser, company=make_company())
    make_signal(make_actor("TAX"), site=loser)
    row = merge(actor=analyst, loser=loser, survivor=survivor)
    with as_system("all there is"):
        assert MergeMove.objects.filter(table="targets_signal").exists()
    for person in (analyst, make_actor("TAX", "administrator")):
        with acting_as(person):
            assert set(MergeMove.objects.values_list("table", flat=True)) == {
                "targets_siteoperator"
            }
            MergeMove.objects.update(open=True)
            MergeMove.objects.all().delete()
    assert row.moves.count() == 2


def test_a_merge_does_the_same_work_whatever_others_have(analyst):
    """Two worlds, one with a silent hold, a signal and a visit of others: the same statements."""
    counts = []
    for hidden in (False, False, True):  # the first time, what is asked once is asked
        loser, survivor = make_site(), make_site()
        if hidden:
            tax = make_actor("TAX", "coordinator")
            set_hold(actor=tax, target=loser, kind="silent", liaison="Call", reason="Secret",
                     superior=make_actor("TAX", "manager").user)  # fmt: skip
            make_signal(tax, site=loser)
            make_past_visit(loser, "TAX", shared=False)
        for step in (
            lambda a=loser, b=survivor: merge(actor=analyst, loser=a, survivor=b),
            lambda: unmerge(actor=analyst, row=Merge.objects.latest("pk"), reason="x"),
        ):
            with CaptureQueriesContext(connection) as captured:
                step()
            counts.append(re.sub(r"\d+", "N", " ".join(q["sql"][:60] for q in captured)))
    assert counts[2:4] == counts[4:]


# ------------------------------------------------------------------------------- there and back
RELATIONS = ("visit", "signal", "operator", "fact", "link", "name", "site", "merged", "recusal")


@pytest.mark.django_db
@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    things=st.lists(
        st.tuples(st.sampled_from(RELATIONS), st.booleans(), st.integers(0, 2)), max_size=14
    ),
    companies=st.booleans(),
)
def test_there_and_back_gives_the_same_rows(analyst, things, companies):
    from django.db import transaction

    with transaction.atomic():
        make = make_company if companies else make_site
        pair = [make(), make()]
        for what, first, number in things:
            _hang(what, pair[0 if first else 1], pair[1 if first else 0], number)
        search.refresh()  # rows made here by hand have no entries yet
        before = dump()
        row = merge(actor=analyst, loser=pair[0], survivor=pair[1])
        assert dump() != before
        unmerge(actor=analyst, row=row, reason="x")
        assert dump() == before
        transaction.set_rollback(True)


def _hang(what: str, target: Any, other: Any, number: int) -> None:
    """Something on the target; the same number gives the same thing, so that unique keys clash."""
    from django.db import IntegrityError, transaction

    try:
        with transaction.atomic():
            _hang_one(what, target, other, number)
    except (IntegrityError, Conflict):
        pass


def _hang_one(what: str, target: Any, other: Any, number: int) -> None:
    site = isinstance(target, Site)
    tax = make_actor("TAX", "manager")
    if what == "signal":
        make_signal(tax, **{"site" if site else "company": target})
    elif what == "link" and not site:
        Link.objects.create(kind="owns", from_company=target, to_company=other, source="x")
    elif what == "recusal":
        recuse(actor=tax, person=_person(number), target=target, reason="Kin")
    elif what == "merged":
        make = make_site if site else make_company
        make(merged_into=target)
    elif site and what == "operator":
        company, _new = Company.objects.get_or_create(name=f"Operator {number}", source="x")
        SiteOperator.objects.create(site=target, company=company)
    elif site:
        make_past_visit(target)
    elif what == "name":
        CompanyName.objects.create(company=target, name=f"N{number}", kind="trade")
    else:
        make_site(company=target)


def _person(number: int) -> Any:
    email = f"kept-away-{number}@test.example"
    return User.objects.filter(email=email).first() or make_actor("TAX", email=email).user


# ------------------------------------------------------------------------------- two at once
@pytest.mark.django_db(transaction=True)
def test_of_two_at_once_one_wins():
    one, other = make_actor("OSH", "analyst"), make_actor("TAX", "analyst")
    a, b = make_site(), make_site()
    results: list[Any] = []
    start = threading.Barrier(2)

    def run(actor: Any, loser: Site, survivor: Site) -> None:
        try:
            start.wait(10)
            results.append(merge(actor=actor, loser=loser, survivor=survivor))
        except Exception as error:
            results.append(error)
        finally:
            connection.close()

    threads = [
        threading.Thread(target=run, args=(one, a, b)),
        threading.Thread(target=run, args=(other, b, a)),
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert sorted(type(r).__name__ for r in results) == ["Conflict", "Merge"]
    assert Merge.objects.count() == 1


def test_what_was_signed_stays_what_was_signed(analyst):
    from planning.services.parts import selection_hash

    cast = Cast()
    operation = cast.to("scheduled")
    signed = operation.signoffs.values_list("selection_hash", flat=True)[:1].get()
    assert selection_hash(operation) == signed
    row = merge(actor=analyst, loser=cast.sites[0], survivor=make_site())
    merge(actor=analyst, loser=row.survivor, survivor=make_site())
    assert not operation.choices.filter(site=cast.sites[0]).exists()
    assert selection_hash(operation) == signed


def test_keeping_away_from_what_was_merged_covers_all_of_it(analyst):
    loser, survivor = make_site(), make_site()
    row = merge(actor=analyst, loser=loser, survivor=survivor)
    manager, person = make_actor("TAX", "manager"), make_actor("TAX", "inspector")
    recusal = recuse(actor=manager, person=person.user, target=survivor, reason="Kin")
    with acting_as(person):
        assert not Site.objects.exists()
    end_recusal(actor=manager, recusal=recusal)
    with acting_as(person):
        assert Site.objects.count() == 2
    recuse(actor=manager, person=person.user, target=survivor, reason="Kin")
    unmerge(actor=analyst, row=row, reason="x")
    with acting_as(person):
        assert not Site.objects.exists()  # rather too much than too little
