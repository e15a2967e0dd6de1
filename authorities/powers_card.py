"""The powers card of a visit: who of the team may do what at this kind of place."""

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass, field

from django.db.models import Q
from django.utils import timezone

from authorities.models import Authority, Competence, TermKind
from authorities.terms import labels

# Actions that never depend on standing in the place together are left off the card's "nobody" list.
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
    """The card of ``authorities`` at a kind of place (code) on a local day. Three queries.

    A competence without premises holds anywhere, but gives no entry.
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
    for row in rows:
        line = lines.setdefault(row.action, Line(row.action, row.action))
        if any(row.is_of(authority) for authority in team):
            line.able.append(row)
        elif row.authority is not None and row.authority not in line.ask:
            line.ask.append(row.authority)
    enter = lines["enter"] if "enter" in lines else Line("enter", "enter")
    entry = [c for c in enter.able if c.entry_right and premises in c.premises]
    return PowersCard(
        premises=premises, premises_label=places.get(premises, premises), day=day,
        authorities=team, lines=[line for line in lines.values() if line.able],
        missing=[
            line for line in lines.values() if not line.able and line.action in ASKED_AT_A_PLACE
        ],
        entry=entry, entry_partners=enter.ask,
    )  # fmt: skip
