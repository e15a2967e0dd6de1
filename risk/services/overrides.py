"""Keeping what people decided beside the list; planning tells it with each choice."""

from typing import TYPE_CHECKING

from django.utils import timezone
from django.utils.translation import gettext as _

from audit.context import as_system, service
from audit.errors import RuleViolation
from risk.models import Decided, Override, OverrideReason
from targets.models import Site

if TYPE_CHECKING:
    from authorities.actors import Actor


@service
def record_override(
    *, actor: "Actor", site: Site, operation: str, round: int, rank: int, of: int, decided: str,
    proposed: bool | None = None, code: str = "", note: str = "",
) -> Override:  # fmt: skip
    """Note a decision on a site of an operation's list; decided anew in a round it is written over.

    ``operation``: its number. ``proposed``: whether the proposal held the site, None where nothing
    was proposed. ``code``: of ``OverrideReason``, empty when nothing was said. ``note``: the words
    given, kept by planning; "other" needs them.
    """
    if decided not in Decided.values:
        raise RuleViolation(_("Choose whether the site is selected or left out."), field="state")
    if code and code not in OverrideReason.values:
        raise RuleViolation(_("Choose one of the reasons of the list."), field="code")
    if code == OverrideReason.OTHER and not note.strip():
        raise RuleViolation(_("Say in words which other reason it is."), field="reason")
    with as_system("the lead may have changed since: one decision is one row, whoever decides"):
        row, _made = Override.objects.update_or_create(
            operation=operation, site=site, round=round,
            defaults={
                "authority": actor.authority, "rank": rank, "of": of, "proposed": proposed,
                "decided": decided, "code": code, "decided_at": timezone.now(),
            },
        )  # fmt: skip
    return row


@service
def withdraw_override(*, actor: "Actor", site: Site, operation: str) -> None:
    """The decision was undone: the site is undecided again, in every round."""
    with as_system("the lead may have changed since: one decision is one row, whoever decides"):
        Override.objects.filter(operation=operation, site=site).delete()
