"""How a long-lived process collects its garbage.

Python looks through everything alive each time some hundred objects were made. After start-up most
of what is alive is code and configuration that never goes, and a page makes tens of thousands of
objects that go at its end: looking for them all the time was a fifth of a list page's processor
time and of an import's reading (``bench/pages.py``, ``bench/imports.py``).
"""

import gc


def settle() -> None:
    """Call once when everything is loaded: what is alive now is not looked through again."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 50)
