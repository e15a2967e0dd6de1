"""Loops over millions of columns are compiled; where nothing may be written, anew in each process."""

from collections.abc import Callable
from typing import Any

import numba


def compiled(function: Callable[..., Any]) -> Any:
    """Machine code without the interpreter's lock, with strict IEEE arithmetic: same bits again."""
    try:
        return numba.njit(cache=True, nogil=True)(function)
    except RuntimeError:  # neither __pycache__ nor a cache folder of the user can be written
        return numba.njit(nogil=True)(function)
