"""Forms of deciding what is the same."""

from django import forms
from django.utils.translation import gettext_lazy as _


class DifferentForm(forms.Form):
    reason = forms.CharField(
        label=_("What shows that they are different"), max_length=300,
        error_messages={"required": _("Say it: others will meet the same likeness.")},
    )  # fmt: skip


class SameForm(forms.Form):
    survivor = forms.ChoiceField(label=_("The row to be kept"), widget=forms.RadioSelect)
    why = forms.CharField(label=_("Note"), max_length=300, required=False)

    def __init__(self, *args, choices: list[tuple[str, str]], **kwargs) -> None:  # type: ignore[no-untyped-def]
        super().__init__(*args, **kwargs)
        self.fields["survivor"].choices = choices  # type: ignore[attr-defined]


class UnmergeForm(forms.Form):
    reason = forms.CharField(
        label=_("Why they are not the same"), max_length=300,
        error_messages={"required": _("Say why they are not the same.")},
    )  # fmt: skip


class HintForm(forms.Form):
    reason = forms.CharField(
        label=_("Reason"), max_length=300, required=False,
        help_text=_("To dismiss it, a reason is needed."),
    )  # fmt: skip
