"""A search asks for no more memory than it is given."""

import resource
from pathlib import Path

import numpy as np
import pytest

from planning.optimise.memory import bounded

linux = pytest.mark.skipif(
    not Path("/proc/self/status").exists(), reason="only Linux says what a process has"
)


@linux
def test_whoever_asks_for_more_is_refused_and_the_process_goes_on():
    before = resource.getrlimit(resource.RLIMIT_DATA)
    with bounded(64):
        assert np.ones(2 * 1_024 * 1_024).sum() > 0  # 16 MB
        with pytest.raises(MemoryError):
            np.ones(32 * 1_024 * 1_024)  # 256 MB
    assert resource.getrlimit(resource.RLIMIT_DATA) == before
    assert np.ones(32 * 1_024 * 1_024).sum() > 0


@linux
def test_a_bound_within_a_bound_never_gives_more():
    with bounded(64):
        most, _hard = resource.getrlimit(resource.RLIMIT_DATA)
        with bounded(4_096):
            assert resource.getrlimit(resource.RLIMIT_DATA)[0] == most
