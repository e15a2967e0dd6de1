"""Comparing the register with itself: what is proposed, what never again, and by whose data."""

import datetime as dt
from io import StringIO
from typing import Any

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.core.management import CommandError, call_command
from django.db import connection
from django.utils import timezone

from audit.context import Context, acting_as, as_system, using
from audit.errors import Conflict, NotAllowed
from targets.jobs import link_register, sweep_linkage
from targets.models import (
    CompanyIdentifier,
    CompanyName,
    Dataset,
    Fact,
    Link,
    LinkRun,
    LinkThreshold,
    MatchPair,
    RunState,
    Site,
)
from targets.services.identity import backend, linkage
from targets.services.identity.merging import merge, unmerge
from targets.services.recusals import recuse
from tests.factories import (
    make_actor,
    make_company,
    make_ground,
    make_municipality,
    make_past_visit,
    make_signal,
    make_site,
)

pytestmark = pytest.mark.django_db


def place(source: str, name: str, address: str = "Hämeenkatu 3", **values: Any) -> Site:
    values.setdefault("company", None)
    return make_site(
        source=source, name=name, address=address, postal_code=values.pop("postal", "33100"),
        **values,
    )  # fmt: skip


def run(kind: str = "site", full: bool = True) -> LinkRun:
    """As in a worker: nobody's eyes."""
    with using(Context()):
        row = linkage.claim(linkage.new_run(kind=kind, full=full).pk)
        assert row is not None
        linkage.perform(row)
    assert row.state == RunState.DONE, row.message
    return row


def pairs() -> set[tuple[int | None, int | None]]:
    return set(MatchPair.objects.filter(state="proposed").values_list("site_a_id", "site_b_id"))


def some_register() -> list[Site]:
    """Two rows of one place, a neighbour in the building, a branch elsewhere, and others."""
    firm = make_company(name="Kulma Kebab Oy", business_id="9900010-6")
    espoo = make_municipality("049", "Espoo")
    rows = [
        place("food", "Ravintola Kulma Kebab", company=firm),
        place("alcohol", "RESTAURANG KULMA-KEBAB AB", "Hämeenk. 3 B 12"),
        place("food", "Parturi Sirpa"),
        place("food", "Kulma Kebab", "Espoontie 9", company=firm, municipality=espoo,
              postal="02100"),
    ]  # fmt: skip
    rows += [place("other", f"Muu {n} Paikka {n * 7}", f"Muutie {n}") for n in range(1, 30)]
    return rows


# ------------------------------------------------------------------------------- what is found
def test_one_place_of_two_registers_is_proposed_with_its_evidence():
    one, two, *_others = some_register()
    row = run()
    assert pairs() == {(one.pk, two.pk)}
    assert (row.pairs_found, row.pairs_new, row.rows_read) == (1, 1, 33)
    pair = MatchPair.objects.get()
    assert pair.probability > 0.9
    evidence = {e["what"]: e for e in pair.evidence}
    assert evidence["name"]["level"] == "same"
    assert evidence["name"]["a"] == evidence["name"]["b"] == "kebab kulma ravintola"
    assert evidence["location"]["level"] == "same_address"
    assert evidence["location"]["weight"] > 5
    assert (evidence["firm_id"]["level"], evidence["firm_id"]["weight"]) == ("unknown", 0)


def test_again_nothing_doubles_and_what_is_gone_goes():
    _one, two, *_others = some_register()
    run()
    again = run()
    assert (again.pairs_found, again.pairs_new) == (1, 0)
    assert MatchPair.objects.count() == 1
    Site.objects.filter(pk=two.pk).update(name="Toinen Yritys", address="Kauppakatu 8")
    run()
    assert not MatchPair.objects.exists()


def test_different_stays_different(analyst):
    one, two, *_others = some_register()
    run()
    MatchPair.objects.update(
        state="different", decided_at=timezone.now(), decided_by=analyst.user, reason="Two doors"
    )
    run()
    pair = MatchPair.objects.get()
    assert (pair.state, pair.reason) == ("different", "Two doors")
    # Also when one of them has become part of a third row.
    third = place("old", "Ihan Muu", "Torikatu 1")
    merge(actor=analyst, loser=two, survivor=third)
    run()
    assert pairs() == set()
    pair.delete()
    run()
    assert pairs() == {(one.pk, third.pk)}  # the part's spelling speaks for the whole


def test_what_is_one_already_is_not_proposed(analyst):
    one, two, *_others = some_register()
    run()
    row = merge(actor=analyst, loser=two, survivor=one)
    run()
    assert MatchPair.objects.get().state == "same"
    unmerge(actor=analyst, row=row, reason="x")
    assert pairs() == {(one.pk, two.pk)}


def test_only_what_changed_is_compared_again():
    one, two, *_others = some_register()
    run()
    MatchPair.objects.all().delete()
    later = run(full=False)
    assert not later.full
    assert (later.since, later.pairs_found) == (LinkRun.objects.earliest("pk").until, 0)
    three = place("tax", "Kulma Kebab Ravintola")
    run(full=False)
    assert pairs() == {(one.pk, three.pk), (two.pk, three.pk)}
    run(full=False)
    assert len(pairs()) == 2  # what was not compared again stays


def test_companies_without_business_id_find_theirs():
    known = make_company(name="Baltic Build OÜ", address="Hämeenkatu 3", postal_code="33100")
    CompanyIdentifier.objects.create(
        company=known, scheme="register", country="EE", value="12345678"
    )
    other = make_company(name="Baltic Building", address="Tehtaankatu 9", postal_code="00140")
    CompanyIdentifier.objects.create(company=other, scheme="vat", country="FI", value="FI99000106")
    finnish = make_company(name="Baltic Building Oy", business_id="9900010-6",
                           address="Tehtaankatu 9", postal_code="00140")  # fmt: skip
    twin = make_company(name="Baltic Building Oy", business_id="9900011-4",
                        address="Tehtaankatu 9", postal_code="00140")  # fmt: skip
    for number in range(20):
        make_company(name=f"Muu {number} Oy", address=f"Muutie {number}", postal_code="00200")
    run("company")
    found = set(MatchPair.objects.values_list("company_a_id", "company_b_id"))
    assert (other.pk, finnish.pk) in found
    assert (finnish.pk, twin.pk) not in found
    assert not any(known.pk in pair for pair in found)


def test_former_names_count():
    firm = make_company(name="Uusi Nimi Oy")
    CompanyName.objects.create(company=firm, name="Vanha Satama Oy", kind="trade")
    one = place("tax", "Uusi Nimi", company=firm)
    two = place("old", "Vanha Satama")
    for number in range(20):
        place("other", f"Muu {number}", f"Muutie {number}")
    run()
    assert pairs() == {(one.pk, two.pk)}
    assert MatchPair.objects.get().evidence[0]["level"] == "also_called"


# ---------------------------------------------------------------------------------- thresholds
def test_the_most_exact_threshold_counts():
    for values in (("*", "*", 0.5, 0.9), ("*", "food", 0.6, 0.9), ("alcohol", "food", 0.7, 0.95)):
        LinkThreshold.objects.create(
            kind="site", source_a=values[0], source_b=values[1], propose_at=values[2],
            join_at=values[3],
        )  # fmt: skip
    limits = linkage.Thresholds("site")
    assert limits.of("food", "alcohol") == (0.7, 0.95)
    assert limits.of("tax", "food") == limits.of("food", "tax") == (0.6, 0.9)
    assert limits.of("a", "b") == (0.5, 0.9)
    assert limits.lowest == 0.5
    assert linkage.Thresholds("company").of("a", "b") == (linkage.PROPOSE_AT, linkage.JOIN_AT)


def test_a_threshold_of_two_sources_holds_for_them_alone():
    some_register()
    LinkThreshold.objects.create(
        kind="site", source_a="alcohol", source_b="food", propose_at=0.999999, join_at=1
    )
    run()
    assert pairs() == set()
    LinkThreshold.objects.update(propose_at=0.5, join_at=0.9)
    run()
    assert MatchPair.objects.get().strong


# ---------------------------------------------------------------------- the job, killed and swept
class Killed(BaseException):
    pass


def test_a_killed_run_goes_on_from_where_it_was(monkeypatch):
    some_register()
    for number in range(20):  # pairs in every part
        for source in ("one", "two"):
            place(source, f"Kaksonen {number * 13}", f"Parikatu {number}")
    monkeypatch.setattr(linkage, "ROWS_A_CHUNK", 18)
    whole = run()
    order = ("site_a_id", "site_b_id")
    expected = list(MatchPair.objects.order_by(*order).values_list(*order, "evidence"))
    assert len(expected) > 20
    MatchPair.objects.all().delete()

    def kill(row: LinkRun) -> None:
        if row.chunks_done == 2:
            raise Killed

    row = linkage.claim(linkage.new_run(kind="site", full=True).pk)
    with pytest.raises(Killed), using(Context()):
        linkage.perform(row, kill)
    row.refresh_from_db()
    assert (row.state, row.chunks_done, row.chunks_total) == ("running", 2, 5)
    assert linkage.claim(row.pk) is None  # its process may still be alive
    model = row.model
    LinkRun.objects.filter(pk=row.pk).update(
        heartbeat_at=timezone.now() - dt.timedelta(seconds=linkage.STALE_SECONDS + 1)
    )
    done: list[int] = []
    again = linkage.claim(row.pk)
    with using(Context()):
        linkage.perform(again, lambda r: done.append(r.chunks_done))
    again.refresh_from_db()
    assert (again.state, again.attempts, again.model) == ("done", 2, model)
    assert min(n for n in done if n) == 2
    assert list(MatchPair.objects.order_by(*order).values_list(*order, "evidence")) == expected
    assert again.pairs_found == whole.pairs_found


def test_the_sweep_takes_up_what_was_lost(monkeypatch, django_capture_on_commit_callbacks):
    some_register()
    taken: list[int] = []
    monkeypatch.setattr(link_register, "delay", taken.append)
    lost = linkage.new_run(kind="site", full=True)
    sweep_linkage()
    assert taken == []
    LinkRun.objects.update(created_at=timezone.now() - dt.timedelta(minutes=5))
    sweep_linkage()
    assert taken == [lost.pk]
    link_register(lost.pk)
    link_register(lost.pk)  # delivered twice
    lost.refresh_from_db()
    assert (lost.state, lost.attempts) == ("done", 1)
    with django_capture_on_commit_callbacks(execute=True):
        sweep_linkage()
    assert taken == [lost.pk]
    LinkRun.objects.update(until=timezone.now() - dt.timedelta(hours=25))
    with django_capture_on_commit_callbacks(execute=True):
        sweep_linkage()
        sweep_linkage()
    assert len(taken) == 2
    assert not LinkRun.objects.latest("pk").full


def test_whoever_was_taken_over_stops_writing():
    some_register()
    row = linkage.claim(linkage.new_run(kind="site", full=True).pk)
    LinkRun.objects.filter(pk=row.pk).update(heartbeat_at=timezone.now() + dt.timedelta(seconds=9))
    linkage.perform(row)
    assert (row.state, MatchPair.objects.count()) == ("running", 0)


def test_what_kills_its_worker_ends():
    row = linkage.claim(linkage.new_run(kind="site", full=True).pk)
    LinkRun.objects.filter(pk=row.pk).update(attempts=linkage.MAX_ATTEMPTS + 1)
    row.refresh_from_db()
    linkage.perform(row)
    assert (row.state, row.finished_at is None) == ("failed", False)
    assert "number" in row.message


def test_one_run_of_a_kind_at_a_time(analyst):
    linkage.start_run(actor=analyst, kind="site")
    with pytest.raises(Conflict, match="now"):
        linkage.start_run(actor=analyst, kind="site")
    linkage.start_run(actor=analyst, kind="company")
    with pytest.raises(NotAllowed):
        linkage.start_run(actor=make_actor("OSH", "inspector"), kind="site")


def test_the_command():
    some_register()
    out = StringIO()
    call_command("link_register", verbosity=0, stdout=out)
    assert "site: 33 rows read, 1 pairs found, 1 of them new" in out.getvalue()
    linkage.new_run(kind="site", full=True)
    with pytest.raises(CommandError, match="now"):
        call_command("link_register", kind="site", verbosity=0, stdout=out)


@pytest.mark.parametrize(
    ("name", "words"), [("spark", "pyspark is not installed"), ("oracle", "duckdb, spark")]
)
def test_an_engine_that_cannot_run_says_what_to_do(settings, name, words):
    settings.LINKAGE_BACKEND = name
    with pytest.raises(ImproperlyConfigured, match=words):
        backend.check()
    row = linkage.claim(linkage.new_run(kind="site", full=True).pk)
    linkage.perform(row)
    assert row.state == "failed"
    assert words in row.message


# ------------------------------------------------------------------------------- nothing betrayed
def test_what_is_not_disclosed_influences_nothing():
    """Two worlds that differ only in what one authority holds for itself: the same pairs."""
    sites = some_register()
    run()
    seen = [(p.site_a_id, p.site_b_id, p.probability, p.evidence) for p in MatchPair.objects.all()]
    model = LinkRun.objects.get().model["comparisons"]
    own = make_actor("TAX", "analyst")
    one, other = sites[2], sites[5]
    firm = make_company(name="Hidden Link Oy")
    for site in (one, other):
        make_signal(own, site=site)
        make_past_visit(site, "TAX", shared=False)
        Fact.objects.create(
            site=site, kind="licence", value={"holder": "Hidden"}, known_from=timezone.now(),
            source="own", source_key=str(site.pk), authority=own.authority,
        )  # fmt: skip
        Link.objects.create(
            kind="works_at", from_company=firm, to_site=site, source="own", authority=own.authority
        )
    Dataset.objects.create(
        authority=own.authority, created_by=own.user, title="Own", kind="tip", purpose="p",
        ground=make_ground("G-M", ["OSH"], ["TAX"], "tip", mode="mass_data"),
        expires_on=timezone.localdate(),
    )  # fmt: skip
    run()
    again = [(p.site_a_id, p.site_b_id, p.probability, p.evidence) for p in MatchPair.objects.all()]
    assert again == seen
    assert LinkRun.objects.latest("pk").model["comparisons"] == model


def test_a_comparison_cannot_read_what_belongs_to_anybody():
    make_signal(make_actor("TAX"), site=make_site())
    counts: list[int] = []

    def look(row: LinkRun) -> None:
        with connection.cursor() as cursor:
            cursor.execute("SELECT count(*) FROM targets_signal")
            counts.append(cursor.fetchone()[0])

    with as_system("even where the caller sees everything"):
        linkage.perform(linkage.claim(linkage.new_run(kind="site", full=True).pk), look)
    assert set(counts[:-1]) == {0}


def test_the_recused_see_no_pair_of_their_target(analyst):
    one, _two, *_others = some_register()
    run()
    recuse(actor=make_actor("OSH", "manager"), person=analyst.user, target=one, reason="Kin")
    with acting_as(analyst):
        assert not MatchPair.objects.exists()
    with acting_as(make_actor("OSH", "analyst")):
        assert MatchPair.objects.exists()


@pytest.fixture
def analyst():
    return make_actor("OSH", "analyst")
