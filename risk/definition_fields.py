"""The fields of a definition as form fields, made from ``risk.engine.definitions.FORMS``."""

from typing import Any

from django import forms
from django.utils.text import capfirst
from django.utils.translation import gettext as _

from risk.services import tested

PREFIX = "d-"


def measure_of(source: str, asked: str | None) -> str:
    """The measure asked for when the source has it, else its first."""
    measures = tested.forms()[source].measures
    return asked if asked is not None and asked in measures else next(iter(measures))


def fields(source: str, measure: str) -> dict[str, forms.Field]:
    """Form fields by name (``d-measure``, ``d-kinds``, ...): those that the measure takes."""
    form = tested.forms()[source]
    made: dict[str, forms.Field] = {
        f"{PREFIX}measure": forms.ChoiceField(
            label=_("What is measured"), choices=list(form.measures.items())
        )
    }
    for field in form.fields:
        if field.of(measure):
            made[f"{PREFIX}{field.name}"] = _field(field, measure in field.needed)
    return made


def _field(field: Any, needed: bool) -> forms.Field:
    label = capfirst(str(field.label))
    if field.kind == "number":
        return forms.IntegerField(
            label=label, required=needed, min_value=field.low, max_value=field.high
        )
    if field.kind == "choice":
        empty = [] if needed else [("", _("– any –"))]
        return forms.ChoiceField(label=label, required=needed, choices=[*empty, *field.choices])
    if field.kind == "choices":
        return forms.MultipleChoiceField(
            label=label, required=needed, choices=list(field.choices),
            widget=forms.CheckboxSelectMultiple,
        )  # fmt: skip
    several = field.kind == "texts"
    return forms.CharField(
        label=label, required=needed, max_length=2000 if several else 120,
        help_text=_("Codes; several with a comma between them.") if several else "",
    )  # fmt: skip


def initial(source: str, definition: dict[str, Any]) -> dict[str, Any]:
    """A definition as values of the form fields."""
    texts = {f.name for f in tested.forms()[source].fields if f.kind == "texts"}
    return {
        f"{PREFIX}{name}": ", ".join(value) if name in texts and isinstance(value, list) else value
        for name, value in definition.items()
    }


def definition(source: str, data: dict[str, Any]) -> dict[str, Any]:
    """The definition of cleaned form fields; what was left empty is left out."""
    texts = {f.name for f in tested.forms()[source].fields if f.kind == "texts"}
    made: dict[str, Any] = {}
    for key, value in data.items():
        name = key.removeprefix(PREFIX)
        if name == key or value in (None, "", []):
            continue
        if name in texts:
            value = [part.strip() for part in value.split(",") if part.strip()]
        made[name] = value
    return made


def words(source: str, definition: dict[str, Any]) -> list[dict[str, str]]:
    """A definition for readers: ``{"label", "value"}`` a field."""
    form = tested.forms().get(source)
    if form is None:
        return []
    measure = definition.get("measure", "")
    lines = [{"label": _("What is measured"), "value": str(form.measures.get(measure, measure))}]
    for field in form.fields:
        if field.name in definition:
            named = {code: str(label) for code, label in field.choices}
            value = definition[field.name]
            parts = value if isinstance(value, list) else [value]
            lines.append(
                {"label": capfirst(str(field.label)),
                 "value": ", ".join(named.get(part, str(part)) for part in parts)}
            )  # fmt: skip
    return lines
