from typing import TYPE_CHECKING, Any

from django import forms
from django.utils.translation import gettext_lazy as _

from authorities.models import Role, Unit, User
from ui.forms import DateInput

if TYPE_CHECKING:
    from authorities.actors import Actor


class TaskForm(forms.Form):
    title = forms.CharField(label=_("What has to be done"), max_length=300)
    note = forms.CharField(
        label=_("More about it"), widget=forms.Textarea(attrs={"rows": 4}), required=False
    )
    due = forms.DateField(label=_("Due"), widget=DateInput, required=False)
    assignee = forms.ModelChoiceField(
        label=_("Person"), queryset=User.objects.none(), required=False,
        help_text=_("Choose a person or a unit."),
    )  # fmt: skip
    unit = forms.ModelChoiceField(label=_("Unit"), queryset=Unit.objects.none(), required=False)
    role = forms.ChoiceField(
        label=_("Role in the unit"), choices=[("", _("Everybody")), *Role.choices], required=False
    )

    def __init__(self, *args: Any, actor: "Actor", **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["assignee"].queryset = (  # type: ignore[attr-defined]
            User.objects.filter(memberships__authority=actor.authority, is_active=True)
            .distinct()
            .order_by("last_name", "first_name", "id")
        )
        self.fields["unit"].queryset = (  # type: ignore[attr-defined]
            Unit.objects.valid_on().filter(authority=actor.authority).order_by("code")
        )
