"""What the plan that was followed was made from, in plain words, for the decision record.

Read from the run's frozen inputs, so that the record says what the plan knew and not what stands now.
All of it every participant may read: weights, limits, days and reasons stand on pages for all of them.
"""

from typing import Any

from django.conf import settings
from django.utils.formats import number_format
from django.utils.translation import gettext as _

from authorities.models import TermKind
from authorities.terms import labels
from planning.answers import Names, days_words, week_words
from planning.models import AvailabilityState, Fixed, Periods, SelectionRun, SiteTerms
from planning.run_words import STOPPED
from planning.selection_forms import SettingsForm
from planning.services.inputs import WINDOW, pool_key, quota_key
from targets.models import Site


def input_facts(run: SelectionRun) -> list[tuple[str, str]]:
    """Label and value: how it was looked for, and among how many candidates."""
    inputs = run.inputs or {}
    sites = inputs.get("sites", [])
    closed = sum(site["state"] != AvailabilityState.AVAILABLE for site in sites)
    return [
        (_("Seed of the solver"), str(run.options.get("seed", "–"))),
        (_("Looking ended because"), str(STOPPED.get(run.stopped, "–"))),
        (_("Candidates"), str(len(sites))),
        (_("Candidates that were not available"), str(closed)),
    ]


def input_sections(run: SelectionRun) -> list[dict[str, Any]]:
    """Tables of weights, rules, inspector-days, quotas, resources and what was set by hand.

    Nine queries at most.
    """
    inputs, names = run.inputs, Names(run)
    if not inputs:
        return []
    return [
        _weights(inputs, names), _rules(inputs, names), _days(inputs, names),
        _quotas(inputs, names, (run.prices or {}).get("shortfall", [])),
        _resources(inputs), _by_hand(run, inputs, names),
    ]  # fmt: skip


def _section(title: str, head: list[str], rows: list[list[str]]) -> dict[str, Any]:
    return {"title": title, "head": head, "rows": rows, "empty": _("None")}


def _label(name: str) -> str:
    """As the page names it on which it is set."""
    return str(SettingsForm.base_fields[name].label)


def _plain(value: float) -> str:
    short = round(float(value), 3)
    return str(number_format(int(short) if short.is_integer() else short, use_l10n=True))


def _weights(inputs: dict[str, Any], names: Names) -> dict[str, Any]:
    """With the severity by which findings of each authority count."""
    rows = [[_label(name), _plain(value)] for name, value in inputs["weights"].items()]
    rows += [
        [_label("penalty"), _plain(quota["penalty"])]
        for quota in inputs["quotas"][:1] if "penalty" in quota
    ]  # fmt: skip
    rows += [
        [_("A finding of %(authority)s") % {"authority": names.team([one["code"]])},
         _plain(one["severity"])]
        for one in inputs["authorities"]
    ]  # fmt: skip
    return _section(_("Weights of the proposal"), [_("Weight"), _("Value")], rows)


def _rules(inputs: dict[str, Any], names: Names) -> dict[str, Any]:
    rules, whole = inputs["rules"], inputs["periods"] == WINDOW
    # Runs from before there were such rules have none stored.
    together, present = inputs.get("together", []), inputs.get("present", [])
    kinds = labels(TermKind.PREMISES) if present else {}
    rows = [
        [_label("periods"), str((Periods.WINDOW if whole else Periods.WEEKS).label)],
        *([_label(name), str(rules[name])]
          for name in ("random_share", "joint_share", "most_per_firm", "min_people",
                       "most_authorities") if name in rules),
        [_("Days of rest since the last visit"), _rest(rules.get("rest_days", settings.REST_DAYS), whole)],
        *([_("Who goes only with whom"), _("%(authority)s only together with %(needs)s") % {
            "authority": names.team([one]), "needs": names.team([other])}]
          for one, other in together),
        *([_("Who comes on every visit to a kind of place"),
           _("%(kind)s: %(authority)s comes on every visit") % {
               "kind": kinds.get(kind, kind), "authority": names.team([one])}]
          for kind, one in present),
    ]  # fmt: skip
    return _section(_("Rules of the proposal"), [_("Rule"), _("Value")], rows)


def _rest(days: int, whole: bool) -> str:
    if not whole:
        return str(days)
    return _("%(days)s; not asked for, as the proposal gives no weeks") % {"days": days}


def _days(inputs: dict[str, Any], names: Names) -> dict[str, Any]:
    def by_week(days: list[float]) -> str:
        if inputs["periods"] == WINDOW:
            return _("the whole inspection window at once")
        pairs = zip(inputs["periods"], days, strict=True)
        return ", ".join(f"{week_words(week)}: {days_words(some)}" for week, some in pairs)

    rows = [
        [names.pool(pool_key(pool)), days_words(sum(pool["days"])),
         by_week(pool["days"])]
        for pool in inputs["pools"]
    ]  # fmt: skip
    head = [_("Authority"), _("Inspector-days"), _("When")]
    return _section(_("Inspector-days the proposal could use"), head, rows)


def _quotas(inputs: dict[str, Any], names: Names, shortfall: list[int]) -> dict[str, Any]:
    lacking = dict(enumerate(shortfall))
    rows = [
        [names.quota(quota_key(quota)), str(quota["minimum"]),
         "–" if quota["maximum"] is None else str(quota["maximum"]),
         _("no plan") if quota["hard"] else _("the lack is told"), str(lacking.get(at, 0))]
        for at, quota in enumerate(inputs["quotas"])
    ]  # fmt: skip
    head = [_("Of what"), _("At least"), _("At most"), _("If it cannot be reached"),
            _("Visits lacking")]  # fmt: skip
    return _section(_("Quotas"), head, rows)


def _resources(inputs: dict[str, Any]) -> dict[str, Any]:
    rows = [[one["name"], str(sum(one["capacity"]))] for one in inputs["resources"]]
    return _section(_("Interpreters and vehicles"), [_("What"), _("Visits in the window")], rows)


def _by_hand(run: SelectionRun, inputs: dict[str, Any], names: Names) -> dict[str, Any]:
    """What people pinned and excluded; what was drawn stands with its probability elsewhere."""
    wanted = [site for site in inputs["sites"] if _set_by_hand(site)]
    keys = [site["id"] for site in wanted]
    titles = {str(key): name for key, name in
              Site.objects.filter(public_id__in=keys).values_list("public_id", "name")}  # fmt: skip
    rows = SiteTerms.objects.filter(operation=run.operation_id, site__public_id__in=keys)
    terms = {str(t.site.public_id): t for t in rows.select_related("site", "set_for")}

    def line(site: dict[str, Any]) -> list[str]:
        row = terms.get(site["id"])
        same = row is not None and row.fixed == site["fixed"]
        pinned = site["fixed"] == Fixed.PINNED
        return [
            titles.get(site["id"], site["id"]), str(Fixed(site["fixed"]).label),
            (names.team(site["team"]) or _("whichever is best")) if pinned else "",
            (week_words(site["week"]) if site["week"] else _("any")) if pinned else "",
            row.reason if row and same else _("changed since"),
            row.set_for.short if row and same else "",
        ]  # fmt: skip

    head = [_("Site"), _("What was set"), _("Team"), _("Week"), _("Reason"), _("Authority")]
    return _section(
        _("Pinned and excluded before the proposal"), head, sorted(line(site) for site in wanted)
    )


def _set_by_hand(site: dict[str, Any]) -> bool:
    if site["fixed"] == Fixed.PINNED:
        return site["drawn"] is None
    return bool(site["fixed"] == Fixed.EXCLUDED and site["state"] == AvailabilityState.AVAILABLE)
