"""From which probability pairs of two registers are proposed and may be joined many at a time."""

from typing import TYPE_CHECKING

from django.utils.translation import gettext as _

from audit.context import service
from audit.errors import NotAllowed, RuleViolation
from audit.services import record
from targets.models import ANY_SOURCE, Kind, LinkThreshold

if TYPE_CHECKING:
    from authorities.actors import Actor

SETTERS = ("analyst", "administrator")


@service
def set_threshold(
    *, actor: "Actor", kind: str, source_a: str, source_b: str, propose_at: float, join_at: float
) -> LinkThreshold:
    """Set the limits of a pair of registers, in either order; counts from the next comparison on.

    An empty register means any. Probabilities between 0 and 1.
    """
    if not actor.has_role(*SETTERS):
        raise NotAllowed(_("Analysts and administrators set the limits."))
    if not 0 < propose_at <= 1:
        raise RuleViolation(_("Write a number above 0 and up to 100."), field="propose_at")
    if not propose_at <= join_at <= 1:
        raise RuleViolation(
            _("A strong pair needs at least what a proposed one needs, at most 100."),
            field="join_at",
        )
    first, second = sorted((source_a.strip() or ANY_SOURCE, source_b.strip() or ANY_SOURCE))
    row, _made = LinkThreshold.objects.update_or_create(
        kind=Kind(kind), source_a=first, source_b=second,
        defaults={"propose_at": propose_at, "join_at": join_at},
    )  # fmt: skip
    record(
        actor=actor, verb="threshold.set", subject=actor.authority,
        data={"first": first, "second": second, "propose": f"{propose_at:.4g}",
              "join": f"{join_at:.4g}"},
        audience=[actor.authority.pk],
    )  # fmt: skip
    return row


@service
def remove_threshold(*, actor: "Actor", row: LinkThreshold) -> None:
    """The limits of less exact rows count for the pair again."""
    if not actor.has_role(*SETTERS):
        raise NotAllowed(_("Analysts and administrators set the limits."))
    if LinkThreshold.objects.filter(pk=row.pk).delete()[0]:
        record(
            actor=actor, verb="threshold.removed", subject=actor.authority,
            data={"first": row.source_a, "second": row.source_b}, audience=[actor.authority.pk],
        )  # fmt: skip
