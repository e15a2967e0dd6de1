"""The one door from pages and services to the engine and the learning library.

Everything that counts, fits or tests is asked for here, so that what the two give is turned into
plain dicts in one place. Shapes of results: ``docs/risk.md``.
"""

import datetime as dt
import hashlib
import math
from collections.abc import Callable, MutableMapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.db import transaction

from audit.context import as_system
from risk.learning.rolling import Leak
from risk.services.scorecards import Alive
from risk.services.training import Rows, fit, matrix_of_today, rows, score_as_it_stands
from risk.services.without import without

if TYPE_CHECKING:
    from risk.models import IndicatorVersion, ModelVersion

__all__ = ["Leak", "Rows", "audit", "backtest", "beside", "drift", "fit", "preview", "rows"]
MOST_WINDOWS = 12
LEAST_WINDOW, COMPARED_WINDOWS = 30, 6  # days; how often the new one is trained for a comparison
FEW_COMPARED = 5
Progress = Callable[[int, int], None]
Kept = MutableMapping[str, Any]  # parts of a test that are done, by name


def forms() -> dict[str, Any]:
    """Which measures and fields a definition has, by source."""
    from risk.engine import definitions

    return definitions.FORMS


def definition_problems(source: str, definition: dict[str, Any], *, shared: bool) -> list[str]:
    """What is wrong with the definition of a value, in words."""
    from risk.engine import definitions

    return [str(words) for words in definitions.check_of(source, definition, shared=shared)]


def forbidden(definition: Any) -> list[str]:
    """What of a definition is never used, in words. Looks at every key and value."""
    from risk.engine import definitions

    found = {
        never.code: never.name
        for word in _words(definition)
        if word not in definitions.OWN_WORDS and (never := definitions.forbidden(word)) is not None
    }
    return list(found.values())


def never_inputs() -> list[dict[str, str]]:
    """What no score ever uses, for the public method: names in every language."""
    from risk.engine import definitions

    return [dict(never.names) for never in definitions.never_inputs()]


def never_words() -> list[str]:
    """What no score ever uses, in the reader's language."""
    from risk.engine import definitions

    return [never.name for never in definitions.never_inputs()]


def gives_text(source: str, definition: dict[str, Any]) -> bool | None:
    """Whether the value is a text; None when it may be either."""
    form = forms()[source]
    measure = definition.get("measure")
    return None if measure in form.either else measure in form.texts


def _words(value: Any) -> list[str]:
    if isinstance(value, dict):
        return [w for key, inner in value.items() for w in (str(key), *_words(inner))]
    if isinstance(value, list | tuple):
        return [w for inner in value for w in _words(inner)]
    return [value] if isinstance(value, str) else []


@dataclass(frozen=True)
class Preview:
    """``counts`` a bin; ``known`` of ``looked`` sites have a value; examples with points."""

    counts: list[int]
    known: int
    looked: int
    examples: list[dict[str, Any]]


def preview(version: "IndicatorVersion", sites: list[int], as_of: dt.date) -> Preview:
    """What an indicator, saved or not, says of these sites, read with the caller's eyes."""
    from risk.engine.points import HUNDRED, Rule, age_in_days
    from risk.engine.values import Asked, values

    rule = Rule.of_version(version)
    counts = [0] * len(rule.bins)
    examples: list[dict[str, Any]] = []
    for row in values([version], Asked.some(sites, as_of)):
        value = row.values[0]
        part = rule.part(value.number, value.text, age_in_days(value.on, row.day))
        if part.bin is None:
            continue
        counts[part.bin] += 1
        examples.append(
            {"site": row.site_id, "on": value.on, "points": part.points / HUNDRED,
             "value": value.text if value.number is None else round(value.number, 2)}
        )  # fmt: skip
    examples.sort(key=lambda e: (-e["points"], e["site"]))
    return Preview(counts, sum(counts), len(sites), examples)


def fingerprint(version: "ModelVersion", rows: Rows) -> str:
    """Of a version's content and the rows it is tested on: 16 hex digits of SHA-256."""
    found = hashlib.sha256(version.content_hash.encode())
    for column in (rows.X, rows.y, rows.day, rows.told, rows.weight):
        found.update(column.tobytes())
    return found.hexdigest()[:16]


def backtest(
    version: "ModelVersion", rows: Rows, params: dict[str, Any], progress: Progress, kept: Kept
) -> dict[str, Any]:
    """Rolling backtest beside random order, the last-visit rule, current practice and a ceiling.

    Windows that are done are in ``kept`` and not made again.
    ``{"enough": False}`` where results are too few to say anything; points may be used then.
    """
    from risk.learning.ceiling import Ceiling
    from risk.learning.rolling import Panel, Window, windows
    from risk.learning.rolling import backtest as roll

    spans = _spans(rows, int(params["window_days"]), windows)
    if not rows.enough or not spans:
        return {"enough": False, **rows.numbers()}
    steps, step = len(spans) + 4, 2

    def alive() -> None:
        progress(step, steps)

    def matrix(_cutoff: int) -> Any:
        nonlocal step
        step = min(step + 1, steps - 1)
        alive()  # asked for once a window
        return rows.X

    def ceiling() -> Any:
        directions = {card.name: card.direction for card in rows.cards}
        return Ceiling(rows.names, directions, seed=int(params["seed"]), alive=alive)

    panel = Panel(
        names=rows.names, X=matrix, y=rows.y, day=rows.day, group=rows.group, office=rows.office,
        last=rows.last, segments=rows.segments, weight=rows.weight, told=rows.told,
        # What holds from a day on may be known when that day begins; what is of a later day cannot.
        known_from=rows.value_day - 1,
    )  # fmt: skip
    found = roll(
        panel, lambda: rows.scorecard(version, seed=int(params["seed"]), alive=alive),
        [Window(*span) for span in spans], capacity=float(params["capacity"]),
        seed=int(params["seed"]), ceiling=ceiling, kept=kept,
        alive=alive,
    )  # fmt: skip
    if found["total"] is None:
        return {"enough": False, **rows.numbers()}
    found["windows"] = [
        part | {end: dt.date.fromordinal(part[end]).isoformat() for end in ("start", "end")}
        for part in found["windows"]
    ]
    return plain({"enough": True, **rows.numbers(), **found, "overrides": _overrides(version)})


def beside(
    version: "ModelVersion", base: "ModelVersion", rows: Rows, params: dict[str, Any],
    alive: Alive,
) -> dict[str, Any]:  # fmt: skip
    """A version trained anew against the one in use, on results that came after the latter.

    In windows of at least a month the first is trained anew on everything earlier; the second
    stays as it is. ``{"enough", "n", "positives", "from", "to", "new", "in_use", "difference"}``,
    the last three by metric as [value, low, high]. ``alive`` is called between long steps.
    """
    from risk.learning.rolling import Window, compare, walk

    first, last = _since(base, rows)
    length = max(LEAST_WINDOW, -(-(last - first) // COMPARED_WINDOWS))
    spans = [Window(start, start + length) for start in range(first, last, length)]
    found = walk(
        rows.X, rows.y, rows.day, rows.group,
        lambda: rows.scorecard(version, int(params["seed"]), curve=False, alive=alive),
        spans, rows.told,
    )  # fmt: skip
    y = rows.y[found.rows]
    if min(y.sum(), (1 - y).sum()) < FEW_COMPARED:
        return {"enough": False, "n": len(y), "positives": int(y.sum())}
    with transaction.atomic(), as_system("a model is judged by all results of its authority"):
        in_use = score_as_it_stands(base, rows)[found.rows]
    days = [dt.date.fromordinal(int(d)).isoformat() for d in rows.day[found.rows][[0, -1]]]
    return plain(
        {"enough": True, "n": len(y), "positives": int(y.sum()), "from": days[0], "to": days[1],
         **compare(y, {"new": found.score, "in_use": in_use}, found.window,
                   float(params["capacity"]), int(params["seed"]))}
    )  # fmt: skip


def _since(base: "ModelVersion", rows: Rows) -> tuple[int, int]:
    """The days that ``base`` has not seen; the last third where it was never trained."""
    if not len(rows.day):
        return 0, 0
    if base.trained_to is not None:
        return base.trained_to.toordinal() + 1, int(rows.day[-1]) + 1
    return int(rows.day[len(rows.day) * 2 // 3]), int(rows.day[-1]) + 1


def _overrides(version: "ModelVersion") -> dict[str, Any]:
    """What came of the owner's decisions beside the list, by what this model counts as found."""
    from risk import override_rates

    with transaction.atomic(), as_system("a report tells totals of its owner's decisions"):
        return override_rates.for_report(version.model.authority_id, version.model.outcomes)


def _spans(rows: Rows, length: int, windows: Any) -> list[tuple[int, int]]:
    """The last windows of ``length`` days, with at least the first third to learn from."""
    if len(rows.y) == 0:
        return []
    first = int(rows.day[len(rows.day) // 3]) + 1
    last = int(rows.day[-1]) + 1
    room = (last - first) // length
    start = last - min(room, MOST_WINDOWS) * length
    return [(w.start, w.end) for w in windows(start, last, length)]


def audit(
    version: "ModelVersion", rows: Rows, params: dict[str, Any], progress: Progress, kept: Kept
) -> dict[str, Any]:
    """Whether the model bears harder on some than their need explains; ``blocking`` says where.

    Beside it what each indicator does: the same choice by a model that never had it.
    """
    if not rows.enough:
        return {"enough": False, "blocking": [], **rows.numbers()}
    import numpy as np

    from risk.learning import audit as library
    from risk.learning import metrics

    card = rows.scorecard(version)
    score = card.score(rows.X)
    capacity = float(params["capacity"])

    lot = np.random.default_rng(int(params["seed"])).permutation(len(rows.y))

    def picks(values: Any) -> Any:
        chosen = np.zeros(len(values), dtype=bool)
        count = metrics.capacity(len(values), capacity)
        # Equal scores are drawn by lot: the order of the rows must not choose.
        chosen[np.lexsort((lot, -values))[:count]] = True
        return chosen

    chosen = picks(score)
    found = library.audit(
        score,
        chosen,
        rows.y,
        rows.segments,
        random_arm=rows.random,
        weight=rows.weight,
    )
    steps = len(rows.names) + 4
    lines = without(
        version, rows, chosen, picks, int(params["seed"]), kept,
        lambda number: progress(3 + number, steps),
    )  # fmt: skip
    return plain(
        {"enough": True, **rows.numbers(), "capacity": capacity, **found, "without": lines}
    )


def drift(
    version: "ModelVersion", rows: Rows, params: dict[str, Any], progress: Progress, kept: Kept
) -> dict[str, Any]:
    """Whether sites of today still look as those the model was made on.

    Population stability index per indicator and for the score: from 0.1 on to be watched, from
    0.25 on to be mended.
    """
    from risk.learning import metrics

    now = matrix_of_today(version)
    progress(3, 4)
    if not len(rows.y) or not len(now):
        return {"enough": False, **rows.numbers()}
    card = rows.scorecard(version)
    lines = [
        {"indicator": name,
         "psi": metrics.population_stability(rows.X[:, j], now[:, j])}
        for j, name in enumerate(rows.names)
    ]  # fmt: skip
    score = metrics.population_stability(card.score(rows.X), card.score(now))
    return plain({"enough": True, **rows.numbers(), "score": score, "indicators": lines})


def plain(value: Any) -> Any:
    """Numbers as JSON knows them: what is not a number is null."""
    if isinstance(value, dict):
        return {str(key): plain(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [plain(inner) for inner in value]
    if hasattr(value, "item") and not isinstance(value, str):
        value = value.item()
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
