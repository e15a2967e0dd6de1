"""The powers card of a visit: who of the team may do what at this kind of place."""

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass, field

from django.db.models import Q
from django.utils import timezone

from authorities.models import Authority, Competence, TermKind
from authorities.terms import labels

# Only what is asked for at a place stands on the card's "nobody" list.
ASKED_AT_A_PLACE = (
    "enter", "check_identity", "check_right_to_stay", "check_right_to_work", "check_tax_number",
    "see_documents", "copy_documents", "interview", "interview_privately", "photograph",
    "take_samples", "seize", "order", "prohibit_or_suspend", "impose_fee", "apprehend",
)  # fmt: skip


@dataclass
class Line:
    """One action: who of the team may do it, or whom to ask when nobody present may."""

    action: str
    label: str
    able: list[Competence] = field(default_factory=list)
    ask: list[Authority] = field(default_factory=list)


@dataclass
class PowersCard:
    """``lines`` somebody of the team may do, ``missing`` nobody may; ``may_enter`` by right."""

    premises: str
    premises_label: str
    day: dt.date
    authorities: list[Authority]
    lines: list[Line]
    missing: list[Line]
    entry: list[Competence]
    entry_partners: list[Authority]
    notices: dict[str, str]  # words of the codes of prior notice

    @property
    def may_enter(self) -> bool:
        """Whether somebody of the team has a lawful entry to this kind of place."""
        return bool(self.entry)

    @property
    def reviewed(self) -> bool:
        return all(c.is_reviewed for line in self.lines for c in line.able)


def powers_card(
    authorities: Iterable[Authority], premises: str, day: dt.date | None = None
) -> PowersCard:
    """The card of ``authorities`` at a kind of place (code) on a local day. Four queries.

    A competence without premises holds anywhere, but gives no entry. Entry comes with any
    competence marked so (a tax audit, too), not with the action ``enter`` alone.
    """
    day = day or timezone.localdate()
    team = list(authorities)
    actions, places = labels(TermKind.ACTION), labels(TermKind.PREMISES)
    rows = (
        Competence.objects.valid_on(day)
        .filter(Q(premises__contains=[premises]) | Q(premises=[]))
        .filter(
            Q(authority__isnull=True)
            | Q(authority__valid_to__isnull=True)
            | Q(authority__valid_to__gte=day)
        )
        .select_related("authority", "group")
        .order_by("authority__code", "pk")
    )
    lines = {code: Line(code, label) for code, label in actions.items()}
    entry: list[Competence] = []
    partners: list[Authority] = []
    for row in rows:
        line = lines.setdefault(row.action, Line(row.action, row.action))
        opens = row.entry_right and premises in row.premises
        if any(row.is_of(authority) for authority in team):
            line.able.append(row)
            if opens:
                entry.append(row)
        elif row.authority is not None:
            _once(line.ask, row.authority)
            if opens:
                _once(partners, row.authority)
    return PowersCard(
        premises=premises, premises_label=places.get(premises, premises), day=day,
        authorities=team, lines=[line for line in lines.values() if line.able],
        missing=[
            line for line in lines.values()
            if not line.able and line.action in ASKED_AT_A_PLACE
            and not (line.action == "enter" and entry)
        ],
        entry=entry, entry_partners=partners, notices=labels(TermKind.NOTICE),
    )  # fmt: skip


def _once(rows: list[Authority], authority: Authority) -> None:
    if authority not in rows:
        rows.append(authority)
