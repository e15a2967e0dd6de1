"""Forms of inspection days as a whole: planning a round, people, vehicles, opening hours."""

import datetime as dt
from typing import TYPE_CHECKING, Any

from django import forms
from django.utils.formats import date_format
from django.utils.translation import gettext_lazy as _

from authorities.models import Membership
from planning.models import AbsenceKind, SiteHours
from planning.stops import ENDS, STARTS, VISIT_MINUTES
from targets.models import Site
from ui.forms import DateInput, TimeInput

if TYPE_CHECKING:
    from authorities.actors import Actor


class PlanForm(forms.Form):
    starts_at = forms.TimeField(label=_("Work begins"), widget=TimeInput, initial=STARTS)
    ends_at = forms.TimeField(label=_("Work ends"), widget=TimeInput, initial=ENDS)
    minutes = forms.IntegerField(
        label=_("Length of a visit, minutes"), min_value=5, max_value=600, initial=VISIT_MINUTES
    )


class PersonField(forms.ChoiceField):
    """A person of the own authority; cleaned to the person."""

    def __init__(self, *, actor: "Actor", **kwargs: Any) -> None:
        places = (
            Membership.objects.usable()
            .filter(authority=actor.authority)
            .select_related("user")
            .order_by("user__last_name", "user__first_name", "pk")
        )
        self.people = {str(place.user.public_id): place.user for place in places}
        choices = [("", "–"), *((key, user.full_name) for key, user in self.people.items())]
        super().__init__(choices=choices, **kwargs)

    def clean(self, value: Any) -> Any:
        return self.people.get(super().clean(value))


class AbsenceForm(forms.Form):
    starts_on = forms.DateField(label=_("First day"), widget=DateInput)
    ends_on = forms.DateField(label=_("Last day"), widget=DateInput)
    kind = forms.ChoiceField(
        label=_("Kind"), choices=AbsenceKind.choices, widget=forms.RadioSelect,
        initial=AbsenceKind.AWAY, help_text=_("Nothing about health or family is asked or kept."),
    )  # fmt: skip
    field_order = ["person", "starts_on", "ends_on", "kind"]

    def __init__(self, *args: Any, actor: "Actor", **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["person"] = PersonField(label=_("Person"), actor=actor)
        self.order_fields(self.field_order)


class SkillsForm(forms.Form):
    languages = forms.CharField(
        label=_("Languages to interpret"), max_length=300, required=False,
        help_text=_("Separated by commas, by the names used for interpreters in operations."),
    )  # fmt: skip
    may_drive = forms.BooleanField(label=_("May drive the authority’s vehicles"), required=False)

    def values(self) -> dict[str, Any]:
        data = self.cleaned_data
        return {"languages": data["languages"].split(","), "may_drive": data["may_drive"]}


class VehicleForm(forms.Form):
    name = forms.CharField(label=_("Name"), max_length=80)
    seats = forms.IntegerField(label=_("Seats"), min_value=1, max_value=60)
    in_use_from = forms.DateField(label=_("In use from"), widget=DateInput, required=False)
    in_use_to = forms.DateField(label=_("In use until"), widget=DateInput, required=False)


class HoursForm(forms.Form):
    """Opening and closing time for each weekday; empty: closed."""

    def __init__(self, *args: Any, site: Site, **kwargs: Any) -> None:
        known = {row.weekday: row for row in SiteHours.objects.filter(site=site)}
        super().__init__(*args, **kwargs)
        monday = dt.date(2024, 1, 1)
        for weekday in range(7):
            row = known.get(weekday)
            day = date_format(monday + dt.timedelta(days=weekday), "l")
            for name, label in (
                ("opens", _("%(day)s, opens")), ("closes", _("%(day)s, closes")),
            ):  # fmt: skip
                self.fields[f"{name}{weekday}"] = forms.TimeField(
                    label=label % {"day": day}, widget=TimeInput, required=False,
                    initial=getattr(row, name, None),
                )  # fmt: skip

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        for weekday in range(7):
            opens, closes = data.get(f"opens{weekday}"), data.get(f"closes{weekday}")
            if bool(opens) != bool(closes):
                missing = "closes" if opens else "opens"
                self.add_error(f"{missing}{weekday}", _("Give both times, or neither."))
        return data

    def values(self) -> dict[int, tuple[dt.time, dt.time]]:
        data = self.cleaned_data
        return {
            weekday: (data[f"opens{weekday}"], data[f"closes{weekday}"])
            for weekday in range(7)
            if data.get(f"opens{weekday}")
        }
