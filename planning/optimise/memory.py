"""A bound on the memory of a search, so that a plan too large takes no other work down with it."""

import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

STATUS = Path("/proc/self/status")
MB = 1_024 * 1_024
WANTING = ("can't start new thread", "cannot map zero-fill pages", "Cannot allocate memory")


@contextmanager
def bounded(megabytes: int) -> Iterator[None]:
    """Within, this process gets at most so many megabytes of data more than it has on entry.

    Whoever asks for more gets a MemoryError. Bounds the data of the process and not its addresses:
    compiled code and libraries reserve far more of those than they ever use. Does nothing where the
    system does not say what a process has (other systems than Linux).
    """
    has = _data()
    if has is None:
        yield
        return
    soft, hard = resource.getrlimit(resource.RLIMIT_DATA)
    most = has + megabytes * MB
    for limit in (soft, hard):
        most = most if limit == resource.RLIM_INFINITY else min(most, limit)
    resource.setrlimit(resource.RLIMIT_DATA, (most, hard))
    try:
        yield
    except (RuntimeError, ImportError, OSError) as error:
        # For want of memory no thread is started and no library loaded.
        if any(words in str(error) for words in WANTING):
            raise MemoryError from error
        raise
    finally:
        resource.setrlimit(resource.RLIMIT_DATA, (soft, hard))


def _data() -> int | None:
    """Bytes of data that this process has; None where the system does not say."""
    try:
        lines = STATUS.read_text().splitlines()
    except OSError:
        return None
    return next((int(x.split()[1]) * 1_024 for x in lines if x.startswith("VmData:")), None)
