"""The lottery keeps the chances it states, and anybody can draw it again."""

import hashlib
import random
import subprocess
import sys
from collections import Counter
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from planning.optimise import lottery
from planning.optimise.lottery import Frame, Row
from risk.learning.design import estimate

REDRAW = Path(__file__).resolve().parents[3] / "tools/redraw.py"


def seed_of(number: int) -> bytes:
    return hashlib.sha256(str(number).encode()).digest()


@st.composite
def frames(draw: st.DrawFn, most: int = 30) -> Frame:
    weights = draw(st.lists(st.none() | st.floats(0, 1) | st.just(50.0), min_size=1, max_size=most))
    firms = draw(st.lists(st.sampled_from(["", "", "f1", "f2", "f3"]), min_size=len(weights),
                          max_size=len(weights)))  # fmt: skip
    rows = []
    for n, (weight, firm) in enumerate(zip(weights, firms, strict=True)):
        region = draw(st.sampled_from(["north", "south"]))
        industry = draw(st.sampled_from(["food", "build"]))
        days = draw(st.sampled_from([0.5, 1.0, 3.5]))
        rows.append(Row(f"site ä{n}", firm, region, f"{region} {industry}", days, weight))
    return Frame(tuple(rows), draw(st.integers(0, len(lottery.groups_of(rows)))))


@settings(max_examples=12, deadline=None, derandomize=True)
@given(frames(most=14))
def test_sites_are_drawn_as_often_as_their_chance_says(frame: Frame) -> None:
    times, repeats = Counter(), 1500
    for number in range(repeats):
        drawing = lottery.draw(frame, seed_of(number))
        times.update(one.key for one in drawing.drawn)
    for key, chance in drawing.chances.items():
        spread = (repeats * chance * (1 - chance)) ** 0.5
        assert abs(times[key] - repeats * chance) <= 4 * spread + 1e-9, key


@settings(max_examples=150, deadline=None)
@given(frames(), st.integers(0, 99))
def test_every_draw_is_another_firm_and_chances_add_up_exactly(frame: Frame, number: int) -> None:
    drawing = lottery.draw(frame, seed_of(number))
    group = {row.key: row.group for row in frame.rows}
    assert len({group[one.key] for one in drawing.drawn}) == len(drawing.drawn) == frame.draws
    assert sum(drawing.chances.values()) == frame.draws
    for row in frame.rows:
        assert 0 <= drawing.chances[row.key] <= 1
        assert (drawing.chances[row.key] > 0) == (frame.draws > 0)
    assert all(one.chance == drawing.chances[one.key] for one in drawing.drawn)


def test_chances_by_hand() -> None:
    # Risks 6, 3, 1 of three sites: sizes 10 + 3 x 6 = 28, 19, 13, together 60 (in millions).
    rows = tuple(Row(k, "", "r", "x", 1, w) for k, w in (("a", 6), ("b", 3), ("c", 1)))
    chances = lottery.draw(Frame(rows, 1), seed_of(1)).chances
    assert chances == {"a": Fraction(28, 60), "b": Fraction(19, 60), "c": Fraction(13, 60)}
    # With three draws all are certain; with two the first is not (2 x 28 < 60).
    assert lottery.draw(Frame(rows, 2), seed_of(1)).chances["a"] == Fraction(56, 60)
    assert set(lottery.draw(Frame(rows, 3), seed_of(1)).chances.values()) == {1}
    # Two sites of one firm share its chance by their sizes: 47 of 60 twice is certain.
    firm = (replace(rows[0], firm="f"), replace(rows[1], firm="f"), rows[2])
    chances = lottery.draw(Frame(firm, 2), seed_of(1)).chances
    assert chances == {"a": Fraction(28, 47), "b": Fraction(19, 47), "c": 1}


def test_half_of_the_chance_is_for_being_there_and_half_for_the_risk() -> None:
    rows = tuple(Row(f"s{n}", "", "r", "x", 1, 0.9 if n < 10 else None) for n in range(100))
    chances = lottery.draw(Frame(rows, 4), seed_of(1)).chances
    unknown, risky = chances["s99"], chances["s0"]
    assert Fraction(2, 100) <= unknown < Fraction(2, 100) * Fraction(1001, 1000)
    assert abs(risky - Fraction(2, 100) - Fraction(2, 10)) < Fraction(1, 1000)


@settings(max_examples=100, deadline=None)
@given(frames(), st.integers(0, 99))
def test_each_region_gets_its_share(frame: Frame, number: int) -> None:
    drawing = lottery.draw(frame, seed_of(number))
    drawn = {one.key for one in drawing.drawn}
    for region in ("north", "south", lottery.SEVERAL):
        groups = [group for group in frame.groups if group.region == region]
        keys = {key for group in groups for key, _size in group.sites}
        expected = sum(drawing.chances[key] for key in keys)
        assert abs(len(drawn & keys) - expected) < 1


@settings(max_examples=200, deadline=None)
@given(frames(), st.data())
def test_no_draw_holds_more_of_some_firms_than_is_said(frame: Frame, data: st.DataObject) -> None:
    names = [group.name for group in frame.groups]
    some = data.draw(st.sets(st.sampled_from(names)))
    group = {row.key: row.group for row in frame.rows}
    most = lottery.most_of(frame.groups, frame.draws, [some, set(names)])
    assert most[1] == frame.draws
    for number in range(20):
        drawn = lottery.draw(frame, seed_of(number)).drawn
        assert sum(group[one.key] in some for one in drawn) <= most[0]


def test_a_small_region_is_not_drawn_from_more_often_than_its_share() -> None:
    rows = tuple(Row(f"s{n}", "", "north" if n < 5 else "south", "x", 1, None) for n in range(50))
    groups = lottery.groups_of(rows)
    north = {group.name for group in groups if group.region == "north"}
    assert lottery.most_of(groups, 10, [north]) == [1]
    assert lottery.most_of(groups, 11, [north]) == [2]


@settings(max_examples=60, deadline=None)
@given(frames(), st.integers(0, 99))
def test_order_of_rows_does_not_matter(frame: Frame, number: int) -> None:
    rows = list(frame.rows)
    random.Random(number).shuffle(rows)
    other = Frame(tuple(rows), frame.draws)
    assert lottery.frame_hash(other) == lottery.frame_hash(frame)
    assert lottery.draw(other, seed_of(number)).drawn == lottery.draw(frame, seed_of(number)).drawn


ROWS = tuple(
    Row(f"s{n}", f"f{n}" if n < 30 else f"f{n % 4}", f"r{n % 3}", f"r{n % 3} i{n % 2}", 1 + n % 2,
        n / 40 if n % 5 else None, ("A", "B") if n % 2 else ("A",))
    for n in range(40)
)  # fmt: skip


def test_a_changed_frame_seed_or_list_is_noticed() -> None:
    frame, seed = Frame(ROWS, 9), seed_of(7)
    committed = lottery.commitment(seed, lottery.frame_hash(frame))
    drawn = [one.key for one in lottery.draw(frame, seed).drawn]
    assert lottery.verify(frame, seed, committed, drawn) == []
    first, *others = frame.rows
    changed = [
        replace(frame, rows=tuple(others)),
        replace(frame, draws=10),
        replace(frame, rows=(replace(first, weight=0.9), *others)),
        replace(frame, rows=(replace(first, days=9.0), *others)),
        replace(frame, rows=(replace(first, stratum="r9"), *others)),
        replace(frame, rows=(replace(first, region="r9"), *others)),
        replace(frame, rows=(replace(first, firm="f9"), *others)),
        replace(frame, rows=(replace(first, team=("B",)), *others)),
    ]
    for other in changed:
        assert "The commitment is not that of this seed and this frame." in lottery.verify(
            other, seed, committed, drawn
        )
    assert lottery.verify(frame, seed_of(8), committed, drawn)
    swapped = sorted({*drawn[1:], next(r.key for r in ROWS if r.key not in drawn)})
    wrong = lottery.verify(frame, seed, committed, swapped)
    assert len(wrong) == 2
    assert wrong[0].startswith(f"{drawn[0]} was drawn")


def test_anybody_can_draw_again(tmp_path: Path) -> None:
    frame, seed = Frame((*ROWS, Row("Säkylä / 1", "", 'r"1\\', "x", 2, 3.0)), 9), seed_of(7)
    file = tmp_path / "frame.json"
    file.write_bytes(lottery.published(frame))
    committed = lottery.commitment(seed, lottery.frame_hash(frame))

    def redraw(*arguments: str) -> subprocess.CompletedProcess[str]:
        # -I -S: no site packages, so that it is shown to need none.
        return subprocess.run(
            [sys.executable, "-I", "-S", str(REDRAW), *arguments],
            capture_output=True, text=True, encoding="utf-8", check=False,
            env={"PYTHONIOENCODING": "utf-8"},
        )  # fmt: skip

    done = redraw(str(file), seed.hex(), committed)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == [one.key for one in lottery.draw(frame, seed).drawn]
    assert redraw(str(file), seed_of(8).hex(), committed).returncode == 1
    file.write_bytes(lottery.published(frame).replace(b"[\n", b"[\n\n"))
    assert redraw(str(file), seed.hex(), committed).returncode == 1


def test_days_bound_what_is_expected() -> None:
    for days in (0, 0.4, 3, 12.5, 1000):
        number = lottery.draws_for(ROWS, days)
        chances = lottery.draw(Frame(ROWS, number), seed_of(1)).chances
        assert sum(chances[row.key] * row.days for row in ROWS) <= days
        if number < len(lottery.groups_of(ROWS)):
            more = lottery.draw(Frame(ROWS, number + 1), seed_of(1)).chances
            assert sum(more[row.key] * row.days for row in ROWS) > days


def test_bad_frames_are_refused() -> None:
    for rows, draws in [
        ((Row("a", "", "r", "x", 1, 0.5),) * 2, 1),
        ((Row("a", "", "r", "x", float("nan"), 0.5),), 1),
        ((Row("a", "", "r", "x", 1, -0.1),), 1),
        ((Row("a", "", "r", "x", 1, 0.1),), 2),
        ((Row("a", "f", "r", "x", 1, 0.1), Row("b", "f", "r", "x", 1, 0.1)), 2),
        ((Row("a", "", "r", "x", 1, 0.1),), -1),
    ]:
        with pytest.raises(ValueError):
            Frame(rows, draws)
    with pytest.raises(ValueError, match="16 bytes"):
        lottery.commitment(b"short", "0" * 64)


def test_the_estimate_of_the_rate_takes_these_chances() -> None:
    """Risky sites are drawn more often; weighted by their chances the rate comes out right."""
    generator = random.Random(3)
    rows = tuple(
        Row(f"s{n}", "", f"r{n % 4}", "x", 1, 0.02 + 0.9 * (n % 10 == 0)) for n in range(300)
    )
    hit = {row.key: generator.random() < (row.weight or 0) for row in rows}
    truth = sum(hit.values()) / len(rows)
    rates, naive = [], []
    for number in range(300):
        drawn = lottery.draw(Frame(rows, 40), seed_of(number)).drawn
        y = np.array([hit[one.key] for one in drawn], float)
        chance = np.array([float(one.chance) for one in drawn])
        certain = np.zeros(len(drawn), bool)
        rates.append(estimate(y, chance, certain, {"all": len(rows)}, method="ht").rate)
        naive.append(y.mean())
    assert abs(np.mean(rates) - truth) < 4 * np.std(rates) / 300**0.5
    assert abs(np.mean(naive) - truth) > 0.1
