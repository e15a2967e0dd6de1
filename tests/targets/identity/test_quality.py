"""How well pairs are found on labelled rows: a change that makes it worse fails here."""

import pytest

from bench.identity import World, business_id, compare, joined, quality
from targets.services.identity import normalise


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
