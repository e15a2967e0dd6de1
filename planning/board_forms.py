"""Forms of the board: one decision with all that belongs to it, and the filters."""

import datetime as dt
import uuid
from typing import Any

from django import forms
from django.http import QueryDict
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from planning.board import SORTS, STATES, VIEWS, Board, Card
from planning.services.board import ANY_WEEK, usual_team
from planning.words import CODES

UNDECIDED = "undecided"


class DecisionForm(forms.Form):
    """Select (who goes, which week) or leave out, with the reason where one is needed."""

    state = forms.ChoiceField(
        label=gettext_lazy("Decision"),
        choices=[
            ("picked", gettext_lazy("Select")), ("dropped", gettext_lazy("Leave out")),
            (UNDECIDED, gettext_lazy("Undecided")),
        ],
        widget=forms.RadioSelect,
    )  # fmt: skip
    team = forms.MultipleChoiceField(
        label=gettext_lazy("Who goes"), widget=forms.CheckboxSelectMultiple, required=False,
        help_text=gettext_lazy("Only of a selected site."),
    )  # fmt: skip
    week = forms.ChoiceField(
        label=gettext_lazy("Week"), required=False,
        help_text=gettext_lazy("Only of a selected site."),
    )  # fmt: skip
    reason = forms.CharField(
        label=gettext_lazy("Reason"), max_length=1000, required=False,
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text=gettext_lazy(
            "All participants read it, and it stands in the decision record. Needed where you"
            " deviate from the proposal."
        ),
    )  # fmt: skip
    code = forms.ChoiceField(
        label=gettext_lazy("Kind of reason"), required=False, choices=[("", "–"), *CODES.items()]
    )
    version = forms.IntegerField(widget=forms.HiddenInput, required=False)
    request = forms.UUIDField(widget=forms.HiddenInput, required=False)

    def __init__(self, *args: Any, board: Board, card: Card, **kwargs: Any) -> None:
        super().__init__(*args, auto_id="decide_%s", **kwargs)  # type: ignore[misc]  # args: data alone
        self.by_code = {a.code: a for a in card.candidate.taking_part} | {
            a.code: a for a in card.team
        }
        self.fields["team"].choices = [  # type: ignore[attr-defined]
            (code, self.by_code[code].short) for code in sorted(self.by_code)
        ]
        self.fields["week"].choices = [  # type: ignore[attr-defined]
            ("", _("Any week")), *((week.isoformat(), week_label(week)) for week in board.weeks),
        ]  # fmt: skip

    def ask_why(self, *, kind: bool) -> None:
        """The reason first: without it nothing is done. ``kind``: its kind is needed as well."""
        self.fields["reason"].required, self.fields["code"].required = True, kind
        self.order_fields(["reason", "code"])

    def values(self, *, quick: bool) -> dict[str, Any]:
        """Arguments for ``choose``; what a quick form does not ask is left to the service."""
        data = self.cleaned_data
        found: dict[str, Any] = {
            "state": data["state"], "reason": data["reason"], "code": data["code"],
            "version": data["version"], "request": data["request"],
        }  # fmt: skip
        week = data["week"]
        if not quick or "week" in self.data:
            found["week"] = dt.date.fromisoformat(week) if week else ANY_WEEK
        if not quick:
            found["team"] = [self.by_code[code].pk for code in data["team"]]
        return found


def week_label(week: Any) -> str:
    """“Week 49, from 30.11.2026”."""
    return _("Week %(week)s, from %(day)s") % {
        "week": week.isocalendar().week, "day": date_format(week, "SHORT_DATE_FORMAT"),
    }  # fmt: skip


def initial_of(card: Card, state: str = "", week: str | None = None) -> dict[str, Any]:
    """What a form about this card begins with."""
    candidate = card.candidate
    choice, proposal = candidate.choice, candidate.proposal
    picked = choice if choice is not None and choice.state == "picked" else None
    source = picked or proposal
    able = [a for a in candidate.could_come if a.pk in usual_team(candidate)]
    standing = source.week.isoformat() if source and source.week else ""
    return {
        "state": state or (choice.state if choice else "picked"),
        "team": [a.code for a in (card.team if picked else able)],
        "week": standing if week is None else week,
        "reason": choice.reason if choice and choice.state == (state or choice.state) else "",
        "code": choice.code if choice and choice.state == (state or choice.state) else "",
        "version": card.version, "request": uuid.uuid4(),
    }  # fmt: skip


class BoardFilter(forms.Form):
    """The board's filters; the address is the state."""

    q = forms.CharField(
        label=gettext_lazy("Name or municipality"), required=False, max_length=100,
        widget=forms.TextInput(attrs={"type": "search"}),
    )  # fmt: skip
    authority = forms.ChoiceField(label=gettext_lazy("Authority"), required=False)
    region = forms.ChoiceField(label=gettext_lazy("Region"), required=False)
    state = forms.ChoiceField(
        label=gettext_lazy("State"), required=False,
        choices=[("", gettext_lazy("All")), *STATES.items()],
    )  # fmt: skip
    sort = forms.ChoiceField(
        label=gettext_lazy("Order of the cards"), required=False, choices=list(SORTS.items())
    )
    view = forms.ChoiceField(widget=forms.HiddenInput, required=False, choices=list(VIEWS.items()))

    def __init__(self, query: QueryDict, *, board: Board) -> None:
        super().__init__(
            auto_id="filter_%s",
            initial={name: query.get(name, "") for name in self.base_fields},
        )  # fmt: skip
        regions = {
            c.candidate.site.region.code: c.candidate.site.region.name
            for c in board.cards
            if c.candidate.site.region
        }
        self.fields["authority"].choices = [  # type: ignore[attr-defined]
            ("", _("All")), *((m.gauge.authority.code, m.gauge.authority.short) for m in board.meters),
        ]  # fmt: skip
        self.fields["region"].choices = [  # type: ignore[attr-defined]
            ("", _("All")), *sorted(regions.items(), key=lambda item: item[1]),
        ]  # fmt: skip
