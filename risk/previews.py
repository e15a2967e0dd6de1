"""What an indicator as it is being built would find: distribution, coverage, examples."""

from typing import Any

from django.utils import timezone
from django.utils.formats import number_format
from django.utils.translation import gettext as _

from audit.access import note, note_counted
from authorities.purposes import purpose_of
from risk import bins as bins_of
from risk.forms import IndicatorForm
from risk.models import Source
from risk.services import tested
from targets.models import Site

SAMPLE = 2_000
EXAMPLES = 20


def of_form(actor: Any, form: IndicatorForm) -> dict[str, Any]:
    """For the template: words of what is missing, or bars with table, coverage and examples.

    Looks with the actor's eyes, so the sample holds what the actor may see and nothing else.
    """
    form.is_valid()
    blocking = [
        f"{form[name].label}: {error}"
        for name in form.errors
        if name in PREVIEWED or name.startswith("d-")
        for error in form.errors[name]
    ]
    if blocking:
        return {"problems": blocking}
    version = form.unsaved()
    found = tested.definition_problems(
        version.source, version.definition, shared=version.indicator.authority_id is None
    )
    found += bins_of.problems(version.bins, version.direction)
    if found:
        return {"problems": found}
    ids = Site.objects.visible_to(actor).filter(merged_into__isnull=True)
    # Public ids are drawn at random: the first ones are a sample, found by their index.
    sample = list(ids.order_by("public_id").values_list("pk", flat=True)[:SAMPLE])
    return _shown(actor, version, tested.preview(version, sample, timezone.localdate()))


PREVIEWED = {"source", "bins", "direction", "missing", "missing_points", "half_life_days", "cap"}


def _shown(actor: Any, version: Any, seen: tested.Preview) -> dict[str, Any]:
    bars = [
        {"label": f"{line['label']} ({line['points']:+d})", "value": count}
        for line, count in zip(bins_of.words(version.bins), seen.counts, strict=True)
    ]
    examples = seen.examples[:EXAMPLES]
    _log(actor, version, seen, [e["site"] for e in examples])
    sites = Site.objects.visible_to(actor).in_bulk([e["site"] for e in examples])
    return {
        "bars": bars,
        "title": _("Sites by line of points"),
        "coverage": round(100 * seen.known / seen.looked) if seen.looked else 0,
        "looked": seen.looked,
        "examples": [
            e
            | {"site": sites[e["site"]], "value": _plain(e["value"]), "points": _plain(e["points"])}
            for e in examples
            if e["site"] in sites
        ],
        "unit": version.unit,
    }


def _log(actor: Any, version: Any, seen: tested.Preview, examples: list[int]) -> None:
    """The examples one by one and the rest as a number, with what it is for.

    Values are counted in the database and load no row that would note itself. Columns of the
    register are public.
    """
    if version.source == Source.REGISTER or not seen.known:
        return
    indicator = version.indicator
    purpose_of(actor, indicator if indicator.pk else actor.authority)
    owner = indicator.authority_id
    for pk in examples:
        note(Site._meta.label_lower, pk, owner)
    note_counted(Site._meta.label_lower, owner, seen.known - len(examples))


def _plain(value: Any) -> str:
    """A number without a needless rest, a text as it is."""
    if isinstance(value, float):
        value = int(value) if value.is_integer() else number_format(value, 2, use_l10n=True)
    return str(value)
