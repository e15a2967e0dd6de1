"""Forms for holds, reservations, overlaps and postponed visits."""

from typing import TYPE_CHECKING, Any

from django import forms
from django.utils.translation import gettext_lazy

from authorities.models import Membership, Role
from planning.models import HoldKind, InspectionDay
from targets.models import About
from targets.signal_forms import TargetMixin

if TYPE_CHECKING:
    from authorities.actors import Actor


class HoldForm(TargetMixin):
    about = forms.ChoiceField(
        label=gettext_lazy("What is kept out"), widget=forms.RadioSelect,
        choices=[(About.SITE, About.SITE.label), (About.COMPANY, About.COMPANY.label)],
    )  # fmt: skip
    kind = forms.ChoiceField(
        label=gettext_lazy("Kind of hold"), choices=HoldKind.choices, widget=forms.RadioSelect
    )
    liaison = forms.CharField(
        label=gettext_lazy("Whom to call"), max_length=200,
        help_text=gettext_lazy("Shown to others only for a named hold."),
    )  # fmt: skip
    reason = forms.CharField(
        label=gettext_lazy("Reason"), widget=forms.Textarea(attrs={"rows": 3}),
        help_text=gettext_lazy("Read by the cleared people only."),
    )  # fmt: skip
    superior = forms.ChoiceField(
        label=gettext_lazy("Superior"),
        help_text=gettext_lazy("A manager who is asked when nobody answers. Cleared too."),
    )
    cleared = forms.MultipleChoiceField(
        label=gettext_lazy("Who else is cleared"), required=False,
        widget=forms.CheckboxSelectMultiple,
        help_text=gettext_lazy("Nobody else, in your authority or another, can tell."),
    )  # fmt: skip
    answer_days = forms.IntegerField(
        label=gettext_lazy("Days to answer"), min_value=1, max_value=30, initial=2
    )
    field_order = [
        "about", "target", "pick", "kind", "liaison", "reason", "superior", "cleared",
        "answer_days",
    ]  # fmt: skip

    def __init__(self, *args: Any, actor: "Actor", **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        places = (
            Membership.objects.usable()
            .filter(authority=actor.authority)
            .select_related("user")
            .order_by("user__last_name", "user__first_name", "pk")
        )
        self.people = {str(m.user.public_id): m.user for m in places}
        managers = [
            (str(m.user.public_id), m.user.full_name) for m in places if Role.MANAGER in m.roles
        ]
        superior, cleared = self.fields["superior"], self.fields["cleared"]
        assert isinstance(superior, forms.ChoiceField)
        assert isinstance(cleared, forms.MultipleChoiceField)
        superior.choices = managers
        cleared.choices = [
            (key, user.full_name) for key, user in self.people.items() if user != actor.user
        ]


class StepForm(forms.Form):
    note = forms.CharField(
        label=gettext_lazy("Reason or conditions"), required=False,
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text=gettext_lazy(
            "Conditions are read by the whole operation, and tell it that you have an interest."
        ),
    )  # fmt: skip


class ReserveForm(forms.Form):
    reason = forms.CharField(
        label=gettext_lazy("Reason"), max_length=300,
        help_text=gettext_lazy("Read by your authority only. The others are told nothing."),
    )  # fmt: skip


class DeclineForm(forms.Form):
    reason = forms.CharField(
        label=gettext_lazy("Why the visits are not merged"),
        widget=forms.Textarea(attrs={"rows": 3}),
    )


class RedateForm(forms.Form):
    day = forms.ModelChoiceField(
        label=gettext_lazy("Inspection day"), queryset=InspectionDay.objects.none(),
        empty_label=None,
    )  # fmt: skip

    def __init__(self, *args: Any, operation: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field = self.fields["day"]
        assert isinstance(field, forms.ModelChoiceField)
        field.queryset = operation.days.order_by("date", "team_name")
        field.label_from_instance = (  # type: ignore[method-assign]
            lambda obj: f"{obj.date:%d.%m.%Y} · {obj.team_name}"
        )
