"""Forms of the selection: weights and rules, days, quotas, single candidates, questions."""

import datetime as dt
from typing import Any

from django import forms
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from authorities import terms
from authorities.models import Area, Authority, TermKind, Unit
from planning.answers import week_words
from planning.models import (
    Fixed,
    Operation,
    Periods,
    ResourceKind,
    SelectionResource,
    SelectionSettings,
    SiteTerms,
)
from planning.workdays import weeks
from targets.models import Industry


def week_choices(operation: Operation, empty: Any) -> list[tuple[str, Any]]:
    rows = [week for week, _days in weeks(operation.window_start, operation.window_end)]
    return [("", empty), *((week.isoformat(), week_words(week.isoformat())) for week in rows)]


def _to_date(value: str) -> dt.date | None:
    return dt.date.fromisoformat(value) if value else None


class SettingsForm(forms.ModelForm):
    """Each weight says in plain words what more of it does."""

    version = forms.IntegerField(widget=forms.HiddenInput, required=False)

    class Meta:
        model = SelectionSettings
        fields = ["periods", "random_share", "no_draw", "evidence", "burden", "wish", "coverage", "travel",
                  "car_pool", "later", "penalty", "joint_share", "most_per_firm", "min_people",
                  "most_authorities"]  # fmt: skip
        labels = {
            "periods": _("The proposal gives"),
            "random_share": _("Random share (%)"),
            "no_draw": _("Why nothing is drawn"),
            "evidence": _("Shared evidence"),
            "burden": _("Burden spared"),
            "wish": _("Authorities’ own ratings"),
            "coverage": _("Places of which little is known"),
            "travel": _("Travel"),
            "car_pool": _("Travel saved by going together"),
            "later": _("Earlier is better"),
            "penalty": _("A visit that a minimum lacks"),
            "joint_share": _("Joint visits, at least (%)"),
            "most_per_firm": _("Visits to one firm, at most"),
            "min_people": _("Inspectors on a visit, at least"),
            "most_authorities": _("Authorities on a visit, at most"),
        }
        help_texts = {
            "periods": _(
                "Week by week takes longer and finds a little less, for weeks hold little."
            ),
            "random_share": _(
                "Part of the inspector-days drawn by lot. Ten per cent costs some three per cent of "
                "the findings and shows how common violations really are. It is drawn before the "
                "first proposal."
            ),
            "no_draw": _("Only with a share of 0. It stands in the decision record."),
            "evidence": _(
                "In findings: what a finding gains when a second authority was there. More: larger teams."
            ),
            "burden": _(
                "In findings, for each visit spared to a firm because authorities come together. "
                "More: fewer, larger visits."
            ),
            "wish": _(
                "In findings, for a rating of 5. More: the authorities’ own wishes count more."
            ),
            "coverage": _("In findings, for a place of which nothing is known. More: newer firms."),
            "travel": _(
                "In findings, for a hundred kilometres from the middle of the region’s candidates. "
                "More: visits closer together."
            ),
            "later": _("Part of a visit’s worth that is lost with each week it waits."),
            "car_pool": _(
                "Part of its travel that each further authority saves by going along, from 0 to 1. "
                "More: going together costs less travel."
            ),
            "penalty": _(
                "In findings, taken off for each visit that a minimum lacks which may be missed. "
                "More: the minimums are kept longer at the cost of better visits."
            ),
            "joint_share": _(
                "At least so many of all visits are made by two or more authorities; without that "
                "there is no plan. Sites drawn at random to which only one authority can come do "
                "not count. More: fewer visits, with more days each."
            ),
            "most_per_firm": _(
                "Counts all sites of a firm in the inspection window. More: firms of many sites may "
                "be visited oftener, and others less."
            ),
            "min_people": _("A team of fewer does not go."),
            "most_authorities": _(
                "Of more that could come, the likeliest to find something are considered. More: "
                "larger teams, and a proposal takes longer (each one more doubles the teams)."
            ),
        }
        widgets = {"periods": forms.RadioSelect}

    periods = forms.ChoiceField(
        label=_("The proposal gives"), choices=Periods.choices, widget=forms.RadioSelect,
        help_text=_("Week by week takes longer and finds a little less, for weeks hold little."),
    )  # fmt: skip

    def _get_validation_exclusions(self) -> set[str]:
        # That a share of 0 has a reason is asked by the service, at its field and in its words.
        return {*super()._get_validation_exclusions(), "no_draw"}  # type: ignore[misc]


class DaysForm(forms.Form):
    days = forms.DecimalField(
        label=_("Inspector-days a week"), min_value=0, max_value=9999, decimal_places=1,
        required=False, help_text=_("Empty: as the wider line says."),
    )  # fmt: skip
    region = forms.ModelChoiceField(
        label=_("Region"), queryset=Area.objects.none(), required=False,
        empty_label=_("all regions together"),
    )  # fmt: skip
    unit = forms.ModelChoiceField(
        label=_("Unit"), queryset=Unit.objects.none(), required=False, empty_label=_("no unit"),
        help_text=_("Of a unit: for all regions together that it serves. Choose no region then."),
    )  # fmt: skip
    week = forms.TypedChoiceField(
        label=_("Week"), required=False, coerce=_to_date, empty_value=None
    )

    def __init__(
        self, *args: Any, operation: Operation, authority: Authority, **kwargs: Any
    ) -> None:
        super().__init__(*args, **kwargs)
        self.fields["region"].queryset = operation.regions.order_by("code")  # type: ignore[attr-defined]
        self.fields["unit"].queryset = (  # type: ignore[attr-defined]
            Unit.objects.valid_on(operation.window_start).filter(authority=authority)
        )
        self.fields["week"].choices = week_choices(operation, _("every week"))  # type: ignore[attr-defined]


class QuotaForm(forms.Form):
    region = forms.ModelChoiceField(label=_("Region"), queryset=Area.objects.none(), required=False)
    industry = forms.ModelChoiceField(
        label=_("Industry"), queryset=Industry.objects.none(), required=False,
        help_text=_("With everything below it."),
    )  # fmt: skip
    authority = forms.ModelChoiceField(
        label=_("Visits on which goes"), queryset=Authority.objects.none(), required=False
    )
    minimum = forms.IntegerField(label=_("At least"), min_value=0, max_value=20_000, initial=0)
    maximum = forms.IntegerField(label=_("At most"), min_value=0, max_value=20_000, required=False)
    hard = forms.BooleanField(
        label=_("Without this minimum there is no plan"), required=False,
        help_text=_("Else the proposal says how many visits are lacking."),
    )  # fmt: skip

    def __init__(self, *args: Any, operation: Operation, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        taking = operation.participations.accepted().values("authority")
        self.fields["region"].queryset = operation.regions.order_by("code")  # type: ignore[attr-defined]
        self.fields["industry"].queryset = (  # type: ignore[attr-defined]
            Industry.objects.filter(level__lte=2, edition__valid_to__isnull=True).order_by(
                "edition", "path"
            )
        )
        self.fields["authority"].queryset = (  # type: ignore[attr-defined]
            Authority.objects.filter(pk__in=taking).order_by("code")
        )


class TeamRuleForm(forms.Form):
    authority = forms.ModelChoiceField(
        label=_("This authority goes"), queryset=Authority.objects.none()
    )
    needs = forms.ModelChoiceField(label=_("only together with"), queryset=Authority.objects.none())

    def __init__(self, *args: Any, operation: Operation, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        taking = operation.participations.accepted().values("authority")
        for name in ("authority", "needs"):
            self.fields[name].queryset = (  # type: ignore[attr-defined]
                Authority.objects.filter(pk__in=taking).order_by("code")
            )


class PresenceRuleForm(forms.Form):
    kind = forms.ChoiceField(label=_("On every visit to this kind of place"))
    authority = forms.ModelChoiceField(
        label=_("this authority comes"), queryset=Authority.objects.none()
    )

    def __init__(self, *args: Any, operation: Operation, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        taking = operation.participations.accepted().values("authority")
        self.fields["kind"].choices = terms.choices(TermKind.PREMISES, gettext("Choose"))  # type: ignore[attr-defined]
        self.fields["authority"].queryset = (  # type: ignore[attr-defined]
            Authority.objects.filter(pk__in=taking).order_by("code")
        )


class ResourceForm(forms.Form):
    kind = forms.ChoiceField(label=_("What"), choices=ResourceKind.choices)
    name = forms.CharField(label=_("Language or kind of vehicle"), max_length=80)
    per_week = forms.IntegerField(
        label=_("Visits a week that can be served"), min_value=0, max_value=1000
    )


class TermsForm(forms.Form):
    fixed = forms.ChoiceField(
        label=_("This candidate is"), choices=Fixed.choices, widget=forms.RadioSelect
    )
    reason = forms.CharField(
        label=_("Reason"), required=False, widget=forms.Textarea(attrs={"rows": 2}), max_length=1000,
        help_text=_("Every participant reads it: write nothing that was not disclosed."),
    )  # fmt: skip
    team = forms.ModelMultipleChoiceField(
        label=_("Who goes"), queryset=Authority.objects.none(), required=False,
        widget=forms.CheckboxSelectMultiple, help_text=_("None: whichever team is best."),
    )  # fmt: skip
    week = forms.TypedChoiceField(
        label=_("Week"), required=False, coerce=_to_date, empty_value=None
    )
    needs = forms.ModelMultipleChoiceField(
        label=_("The visit needs"), queryset=SelectionResource.objects.none(), required=False,
        widget=forms.CheckboxSelectMultiple,
    )  # fmt: skip
    version = forms.IntegerField(widget=forms.HiddenInput, initial=0)

    def __init__(
        self, *args: Any, operation: Operation, row: SiteTerms | None, **kwargs: Any
    ) -> None:
        kwargs["initial"] = {"fixed": Fixed.FREE, "version": 0}
        if row is not None:
            kwargs["initial"] = {
                "fixed": row.fixed, "reason": row.reason, "team": row.team,
                "week": row.week.isoformat() if row.week else "",
                "needs": [n.pk for n in row.needs.all()], "version": row.version,
            }  # fmt: skip
        super().__init__(*args, **kwargs)
        taking = operation.participations.accepted().values("authority")
        self.fields["team"].queryset = Authority.objects.filter(pk__in=taking).order_by("code")  # type: ignore[attr-defined]
        self.fields["week"].choices = week_choices(operation, _("any week"))  # type: ignore[attr-defined]
        needs = operation.resources.order_by("kind", "name")
        self.fields["needs"].queryset = needs  # type: ignore[attr-defined]
        self.fields["needs"].label_from_instance = lambda r: f"{r.get_kind_display()}: {r.name}"  # type: ignore[attr-defined]


QUOTA_FIELDS = ("quota", "minimum", "maximum", "no_maximum")


class WhatIfForm(forms.Form):
    """One question about a plan; several fields together are one question."""

    pin = forms.ChoiceField(label=_("Visit"), required=False)
    exclude = forms.ChoiceField(label=_("Do not visit"), required=False)
    authority = forms.ChoiceField(
        label=_("Whose days"), required=False,
        help_text=_(
            "Of an authority with several pools of days, fewer days are taken from each in "
            "proportion to what it has, more are spread evenly."
        ),
    )  # fmt: skip
    days = forms.DecimalField(
        label=_("Inspector-days more (or fewer)"), required=False, decimal_places=1,
        min_value=-9999, max_value=9999, help_text=_("In each week or, with one period, in all."),
    )  # fmt: skip
    quota = forms.ChoiceField(label=_("Quota"), required=False)
    minimum = forms.IntegerField(
        label=_("At least"), required=False, min_value=0, max_value=20_000,
        help_text=_("Empty: as it is."),
    )  # fmt: skip
    maximum = forms.IntegerField(
        label=_("At most"), required=False, min_value=0, max_value=20_000,
        help_text=_("Empty: as it is."),
    )  # fmt: skip
    no_maximum = forms.BooleanField(label=_("Without an upper limit"), required=False)

    def __init__(self, *args: Any, names: dict[str, str],
                 whose: dict[str, str], quotas: dict[str, str], **kwargs: Any) -> None:  # fmt: skip
        """In words: ``names`` by public id, ``whose`` days by authority or pool, ``quotas`` by key."""
        super().__init__(*args, **kwargs)
        if quotas:
            self.fields["quota"].choices = [("", "–"), *quotas.items()]  # type: ignore[attr-defined]
        else:
            for name in QUOTA_FIELDS:
                del self.fields[name]
        sites = [("", "–"), *sorted(names.items(), key=lambda pair: pair[1])]
        self.fields["pin"].choices = sites  # type: ignore[attr-defined]
        self.fields["exclude"].choices = sites  # type: ignore[attr-defined]
        self.fields["authority"].choices = [("", "–"), *whose.items()]  # type: ignore[attr-defined]

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        if bool(data.get("authority")) != (data.get("days") is not None):
            self.add_error("days", gettext("Choose the authority and give the days."))
        low, high, free = (data.get(name) for name in ("minimum", "maximum", "no_maximum"))
        if bool(data.get("quota")) != (low is not None or high is not None or bool(free)):
            self.add_error(
                "quota" if "quota" in self.fields else None,
                gettext("Choose the quota and give at least how many or at most how many."),
            )
        if free and high is not None:
            self.add_error("maximum", gettext("Give an upper limit, or none."))
        return data

    def change(self) -> dict[str, Any]:
        """The question in the terms of ``planning.services.changes``."""
        data = self.cleaned_data
        change: dict[str, Any] = {}
        for name in ("pin", "exclude"):
            if data[name]:
                change[name] = [data[name]]
        if data["authority"]:
            change["days"] = {data["authority"]: float(data["days"])}
        if data.get("quota"):
            if data["minimum"] is not None:
                change["minimum"] = {data["quota"]: data["minimum"]}
            if data["maximum"] is not None or data["no_maximum"]:
                change["maximum"] = {data["quota"]: data["maximum"]}
        return change
