"""A search asks for no more memory than it is given, where the system tells what it has."""

import resource
from contextlib import nullcontext

import numpy as np
import pytest

from planning.optimise.memory import STATUS, bounded

LINUX = STATUS.exists()


def test_whoever_asks_for_more_is_refused_and_the_process_goes_on():
    before = resource.getrlimit(resource.RLIMIT_DATA)
    with bounded(64):
        assert np.ones(2 * 1_024 * 1_024).sum() > 0  # 16 MB
        with pytest.raises(MemoryError) if LINUX else nullcontext():
            np.ones(32 * 1_024 * 1_024)  # 256 MB
    assert resource.getrlimit(resource.RLIMIT_DATA) == before
    assert np.ones(32 * 1_024 * 1_024).sum() > 0


def test_a_bound_within_a_bound_never_gives_more():
    with bounded(64):
        outer = resource.getrlimit(resource.RLIMIT_DATA)
        with bounded(4_096):
            assert resource.getrlimit(resource.RLIMIT_DATA) == outer
