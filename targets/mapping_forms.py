"""Mapping the columns of a file by hand: first a sample of the file, then a column a field."""

import json
import tempfile
from pathlib import Path
from typing import Any

from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from targets.fact_words import KINDS
from targets.models import SITE_DETAILS, ImportKind, SiteType, VisitOutcome
from targets.services.imports import readers, workbooks
from targets.services.imports.messages import file_message
from targets.services.imports.records import FileRefused, text

# field of a mapping → (words, whether it must be mapped), by kind, in the order of the form
FIELDS: dict[str, dict[str, tuple[Any, bool]]] = {
    ImportKind.SITES: {
        "key": (gettext_lazy("Number or key of the row"), True),
        "name": (gettext_lazy("Name"), True),
        "name_sv": (gettext_lazy("Name in Swedish"), False),
        "business_id": (gettext_lazy("Business ID"), False),
        "company_name": (gettext_lazy("Name of the company"), False),
        "company_form": (gettext_lazy("Form of the company, by code or letters"), False),
        "address": (gettext_lazy("Address"), False),
        "postal_code": (gettext_lazy("Postal code"), False),
        "municipality": (gettext_lazy("Municipality, by code or name"), False),
        "locality": (gettext_lazy("Post town"), False),
        "industry": (gettext_lazy("Industry code"), False),
        "longitude": (gettext_lazy("Longitude"), False),
        "latitude": (gettext_lazy("Latitude"), False),
        "staff_estimate": (gettext_lazy("Staff"), False),
        "locator": (gettext_lazy("Registration or web address"), False),
        "opened_on": (gettext_lazy("Opened"), False),
        "closed_on": (gettext_lazy("Closed"), False),
    },
    ImportKind.VISITS: {
        "key": (gettext_lazy("Number or key of the visit"), True),
        "site": (gettext_lazy("Key of the site, as in the list of sites"), True),
        "on": (gettext_lazy("Day of the visit"), True),
        "outcome": (gettext_lazy("Result"), True),
        "kind": (gettext_lazy("Kind of visit"), False),
        "told_on": (gettext_lazy("Day on which the result was known"), False),
    },
    ImportKind.FACTS: {
        "key": (gettext_lazy("Number or key of the row"), True),
        "business_id": (gettext_lazy("Business ID"), True),
        "company_name": (gettext_lazy("Name of the company"), False),
        "valid_from": (gettext_lazy("Holds from"), False),
        "valid_to": (gettext_lazy("Holds until"), False),
        "told_on": (gettext_lazy("Day on which it was known"), False),
    },
    ImportKind.ROLES: {
        "business_id": (gettext_lazy("Business ID"), True),
        "company_name": (gettext_lazy("Name of the company"), False),
        "role": (gettext_lazy("Role"), True),
        "person": (gettext_lazy("Name of the person (only a hash is kept)"), True),
        "born": (gettext_lazy("Date of birth (only a hash is kept)"), False),
        "valid_from": (gettext_lazy("Holds from"), False),
        "valid_to": (gettext_lazy("Holds until"), False),
    },
}  # fmt: skip
MAX_COLUMNS = 200
SAMPLE = 20 * 1024 * 1024


def sample_of(file: Any) -> list[tuple[str, str]]:
    """Columns of an uploaded table, each with its first value; FileRefused for what is no table."""
    suffix = Path(file.name).suffix.lower()[:10]
    with tempfile.NamedTemporaryFile(suffix=suffix) as copy:
        for part in file.chunks():
            copy.write(part)
        copy.flush()
        path = Path(copy.name)
        if path.stat().st_size == 0:
            raise FileRefused("empty")
        if workbooks.is_workbook(path):
            survey = workbooks.survey(path, (), lambda: None)
            readers.refuse_personal_columns(survey)
            rows = workbooks.rows(path, survey)
        else:
            survey = readers.survey_table(path, (), {}, lambda: None)
            rows = readers.table_rows(path, survey)
        first = next(rows, (0, {}))[1]
    return [(name, text(first.get(name))[:40]) for name in survey.columns[:MAX_COLUMNS] if name]


class MappingStartForm(forms.Form):
    name = forms.CharField(label=gettext_lazy("Name of the mapping"), max_length=100)
    kind = forms.ChoiceField(
        label=gettext_lazy("What the file holds"), choices=ImportKind.choices,
        widget=forms.RadioSelect,
    )  # fmt: skip
    file = forms.FileField(
        label=gettext_lazy("A file of this kind"),
        help_text=gettext_lazy("Only its columns are looked at; nothing is stored."),
    )

    def clean_file(self) -> Any:
        file = self.cleaned_data["file"]
        if file.size > SAMPLE:
            raise forms.ValidationError(
                _("The sample is larger than 20 MB. Cut it: the header and some rows will do.")
            )
        try:
            self.sample = sample_of(file)
        except FileRefused as refused:
            raise forms.ValidationError(file_message(refused.code, refused.params)) from None
        return file


class MappingForm(forms.Form):
    """A column for each field; the columns travel with the form, so nothing waits on the server."""

    name = forms.CharField(label=gettext_lazy("Name of the mapping"), max_length=100)
    kind = forms.ChoiceField(choices=ImportKind.choices, widget=forms.HiddenInput)
    sample = forms.CharField(widget=forms.HiddenInput, max_length=100_000)

    def __init__(self, kind: str, sample: list[Any], *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.mapped = FIELDS[kind]
        choices = [(name, f"{name} ({value})" if value else name) for name, value in sample]
        for field, (label, needed) in self.mapped.items():
            self.fields[f"field_{field}"] = forms.ChoiceField(
                label=label, required=needed,
                choices=[("", _("– choose –") if needed else _("– not in the file –")), *choices],
            )  # fmt: skip
        if kind == ImportKind.SITES:
            self.fields["type"] = forms.ChoiceField(
                label=_("Type of place"), choices=SiteType.choices
            )
            self.fields["edition"] = forms.ChoiceField(
                label=_("Classification of the industry codes"),
                choices=[("TOL2025", "TOL 2025"), ("TOL2008", "TOL 2008"), ("NACE21", "NACE 2.1")],
            )
        elif kind == ImportKind.VISITS:
            for outcome in VisitOutcome:
                self.fields[f"outcome_{outcome}"] = forms.CharField(
                    label=_("What the file writes for “%(outcome)s”") % {"outcome": outcome.label},
                    help_text=_("Several with a comma between them."), required=False,
                )  # fmt: skip
        elif kind == ImportKind.FACTS:
            self.fields["fact"] = forms.ChoiceField(
                label=_("What the rows say"),
                choices=[(kind, words) for kind, words in KINDS.items() if kind != SITE_DETAILS],
            )
            self.fields["values"] = forms.MultipleChoiceField(
                label=_("Columns to keep"), choices=choices, widget=forms.CheckboxSelectMultiple
            )

    @classmethod
    def begun(cls, start: MappingStartForm) -> "MappingForm":
        """The form after the sample: columns whose names are ours are chosen already."""
        kind, sample = start.cleaned_data["kind"], start.sample
        names = {name.casefold(): name for name, _value in sample}
        initial = {"name": start.cleaned_data["name"], "kind": kind, "sample": json.dumps(sample)}
        for field, (label, _needed) in FIELDS[kind].items():
            for guess in (field, str(label)):
                if guess.casefold() in names:
                    initial[f"field_{field}"] = names[guess.casefold()]
        return cls(kind, sample, initial=initial)

    @classmethod
    def sent(cls, data: Any) -> "MappingForm":
        """The form as it was sent; ValidationError when its hidden parts were tampered with."""
        kind = data.get("kind", "")
        try:
            sample = [(str(name), str(value)) for name, value in json.loads(data.get("sample", ""))]
        except (ValueError, TypeError):
            sample = []
        if kind not in FIELDS or not sample:
            raise forms.ValidationError(_("Begin again with a file."))
        return cls(kind, sample[:MAX_COLUMNS], data)

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        if data.get("kind") == ImportKind.VISITS and not self.outcomes(data):
            self.add_error(
                f"outcome_{VisitOutcome.NO_REMARKS}",
                _("Say for one result at least what the file writes."),
            )
        return data

    @staticmethod
    def outcomes(data: dict[str, Any]) -> dict[str, str]:
        """What the file writes → our result."""
        return {
            word.strip().upper(): str(outcome)
            for outcome in VisitOutcome
            for word in (data.get(f"outcome_{outcome}") or "").split(",")
            if word.strip()
        }

    def mapping(self) -> dict[str, Any]:
        """``columns`` and ``options`` as ``ImportMapping`` keeps them."""
        data = self.cleaned_data
        columns = {f: data[f"field_{f}"] for f in self.mapped if data.get(f"field_{f}")}
        options: dict[str, Any] = {}
        if data["kind"] == ImportKind.SITES:
            options = {"type": data["type"], "edition": data["edition"]}
        elif data["kind"] == ImportKind.VISITS:
            options = {"outcome": {"map": self.outcomes(data)}}
        elif data["kind"] == ImportKind.FACTS:
            options = {"fact": data["fact"], "values": {c: c for c in data["values"]}}
        return {"columns": columns, "options": options}
