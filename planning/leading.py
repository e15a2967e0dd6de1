"""Who may lead a visit: an authority that may enter that kind of place by right.

Where the register knows nobody with such a right, nobody is asked for it. The solver proposes only
teams of which somebody may lead (``needs_entry``), drawn teams and those of the board keep to the
same, and on a day somebody who may lead at all of its places leads the team, as far as there is one.
"""

from collections.abc import Iterable, Sequence

from django.utils.translation import gettext as _

from authorities.powers_card import PowersCard


def may_lead(team: Iterable[int], enter: set[int] | None) -> set[int]:
    """Of a team (authority ids) those that may lead. ``enter``: who may enter by right at all; None:
    the register knows nobody."""
    return set(team) if enter is None else set(team) & enter


def leaders_by(card: PowersCard) -> set[int]:
    """The same from the powers card of a team at a kind of place."""
    known = bool(card.entry or card.entry_partners)
    enter = {a.pk for a in card.authorities if any(c.is_of(a) for c in card.entry)}
    return may_lead((a.pk for a in card.authorities), enter if known else None)


def nobody_enters(card: PowersCard) -> str:
    """What to say of a team of which nobody may enter, where the register knows who may; else ""."""
    if card.may_enter or not card.entry_partners:
        return ""
    return _("Nobody on the team may enter: %(place)s. Ask along: %(who)s.") % {
        "place": card.premises_label, "who": ", ".join(a.short for a in card.entry_partners),
    }  # fmt: skip


def first_to_lead(
    authorities: Sequence[int], cards: Iterable[PowersCard], lead_authority: int
) -> int | None:
    """Position of who leads a day among people's ``authorities``, in the order they stand.

    Whoever may lead at most of its places, of these the operation's lead authority first.
    """
    if not authorities:
        return None
    places = [leaders_by(card) for card in cards]

    def rank(at: int) -> tuple[int, bool, int]:
        own = authorities[at]
        return (-sum(own in leaders for leaders in places), own != lead_authority, at)

    return min(range(len(authorities)), key=rank)
