"""Words for what a comparison found, and the two sides of a pair field by field."""

import math
from typing import TYPE_CHECKING, Any

from django.utils.formats import date_format, number_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from targets.models import Company, MatchPair, Site
from targets.services.identity import normalise
from targets.source_words import shown_source

if TYPE_CHECKING:
    from authorities.actors import Actor

WHAT = {
    "name": gettext_lazy("Name"),
    "location": gettext_lazy("Place"),
    "firm_id": gettext_lazy("Identifier of the company"),
}
LEVELS = {
    ("name", "same"): gettext_lazy("the same name, however written"),
    ("name", "also_called"): gettext_lazy("one is called so too, or was"),
    ("name", "alike"): gettext_lazy("names that differ by a slip of the pen"),
    ("name", "partly"): gettext_lazy("names that are partly alike"),
    ("name", "different"): gettext_lazy("different names"),
    ("location", "same_address"): gettext_lazy("the same street and number"),
    ("location", "within_50_m"): gettext_lazy("not more than 50 m apart"),
    ("location", "alike"): gettext_lazy("the same number in streets that are spelt alike"),
    ("location", "within_300_m"): gettext_lazy("not more than 300 m apart"),
    ("location", "same_street"): gettext_lazy("the same street, one without a number"),
    ("location", "other_number"): gettext_lazy("the same street, another number"),
    ("location", "same_postal_code"): gettext_lazy("the same postal code, another address"),
    ("location", "same_municipality"): gettext_lazy("the same municipality, nothing closer known"),
    ("location", "elsewhere_in_municipality"): gettext_lazy("elsewhere in the same municipality"),
    ("location", "different"): gettext_lazy("somewhere else"),
    ("firm_id", "same"): gettext_lazy("the same company"),
    ("firm_id", "different"): gettext_lazy("two companies"),
}
UNKNOWN = gettext_lazy("not known of both")
FACTOR_SHOWN = 1_000_000


def level_words(entry: dict[str, Any]) -> str:
    return str(LEVELS.get((entry["what"], entry["level"]), UNKNOWN))


def contribution(weight: float) -> dict[str, str]:
    """What a weight (bits) means, in words, with its icon and colour class."""
    if abs(weight) < 0.05:
        return {"words": _("says nothing"), "icon": "dash", "style": "neutral"}
    factor = min(2 ** abs(weight), FACTOR_SHOWN)
    shown = number_format(
        round(factor) if factor >= 10 else round(factor, 1), use_l10n=True, force_grouping=True
    )
    if weight > 0:
        words = _("%(factor)s times likelier to be the same") % {"factor": shown}
        return {"words": words, "icon": "check", "style": "ok"}
    words = _("%(factor)s times likelier to be different") % {"factor": shown}
    return {"words": words, "icon": "close", "style": "bad"}


def evidence_rows(pair: MatchPair) -> list[dict[str, Any]]:
    """The comparisons in words, the weightiest first."""
    rows = [
        {
            "what": WHAT.get(entry["what"], entry["what"]),
            "level": level_words(entry),
            **contribution(entry["weight"]),
            "weight": entry["weight"],
        }
        for entry in pair.evidence
    ]
    return sorted(rows, key=lambda row: -abs(row["weight"]))


def summary(pair: MatchPair) -> str:
    """What speaks for the pair, in one line of the list."""
    good = [level_words(e) for e in pair.evidence if e["weight"] > 0]
    return ", ".join(good)


def percent(probability: float) -> str:
    """Never rounded up to certainty."""
    return f"{number_format(math.floor(probability * 1000) / 10, use_l10n=True)} %"


# ------------------------------------------------------------------------------ side by side
NOT_COMPARED = object()  # shown only: that two registers are two says nothing
MARKS = {
    "agree": (gettext_lazy("agrees"), "check", "ok"),
    "alike": (gettext_lazy("agrees, written differently"), "check", "info"),
    "differ": (gettext_lazy("differs"), "close", "bad"),
    "unknown": (gettext_lazy("known of one only"), "dash", "neutral"),
}


def side_by_side(pair: MatchPair, actor: "Actor") -> list[dict[str, Any]]:
    """The fields of both with a mark each; those that neither has are left out.

    No query when company, municipality and industry were fetched with both rows.
    """
    return [
        {"label": label, "a": a, "b": b, **_mark(a, b, key)}
        for (label, a, key), (_label, b, _key) in zip(
            _fields(pair.a, actor), _fields(pair.b, actor), strict=True
        )
        if a or b
    ]


def _mark(a: str, b: str, key: Any) -> dict[str, Any]:
    if key is NOT_COMPARED:
        return {"mark": "", "words": "", "icon": "", "style": ""}
    if not a or not b:
        mark = "unknown"
    elif a == b:
        mark = "agree"
    else:
        mark = "alike" if key is not None and key(a) == key(b) != "" else "differ"
    words, icon, style = MARKS[mark]
    return {"mark": mark, "words": words, "icon": icon, "style": style}


def _fields(row: Site | Company, actor: "Actor") -> list[tuple[str, str, Any]]:
    """(label, value, what it comes to for comparing) of one side."""
    company = row.company if isinstance(row, Site) else row
    site = row if isinstance(row, Site) else None
    place = row.municipality.name if row.municipality else ""
    fields: list[tuple[str, str, Any]] = [(_("Name"), row.name, lambda v: normalise.name(v).key)]
    if site is not None:
        fields += [
            (_("Name in Swedish"), site.name_sv, lambda v: normalise.name(v).key),
            (_("Company"), company.name if company else "", lambda v: normalise.name(v).key),
        ]
    fields += [
        (_("Business ID"), (company.business_id or "") if company else "", None),
        (_("Address"), row.address, lambda v: normalise.address(v).key),
        (_("Postal code"), row.postal_code, normalise.postal_code),
        (_("Municipality"), place, None),
    ]
    if site is not None:
        known = site.latitude is not None and site.longitude is not None
        fields += [
            (
                _("Coordinates"),
                f"{site.latitude:.5f}, {site.longitude:.5f}" if known else "",
                _near,
            ),
            (_("Kind of place"), site.get_type_display(), None),
        ]
    fields += [
        (_("Industry"), str(row.industry) if row.industry else "", None),
        (_("State"), row.get_status_display(), None),
        (_("From"), _date(site.opened_on if site else row.registered_on), None),  # type: ignore[union-attr]
        (_("Until"), _date(site.closed_on if site else row.ended_on), None),  # type: ignore[union-attr]
        (_("Register"), shown_source(row.source, actor), NOT_COMPARED),
    ]
    return fields


def _near(text: str) -> str:
    """To about 100 m: registers measure the door, the yard or the lot."""
    latitude, longitude = (float(part) for part in text.split(","))
    return f"{latitude:.3f} {longitude:.3f}"


def _date(value: Any) -> str:
    return date_format(value, "SHORT_DATE_FORMAT") if value else ""
