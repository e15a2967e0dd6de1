"""A run's results in words and as a chart; nothing here is reckoned anew."""

from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from planning.answers import Names, clash_lines, days_words, number, price
from planning.models import SelectionRun
from planning.services.inputs import ALL, pool_key, quota_key

WEIGHTINGS = {
    "default": gettext_lazy("As set"),
    "findings": gettext_lazy("Findings alone"),
    "burden": gettext_lazy("Burden spared"),
    "travel": gettext_lazy("Less travel"),
    "coverage": gettext_lazy("Places of which little is known"),
    "wishes": gettext_lazy("Authorities’ own ratings"),
}
STOPPED = {
    "gap": gettext_lazy("it was near enough to the bound"),
    "effort": gettext_lazy("the set effort was used up"),
    "time": gettext_lazy("time was up: made again it may come out otherwise"),
    "cancelled": gettext_lazy("it was cancelled"),
}


def plan_facts(run: SelectionRun) -> list[dict[str, Any]]:
    """The proof, in a few lines."""
    gap = run.gap_percent
    facts: list[dict[str, Any]] = [
        {"label": _("Worth of the plan"), "value": number(run.value or 0, 3)},
        {"label": _("Proven bound"), "value": number(run.bound or 0, 3),
         "note": _("No plan within these limits is worth more.")},
        {"label": _("Distance at most"), "value": "–" if gap is None else f"{number(gap, 3)} %"},
        {"label": _("Fingerprint of the inputs"), "value": run.inputs_hash},
        {"label": _("Solver"), "value": run.solver},
    ]  # fmt: skip
    if run.stopped in STOPPED:
        facts.insert(3, {"label": _("Looking ended because"), "value": STOPPED[run.stopped]})
    measures = (run.result or {}).get("measures")
    return facts + (measure_facts(measures) if measures else [])


def shortfall_facts(run: SelectionRun, names: Names) -> list[dict[str, Any]]:
    """Soft minimums that the plan misses, and by how much."""
    lacking = (run.prices or {}).get("shortfall", [])
    return [
        {
            "label": _("Minimum not met"),
            "value": ngettext(
                "%(quota)s: %(count)s visit is missing of at least %(minimum)s",
                "%(quota)s: %(count)s visits are missing of at least %(minimum)s",
                count,
            ) % {"quota": names.quota(quota_key(quota)), "count": count,
                 "minimum": quota["minimum"]},
        }
        for quota, count in zip((run.inputs or {}).get("quotas", []), lacking, strict=False)
        if count > 0
    ]  # fmt: skip


def measure_facts(measures: dict[str, Any]) -> list[dict[str, Any]]:
    return [
        {"label": _("Expected findings"), "value": number(measures["findings"], 1)},
        {"label": _("Visits"), "value": measures["visits"]},
        {"label": _("Visits spared to firms"), "value": measures["spared"]},
        {"label": _("Travel (100 km)"), "value": number(measures["travel"], 1)},
    ]


def _visit(visit: list[Any], names: Names, titles: dict[str, str]) -> dict[str, Any]:
    key, team, period = visit
    return {"site": titles.get(key, ""), "id": key, "team": names.team(team),
            "week": names.period(period)}  # fmt: skip


def quota_words(quota: dict[str, Any], names: Names) -> str:
    """What a quota counts and how many it asks for: "Lapland: at least 3, at most 9"."""
    numbers = [_("at least %(count)s") % {"count": quota["minimum"]}] if quota["minimum"] else []
    if quota["maximum"] is not None:
        numbers.append(_("at most %(count)s") % {"count": quota["maximum"]})
    return f"{names.quota(quota_key(quota))}: {', '.join(numbers) or _('no limit')}"


def whose_days(inputs: dict[str, Any], names: Names) -> dict[str, str]:
    """Whose days can be changed, in words: each authority, and its pools where it has several."""
    found = {}
    for code in (authority["code"] for authority in inputs["authorities"]):
        found[code] = names.authorities.get(code, code)
        own = [pool_key(pool) for pool in inputs["pools"] if pool["authority"] == code]
        if len(own) > 1:
            found |= {key: _pool(key, names) for key in own}
    return found


def _pool(key: str, names: Names) -> str:
    if key.endswith(f"/{ALL}"):
        return _("%(authority)s, the other regions") % {"authority": names.pool(key)}
    return names.pool(key)


def _days_more(names: Names, whose: str, days: float) -> str:
    return _("%(authority)s: %(days)s days") % {
        "authority": _pool(whose, names) if "/" in whose else names.authorities.get(whose, whose),
        "days": f"{'+' if days > 0 else ''}{days_words(days)}",
    }


def change_words(run: SelectionRun, names: Names, titles: dict[str, str]) -> list[str]:
    """What a what-if asked, one line a change."""
    change = run.change
    lines = [_("Visit: %(site)s") % {"site": titles.get(s, "")} for s in change.get("pin", [])]
    lines += [
        _("Do not visit: %(site)s") % {"site": titles.get(s, "")} for s in change.get("exclude", [])
    ]
    lines += [_days_more(names, code, days) for code, days in change.get("days", {}).items()]
    changed = {*change.get("minimum", {}), *change.get("maximum", {})}
    # The run's own inputs have the change: they say what the quota was set to for it.
    for quota in (run.inputs or {}).get("quotas", []):
        if quota_key(quota) in changed:
            lines.append(_("Quota: %(quota)s") % {"quota": quota_words(quota, names)})
    return lines


def run_difference(found: dict[str, Any], names: Names, titles: dict[str, str]) -> dict[str, Any]:
    """What another plan does otherwise: visits that enter, leave, move, change their team."""
    same = [(_visit(a, names, titles), _visit(b, names, titles))
            for a, b in [*found["moved"], *found["changed"]]]  # fmt: skip
    value = found["value"]
    if abs(value) < 5e-4:
        words = _("Worth as much as before.")
    elif value > 0:
        words = _("Worth %(value)s more.") % {"value": number(value, 3)}
    else:
        words = _("Worth %(value)s less.") % {"value": number(-value, 3)}
    return {
        "words": words,
        "entered": [_visit(v, names, titles) for v in found["entered"]],
        "left": [_visit(v, names, titles) for v in found["left"]],
        "changed": same,
        "nothing": not (found["entered"] or found["left"] or same),
        "days": [
            _days_more(names, code, days) for code, days in found["days"].items() if abs(days) > 1e-9
        ],
    }  # fmt: skip


def take_words(
    run: SelectionRun, take: dict[str, Any], names: Names, titles: dict[str, str]
) -> dict[str, Any]:
    """What it would take to include a site: worth, days, or instead of which visits."""
    lines = []
    if take["points"] > 1e-6:
        lines.append(
            _("It would have to be worth %(points)s more.") % {"points": price(take["points"])}
        )
    short = [(pool, needs - free) for _code, pool, needs, free in take["days"] if needs > free]
    for pool, more in short:
        lines.append(
            _("Or %(pool)s needs %(days)s days more.")
            % {"pool": names.pool(pool), "days": days_words(more)}
        )
    if take["days"] and not short and not take["blocked"]:
        lines.append(_("There are days left for it: it can be added on the board as it is."))
    lines += [_in_the_way(run, kind, at, names) for kind, at in take["blocked"]]
    instead, key = take["instead"], run.change.get("take", "")
    if instead is None:
        # That it is in is what was asked; what it clashes with is the answer.
        clash = [one for one in take.get("clash", []) if one[:2] != ["pin", key]]
        lines.append(_("No plan that holds it keeps all limits."))
        lines += clash_lines(clash, names)
    return {
        "site": titles.get(key, ""), "lines": lines,
        "instead": run_difference(instead, names, titles) if instead else None,
    }  # fmt: skip


def _in_the_way(run: SelectionRun, kind: str, at: int, names: Names) -> str:
    """A limit other than days that one visit more would break, beside all that is planned."""
    inputs = run.inputs or {}
    if kind == "firm":
        most = inputs["rules"]["most_per_firm"]
        return ngettext(
            "In the way: its firm is visited at most %(most)s time, and is.",
            "In the way: its firm is visited at most %(most)s times, and is.",
            most,
        ) % {"most": most}
    if kind == "quota":
        quota = inputs["quotas"][at]
        return ngettext(
            "In the way: at most %(most)s visit is allowed (%(quota)s), and it is planned.",
            "In the way: at most %(most)s visits are allowed (%(quota)s), and so many are planned.",
            quota["maximum"],
        ) % {"most": quota["maximum"], "quota": names.quota(quota_key(quota))}
    if kind == "resource":
        return _("In the way: %(resource)s is taken.") % {
            "resource": inputs["resources"][at]["name"]
        }
    return _("In the way: with it the share of joint visits would be missed.")


WIDTH, HEIGHT, LEFT, TOP = 420, 300, 56, 14
RIGHT, BOTTOM = WIDTH - 20, HEIGHT - 46


def frontier_chart(points: list[dict[str, Any]]) -> dict[str, Any]:
    """Expected findings against each thing they cost, one mark a weighting, with the table.

    ``panels``: visits, calls on firms and travel, each with the ends of its axis and its ``marks``;
    ``own``: the letter of the weights as they are set.
    """
    findings = [p["measures"]["findings"] for p in points]
    letters = "ABCDEFGH"
    rows = [
        {"letter": letter, "name": WEIGHTINGS.get(p["name"], p["name"]),
         "own": p["name"] == "default", "dominated": p["dominated"],
         "findings": number(p["measures"]["findings"], 1), "visits": p["measures"]["visits"],
         "calls": p["measures"]["authority_visits"], "travel": number(p["measures"]["travel"], 1),
         "value": number(p["value"], 2)}
        for letter, p in zip(letters, points, strict=False)
    ]  # fmt: skip
    costs = (
        (_("Visits"), "visits", 0), (_("Calls on firms"), "authority_visits", 0),
        (_("Travel (100 km)"), "travel", 1),
    )  # fmt: skip
    panels = []
    for label, key, digits in costs:
        xs = [p["measures"][key] for p in points]
        panels.append({
            "label": label, "low": number(min(xs), digits), "high": number(max(xs), digits),
            "marks": [
                {"x": _scale(x, xs, LEFT, RIGHT), "y": _scale(y, findings, BOTTOM, TOP),
                 "letter": row["letter"], "own": row["own"]}
                for x, y, row in zip(xs, findings, rows, strict=False)
            ],
        })  # fmt: skip
    return {
        "rows": rows, "own": next((row["letter"] for row in rows if row["own"]), ""),
        "panels": panels, "width": WIDTH, "height": HEIGHT, "left": LEFT,
        "right": RIGHT, "top": TOP, "bottom": BOTTOM, "y_low": number(min(findings), 1),
        "y_high": number(max(findings), 1),
    }  # fmt: skip


def _scale(value: float, values: list[float], start: float, end: float) -> float:
    """Where ``value`` stands between ``start`` and ``end``, with a tenth of room at either side."""
    low, high = min(values), max(values)
    room = (high - low) or 1.0
    low, high = low - room * 0.1, high + room * 0.1
    return round(start + (end - start) * (value - low) / (high - low), 1)


def count_words(count: int) -> str:
    return ngettext("%(count)s visit", "%(count)s visits", count) % {"count": count}
