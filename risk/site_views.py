"""A score opened: every contribution with its value, date and decay, and what would change it."""

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.utils.formats import number_format
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET

from audit.access import note
from authorities.access import acting
from authorities.purposes import purpose_of
from risk.engine.reasons import Change, Contribution, Explanation, explain, without
from risk.models import ModelVersion, Source
from risk.selectors import joint_scores, percent, plain_number, shown_versions
from targets.models import Site

ASKED_WITHOUT = 3  # the largest contributions whose absence is worked out


@require_GET
@acting()
def site_reasons(request: HttpRequest, public_id: str) -> HttpResponse:
    """All models that the reader may see, side by side, each opened into its contributions."""
    actor = request.actor  # type: ignore[attr-defined]
    site = get_object_or_404(Site.objects.visible_to(actor), public_id=public_id)
    purpose_of(actor, site)
    context = {
        "site": site,
        "card": joint_scores([site.pk])[site.pk],
        "models": [_opened(version, site) for version in shown_versions(actor)],
    }
    return render(request, "risk/reasons.html", context)


def _opened(version: ModelVersion, site: Site) -> dict[str, Any]:
    opened = explain(version, site.pk)
    largest = sorted(opened.contributions, key=lambda part: -abs(part.points))[:ASKED_WITHOUT]
    _log(opened, site)
    told = {part.place for part in largest if part.points}
    return {
        "version": version, "opened": opened, "p": percent(opened.p),
        "between": f"{percent(opened.p_low)}–{percent(opened.p_high)}",
        "points": points(opened.points),
        "rows": [_row(part, opened, site, part.place in told) for part in opened.contributions],
    }  # fmt: skip


def _log(opened: Explanation, site: Site) -> None:
    """Values come from the database as numbers: no row is loaded that would note itself. Columns
    of the register are public."""
    for part in opened.contributions:
        if part.known and not part.hidden and part.indicator.source != Source.REGISTER:
            note(Site._meta.label_lower, site.pk, part.indicator.indicator.authority_id)


def _row(part: Contribution, opened: Explanation, site: Site, ask: bool) -> dict[str, Any]:
    return {
        "sentence": sentence(part), "on": part.on, "hidden": part.hidden, "known": part.known,
        "points": points(part.points),
        "decay": "" if part.step == part.decayed else points(part.step),
        "capped": part.decayed != part.points,
        "without": _without(opened, site, part.place) if ask else "",
        "changes": [_change(change) for change in part.changes],
    }  # fmt: skip


def sentence(part: Contribution) -> str:
    """The indicator's own words with the value; its name where the value is missing or hidden."""
    version = part.indicator
    if part.hidden:
        return version.name
    if not part.known:
        return _("%(name)s: not known") % {"name": version.name}
    said = part.value
    value = said if isinstance(said, str) else plain_number(said)
    return version.sentence.replace("{value}", value) or version.name


def _without(opened: Explanation, site: Site, place: int) -> str:
    what = without(opened.version, site.pk, place)
    if what is None or what.rank == what.rank_without:
        return ""
    return _("Without this: rank %(without)s instead of %(rank)s") % {
        "without": number_format(what.rank_without, use_l10n=True, force_grouping=True),
        "rank": number_format(what.rank, use_l10n=True, force_grouping=True),
    }


def _change(change: Change) -> str:
    """What another value would give, in words."""
    values = {"points": points(change.difference, signed=True), "p": percent(change.p)}
    if change.words:
        values["value"] = ", ".join(change.words)
        return _("%(value)s: %(points)s points, %(p)s") % values
    if change.low is None and change.high is None:
        return _("any other: %(points)s points, %(p)s") % values
    if change.low is None:
        values["value"] = plain_number(change.high)
        return _("below %(value)s: %(points)s points, %(p)s") % values
    values["value"] = plain_number(change.low)
    if change.high is None:
        return _("%(value)s or more: %(points)s points, %(p)s") % values
    values["upto"] = plain_number(change.high)
    return _("from %(value)s to below %(upto)s: %(points)s points, %(p)s") % values


def points(hundredths: int, *, signed: bool = False) -> str:
    """Hundredths of a point as the reader writes numbers."""
    shown = number_format(
        hundredths / 100, decimal_pos=0 if hundredths % 100 == 0 else 2, use_l10n=True
    )
    return f"+{shown}" if signed and hundredths > 0 else shown
