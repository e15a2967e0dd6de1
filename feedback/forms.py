"""Forms of phase 3."""

from typing import TYPE_CHECKING, Any

from django import forms
from django.utils.translation import gettext_lazy as _

from authorities.models import User
from feedback.models import Measure, MeasureKind, MeasureResult, MeasureState, OutcomeKind
from ui.forms import DateInput

if TYPE_CHECKING:
    from authorities.actors import Actor

AREA = {"rows": 3}


class OutcomeForm(forms.Form):
    kind = forms.ChoiceField(
        label=_("Outcome"), choices=OutcomeKind.choices, widget=forms.RadioSelect
    )
    note = forms.CharField(
        label=_("Own note"), widget=forms.Textarea(attrs=AREA), required=False,
        help_text=_("Only your own authority ever sees this."),
    )  # fmt: skip
    version = forms.IntegerField(widget=forms.HiddenInput, required=False)


class MeasureForm(forms.Form):
    kind = forms.ChoiceField(label=_("Kind of measure"), choices=MeasureKind.choices)
    deadline = forms.DateField(label=_("Deadline"), widget=DateInput)
    description = forms.CharField(
        label=_("Description"), widget=forms.Textarea(attrs=AREA), required=False,
        help_text=_("Only your own authority ever sees this."),
    )  # fmt: skip
    legal_reference = forms.CharField(
        label=_("Legal reference"), max_length=120, required=False,
        help_text=_("Act and section, as 55/2001 2:7 §."),
    )  # fmt: skip
    responsible = forms.ModelChoiceField(
        label=_("Responsible person"), queryset=User.objects.none(), required=False,
        help_text=_("None: the inspectors of the unit."),
    )  # fmt: skip

    def __init__(self, *args: Any, actor: "Actor", **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["responsible"].queryset = (  # type: ignore[attr-defined]
            User.objects.filter(memberships__authority=actor.authority, is_active=True)
            .distinct()
            .order_by("last_name", "first_name", "id")
        )


class MeasureEditForm(MeasureForm):
    state = forms.ChoiceField(
        label=_("State"),
        choices=[c for c in MeasureState.choices if c[0] in ("open", "in_progress")],
    )
    version = forms.IntegerField(widget=forms.HiddenInput)

    def __init__(self, *args: Any, measure: Measure, **kwargs: Any) -> None:
        kwargs["initial"] = {
            name: getattr(measure, name)
            for name in ("deadline", "description", "legal_reference", "state", "version")
        } | {"responsible": measure.responsible_id}
        super().__init__(*args, **kwargs)
        del self.fields["kind"]


class CloseForm(forms.Form):
    result = forms.ChoiceField(
        label=_("Result"), choices=MeasureResult.choices, widget=forms.RadioSelect
    )
    result_note = forms.CharField(
        label=_("Own note"), widget=forms.Textarea(attrs=AREA), required=False,
        help_text=_("Only your own authority ever sees this."),
    )  # fmt: skip


class DebriefForm(forms.Form):
    went_well = forms.CharField(
        label=_("What went well"), widget=forms.Textarea(attrs=AREA), required=False
    )
    to_improve = forms.CharField(
        label=_("What should be better"), widget=forms.Textarea(attrs=AREA), required=False
    )
    lessons = forms.CharField(
        label=_("Lessons for the next time"), widget=forms.Textarea(attrs=AREA), required=False
    )
    version = forms.IntegerField(widget=forms.HiddenInput, required=False)

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        if not any(data.get(n, "").strip() for n in ("went_well", "to_improve", "lessons")):
            raise forms.ValidationError(_("Write something in at least one of the fields."))
        return data
