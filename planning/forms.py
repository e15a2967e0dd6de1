"""Forms of phase 1."""

from typing import TYPE_CHECKING, Any

from django import forms
from django.db.models import QuerySet
from django.utils.translation import gettext_lazy as _

from authorities.models import Area, AreaKind, Authority, Membership, Unit, User
from planning.models import InspectionDay, Operation, Vehicle
from planning.services.days import team_candidates
from targets.models import Industry
from ui.forms import DateInput, TimeInput

if TYPE_CHECKING:
    from authorities.actors import Actor

AREA = {"rows": 3}


def regions_for(actor: "Actor") -> QuerySet[Area]:
    regions = Area.objects.filter(kind=AreaKind.REGION).order_by("country", "code")
    return regions.filter(pk__in=actor.region_ids) if actor.region_ids else regions


class OperationForm(forms.Form):
    name = forms.CharField(label=_("Name"), max_length=200)
    theme = forms.CharField(
        label=_("Theme"), max_length=200, help_text=_("For example: wages in restaurants.")
    )
    aim = forms.CharField(label=_("Aim"), widget=forms.Textarea(attrs=AREA))
    legal_purpose = forms.CharField(
        label=_("Legal purpose"), widget=forms.Textarea(attrs=AREA),
        help_text=_("On what tasks in law the participants act; shown in the decision record."),
    )  # fmt: skip
    regions = forms.ModelMultipleChoiceField(
        label=_("Regions"), queryset=Area.objects.none(), widget=forms.CheckboxSelectMultiple
    )
    industries = forms.ModelMultipleChoiceField(
        label=_("Industries"), queryset=Industry.objects.none(), required=False,
        widget=forms.SelectMultiple(attrs={"size": 8}),
        help_text=_("None chosen: every industry."),
    )  # fmt: skip
    answer_by = forms.DateField(label=_("Answers to invitations by"), widget=DateInput)
    nominate_by = forms.DateField(label=_("Nominations by"), widget=DateInput)
    window_start = forms.DateField(label=_("Inspections from"), widget=DateInput)
    window_end = forms.DateField(label=_("Inspections until"), widget=DateInput)
    version = forms.IntegerField(widget=forms.HiddenInput, required=False)

    def __init__(
        self, *args: Any, actor: "Actor", operation: Operation | None = None, **kwargs: Any
    ) -> None:
        if operation is not None:
            kwargs["initial"] = {
                name: getattr(operation, name)
                for name in ("name", "theme", "aim", "legal_purpose", "answer_by", "nominate_by",
                             "window_start", "window_end", "version")
            } | {
                "regions": [r.pk for r in operation.regions.all()],
                "industries": [i.pk for i in operation.industries.all()],
            }  # fmt: skip
        super().__init__(*args, **kwargs)
        self.fields["regions"].queryset = regions_for(actor)  # type: ignore[attr-defined]
        self.fields["industries"].queryset = Industry.objects.filter(  # type: ignore[attr-defined]
            edition__code="TOL2025", level=2
        ).order_by("path")


class CapacityForm(forms.Form):
    inspector_days_per_week = forms.DecimalField(
        label=_("Inspector-days a week"), min_value=0, max_value=500, max_digits=5,
        decimal_places=1,
        help_text=_("How many days of inspectors' work your unit can give each week."),
    )  # fmt: skip
    competences = forms.CharField(
        label=_("Competences"), widget=forms.Textarea(attrs=AREA), required=False,
        help_text=_("What your people may do at a site, and which languages they speak."),
    )  # fmt: skip


class NewOperationForm(OperationForm, CapacityForm):
    field_order = [
        "name", "theme", "aim", "legal_purpose", "regions", "industries", "answer_by",
        "nominate_by", "window_start", "window_end", "inspector_days_per_week", "competences",
    ]  # fmt: skip


class AcceptForm(CapacityForm):
    unit = forms.ModelChoiceField(label=_("Unit that takes part"), queryset=Unit.objects.none())
    contact = forms.ModelChoiceField(
        label=_("Contact person"), queryset=User.objects.none(), required=False
    )
    note = forms.CharField(
        label=_("A word to the lead"), widget=forms.Textarea(attrs=AREA), required=False
    )
    field_order = ["unit", "inspector_days_per_week", "competences", "contact", "note"]

    def __init__(self, *args: Any, authority: Authority, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["unit"].queryset = (  # type: ignore[attr-defined]
            Unit.objects.valid_on().filter(authority=authority).order_by("code")
        )
        self.fields["contact"].queryset = (  # type: ignore[attr-defined]
            User.objects.filter(memberships__authority=authority, is_active=True)
            .distinct()
            .order_by("last_name", "first_name", "id")
        )


class ReasonForm(forms.Form):
    reason = forms.CharField(label=_("Reason"), widget=forms.Textarea(attrs=AREA))


class InviteForm(forms.Form):
    unit = forms.ModelChoiceField(label=_("Authority and unit"), queryset=Unit.objects.none())
    message = forms.CharField(label=_("Message"), widget=forms.Textarea(attrs=AREA), required=False)

    def __init__(self, *args: Any, operation: Operation, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        taken = operation.participations.filter(state__in=["invited", "accepted"])
        field = self.fields["unit"]
        field.queryset = (  # type: ignore[attr-defined]
            Unit.objects.valid_on()
            .filter(authority__in=Authority.objects.valid_on().values("pk"))
            .exclude(authority__in=taken.values("authority"))
            # A unit where nobody works could not answer.
            .filter(memberships__in=Membership.objects.usable().values("pk"))
            .select_related("authority")
            .distinct()
            .order_by("authority__code", "code")
        )
        field.label_from_instance = (  # type: ignore[attr-defined]
            lambda unit: (
                unit.authority.name
                if unit.name == unit.authority.name
                else f"{unit.authority.name}: {unit.name}"
            )
        )


RATINGS = [
    (1, _("1 low")), (2, _("2 fairly low")), (3, _("3 medium")), (4, _("4 high")),
    (5, _("5 very high")),
]  # fmt: skip


class NominationForm(forms.Form):
    reason = forms.CharField(
        label=_("Why should it be inspected?"), widget=forms.Textarea(attrs=AREA),
        help_text=_("All participants read this once selection begins."),
    )  # fmt: skip
    rating = forms.TypedChoiceField(
        label=_("Own rating"), choices=RATINGS, coerce=int, widget=forms.RadioSelect
    )
    own_note = forms.CharField(
        label=_("Own note"), widget=forms.Textarea(attrs=AREA), required=False,
        help_text=_("Only your own authority ever sees this."),
    )  # fmt: skip


class DayForm(forms.Form):
    date = forms.DateField(label=_("Date"), widget=DateInput)
    team_name = forms.CharField(label=_("Name of the team"), max_length=80)
    members = forms.MultipleChoiceField(label=_("Team"), widget=forms.CheckboxSelectMultiple)
    team_lead = forms.ChoiceField(label=_("Team lead"))
    starts_at = forms.TimeField(label=_("Start"), widget=TimeInput, required=False)
    ends_at = forms.TimeField(
        label=_("End"), widget=TimeInput, required=False,
        help_text=_("With both times, a person can be on another team before or after."),
    )  # fmt: skip
    vehicles = forms.MultipleChoiceField(
        label=_("Vehicles"), widget=forms.CheckboxSelectMultiple, required=False
    )
    meeting_point = forms.CharField(label=_("Meeting point"), max_length=200, required=False)
    note = forms.CharField(label=_("Note"), widget=forms.Textarea(attrs=AREA), required=False)
    version = forms.IntegerField(widget=forms.HiddenInput, required=False)

    def __init__(
        self, *args: Any, operation: Operation, day: InspectionDay | None = None, **kwargs: Any
    ) -> None:
        candidates = team_candidates(operation)
        vehicles = Vehicle.objects.of_round(operation).select_related("authority")
        self.vehicle_by_id = {str(v.public_id): v for v in vehicles.order_by("authority", "name")}
        self.by_id = {str(m.public_id): m for m in candidates}
        if day is not None:
            on_team = {(m.user_id, m.authority_id) for m in day.members.all()}
            kwargs["initial"] = {
                "date": day.date, "team_name": day.team_name, "starts_at": day.starts_at,
                "ends_at": day.ends_at,
                "vehicles": [str(row.vehicle.public_id) for row in
                             day.vehicles.select_related("vehicle").order_by("pk")],
                "meeting_point": day.meeting_point, "note": day.note, "version": day.version,
                "members": [
                    key for key, m in self.by_id.items()
                    if (m.user_id, m.authority_id) in on_team
                ],
                "team_lead": next(
                    (k for k, m in self.by_id.items() if m.user_id == day.team_lead_id), ""
                ),
            }  # fmt: skip
        super().__init__(*args, **kwargs)
        choices = [
            (key, f"{m.user.full_name}, {m.authority.short}") for key, m in self.by_id.items()
        ]
        self.fields["members"].choices = choices  # type: ignore[attr-defined]
        self.fields["team_lead"].choices = [("", "–"), *choices]  # type: ignore[attr-defined]
        self.fields["vehicles"].choices = [  # type: ignore[attr-defined]
            (key, _("%(name)s, %(authority)s, %(seats)s seats")
             % {"name": v.name, "authority": v.authority.short, "seats": v.seats})
            for key, v in self.vehicle_by_id.items()
        ]  # fmt: skip
        if not self.vehicle_by_id:
            del self.fields["vehicles"]

    def values(self) -> dict[str, Any]:
        """Cleaned data with the chosen memberships in place of their ids."""
        data = dict(self.cleaned_data)
        data["members"] = [self.by_id[key] for key in data["members"]]
        data["team_lead"] = self.by_id[data["team_lead"]].user
        data["vehicles"] = [self.vehicle_by_id[key] for key in data.get("vehicles", [])]
        return data
