"""A form with one field of every kind, for the style guide."""

from django import forms
from django.utils.translation import gettext_lazy as _

from ui.forms import DateInput


class SampleForm(forms.Form):
    name = forms.CharField(label=_("Name"), help_text=_("As it stands in the register."))
    day = forms.DateField(label=_("Date"), widget=DateInput)
    kind = forms.ChoiceField(
        label=_("Kind"), choices=[("a", _("sites")), ("b", _("visits"))], widget=forms.RadioSelect
    )
    place = forms.ChoiceField(
        label=_("Region"), choices=[("", "–"), ("01", "Uusimaa")], required=False
    )
    many = forms.MultipleChoiceField(
        label=_("Roles"),
        choices=[("a", _("coordinator")), ("b", _("inspector"))],
        widget=forms.CheckboxSelectMultiple,
        required=False,
    )
    text = forms.CharField(label=_("Reason"), widget=forms.Textarea(attrs={"rows": 3}))
    agree = forms.BooleanField(label=_("yes"), required=False)
    file = forms.FileField(label=_("File"), required=False)
