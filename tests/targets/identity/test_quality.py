"""How well pairs are found on labelled rows: a change that makes it worse fails here."""

import pytest

from bench.identity import World, business_id, compare, joined, quality
from targets.services.identity import model, normalise
from targets.services.identity.backend import Engine
from targets.services.identity.rows import Row, comparable


@pytest.fixture(scope="module")
def report():
    world = World(3_000, 1)
    found, _steps = compare(world)
    return {line["threshold"]: line for line in quality(found, world)}


def test_most_pairs_are_found_and_few_are_wrong(report):
    assert report[0.5]["recall"] >= 0.80
    assert report[0.5]["joined"] >= 0.90  # what comes together when the right ones are merged
    assert report[0.5]["precision"] >= 0.88
    assert report[0.999]["precision"] >= 0.97  # those that may be joined many at a time


def test_hard_negatives_stay_apart(report):
    """Neighbours in a building are never proposed as strong, branches of a chain hardly ever."""
    assert report[0.999]["false"].get("building", 0) == 0
    assert report[0.999]["false"].get("chain", 0) <= 5
    assert report[0.5]["false"].get("building", 0) <= 10


def test_the_same_numbers_give_the_same_rows():
    assert World(200, 3).rows == World(200, 3).rows
    assert World(200, 3).rows != World(200, 4).rows


def test_the_measure_itself():
    assert joined({(1, 2), (2, 3)}, {(1, 2), (2, 3), (1, 3), (4, 5)}) == 0.75
    ids = [business_id(n) for n in range(40)]
    assert "" in ids  # some numbers are never issued
    assert all(normalise.business_id(i) == i for i in ids if i)


def distinct(number: int) -> Row:
    return Row(number, number, "a", [f"Yritys {number} Nimi {number * 79 % 601}"],
               address=f"Tie{number}katu {number}", postal_code=f"{number:05d}", place=number)  # fmt: skip


@pytest.mark.parametrize(
    "make",
    [
        distinct,
        lambda n: Row(n, n, "a", [f"Yritys {n} Nimi {n * 79 % 601}"]),
        lambda n: Row(n, n, "a", ["Yritys"], address="Katu 1", postal_code="00100", place=1),
        lambda n: Row(n, n, "a", [f"Oma {n}"], address=f"Katu {n % 9}", place=1, business_id="x"),
    ],
    ids=["nothing alike", "names only", "all one", "one firm in nine houses"],
)
def test_registers_that_teach_nothing_are_compared_all_the_same(monkeypatch, make):
    """Learning without labels fails or goes astray on them; what is known from the start holds."""
    monkeypatch.setattr(model, "ENOUGH_TO_LEARN", 300)
    monkeypatch.setattr(model, "PAIRS_TO_LEARN_NAMES", 10)
    engine = Engine()
    engine.add(comparable([make(n) for n in range(1, 401)]))
    weights = model.trained("site", engine, 400)
    assert 0.02 / 400 <= weights["probability_two_random_records_match"] <= 20 / 400
    for comparison in weights["comparisons"]:
        start = model.START[comparison["output_column_name"]][0]
        levels = [c for c in comparison["comparison_levels"] if not c.get("is_null_level")]
        assert all(c["m_probability"] >= m / 3 for c, m in zip(levels, start, strict=True))
        assert sum(c["m_probability"] for c in levels) == pytest.approx(1, abs=0.01)
    model.Comparer("site", engine, weights).chunk(1, 1, 0.5)
    engine.close()
