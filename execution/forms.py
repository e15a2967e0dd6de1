"""Forms of the field pages."""

import uuid
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from authorities import terms
from authorities.models import TermKind
from execution.models import (
    Answer,
    ChecklistItem,
    InspectionRecord,
    NotPossibleReason,
    RecordOutcome,
    Severity,
)


class NotPossibleForm(forms.Form):
    reason = forms.ChoiceField(
        label=_("Why was it not possible?"), choices=NotPossibleReason.choices,
        widget=forms.RadioSelect,
    )  # fmt: skip
    note = forms.CharField(
        label=_("More about it"), widget=forms.Textarea(attrs={"rows": 3}), required=False
    )


class RecordForm(forms.Form):
    """Counts and summary; the checklist's questions are added as fields."""

    people_met = forms.IntegerField(
        label=_("People met"), min_value=0, required=False,
        help_text=_("Counts only. Nobody is named."),
    )  # fmt: skip
    people_interviewed = forms.IntegerField(
        label=_("People interviewed"), min_value=0, required=False
    )
    people_without_right_to_work = forms.IntegerField(
        label=_("People without the right to work"), min_value=0, required=False
    )
    minors_met = forms.IntegerField(label=_("Minors met"), min_value=0, required=False)
    summary = forms.CharField(
        label=_("Summary"), widget=forms.Textarea(attrs={"rows": 4}), required=False,
        help_text=_("No names of people. Only your own authority reads this."),
    )  # fmt: skip
    version = forms.IntegerField(widget=forms.HiddenInput)

    def __init__(self, *args: Any, record: InspectionRecord, **kwargs: Any) -> None:
        given = {a.item_id: a for a in record.answers.all()}
        kwargs["initial"] = {
            "people_met": record.people_met, "people_interviewed": record.people_interviewed,
            "people_without_right_to_work": record.people_without_right_to_work,
            "minors_met": record.minors_met, "summary": record.summary,
            "version": record.version,
        }  # fmt: skip
        super().__init__(*args, **kwargs)
        self.items = (
            list(ChecklistItem.objects.filter(checklist=record.checklist_id).order_by("order"))
            if record.checklist_id
            else []
        )
        for item in self.items:
            answer = given.get(item.pk)
            self.fields[f"item-{item.pk}"] = forms.ChoiceField(
                label=item.text, choices=Answer.choices, required=False,
                widget=forms.RadioSelect, initial=answer.answer if answer else "",
                help_text=item.legal_reference,
            )  # fmt: skip
            self.fields[f"note-{item.pk}"] = forms.CharField(
                label=_("Note"), required=False, max_length=500,
                initial=answer.note if answer else "",
            )  # fmt: skip

    def questions(self) -> list[tuple[Any, Any]]:
        return [(self[f"item-{i.pk}"], self[f"note-{i.pk}"]) for i in self.items]

    def general(self) -> list[Any]:
        return [f for f in self.visible_fields() if not f.name.startswith(("item-", "note-"))]

    def answers(self) -> dict[int, tuple[str, str]]:
        data = self.cleaned_data
        return {
            i.pk: (data.get(f"item-{i.pk}", ""), data.get(f"note-{i.pk}", "")) for i in self.items
        }


class FindingForm(forms.Form):
    severity = forms.ChoiceField(
        label=_("Severity"), choices=Severity.choices, widget=forms.RadioSelect
    )
    text = forms.CharField(
        label=_("What was found"), widget=forms.Textarea(attrs={"rows": 4}),
        help_text=_("No names of people."),
    )  # fmt: skip
    legal_reference = forms.CharField(
        label=_("Legal reference"),
        max_length=120,
        help_text=_("Act and section, as 55/2001 2:7 §."),
    )
    item = forms.ModelChoiceField(
        label=_("Question of the checklist"), queryset=ChecklistItem.objects.none(), required=False
    )
    kind = forms.ChoiceField(
        label=_("Kind of information"), required=False,
        help_text=_("If you choose one, it is kept as a signal too, and you are offered to tell "
                    "those who want to know it."),
    )  # fmt: skip
    client_id = forms.UUIDField(widget=forms.HiddenInput)

    def __init__(self, *args: Any, record: InspectionRecord, **kwargs: Any) -> None:
        kwargs["initial"] = {**kwargs.get("initial", {}), "client_id": uuid.uuid4()}
        super().__init__(*args, **kwargs)
        kind = self.fields["kind"]
        assert isinstance(kind, forms.ChoiceField)
        kind.choices = terms.choices(TermKind.INFORMATION, empty="–")
        field = self.fields["item"]
        field.queryset = ChecklistItem.objects.filter(  # type: ignore[attr-defined]
            checklist=record.checklist_id
        ).order_by("order")
        field.label_from_instance = lambda item: item.text  # type: ignore[attr-defined]


class PhotoForm(forms.Form):
    file = forms.FileField(
        label=_("Photo"), help_text=_("JPEG, PNG or WebP, 20 MB at most. Place and camera data are "
                                      "removed."),
        widget=forms.ClearableFileInput(attrs={"accept": "image/*", "capture": "environment"}),
    )  # fmt: skip
    caption = forms.CharField(label=_("Caption"), max_length=200, required=False)
    client_id = forms.UUIDField(widget=forms.HiddenInput)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        kwargs["initial"] = {"client_id": uuid.uuid4()}
        super().__init__(*args, **kwargs)


class SubmitForm(forms.Form):
    outcome = forms.ChoiceField(
        label=_("Outcome"), choices=RecordOutcome.choices, widget=forms.RadioSelect
    )
