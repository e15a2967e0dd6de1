"""Forms of the register of powers."""

import datetime as dt
from operator import itemgetter
from typing import Any

from django import forms
from django.db.models import Q
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from authorities import terms
from authorities.models import Area, AreaKind, Authority, AuthorityGroup, GroundKind, TermKind
from ui.forms import DateInput


def words(value: str) -> list[str]:
    """Codes typed in one field, separated by commas or spaces."""
    return [part.strip() for part in value.replace(",", " ").split() if part.strip()]


def basis_text(basis: list[dict[str, str]]) -> str:
    """Legal references as lines ``act; section; amended by``."""
    return "\n".join(
        "; ".join(
            part
            for part in (e.get("act", ""), e.get("section", ""), e.get("amended_by", ""))
            if part
        )
        for e in basis
    )


class BasisField(forms.CharField):
    """Legal references, one a line: ``44/2006; 4d §; 920/2021``."""

    widget = forms.Textarea(attrs={"rows": 3})

    def clean(self, value: Any) -> list[dict[str, str]]:
        text = super().clean(value)
        entries = []
        for line in filter(None, (line.strip() for line in text.splitlines())):
            parts = [part.strip() for part in line.split(";")]
            if len(parts) < 2 or not all(parts[:2]):
                raise forms.ValidationError(
                    _("“%(line)s” needs an act and a section with a semicolon between them.")
                    % {"line": line}
                )
            entry = {"act": parts[0], "section": parts[1]}
            if len(parts) > 2:
                entry["amended_by"] = ", ".join(parts[2:])
            entries.append(entry)
        return entries


class CasesField(forms.CharField):
    """Test cases as lines ``date; kind of information; giver; receiver; expected``."""

    widget = forms.Textarea(attrs={"rows": 4})

    def clean(self, value: Any) -> list[dict[str, str]]:
        text = super().clean(value)
        cases = []
        for number, line in enumerate(filter(None, map(str.strip, text.splitlines())), start=1):
            parts = [part.strip() for part in line.split(";")]
            if len(parts) < 5:
                raise forms.ValidationError(
                    _(
                        "Test case %(number)s has %(count)s of 5 parts: date; kind of information; "
                        "giver; receiver; expected."
                    )
                    % {"number": number, "count": len(parts)}
                )
            case = dict(zip(("date", "item", "giver", "receiver", "expect"), parts, strict=False))
            cases.append(case | ({"note": parts[5]} if len(parts) > 5 else {}))
        return cases


def cases_text(cases: list[dict[str, str]]) -> str:
    keys = ("date", "item", "giver", "receiver", "expect", "note")
    return "\n".join("; ".join(str(c[k]) for k in keys if c.get(k)) for c in cases)


class CodesField(forms.CharField):
    def clean(self, value: Any) -> list[str]:
        return words(super().clean(value))


def authority_choices() -> list[tuple[str, str]]:
    """Every authority by name; one that has ended says until when it was. One query."""
    rows = []
    for authority in Authority.objects.order_by("code"):
        name = authority.name
        if authority.valid_to and authority.valid_to < timezone.localdate():
            name = _("%(name)s (until %(day)s)") % {
                "name": name, "day": date_format(authority.valid_to, "SHORT_DATE_FORMAT"),
            }  # fmt: skip
        rows.append((authority.code, name))
    return sorted(rows, key=lambda row: row[1])


class GatewayForm(forms.Form):
    """One question to the gateway; travels in the address.

    Without a receiver it is asked of all, without a kind of information for every kind.
    """

    giver = forms.ChoiceField(label=gettext_lazy("Who has the information"))
    receiver = forms.ChoiceField(label=gettext_lazy("Who could get it"), required=False)
    information = forms.ChoiceField(label=gettext_lazy("Kind of information"), required=False)
    day = forms.DateField(label=gettext_lazy("On the day"), widget=DateInput())
    known = forms.DateField(
        label=gettext_lazy("As the register was known on"), required=False, widget=DateInput(),
        help_text=gettext_lazy("To see again what was answered then. Empty: as it is known now."),
    )  # fmt: skip

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        rows = authority_choices()
        giver, receiver, information = (
            self.fields["giver"], self.fields["receiver"], self.fields["information"],
        )  # fmt: skip
        assert isinstance(giver, forms.ChoiceField)
        assert isinstance(receiver, forms.ChoiceField)
        assert isinstance(information, forms.ChoiceField)
        giver.choices = rows
        receiver.choices = [("", _("Everybody")), *rows]
        information.choices = terms.choices(TermKind.INFORMATION, _("Every kind"))

    def clean_known(self) -> dt.date | None:
        day: dt.date | None = self.cleaned_data["known"]
        if day is not None and not dt.date(1900, 1, 1) <= day <= timezone.localdate():
            raise forms.ValidationError(_("Choose a day that has been, or leave this empty."))
        return day

    def clean(self) -> dict[str, Any]:
        data: dict[str, Any] = super().clean() or {}
        if data.get("giver") and data.get("giver") == data.get("receiver"):
            self.add_error(
                "receiver",
                _(
                    "An authority needs no ground to use its own information. "
                    "Choose another receiver."
                ),
            )
        elif not data.get("receiver") and not data.get("information"):
            self.add_error("information", _("Choose a kind of information, or who could get it."))
        return data

    @property
    def known_at(self) -> dt.datetime | None:
        """The end of the day as known on which the register is asked; None for now."""
        day = self.cleaned_data.get("known")
        if day is None:
            return None
        return timezone.make_aware(dt.datetime.combine(day + dt.timedelta(days=1), dt.time.min))


class MatrixForm(forms.Form):
    information = forms.ChoiceField(label=gettext_lazy("Kind of information"))
    day = forms.DateField(label=gettext_lazy("On the day"), widget=DateInput())
    who = forms.ChoiceField(
        label=gettext_lazy("Authorities"),
        choices=[
            ("inspects", gettext_lazy("Those that inspect")), ("all", gettext_lazy("All of them")),
        ],
    )  # fmt: skip

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field = self.fields["information"]
        assert isinstance(field, forms.ChoiceField)
        field.choices = terms.choices(TermKind.INFORMATION)


class CardForm(forms.Form):
    authority = forms.MultipleChoiceField(
        label=gettext_lazy("Who comes along"), widget=forms.CheckboxSelectMultiple
    )
    premises = forms.ChoiceField(label=gettext_lazy("Kind of place"))
    day = forms.DateField(label=gettext_lazy("On the day"), widget=DateInput())

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        authority, premises = self.fields["authority"], self.fields["premises"]
        assert isinstance(authority, forms.MultipleChoiceField)
        assert isinstance(premises, forms.ChoiceField)
        rows = [
            (a.code, a.name)
            for a in Authority.objects.valid_on()
            .filter(Q(inspects=True) | Q(competences__isnull=False))
            .order_by("code")
            .distinct()
        ]
        authority.choices = sorted(rows, key=itemgetter(1))
        premises.choices = terms.choices(TermKind.PREMISES)


class GroundForm(forms.Form):
    """What a version of a ground says."""

    code = forms.CharField(label=gettext_lazy("Code"), max_length=60)
    kind = forms.ChoiceField(label=gettext_lazy("Does it apply?"), choices=GroundKind.choices)
    givers = forms.MultipleChoiceField(
        label=gettext_lazy("Who gives"), widget=forms.CheckboxSelectMultiple
    )
    receivers = forms.MultipleChoiceField(
        label=gettext_lazy("Who receives"), widget=forms.CheckboxSelectMultiple
    )
    information = forms.MultipleChoiceField(
        label=gettext_lazy("Kinds of information"), widget=forms.CheckboxSelectMultiple
    )
    mode = forms.ChoiceField(label=gettext_lazy("Way of giving"))
    force = forms.ChoiceField(label=gettext_lazy("Duty or permission"))
    requires = forms.MultipleChoiceField(
        label=gettext_lazy("What has to be confirmed each time"), required=False,
        widget=forms.CheckboxSelectMultiple,
    )  # fmt: skip
    basis = BasisField(
        label=gettext_lazy("Legal references"),
        help_text=gettext_lazy("One a line: act; section; amended by. Example: 44/2006; 4d §"),
    )
    text_fi = forms.CharField(label=gettext_lazy("Conditions in Finnish"), required=False,
                              widget=forms.Textarea(attrs={"rows": 3}))  # fmt: skip
    text_sv = forms.CharField(label=gettext_lazy("Conditions in Swedish"), required=False,
                              widget=forms.Textarea(attrs={"rows": 3}))  # fmt: skip
    text_en = forms.CharField(label=gettext_lazy("Conditions in English"), required=False,
                              widget=forms.Textarea(attrs={"rows": 3}))  # fmt: skip
    onward = forms.CharField(label=gettext_lazy("What the receiver may do with it further"),
                             required=False, widget=forms.Textarea(attrs={"rows": 2}))  # fmt: skip
    onward_allowed = forms.BooleanField(
        label=gettext_lazy("The receiver may pass it on where a ground allows"), required=False
    )
    valid_from = forms.DateField(
        label=gettext_lazy("Applies from"), required=False, widget=DateInput()
    )
    valid_to = forms.DateField(label=gettext_lazy("Last day"), required=False, widget=DateInput())
    test_cases = CasesField(
        label=gettext_lazy("Test cases"), required=False,
        help_text=gettext_lazy(
            "One a line: date; kind of information; giver; receiver; expected (must_give, may_give, "
            "on_request, may_not or not_by_this_rule)."
        ),
    )  # fmt: skip
    note = forms.CharField(label=gettext_lazy("Why this version"), required=False,
                           widget=forms.Textarea(attrs={"rows": 2}))  # fmt: skip
    shown = forms.IntegerField(widget=forms.HiddenInput, required=False, initial=0)

    def __init__(self, *args: Any, new: bool = False, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if not new:
            del self.fields["code"]
        for name, kind in (
            ("information", TermKind.INFORMATION), ("requires", TermKind.REQUIRES),
            ("mode", TermKind.MODE), ("force", TermKind.FORCE),
        ):  # fmt: skip
            field = self.fields[name]
            assert isinstance(field, forms.ChoiceField)
            field.choices = terms.choices(kind)
        groups = [(g.code, str(g)) for g in AuthorityGroup.objects.order_by("code")]
        sides = [(_("Groups"), groups), (_("Single authorities"), authority_choices())]
        for name in ("givers", "receivers"):
            side = self.fields[name]
            assert isinstance(side, forms.ChoiceField)
            side.choices = sides

    @staticmethod
    def initial_of(version: Any) -> dict[str, Any]:
        """Values of a version as this form shows them."""
        names = (
            "kind", "givers", "receivers", "information", "mode", "force", "requires", "text_fi",
            "text_sv", "text_en", "onward", "onward_allowed", "valid_from", "valid_to", "note",
        )  # fmt: skip
        return {name: getattr(version, name) for name in names} | {
            "basis": basis_text(version.basis), "test_cases": cases_text(version.test_cases),
            "shown": version.version,
        }  # fmt: skip


class CompetenceForm(forms.Form):
    action = forms.ChoiceField(label=gettext_lazy("What may be done"))
    premises = forms.MultipleChoiceField(
        label=gettext_lazy("Kinds of place"), required=False, widget=forms.CheckboxSelectMultiple,
        help_text=gettext_lazy("None: not bound to a place."),
    )  # fmt: skip
    notice = forms.ChoiceField(label=gettext_lazy("Prior notice"))
    entry_right = forms.BooleanField(label=gettext_lazy("Gives a right of entry"), required=False)
    basis = BasisField(
        label=gettext_lazy("Legal references"),
        help_text=gettext_lazy("One a line: act; section; amended by. Example: 44/2006; 4d §"),
    )
    text_fi = forms.CharField(label=gettext_lazy("Conditions in Finnish"),
                              widget=forms.Textarea(attrs={"rows": 3}))  # fmt: skip
    text_sv = forms.CharField(label=gettext_lazy("Conditions in Swedish"), required=False,
                              widget=forms.Textarea(attrs={"rows": 3}))  # fmt: skip
    text_en = forms.CharField(label=gettext_lazy("Conditions in English"), required=False,
                              widget=forms.Textarea(attrs={"rows": 3}))  # fmt: skip
    open_question = forms.CharField(label=gettext_lazy("Open question"), required=False,
                                    widget=forms.Textarea(attrs={"rows": 2}))  # fmt: skip
    valid_from = forms.DateField(
        label=gettext_lazy("Applies from"), required=False, widget=DateInput()
    )
    valid_to = forms.DateField(label=gettext_lazy("Last day"), required=False, widget=DateInput())
    shown = forms.IntegerField(widget=forms.HiddenInput, required=False, initial=0)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name, kind in (
            ("action", TermKind.ACTION), ("premises", TermKind.PREMISES), ("notice", TermKind.NOTICE),
        ):  # fmt: skip
            field = self.fields[name]
            assert isinstance(field, forms.ChoiceField)
            field.choices = terms.choices(kind)

    @staticmethod
    def initial_of(row: Any) -> dict[str, Any]:
        names = ("action", "premises", "notice", "entry_right", "text_fi", "text_sv", "text_en",
                 "open_question", "valid_from", "valid_to")  # fmt: skip
        return {name: getattr(row, name) for name in names} | {
            "basis": basis_text(row.basis), "shown": row.version,
        }  # fmt: skip


class EndForm(forms.Form):
    last_day = forms.DateField(label=gettext_lazy("Last day"), widget=DateInput())


class ReviewForm(forms.Form):
    role = forms.CharField(label=gettext_lazy("Reviewed in which role"), max_length=120)


class InterestForm(forms.Form):
    information = forms.ChoiceField(label=gettext_lazy("What your authority wants to be told of"))
    industries = CodesField(
        label=gettext_lazy("Industries"), required=False,
        help_text=gettext_lazy("First figures of the class, separated by commas. None: all."),
    )  # fmt: skip
    regions = forms.ModelMultipleChoiceField(
        label=gettext_lazy("Regions"), required=False, queryset=Area.objects.none(),
        widget=forms.CheckboxSelectMultiple,
    )  # fmt: skip
    note = forms.CharField(label=gettext_lazy("In your own words"), required=False, max_length=300)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field = self.fields["information"]
        assert isinstance(field, forms.ChoiceField)
        field.choices = terms.choices(TermKind.INFORMATION)
        regions = self.fields["regions"]
        assert isinstance(regions, forms.ModelMultipleChoiceField)
        regions.queryset = Area.objects.valid_on().filter(kind=AreaKind.REGION).order_by("code")


def group_names() -> dict[str, str]:
    """Code → words of every authority and group that a ground may name. Two queries."""
    names = {a.code: a.name for a in Authority.objects.order_by("code")}
    names |= {g.code: str(g) for g in AuthorityGroup.objects.order_by("code")}
    return names
