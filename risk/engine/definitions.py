"""What an indicator may be made of: one form per source, checked before anything is computed.

A definition is a small JSON object and never code: ``{"measure": "count", "kinds": ["tip"], ...}``.
``FORMS`` names the measures of each source and the fields that each measure takes; builders of
pages read it too. What stands on the list of things never used (``reference/never_inputs.yaml``) is
refused in every word of a definition.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import pairwise
from typing import Any

import yaml
from django.conf import settings
from django.utils.translation import get_language, gettext_lazy
from django.utils.translation import gettext as _

from risk.models.indicators import Source
from targets.models import Accuracy, CompanyStatus, Reliability, VisitOutcome

MOST_DAYS = 36_500
MOST_WORDS = 200
LONGEST_WORD = 120
FOUND = (VisitOutcome.SERIOUS.value, VisitOutcome.SEVERE.value)


@dataclass(frozen=True)
class Field:
    """One field of a definition. ``kind``: text, texts, choice, choices or number (whole).

    ``needed``/``taken``: measures that need it, and that may have it besides.
    """

    name: str
    kind: str
    label: Any
    needed: tuple[str, ...] = ()
    taken: tuple[str, ...] = ()
    choices: tuple[tuple[str, Any], ...] = ()
    low: int = 1
    high: int = MOST_DAYS

    def of(self, measure: str) -> bool:
        return measure in self.needed or measure in self.taken


@dataclass(frozen=True)
class Form:
    """Measures with their words, which of them give a text, and the fields."""

    measures: dict[str, Any]
    fields: tuple[Field, ...]
    texts: tuple[str, ...] = ()
    either: tuple[str, ...] = field(default=())  # a number or a text, as the source says it


def _choices(kind: Any) -> tuple[tuple[str, Any], ...]:
    return tuple((str(value), label) for value, label in kind.choices)


_ALL = ("count", "days_since", "decayed")
_ABOUT = (
    ("either", gettext_lazy("the site or its company")),
    ("site", gettext_lazy("the site")),
    ("company", gettext_lazy("the company that runs the site")),
)
_WITHIN = gettext_lazy("within days before the day of scoring")
_HALF = gettext_lazy("days after which a row counts half")
_FACT_ROWS = ("count", "exists", "days_since", "decayed")
_FACTS = ("last", "in", "ratio", *_FACT_ROWS)
_SAYS = ("said", "said_mean", "said_sum")
_MEANS = ("rate", "said_mean", "neighbours")
_VISITS = ("days_since", "count", "level", "decayed", *_MEANS, "said", "said_sum")

FORMS: dict[str, Form] = {
    Source.SIGNALS: Form(
        {
            "count": gettext_lazy("number of signals"),
            "days_since": gettext_lazy("days since the latest signal"),
            "decayed": gettext_lazy("number of signals, older ones counting less"),
        },
        (
            Field("kinds", "texts", gettext_lazy("kinds of information"), taken=_ALL),
            Field(
                "reliability", "choice", gettext_lazy("source at least"), taken=_ALL,
                choices=_choices(Reliability)[:5],
            ),
            Field(
                "accuracy", "choice", gettext_lazy("information at least"), taken=_ALL,
                choices=_choices(Accuracy)[:5],
            ),
            Field("within_days", "number", _WITHIN, needed=("count",), taken=_ALL),
            Field("half_life_days", "number", _HALF, needed=("decayed",)),
            Field("about", "choice", gettext_lazy("about"), taken=_ALL, choices=_ABOUT),
        ),
    ),
    Source.FACTS: Form(
        {
            "last": gettext_lazy("what the latest fact says"),
            "exists": gettext_lazy("whether there is such a fact"),
            "count": gettext_lazy("number of such facts"),
            "days_since": gettext_lazy("days since the latest such fact"),
            "decayed": gettext_lazy("number of such facts, older ones counting less"),
            "in": gettext_lazy("whether the latest fact says one of these"),
            "ratio": gettext_lazy("one figure divided by another"),
        },
        (
            Field("kind", "text", gettext_lazy("kind of fact"), needed=_FACTS),
            Field(
                "field", "text", gettext_lazy("field of the fact"), needed=("last", "in", "ratio"),
                taken=_FACT_ROWS,
            ),
            Field("within_days", "number", _WITHIN, needed=("count",), taken=_FACT_ROWS),
            Field("half_life_days", "number", _HALF, needed=("decayed",)),
            Field("among", "texts", gettext_lazy("one of"), needed=("in",), taken=_FACT_ROWS),
            Field(
                "per", "choice", gettext_lazy("divided by"), needed=("ratio",),
                choices=(("fact", gettext_lazy("a field of a fact")),
                         ("staff", gettext_lazy("number of staff"))),
            ),
            Field("per_kind", "text", gettext_lazy("kind of the second fact"), taken=("ratio",)),
            Field("per_field", "text", gettext_lazy("field of the second fact"), taken=("ratio",)),
            Field("about", "choice", gettext_lazy("about"), taken=_FACTS, choices=_ABOUT),
        ),
        either=("last",),
    ),
    Source.REGISTER: Form(
        {
            "company_age": gettext_lazy("age of the company in years"),
            "site_age": gettext_lazy("age of the site in years"),
            "industry": gettext_lazy("industry"),
            "industry_in": gettext_lazy("whether the industry is one of these"),
            "status": gettext_lazy("state of the company"),
            "status_in": gettext_lazy("whether the company is in one of these states"),
            "struck": gettext_lazy("number of registers the company was struck from"),
            "staff": gettext_lazy("number of staff"),
            "sites": gettext_lazy("number of sites of the company"),
            "name_changes": gettext_lazy("number of changes of the company’s trade name"),
            "operator_changes": gettext_lazy("number of changes of who runs the site"),
        },
        (
            Field("codes", "texts", gettext_lazy("codes of industries"), needed=("industry_in",)),
            Field(
                "digits", "number", gettext_lazy("digits of the code"), taken=("industry",), high=5
            ),
            Field(
                "statuses", "choices", gettext_lazy("states"), needed=("status_in",),
                choices=_choices(CompanyStatus),
            ),
            Field(
                "registers", "choices", gettext_lazy("registers"), needed=("struck",),
                choices=(("prepayment", gettext_lazy("prepayment register")),
                         ("employer", gettext_lazy("employer register")),
                         ("vat", gettext_lazy("VAT register")),
                         ("trade", gettext_lazy("trade register"))),
            ),
            Field(
                "within_days", "number", _WITHIN, needed=("name_changes", "operator_changes"),
                taken=("struck",),
            ),
        ),
        texts=("industry", "status"),
    ),
    Source.VISITS: Form(
        {
            "days_since": gettext_lazy("days since the latest visit"),
            "count": gettext_lazy("number of visits"),
            "level": gettext_lazy("result of the latest visit, 0 (no remarks) to 3 (severe)"),
            "rate": gettext_lazy("share of visits with findings, older ones counting less, per cent"),
            "decayed": gettext_lazy("number of visits with findings, older ones counting less"),
            "neighbours": gettext_lazy("share of visits with findings nearby, per cent"),
            "said": gettext_lazy("a number that the visit gave, such as a grade"),
            "said_mean": gettext_lazy("mean of a number that visits gave"),
            "said_sum": gettext_lazy("sum of a number that visits gave, older ones counting less"),
        },
        (
            Field(
                "whose", "choice", gettext_lazy("made by"), taken=_VISITS,
                choices=(("any", gettext_lazy("any authority that shares its results")),
                         ("own", gettext_lazy("the own authority"))),
            ),
            Field(
                "outcomes", "choices", gettext_lazy("results that count"),
                taken=("days_since", "count", "rate", "decayed", "neighbours"),
                choices=_choices(VisitOutcome),
            ),
            Field("field", "text", gettext_lazy("name of the number in the visit"), needed=_SAYS),
            Field("kinds", "texts", gettext_lazy("kinds of visits that count"), taken=_VISITS),
            Field(
                "within_days", "number", _WITHIN, needed=("count", "neighbours"),
                taken=("level", "rate", "decayed", *_SAYS),
            ),
            Field(
                "half_life_days", "number", _HALF, needed=("rate", "decayed", "said_sum"),
                taken=("said_mean",),
            ),
            Field(
                "nth", "number", gettext_lazy("counted back, the latest visit being 1"),
                taken=("level", "days_since", "said"), high=20,
            ),
            Field(
                "last_visits", "number", gettext_lazy("only so many latest visits"),
                taken=("rate", "said_mean"), high=1000,
            ),
            Field(
                "usual", "number", gettext_lazy("usual value, to which a few visits are pulled"),
                taken=_MEANS, low=0,
            ),
            Field(
                "usual_visits", "number", gettext_lazy("as if so many more visits had shown it"),
                taken=_MEANS, high=1000,
            ),
            Field(
                "near", "choice", gettext_lazy("nearby"), needed=("neighbours",),
                choices=(("municipality", gettext_lazy("same municipality")),
                         ("industry", gettext_lazy("same industry")),
                         ("both", gettext_lazy("same municipality and industry")),
                         ("postal_code", gettext_lazy("same postal code"))),
            ),
            Field(
                "least", "number", gettext_lazy("from this many visits on"), taken=("neighbours",),
                high=10_000,
            ),
        ),
    ),
    Source.LINKS: Form(
        {
            "contractors": gettext_lazy("number of contractors in the chain"),
            "employers": gettext_lazy("number of employers at the site"),
            "staffed_by": gettext_lazy("number of firms that hire out labour"),
            "lodges": gettext_lazy("number of firms that lodge people in it"),
            "successor": gettext_lazy("number of ended companies it seems to go on after"),
        },
        (
            Field("within_days", "number", _WITHIN, taken=("successor",)),
            Field("depth", "number", gettext_lazy("steps of the chain"), taken=("contractors",), high=8),
        ),
    ),
    Source.CASES: Form(
        {
            "nominated": gettext_lazy("number of nominations by the own authority"),
            "chosen": gettext_lazy("number of times chosen in a joint operation"),
        },
        (Field("within_days", "number", _WITHIN, needed=("nominated", "chosen")),),
    ),
}  # fmt: skip


@dataclass(frozen=True)
class Never:
    """One thing that is never used, with the patterns by which it is known."""

    code: str
    names: dict[str, str]
    patterns: tuple[re.Pattern[str], ...]

    @property
    def name(self) -> str:
        return self.names.get((get_language() or "en")[:2], self.names["en"])


@lru_cache(maxsize=1)
def never_inputs() -> tuple[Never, ...]:
    """The maintained list of what is never used."""
    file = settings.REFERENCE_DIR / "never_inputs.yaml"
    data = yaml.safe_load(file.read_text(encoding="utf-8"))
    return tuple(
        Never(
            entry["code"],
            {code: entry[f"name_{code}"] for code in ("fi", "sv", "en")},
            tuple(re.compile(pattern, re.IGNORECASE) for pattern in entry["patterns"]),
        )
        for entry in data["never"]
    )


def forbidden(word: str) -> Never | None:
    """What a word stands for that is never used, or None."""
    plain = re.sub(r"[_\-.\s]+", " ", re.sub(r"(?<=[a-zåäö])(?=[A-ZÅÄÖ])", " ", word)).strip()
    for never in never_inputs():
        if any(pattern.search(plain) for pattern in never.patterns):
            return never
    return None


def check(source: str, definition: Any) -> list[str]:
    """What is wrong with a definition, in words that name the field and the remedy; [] if nothing."""
    form = FORMS.get(source)
    if form is None:
        return [_("source: choose one of %(choices)s.") % {"choices": ", ".join(FORMS)}]
    if not isinstance(definition, dict):
        return [_("definition: give an object with fields, such as “measure”.")]
    problems = list(_never(definition))
    measure = definition.get("measure")
    if not isinstance(measure, str) or measure not in form.measures:
        choices = ", ".join(form.measures)
        return [*problems, _("measure: choose one of %(choices)s.") % {"choices": choices}]
    known = {f.name: f for f in form.fields}
    for name, value in definition.items():
        if name == "measure":
            continue
        if name not in known:
            problems.append(
                _("%(field)s: there is no such field here; take it out. Fields are: %(fields)s.")
                % {"field": name, "fields": ", ".join(f.name for f in form.fields if f.of(measure))}
            )
        elif not known[name].of(measure):
            problems.append(
                _("%(field)s: not used with “%(measure)s”; take it out.")
                % {"field": name, "measure": measure}
            )
        else:
            problems += _value(known[name], value)
    problems += [
        _("%(field)s: needed with “%(measure)s”; fill it in.")
        % {"field": f.name, "measure": measure}
        for f in form.fields
        if measure in f.needed and definition.get(f.name) in (None, "", [])
    ]
    return problems + [
        _("%(field)s: needed with “%(measure)s”; fill it in.") % {"field": name, "measure": other}
        for name, other in _together(definition)
    ]


def _together(definition: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """Fields that are missing beside another one: the field, and with what it is needed."""
    if definition.get("measure") == "ratio" and definition.get("per") == "fact":
        if not definition.get("per_field"):
            yield "per_field", "ratio"
    elif definition.get("among") and not definition.get("field"):
        yield "field", "among"
    if definition.get("usual_visits") and definition.get("usual") is None:
        yield "usual", "usual_visits"


def check_of(source: str, definition: Any, *, shared: bool) -> list[str]:
    """``check``, and what an indicator without an owner cannot read."""
    problems = check(source, definition)
    if shared and not problems:
        own = definition.get("whose") == "own" or source == Source.CASES
        if source == Source.SIGNALS or own:
            problems.append(
                _("source: a shared indicator reads only what all may see; give it an owner.")
            )
    return problems


def _never(definition: dict[str, Any]) -> Iterator[str]:
    for path, word in _words(definition, ""):
        never = forbidden(word)
        if never is not None:
            yield _("%(field)s: “%(word)s” may not be used (%(what)s); choose something else.") % {
                "field": path, "word": word[:60], "what": never.name,
            }  # fmt: skip


OWN_WORDS = frozenset(
    {"measure", *(f.name for form in FORMS.values() for f in form.fields)}
    | {measure for form in FORMS.values() for measure in form.measures}
)


def _words(value: Any, path: str) -> Iterator[tuple[str, str]]:
    """Every word of a definition with the field it stands in; words of the forms are left out."""
    if isinstance(value, dict):
        for name, inner in value.items():
            if name not in OWN_WORDS:
                yield str(name), str(name)
            yield from _words(inner, str(name))
    elif isinstance(value, (list, tuple)):
        for inner in value:
            yield from _words(inner, path)
    elif isinstance(value, str) and not (path == "measure" and value in OWN_WORDS):
        yield path, value


def _value(field: Field, value: Any) -> list[str]:
    if field.kind == "number":
        whole = isinstance(value, int) and not isinstance(value, bool)
        if not whole or not field.low <= value <= field.high:
            return [
                _("%(field)s: give a whole number from %(low)s to %(high)s.")
                % {"field": field.name, "low": field.low, "high": field.high}
            ]
        return []
    allowed = [code for code, _label in field.choices]
    if field.kind in ("text", "choice"):
        if not isinstance(value, str) or not 0 < len(value) <= LONGEST_WORD:
            return [_("%(field)s: give one word.") % {"field": field.name}]
        if field.kind == "choice" and value not in allowed:
            return [_choose(field.name, allowed)]
        return []
    fine = isinstance(value, list) and 0 < len(value) <= MOST_WORDS
    if not fine or not all(isinstance(v, str) and 0 < len(v) <= LONGEST_WORD for v in value):
        return [_("%(field)s: give a list of words.") % {"field": field.name}]
    if field.kind == "choices" and not set(value) <= set(allowed):
        return [_choose(field.name, allowed)]
    return []


def _choose(name: str, allowed: list[str]) -> str:
    return _("%(field)s: choose one of %(choices)s.") % {
        "field": name, "choices": ", ".join(allowed),
    }  # fmt: skip


MOST_POINTS = 300  # an indicator; hundredths fit in 16 bits


def check_bins(bins: Any, *, text: bool | None = None) -> list[str]:
    """What is wrong with bins. ``text``: whether the value is a text (None: may be either)."""
    if not isinstance(bins, list) or not bins or not all(isinstance(b, dict) for b in bins):
        return [_("bins: give at least one step with its points.")]
    problems = []
    points = [b.get("points") for b in bins]
    if not all(isinstance(p, int) and not isinstance(p, bool) for p in points) or any(
        abs(p) > MOST_POINTS for p in points if isinstance(p, int)
    ):
        problems.append(
            _("bins: give whole points from %(low)s to %(high)s.")
            % {"low": -MOST_POINTS, "high": MOST_POINTS}
        )
    of_texts = "is" in bins[0]
    if text is not None and text != of_texts:
        problems.append(
            _("bins: the value is a text; use steps with “is”.") if text
            else _("bins: the value is a number; use steps with “below”.")
        )  # fmt: skip
    name = "is" if of_texts else "below"
    if any(name not in b for b in bins) or bins[-1].get(name) is not None:
        problems.append(_("bins: let the last step take all the rest (null).") % {})
        return problems
    limits = [b[name] for b in bins[:-1]]
    if of_texts:
        if not all(
            isinstance(x, list) and x and all(isinstance(v, str) for v in x) for x in limits
        ):
            problems.append(_("bins: give codes in each step with “is”."))
    elif not all(isinstance(x, (int, float)) and not isinstance(x, bool) for x in limits):
        problems.append(_("bins: give a number in each step with “below”."))
    elif any(a >= b for a, b in pairwise(limits)):
        problems.append(_("bins: let the limits rise from step to step."))
    return problems
