"""History looks strictly back; the yardsticks run on stored data and say so when it is absent."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from risk.yardsticks import chicago, common, san_francisco
from risk.yardsticks.history import History, Neighbourhood
from risk.yardsticks.level import followed, shift

ROOT = Path(__file__).resolve().parents[3]
DATA = Path(os.environ.get("YARDSTICK_DATA", ROOT.parent / "shared" / "data"))

events = st.lists(
    st.tuples(st.integers(0, 3), st.integers(0, 30), st.integers(0, 5)), min_size=1, max_size=30
)


@settings(max_examples=100, deadline=None)
@given(events, st.integers(0, 3), st.integers(0, 31))
def test_history_agrees_with_counting_by_hand(
    rows: list[tuple[int, int, int]], who: int, day: int
) -> None:
    entity, when, value = (np.array(c) for c in zip(*rows, strict=True))
    h = History(entity, when, {"v": value})
    past = sorted(((d, v) for e, d, v in rows if e == who and d < day), key=lambda p: p[0])
    ask = (np.array([who]), np.array([day]))
    assert h.total(*ask)[0] == len(past)
    assert h.total(*ask, "v")[0] == sum(v for _, v in past)
    assert h.total(*ask, "v", 7)[0] == sum(v for d, v in past if d >= day - 7)
    fading = sum(v * 0.5 ** ((day - d) / 10) for d, v in past)
    assert h.fading(*ask, "v", 10)[0] == pytest.approx(fading, abs=1e-9)
    assert h.rate(*ask, "v", 2.0, 3)[0] == pytest.approx(
        (sum(v for _, v in past) + 6) / (len(past) + 3)
    )
    if past:
        assert h.since(*ask)[0] == day - past[-1][0]
        assert h.first(*ask)[0] == day - past[0][0]
        last_day = [v for d, v in past if d == past[-1][0]]
        assert h.last(*ask, "v")[0] in last_day
    else:
        assert np.isnan(h.since(*ask)[0])
        assert np.isnan(h.last(*ask, "v")[0])


def test_neighbourhood_looks_at_nine_squares_and_only_back() -> None:
    near = Neighbourhood(
        np.array([60.0, 60.0105, 60.1, np.nan]), np.array([25.0, 25.0, 25.0, 25.0]),
        np.array([5, 5, 5, 5]), {}, size=0.01,
    )  # fmt: skip
    here = (np.array([60.001, 60.001, np.nan]), np.array([25.0, 25.0, 25.0]))
    found = near.fading(*here, np.array([6, 5, 6]), "1", 1e9)
    assert found[0] == pytest.approx(2)
    assert found[1] == 0
    assert np.isnan(found[2])


def test_a_level_is_of_earlier_days_only_and_keeps_the_order_of_a_day() -> None:
    chance = np.random.default_rng(5)
    day = np.repeat(np.arange(100), 20)
    score = chance.normal(-2, 1, 2000)
    y = (chance.random(2000) < 1 / (1 + np.exp(-score - 1))).astype(float)
    weights = 2.0 ** ((day - 99) / 30)
    p = 1 / (1 + np.exp(-score - shift(score, y, weights)))
    assert weights @ p == pytest.approx(weights @ y)
    rows = np.flatnonzero(day >= 60)
    found = followed(score, y, day, rows, 30)
    assert found.mean() == pytest.approx(y[rows].mean(), abs=0.03)
    assert abs((1 / (1 + np.exp(-score[rows]))).mean() - y[rows].mean()) > 0.05
    today = day[rows] == 80
    assert (np.argsort(found[today]) == np.argsort(score[rows][today])).all()
    changed = np.where(day >= 80, 1 - y, y)  # results of the day itself and later ones
    again = followed(score, changed, day, rows, 30)
    assert again[day[rows] <= 80].tolist() == found[day[rows] <= 80].tolist()
    assert again[day[rows] > 80].tolist() != found[day[rows] > 80].tolist()


def test_without_a_database_the_way_through_the_product_says_what_to_run(tmp_path: Path) -> None:
    sample = ROOT / "tests" / "risk" / "yardsticks" / "sanfrancisco"
    (tmp_path / san_francisco.FOLDER).symlink_to(sample)
    environment = {k: v for k, v in os.environ.items() if not k.startswith("DATABASE_")}
    done = subprocess.run(
        [sys.executable, "-m", "risk.yardsticks", "--data", str(tmp_path), "--way", "product"],
        cwd=ROOT, capture_output=True, text=True, env=environment,
    )  # fmt: skip
    assert done.returncode == 1
    assert "run make yardsticks" in done.stderr
    assert "model_table.parquet is not there" in done.stdout or "features.parquet" in done.stdout


def test_absent_files_are_told_in_words(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "risk.yardsticks", "--data", str(tmp_path)],
        cwd=ROOT, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert done.stdout.count("skipped:") == 3
    assert "model_table.parquet is not there" in done.stdout


@pytest.mark.skipif(
    not (DATA / chicago.FOLDER / "model_table.parquet").is_file(), reason="no stored data"
)
def test_the_published_protocol_is_reproduced() -> None:
    check = chicago.harness(common.read(DATA / chicago.FOLDER, "model_table.parquet"))
    published = check["published with inspector"]
    assert published["days_earlier"] == pytest.approx(7.43, abs=0.1)
    assert published["first_half"] == pytest.approx(0.690, abs=0.002)
    assert check["inspector alone"]["days_earlier"] > 6
    assert check["published without inspector"]["days_earlier"] < 3
