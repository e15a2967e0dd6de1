"""What is compared with what, and how the weights are found: the model given to Splink.

Only levels and rules of Splink's own library, which it writes in the dialect of either engine.
"""

import logging
import warnings
from dataclasses import dataclass
from typing import Any

import splink.comparison_level_library as cll
import splink.comparison_library as cl
from splink import Linker, SettingsCreator, block_on
from splink.internals.exceptions import EMTrainingException

from targets.services.identity.backend import Engine

logger = logging.getLogger(__name__)

# Fewer rows than this teach nothing: the weights below are used as they are.
ENOUGH_TO_LEARN = 5_000
SEED = 20_240_501
PAIRS_TO_LEARN_FROM = 2_000_000
PAIRS_TO_LEARN_NAMES = 1_000
# Prior odds of two rows of a register being the same, where none were learnt.
PRIOR = {"site": 1e-4, "company": 1e-4}

# Of these no register teaches m: branches of a chain have one name and one business id, and learning
# without labels takes them for one place in many towns. How often a place is written at another
# address, or under a firm that ran it before, is known from the labelled pairs.
KNOWN = ("location", "firm_id")
# The weights to start from: of pairs that are the same (m) and that are not (u), how many are of
# a level. From the labelled pairs of ``bench/identity.py``; learnt anew from each register that is
# large enough. Levels from the best to the worst, as in ``comparisons``.
START: dict[str, tuple[tuple[float, ...], tuple[float, ...]]] = {
    "name": ((0.50, 0.12, 0.16, 0.10, 0.12), (0.002, 0.0006, 0.002, 0.015, 0.9804)),
    "location": (
        (0.62, 0.06, 0.10, 0.02, 0.02, 0.001, 0.129, 0.02, 0.02, 0.01),
        (0.0001, 0.0001, 0.0001, 0.0004, 0.0003, 0.0005, 0.005, 0.03, 0.05, 0.9136),
    ),
    "firm_id": ((0.93, 0.07), (0.001, 0.999)),
}
LEVELS = {
    "name": ("same", "also_called", "alike", "partly", "different"),
    "location": (
        "same_address", "within_50_m", "alike", "within_300_m", "same_street", "other_number",
        "same_postal_code", "same_municipality", "elsewhere_in_municipality", "different",
    ),
    "firm_id": ("same", "different"),
}  # fmt: skip


def _levels(what: str, best_first: list[Any], *, term_frequency: str = "") -> Any:
    """A comparison with its null level first, and m and u of ``START`` on each level."""
    null, *levels = best_first
    ms, us = START[what]
    configured = [null]
    for number, (level, m, u) in enumerate(zip([*levels, cll.ElseLevel()], ms, us, strict=True)):
        more: dict[str, Any] = {"fix_m_probability": what in KNOWN}
        if term_frequency and number == 0:
            more |= {"tf_adjustment_column": term_frequency, "tf_adjustment_weight": 1.0}
        configured.append(level.configure(m_probability=m, u_probability=u, **more))
    return cl.CustomComparison(output_column_name=what, comparison_levels=configured)


def comparisons(*, frequencies: bool = True) -> list[Any]:
    """Name, where it is, and the identifier of the firm.

    With ``frequencies`` a rare name says more than one that many have.

    Address, postal code, municipality and coordinates say one thing in several ways: counted one
    by one, all that lies in one building would be the same. So they are one comparison.
    """
    here = [cll.ExactMatchLevel("postal_code"), cll.ExactMatchLevel("place"), _within(0.3)]
    return [
        _levels("name", [
            cll.NullLevel("name_key"),
            cll.ExactMatchLevel("name_key"),
            cll.ArrayIntersectLevel("names", 1),
            cll.Or(cll.JaroWinklerLevel("name_key", 0.92), cll.JaroWinklerLevel("name_plain", 0.92)),
            cll.Or(
                cll.JaroWinklerLevel("name_key", 0.84), cll.JaroWinklerLevel("name_plain", 0.84),
                cll.ExactMatchLevel("first_word"),
            ),
        ], term_frequency="name_key" if frequencies else ""),
        _levels("location", [
            cll.And(*(cll.NullLevel(c) for c in ("street", "postal_code", "place", "latitude"))),
            cll.And(cll.ExactMatchLevel("address_key"), cll.Or(*here)),
            _within(0.05),
            cll.And(
                cll.ExactMatchLevel("number"), cll.JaroWinklerLevel("street", 0.88), cll.Or(*here)
            ),
            _within(0.3),
            # A number that differs speaks against it; one that is missing does not.
            cll.And(cll.ExactMatchLevel("street"), cll.NullLevel("number"), cll.Or(*here)),
            cll.And(cll.ExactMatchLevel("street"), cll.Or(*here)),
            cll.ExactMatchLevel("postal_code"),
            cll.And(
                cll.ExactMatchLevel("place"), cll.NullLevel("postal_code"), cll.NullLevel("street")
            ),
            cll.ExactMatchLevel("place"),
        ]),
        _levels("firm_id", [cll.NullLevel("firm_id"), cll.ExactMatchLevel("firm_id")]),
    ]  # fmt: skip


def _within(km: float) -> Any:
    """Not further apart than that, where both are known to be somewhere."""
    known = cll.Not(cll.NullLevel("latitude"))
    return cll.And(known, cll.DistanceInKMLevel("latitude", "longitude", km))


def _pairable(kind: str) -> str:
    """Which pairs are worth a look at all: of rows not yet one, one of them changed.

    Two companies with business ids of their own are two companies.
    """
    rule = "l.part <> r.part AND (l.changed OR r.changed)"
    return rule if kind == "site" else f"{rule} AND NOT (l.registered AND r.registered)"


def blocking(kind: str) -> list[str]:
    """Rules of which one has to hold for a pair to be compared."""
    rules = [
        ("name_key", "place"),
        ("address_key", "place"),
        ("address_key", "postal_code"),
        ("first_word", "postal_code"),
        ("first_word", "street"),
        ("firm_id", "address_key"),
        ("name_plain",),
        ("firm_id", "place"),
        ("number", "initials", "place"),
        ("number", "postal_code"),
    ]
    if kind == "company":
        rules = [*rules[:5], *rules[-2:], ("firm_id",), ("name_plain",)]
    pairable = _pairable(kind)
    return [
        " AND ".join([*(f"l.{column} = r.{column}" for column in rule), pairable]) for rule in rules
    ]


def settings(kind: str, *, frequencies: bool = True) -> SettingsCreator:
    return SettingsCreator(
        link_type="dedupe_only",
        comparisons=comparisons(frequencies=frequencies),
        blocking_rules_to_generate_predictions=blocking(kind),  # type: ignore[arg-type]  # takes SQL too
        probability_two_random_records_match=PRIOR[kind],
        retain_matching_columns=True,
        retain_intermediate_calculation_columns=True,
        additional_columns_to_retain=["part", "source"],
    )


def trained(kind: str, engine: Engine, rows: int) -> dict[str, Any]:
    """The model with its weights as JSON: learnt from the rows, or as it starts when they are few."""
    enough = rows >= ENOUGH_TO_LEARN
    with _quiet():
        linker = Linker(engine.table(), settings(kind, frequencies=enough), log_level=logging.ERROR)
        if not enough:
            model: dict[str, Any] = linker.misc.save_model_to_json()
            return model
        _learn_prior(linker)
        linker.training.estimate_u_using_random_sampling(max_pairs=PAIRS_TO_LEARN_FROM, seed=SEED)
        _learn_names(linker)
        return _held(linker.misc.save_model_to_json(), rows)


def _learn_prior(linker: Any) -> None:
    """How many pairs are the same at all, from those that surely are."""
    sure = [
        block_on("name_key", "address_key", "place"), block_on("firm_id", "address_key", "place"),
    ]  # fmt: skip
    try:
        linker.training.estimate_probability_two_random_records_match(sure, recall=0.6)
    except ValueError:  # most of the rows are one: no register is so, and nothing is learnt of it
        logger.warning("the rows are too much alike to learn from; the start is used")


def _learn_names(linker: Any) -> None:
    """How names of one place differ, from those that share an address."""
    rule = block_on("address_key", "place")
    (pairs,) = linker.blocking_analysis.count_comparisons_from_blocking_rules(
        [rule], record_sample_proportion=1.0
    )
    if pairs["marginal_comparison_count"] < PAIRS_TO_LEARN_NAMES:
        return
    try:
        linker.training.estimate_parameters_using_expectation_maximisation(
            rule, fix_u_probabilities=True, max_pairs=PAIRS_TO_LEARN_FROM
        )
    except EMTrainingException:
        logger.warning("names could not be learnt; the start is used")


def _held(model: dict[str, Any], rows: int) -> dict[str, Any]:
    """What was learnt, held by what is known: a register without any pair teaches nonsense.

    The prior lies between one pair for a hundred rows and ten for each row; what was learnt of
    names counts half.
    """
    prior = model["probability_two_random_records_match"]
    model["probability_two_random_records_match"] = min(20 / rows, max(0.02 / rows, prior))
    for comparison in model["comparisons"]:
        what = comparison["output_column_name"]
        levels = [c for c in comparison["comparison_levels"] if not c.get("is_null_level")]
        for level, m, u in zip(levels, *START[what], strict=True):
            learnt = level.get("m_probability")
            level["m_probability"] = m if what in KNOWN or learnt is None else (m + learnt) / 2
            # A level that no pair of the sample had: rarer than one in as many pairs as there were.
            level["u_probability"] = max(level.get("u_probability") or u, 1e-7)
        total = sum(level["m_probability"] for level in levels)  # more than 1 beside unseen levels
        for level in levels:
            level["m_probability"] /= total
    return model


@dataclass(frozen=True)
class Found:
    """One pair as compared: rows ``a`` and ``b``, what they stand for, and why."""

    a: int
    b: int
    part_a: int
    part_b: int
    source_a: str
    source_b: str
    probability: float
    evidence: list[dict[str, Any]]


class Comparer:
    """Compares the rows of an engine, part by part, with a trained model."""

    def __init__(self, kind: str, engine: Engine, model: dict[str, Any]) -> None:
        self.kind = kind
        with _quiet():
            self.linker = Linker(engine.table(), model, log_level=logging.ERROR)

    def chunk(self, number: int, of: int, at_least: float) -> list[Found]:
        """Pairs of chunk ``number`` (from 1) with at least that probability."""
        with _quiet():
            frame = self.linker.inference.predict_chunk(
                left_chunk=(number, of), threshold_match_probability=at_least, warning_mode="never"
            )
            rows = frame.as_record_list()
            frame.drop_table_from_database_and_remove_from_cache()
        return [self._found(row) for row in rows]

    def _found(self, row: dict[str, Any]) -> Found:
        left, right = ("l", "r") if row["part_l"] < row["part_r"] else ("r", "l")
        evidence = [
            {
                "what": what,
                "level": _level(what, row[f"gamma_{what}"]),
                "weight": round(_weight(row, what), 2),
                "a": shown(row, what, left),
                "b": shown(row, what, right),
            }
            for what in LEVELS
            if f"gamma_{what}" in row
        ]
        return Found(
            row[f"unique_id_{left}"], row[f"unique_id_{right}"],
            row[f"part_{left}"], row[f"part_{right}"],
            row[f"source_{left}"], row[f"source_{right}"],
            min(1.0, max(0.0, row["match_probability"])), evidence,
        )  # fmt: skip


def _level(what: str, gamma: int) -> str:
    """Splink numbers levels from the worst (0); -1 is a value that is missing on a side."""
    names = LEVELS[what]
    return "unknown" if gamma < 0 else names[len(names) - 1 - gamma]


def _weight(row: dict[str, Any], what: str) -> float:
    return float(row[f"mw_{what}"]) + float(row.get(f"mw_tf_adj_{what}", 0.0) or 0.0)


SHOWN = {
    "name": ("name_key",), "location": ("address_key", "street", "postal_code"),
    "firm_id": ("firm_id",),
}  # fmt: skip


def shown(row: dict[str, Any], what: str, side: str) -> str:
    """The value of one side as it was compared; empty when it is not known."""
    values = (row.get(f"{column}_{side}") for column in SHOWN[what])
    return str(next((value for value in values if value), ""))


class _quiet(warnings.catch_warnings):
    """Splink's remarks on levels that no pair of a register has are not for our log."""

    def __enter__(self) -> Any:
        entered = super().__enter__()
        warnings.simplefilter("ignore")
        return entered
