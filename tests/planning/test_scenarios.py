"""Scenarios S7, S8 and S9 from nominations to what is learned, through the services and pages."""

import re
from decimal import Decimal

import pytest
from django.db import IntegrityError, transaction
from django.urls import reverse
from django.utils import timezone

from audit.context import acting_as
from audit.errors import RuleViolation
from planning.candidates import candidates
from planning.documents import decision_content
from planning.models import Capacity, MinuteLine, SelectionRun
from planning.optimise import lottery as method
from planning.services import adopt, choose, lottery, move
from planning.services.meetings import (
    close_meeting,
    decide,
    give_voice,
    join,
    minutes_content,
    open_item,
    open_meeting,
)
from planning.services.parts import digest
from planning.services.pool import add_to_pool
from risk.arm_rates import labelled_visits, rate
from risk.services.scoring import run_scoring
from targets.models import Site
from tests.factories import Cast, make_available, make_past_visit, make_site, set_rules
from tests.planning.test_runs import plan
from tests.risk.engine.factories import make_indicator, make_model

pytestmark = pytest.mark.django_db
FOUND = {"measure": "count", "within_days": 3650, "outcomes": ["serious", "severe"]}
CURVE = {"calibration": [[0, 0.1, 0.05, 0.2], [100, 0.9, 0.8, 0.95]]}


def days(cast: Cast, code: str, a_week: str) -> None:
    Capacity.objects.update_or_create(
        operation=cast.operation, authority=cast.actors[code, "coordinator"].authority,
        defaults={"days": Decimal(a_week)},
    )  # fmt: skip


# ---------------------------------------------------------------------------------------- S7
class Four(Cast):
    CODES = ("OSH", "TAX", "POL", "BOR")


def proposed(cast: Cast) -> SelectionRun:
    """Room for five visits: two of the lead and one of each other, at a day and a half each."""
    for code, a_week in (("OSH", "0.8"), ("TAX", "0.4"), ("POL", "0.4"), ("BOR", "0.4")):
        days(cast, code, a_week)
    set_rules(cast.operation, most_authorities=1)
    return plan(cast)


def test_s7_the_eleventh_is_picked_with_a_reason_that_stands_in_minutes_and_record(as_user):
    cast = Four()
    operation = cast.to("selecting", sites=14)
    assert operation.nominations.count() == 14
    # The first three on the list are known to be bad; that moves score, rank and plan.
    for site in cast.sites[:3]:
        for _ in range(3):
            make_past_visit(site, shared=True, outcome="severe")
    make_model([make_indicator("visits", FOUND, sentence_en="{value} visits with findings")],
               params=CURVE, visit_days=1.5)  # fmt: skip
    run_scoring()
    run = proposed(cast)
    assert run.proposals.count() == 5
    rows = candidates(operation)
    eleventh = rows[10]
    assert eleventh.rank == 11
    assert eleventh.proposal is None
    board = reverse("planning:selection", args=[operation.public_id])
    page = as_user(cast.actors["BOR", "coordinator"]).get(board).content.decode()
    assert "data coverage" in page.lower() or "Little is known" in page
    points = reverse("planning:board_site", args=[operation.public_id, rows[0].site.public_id])
    assert as_user(cast.lead).get(points).status_code == 200
    adopt(actor=cast.lead, operation=operation, run=run)

    meeting = open_meeting(actor=cast.lead, operation=cast.refresh())
    for code in ("TAX", "POL", "BOR"):
        join(actor=cast.actors[code, "coordinator"], meeting=meeting)
    item = meeting.items.get(site=eleventh.site)
    open_item(actor=cast.lead, item=item)
    give_voice(actor=cast.actors["BOR", "coordinator"], item=item, state="consent")
    with pytest.raises(RuleViolation, match="reason"):
        decide(actor=cast.lead, item=item, state="picked", reason="", code="tip")
    decide(actor=cast.lead, item=item, state="picked", reason="A tip by phone", code="tip")
    close_meeting(actor=cast.lead, meeting=meeting)
    meeting.refresh_from_db()
    assert meeting.sha256 == digest(minutes_content(meeting))
    for change in (lambda: MinuteLine.objects.update(kind="note"),
                   lambda: MinuteLine.objects.all().delete()):  # fmt: skip
        with pytest.raises(IntegrityError, match="evidence"), transaction.atomic():
            change()

    move(actor=cast.lead, operation=cast.refresh(), arrow="ask_signatures")
    cast._sign()
    sections = {s["title"]: s for s in decision_content(cast.refresh())["sections"]}
    told = {row[0]: row for row in sections["Deviations from the proposal"]["rows"]}
    assert set(told) == {eleventh.site.name}
    words = " ".join(map(str, told[eleventh.site.name]))
    assert "A tip by phone" in words
    assert cast.lead.user.full_name in words
    assert cast.operation.choices.get(site=eleventh.site).rank == 11


# ---------------------------------------------------------------------------------------- S8
def seed_that_draws(frame: method.Frame, site: Site) -> bytes:
    """One of the first few seeds that draws the site: a chance above nothing is a chance."""
    for number in range(500):
        seed = number.to_bytes(32, "big")
        if str(site.public_id) in {one.key for one in method.draw(frame, seed).drawn}:
            return seed
    raise AssertionError("never drawn")


def test_s8_an_unscored_firm_is_little_known_not_low_and_can_win_a_slot(as_user, monkeypatch):
    cast = Cast()
    operation = cast.to("selecting", sites=6)
    for site in cast.sites[:3]:
        for _ in range(3):
            make_past_visit(site, shared=True, outcome="severe")
    make_model([make_indicator("visits", FOUND, sentence_en="{value} visits with findings")],
               params=CURVE)  # fmt: skip
    run_scoring()
    new = make_site()  # after the scoring: nothing whatever is known of it
    add_to_pool(actor=cast.lead, operation=operation, sites=Site.objects.filter(pk=new.pk))
    make_available(operation)
    rows = candidates(operation)
    mine = next(row for row in rows if row.site == new)
    assert mine.card.value is None
    assert 1 < mine.rank < len(rows)  # beside those with low scores, not below them
    board = reverse("planning:selection", args=[operation.public_id])
    text = as_user(cast.actors["TAX", "coordinator"]).get(board).content.decode()
    card = next(part for part in text.split("<li") if new.name in part)
    assert "Little is known" in card

    set_rules(operation, random_share=15, no_draw="")
    # What would be committed, looked at first: a committed seed is never exchanged.
    frame = lottery._freeze(operation, 15).frame
    chances = method.draw(frame, b"x" * 32).chances
    even = frame.draws / len(frame.rows)
    assert float(chances[str(new.public_id)]) >= even / 2
    # A seed that draws it, as it might have been.
    seed = seed_that_draws(frame, new)
    monkeypatch.setattr(lottery.secrets, "token_bytes", lambda length: seed)
    assert lottery.commit(actor=cast.lead, operation=operation).frame_hash == (
        method.frame_hash(frame)
    )
    lottery.draw(actor=cast.actors["TAX", "coordinator"], operation=operation)
    won = plan(cast).proposals.get(site=new)
    assert won.arm == "random"
    assert won.probability == float(chances[str(new.public_id)])
    text = as_user(cast.actors["TAX", "coordinator"]).get(board).content.decode()
    assert "Drawn at random" in next(part for part in text.split("<li") if new.name in part)


# ---------------------------------------------------------------------------------------- S9
class Found(Cast):
    """Serious deficiencies wherever somebody chose to look, none where the lot fell."""

    def _record(self) -> None:
        from execution.services import add_finding, end_visit, start_visit, submit_record

        arms = dict(self.operation.choices.values_list("site_id", "arm"))
        osh, tax = self.actors["OSH", "inspector"], self.actors["TAX", "inspector"]
        for visit in self.visits():
            chosen = arms[visit.site_id] == "chosen"
            start_visit(actor=osh, visit=visit)
            for actor, code in ((osh, "OSH"), (tax, "TAX")):
                record, wrong = self.fill(self.record(visit, code), actor), chosen and code == "OSH"
                if wrong:
                    add_finding(actor=actor, record=record, severity="serious", text="Pay",
                                legal_reference="44/2006 13 §")  # fmt: skip
                outcome = "serious" if wrong else "no_remarks"
                submit_record(actor=actor, record=record, outcome=outcome)
            end_visit(actor=osh, visit=visit)
        move(actor=self.lead, operation=self.refresh(), arrow="start_feedback")


def test_s9_from_the_draw_to_the_hit_rate_of_random_against_chosen(as_user):
    cast = Found()
    operation = cast.to("selecting", sites=6)
    pool = [make_site() for _ in range(12)]
    add_to_pool(actor=cast.lead, operation=operation,
                sites=Site.objects.filter(pk__in=[s.pk for s in pool]))  # fmt: skip
    make_available(operation)
    for code, a_week in (("OSH", "9"), ("TAX", "6"), ("POL", "6")):
        days(cast, code, a_week)
    set_rules(operation, random_share=50, no_draw="")
    lottery.commit(actor=cast.lead, operation=operation)
    drawn = lottery.draw(actor=cast.lead, operation=operation)
    chances = dict(drawn.sites.values_list("site_id", "probability"))
    assert len(chances) >= 5
    run = plan(cast)
    adopt(actor=cast.lead, operation=operation, run=run)
    picked = {c.site_id: c for c in operation.choices.filter(state="picked")}
    assert chances.keys() <= picked.keys()
    others = picked.keys() - chances.keys()
    assert others
    move(actor=cast.lead, operation=cast.refresh(), arrow="ask_signatures")
    cast._sign()
    cast._execute()
    cast._record()
    cast._close()

    analyst = cast.actors["OSH", "analyst"]
    since = timezone.localdate().replace(year=timezone.localdate().year - 1)
    with transaction.atomic(), acting_as(analyst):
        seen = labelled_visits(analyst, since, "serious")
    own = seen.authority == analyst.authority.pk
    found = rate(type(seen)(**{key: column[own] for key, column in vars(seen).items()}))
    assert found.drawn == len(chances)
    assert found.naive.rate == pytest.approx(len(others) / len(picked))
    assert found.design is not None
    assert found.design.rate == 0  # what the lot says of all sites: nothing is wrong there
    labelled = sorted(seen.probability[own & seen.drawn].tolist())
    assert labelled == pytest.approx(sorted(chances.values()))
    page = as_user(analyst).get(reverse("risk:random_arm"), {"found": "serious"}).content.decode()
    assert "No visits drawn by lot in this time" not in page
    assert f'data-label="Visits drawn by lot">{len(chances)}</td>' in page
    naive = re.search(r'data-label="Among all visits">(\d+(?:\.\d+)?)', page)
    assert naive is not None
    assert abs(float(naive[1]) - 100 * found.naive.rate) < 0.6  # beside the rate by lot


def test_s9_a_drawn_site_is_left_out_only_with_a_reason_of_a_kind():
    cast = Cast()
    operation = cast.to("selecting", sites=6)
    set_rules(operation, random_share=50, no_draw="")
    lottery.commit(actor=cast.lead, operation=operation)
    site = lottery.draw(actor=cast.lead, operation=operation).sites.first().site
    asked = {"actor": cast.lead, "operation": operation, "site": site, "state": "dropped"}
    with pytest.raises(RuleViolation, match="kind of reason"):
        choose(**asked, reason="Burnt down")
    choice = choose(**asked, reason="Burnt down", code="other")
    assert choice.arm == "random"
    assert choice.probability > 0
