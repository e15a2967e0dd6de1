"""Loops over millions of columns are compiled, once for a version of this folder's source."""

import hashlib
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numba

FOLDER = Path(__file__).resolve().parent


def _cache() -> str | None:
    """Where machine code is kept, None where nothing may be written.

    A function holds the code of those it calls in other files, and numba looks only at the age of
    its own: so the folder is named by the source of all.
    """
    digest = hashlib.sha256()
    for file in sorted(FOLDER.glob("*.py")):
        source = file.read_bytes()
        if b"@compiled" in source or b"@within" in source:
            digest.update(source)
    above = Path(os.environ.get("NUMBA_CACHE_DIR") or FOLDER / "__pycache__")
    folder = above / f"compiled-{digest.hexdigest()[:12]}"
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError:
        return None
    return str(folder) if os.access(folder, os.W_OK) else None


CACHE = _cache()


def compiled(function: Callable[..., Any]) -> Any:
    """Machine code without the interpreter's lock, with strict IEEE arithmetic: same bits again."""
    return _compile(function)


def within(function: Callable[..., Any]) -> Any:
    """For functions that only compiled ones call: without an entry from Python, sooner compiled."""
    return _compile(function, no_cpython_wrapper=True, no_cfunc_wrapper=True)


def _compile(function: Callable[..., Any], **options: Any) -> Any:
    if CACHE is None:
        return numba.njit(nogil=True, error_model="numpy", **options)(function)
    config: Any = numba.config  # its names are made as it is imported
    before, config.CACHE_DIR = config.CACHE_DIR, CACHE
    try:
        return numba.njit(cache=True, nogil=True, error_model="numpy", **options)(function)
    finally:
        config.CACHE_DIR = before
