"""The yardsticks through the product: importer, indicators, models, backtest.

Whatever is counted here is counted by the code that ``manage.py import_visits``, the pages of
indicators and models and ``manage.py backtest`` run. Candidates are backtested before the visits of
the test are in the database at all; only then are those imported, and the chosen model is tested on
them once.
"""

import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from django.conf import settings
from django.db import transaction

from audit.context import acting_as, as_system
from authorities.actors import Actor, actor_for
from authorities.models import Authority, Unit
from authorities.services.people import add_membership, create_person
from risk.models import Direction, IndicatorVersion, ModelVersion, ReportKind, ReportState
from risk.report_readers import results_for
from risk.services import reports
from risk.services.indicators import draft_indicator, publish_indicator
from risk.services.labels import label_visits, team_key
from risk.services.models import Part as Use
from risk.services.models import change_model, create_model
from risk.yardsticks import files
from targets.models import ImportState, PastVisit
from targets.services.imports.life import claim, new_run
from targets.services.imports.run import perform
from targets.services.mappings import load_mappings

Say = Callable[[str], None]
FOUND = ["serious"]
WHY = "the operator measures public data in an empty database"


@dataclass(frozen=True)
class Place:
    """One authority of a city with somebody who may write models for it."""

    actor: Actor
    entry: dict[str, Any]

    @property
    def code(self) -> str:
        return str(self.entry["code"])


def cities() -> dict[str, dict[str, Any]]:
    """``reference/yardsticks.yaml`` by city."""
    file = settings.REFERENCE_DIR / "yardsticks.yaml"
    return {e["city"]: e for e in yaml.safe_load(file.read_text(encoding="utf-8"))}


def begin(entry: dict[str, Any]) -> list[Place]:
    """Mappings, authorities and a person each; again and again if need be."""
    with transaction.atomic(), as_system(WHY):
        load_mappings(entry["mappings"])
        return [_place(one) for one in entry["authorities"]]


def _place(entry: dict[str, Any]) -> Place:
    authority, _made = Authority.objects.get_or_create(
        code=entry["code"],
        defaults={"name_fi": entry["name"], "kind": "municipal", "inspects": True},
    )
    unit, _made = Unit.objects.get_or_create(
        authority=authority, code="HEAD", defaults={"name_fi": entry["name"]}
    )
    user = create_person(
        actor=None, email=f"{entry['code'].lower()}@yardstick.example", first_name="Analyst",
        last_name=entry["name"],
    )  # fmt: skip
    membership = unit.memberships.filter(user=user).first() or add_membership(
        actor=None, user=user, unit=unit, roles=["analyst"]
    )
    return Place(actor_for(membership), entry)


# ------------------------------------------------------------------------------- importing
def bring_in(city: files.City, places: list[Place], *, test: bool, say: Say) -> None:
    """Import everything that is not of the test, or (``test``) the visits of the test."""
    by_code = {place.code: place for place in places}
    for part in city.parts:
        rows = part
        if part.day is not None:
            rows = part.some(np.flatnonzero((part.day >= city.first) == test))
        elif test:
            continue
        counts = _import(rows, by_code[part.authority].actor.authority)
        say(f"  imported {part.mapping} for {part.authority}: {counts}")
    if city.groups:
        _who_visited(city.groups)


def _import(part: files.Part, authority: Authority) -> str:
    with tempfile.TemporaryDirectory() as folder:
        path = part.write(Path(folder) / f"{part.mapping}.parquet")
        run = new_run(
            kind=part.kind, format=part.mapping, file_name=path.name, authority=authority,
            shared=part.shared,
        )  # fmt: skip
        claimed = claim(run.pk)
        assert claimed is not None
        done = perform(claimed, path)
    if done.state != ImportState.DONE:
        raise RuntimeError(f"{part.mapping}: {done.state} {done.message}")
    return (
        f"{done.created_count} new, {done.unchanged_count} unchanged, {done.refused_count} refused"
    )


def _who_visited(groups: dict[str, int]) -> None:
    """The inspector group beside each result, as a key that names nobody: a nuisance in the fit."""
    with transaction.atomic(), as_system(WHY):
        keys = {number: team_key([number + 1]) for number in set(groups.values())}
        visits = PastVisit.objects.filter(label__isnull=True, source="yard-chicago:YARD_CHICAGO")
        label_visits(
            groups={pk: keys[groups[key]] for pk, key in visits.values_list("pk", "source_key")}
        )


# ------------------------------------------------------------------------------- models
def indicators(entry: dict[str, Any], place: Place) -> dict[str, IndicatorVersion]:
    """The city's indicators for one authority, published."""
    made = {}
    for code, said in entry["indicators"].items():
        definition = _filled(said["definition"], place.entry)
        draft = draft_indicator(
            actor=place.actor, authority=place.actor.authority, source=said.get("source", "visits"),
            definition=definition, direction=said["direction"], bins=_bins(said),
            ground_text="Public data, measured for comparison only",
            **{f"name_{x}": f"Yardstick {code}" for x in ("fi", "sv", "en")},
            **{f"sentence_{x}": f"{code}: {{value}}" for x in ("fi", "sv", "en")},
        )  # fmt: skip
        made[code] = publish_indicator(actor=place.actor, version=draft)
    return made


def _filled(definition: dict[str, Any], entry: dict[str, Any]) -> dict[str, Any]:
    known = {"GRADE": entry.get("grade"), "USUAL": entry.get("usual")}
    return {
        name: known.get(value, value) if isinstance(value, str) else value
        for name, value in definition.items()
    }


def _bins(said: dict[str, Any]) -> list[dict[str, Any]]:
    """Lines of limits or codes; the points are learnt and only have to keep the direction."""
    name, lines = ("is", said["codes"]) if "codes" in said else ("below", said["limits"])
    sign = -1 if said["direction"] == Direction.DOWN else 1
    return [{name: line, "points": sign * k} for k, line in enumerate([*lines, None])]


def drafted(
    entry: dict[str, Any], name: str, place: Place, published: dict[str, IndicatorVersion]
) -> ModelVersion:
    said = entry["models"][name]
    version = create_model(
        actor=place.actor, name_fi=f"{entry['city']} {name}", outcomes=FOUND, kind=said["kind"]
    )
    return change_model(
        actor=place.actor, version=version, shown=version.edits,
        parts=[Use(published[code]) for code in said["indicators"]],
    )  # fmt: skip


def backtest(place: Place, version: ModelVersion, days: int) -> dict[str, Any]:
    """The results of the product's backtest with windows of ``days``."""
    with transaction.atomic(), acting_as(place.actor):
        asked = reports.new_report(
            actor=place.actor, version=version, kind=ReportKind.BACKTEST, window_days=days
        )
    claimed = reports.claim(asked.pk)
    assert claimed is not None
    done = reports.perform(claimed)
    with transaction.atomic(), acting_as(place.actor):
        results = results_for(done, own=True)
    if done.state != ReportState.DONE or not results["enough"]:
        raise RuntimeError(f"{version}: {done.state} {done.message} {results}")
    return dict(results)


# ------------------------------------------------------------------------------- a city
def through(name: str, city: files.City, say: Say) -> dict[str, Any]:
    """Everything for one city, in an empty database: what was chosen, and its test, once."""
    entry, days = cities()[name], city.last - city.first + 1
    places = begin(entry)
    judged = [place for place in places if not place.entry.get("only_shares")]
    main, others = judged[0], judged[1:]
    say(f"{name} through the product, windows of {days} days")
    bring_in(city, places, test=False, say=say)
    published = {place.code: indicators(entry, place) for place in judged}
    proof = {}
    for model in entry["models"]:
        version = drafted(entry, model, main, published[main.code])
        proof[model] = backtest(main, version, days)["total"]["model"]
        say(f"  auc {proof[model]['auc'][0]:.4f}  lift {proof[model]['lift'][0]:.2f}  {model}")
    chosen = max(proof, key=lambda model: proof[model]["auc"][0])
    say(f"  chosen by auc before the visits of the test were imported: {chosen}")
    bring_in(city, places, test=True, say=say)
    found = {}
    for place in (main, *others):
        version = drafted(entry, chosen, place, published[place.code])
        report = backtest(place, version, days)
        found[place.code] = tested(report, city) | {"theme": place.entry.get("theme")}
    return {
        "chosen": chosen, "proof": {m: {"auc": p["auc"], "lift": p["lift"]} for m, p in proof.items()},
        "test": found.pop(main.code), "others": found,
    }  # fmt: skip


def tested(report: dict[str, Any], city: files.City) -> dict[str, Any]:
    """The last window, which is the test to the day, and the mean of those before it."""
    *earlier, last = report["windows"]
    if (last["start"], last["end"]) != (
        files.as_date(city.first).isoformat(), files.as_date(city.last + 1).isoformat(),
    ):  # fmt: skip
        raise RuntimeError(f"the last window is {last['start']} to {last['end']}, not the test")
    model = last["model"]
    days = [w["model"]["days_earlier"][0] for w in earlier if not w.get("skipped")]
    return {
        "n": last["n"], "rate": last["rate"], "mean_days_before": float(np.mean(days)),
        "windows_before": len(days), "ece_5": coarse(model["reliability"], 5),
        "adjusted": model.get("inspector_adjusted"),
    } | {
        name: model[name]
        for name in ("auc", "lift", "days_earlier", "first_half", "brier", "ece",
                     "calibration_in_the_large")
    }  # fmt: skip


def coarse(rows: list[dict[str, float]], bins: int) -> float:
    """Calibration error of fewer bins, by putting neighbouring ones of equal count together."""
    counts = np.array([row["n"] for row in rows], dtype=float)
    gaps = np.array([row["n"] * (row["observed"] - row["predicted"]) for row in rows])
    place = np.minimum((np.cumsum(counts) - counts / 2) / counts.sum() * bins, bins - 1).astype(int)
    return float(np.abs(np.bincount(place, gaps, minlength=bins)).sum() / counts.sum())
