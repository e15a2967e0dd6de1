"""The lottery keeps the chances it states, and anybody can draw it again."""

import hashlib
import random
import subprocess
import sys
from collections import Counter
from dataclasses import replace
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
    rows = tuple(
        Row(f"site ä{n}", draw(st.sampled_from(["north food", "south food", "south build"])),
            draw(st.sampled_from([0.5, 1.0, 3.5])), weight)
        for n, weight in enumerate(weights)
    )  # fmt: skip
    return Frame(rows, draw(st.integers(0, 2 * len(rows))))


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
def test_chances_add_up_and_leave_nobody_out(frame: Frame, number: int) -> None:
    drawing = lottery.draw(frame, seed_of(number))
    even, risk = frame.draws - frame.draws // 2, frame.draws // 2
    halves = Counter(one.half for one in drawing.drawn)
    assert halves["even"] + halves["both"] == even
    assert halves["risk"] + halves["both"] == risk
    for row in frame.rows:
        assert 0 <= drawing.chances[row.key] <= 1
        assert (drawing.chances[row.key] > 0) == (frame.draws > 0)
    assert {one.key: one.chance for one in drawing.drawn} == {
        one.key: drawing.chances[one.key] for one in drawing.drawn
    }


def test_expected_number_is_the_mean_of_what_is_drawn() -> None:
    frame = Frame(tuple(Row(f"s{n}", "a", 1, n / 20) for n in range(20)), 10)
    sizes = [len(lottery.draw(frame, seed_of(n)).drawn) for n in range(2000)]
    expected = lottery.draw(frame, seed_of(0)).expected
    assert abs(np.mean(sizes) - expected) < 4 * np.std(sizes) / 2000**0.5


def test_chances_by_hand() -> None:
    # Weights 6, 3, 1 with two draws of each half: 6 of 10 with 2 draws is certain; then one draw
    # is left for 3 and 1. The even half: 2 of 3.
    rows = (Row("a", "x", 1, 6), Row("b", "x", 1, 3), Row("c", "x", 1, 1))
    chances = lottery.draw(Frame(rows, 4), seed_of(1)).chances
    assert chances["a"] == 1
    assert chances["b"] == 1 - (1 - lottery.Fraction(2, 3)) * (1 - lottery.Fraction(3, 4))
    assert chances["c"] == 1 - (1 - lottery.Fraction(2, 3)) * (1 - lottery.Fraction(1, 4))


@settings(max_examples=60, deadline=None)
@given(frames(), st.integers(0, 99))
def test_each_stratum_gets_its_share_of_the_even_half(frame: Frame, number: int) -> None:
    drawing = lottery.draw(frame, seed_of(number))
    even = frame.draws - frame.draws // 2
    sizes = Counter(row.stratum for row in frame.rows)
    stratum = {row.key: row.stratum for row in frame.rows}
    drawn = Counter(stratum[one.key] for one in drawing.drawn if one.half != "risk")
    for name, size in sizes.items():
        assert abs(drawn[name] - even * size / len(frame.rows)) < 1


@settings(max_examples=60, deadline=None)
@given(frames(), st.integers(0, 99))
def test_order_of_rows_does_not_matter(frame: Frame, number: int) -> None:
    rows = list(frame.rows)
    random.Random(number).shuffle(rows)
    other = Frame(tuple(rows), frame.draws)
    assert lottery.frame_hash(other) == lottery.frame_hash(frame)
    assert lottery.draw(other, seed_of(number)).drawn == lottery.draw(frame, seed_of(number)).drawn


ROWS = tuple(Row(f"s{n}", f"r{n % 3}", 1 + n % 2, n / 40 if n % 5 else None) for n in range(40))


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
    frame, seed = Frame((*ROWS, Row("Säkylä / 1", 'r"1\\', 2, 3.0)), 9), seed_of(7)
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
        if number < 2 * len(ROWS):
            more = lottery.draw(Frame(ROWS, number + 1), seed_of(1)).chances
            assert sum(more[row.key] * row.days for row in ROWS) > days


def test_bad_frames_are_refused() -> None:
    for rows, draws in [
        ((Row("a", "x", 1, 0.5),) * 2, 1),
        ((Row("a", "x", float("nan"), 0.5),), 1),
        ((Row("a", "x", 1, -0.1),), 1),
        ((Row("a", "x", 1, 0.1),), 3),
        ((Row("a", "x", 1, 0.1),), -1),
    ]:
        with pytest.raises(ValueError):
            Frame(rows, draws)
    with pytest.raises(ValueError, match="16 bytes"):
        lottery.commitment(b"short", "0" * 64)


def test_the_estimate_of_the_rate_takes_these_chances() -> None:
    """Risky sites are drawn more often; weighted by their chances the rate comes out right."""
    generator = random.Random(3)
    rows = tuple(Row(f"s{n}", f"r{n % 4}", 1, 0.02 + 0.9 * (n % 10 == 0)) for n in range(300))
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
