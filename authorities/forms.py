"""Forms of people, memberships and units."""

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from authorities.models import Area, AreaKind, Membership, Role, Theme, Unit, User
from ui.forms import DateInput


class ProfileForm(forms.ModelForm):  # type: ignore[type-arg]
    class Meta:
        model = User
        fields = ["language", "theme", "digest_hour", "shortcuts", "phone"]
        labels = {
            "language": _("Language"), "theme": _("Colours"),
            "digest_hour": _("Hour of the daily mail"),
            "shortcuts": _("Use keyboard shortcuts"), "phone": _("Phone"),
        }  # fmt: skip
        help_texts = {"digest_hour": _("Local time, 0 to 23. One mail a day at most.")}
        widgets = {"theme": forms.RadioSelect}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["theme"].choices = Theme.choices  # type: ignore[attr-defined]
        self.fields["language"].choices = [  # type: ignore[attr-defined]
            ("", _("As the browser asks")), *(User._meta.get_field("language").choices or ()),
        ]  # fmt: skip


class PersonForm(forms.Form):
    email = forms.EmailField(label=_("Work e-mail"), help_text=_("Also the sign-in name."))
    first_name = forms.CharField(label=_("First name"), max_length=80)
    last_name = forms.CharField(label=_("Last name"), max_length=80)
    title = forms.CharField(label=_("Title"), max_length=120, required=False)
    phone = forms.CharField(label=_("Phone"), max_length=40, required=False)
    language = forms.ChoiceField(
        label=_("Language"),
        choices=[("fi", "Suomi"), ("sv", "Svenska"), ("en", "English")],
    )


class MembershipForm(forms.Form):
    roles = forms.MultipleChoiceField(
        label=_("Roles"), choices=Role.choices, widget=forms.CheckboxSelectMultiple
    )
    regions = forms.ModelMultipleChoiceField(
        label=_("Only in these regions"),
        help_text=_("None ticked: no limit."),
        queryset=Area.objects.none(),
        widget=forms.CheckboxSelectMultiple,
        required=False,
    )
    valid_from = forms.DateField(label=_("First day"), widget=DateInput, required=False)
    valid_to = forms.DateField(label=_("Last day"), widget=DateInput, required=False)

    def __init__(self, *args: Any, membership: Membership | None = None, **kwargs: Any) -> None:
        if membership is not None:
            kwargs.setdefault(
                "initial",
                {
                    "roles": membership.roles,
                    "regions": list(membership.regions.values_list("pk", flat=True)),
                    "valid_from": membership.valid_from,
                    "valid_to": membership.valid_to,
                },
            )
        super().__init__(*args, **kwargs)
        regions = Area.objects.filter(kind=AreaKind.REGION, country="FI").order_by("code")
        self.fields["regions"].queryset = regions  # type: ignore[attr-defined]


class NewMembershipForm(MembershipForm, PersonForm):
    """A new person together with the first place."""

    unit = forms.ModelChoiceField(label=_("Unit"), queryset=Unit.objects.none())
    field_order = [
        "email", "first_name", "last_name", "title", "phone", "language", "unit", "roles",
        "regions", "valid_from", "valid_to",
    ]  # fmt: skip

    def __init__(self, *args: Any, units: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["unit"].queryset = units  # type: ignore[attr-defined]
