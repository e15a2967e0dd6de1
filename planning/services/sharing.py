"""Giving a signal or data set to an operation: to each participant whom a ground lets have it."""

from typing import TYPE_CHECKING, Any

from django.utils.translation import gettext as _

from audit.bus import on
from audit.context import as_system, service
from audit.errors import RuleViolation
from authorities import gateway
from authorities.gateway import Answer
from planning.models import Operation, Participation, ParticipationState
from planning.services.common import check, lock, own_participation
from targets.models import Dataset, Disclosure, DisclosureState, Signal
from targets.services.sharing import disclose, end_disclosure, locked, usable_grounds

if TYPE_CHECKING:
    from authorities.actors import Actor


def participants_answers(
    actor: "Actor", operation: Operation, kind: str
) -> list[tuple[Participation, Answer]]:
    """What the register says for each other participant. Constant number of queries."""
    places = {
        p.authority_id: p
        for p in operation.participations.filter(state=ParticipationState.ACCEPTED)
        .exclude(authority=actor.authority)
        .select_related("authority")
    }
    return [
        (places[answer.receiver.pk], answer)
        for answer in gateway.answers(actor.authority, kind)
        if answer.receiver.pk in places
    ]


@service
def disclose_to_operation(
    *,
    actor: "Actor",
    operation: Operation,
    item: Signal | Dataset,
    purpose: str,
    confirmed: list[str],
) -> list[Disclosure]:
    """Give an own item for the sake of an operation; participants without a ground get nothing.

    Each gets it on its own ground. Whoever joins later gets it only when it is given again; whoever
    leaves loses it. Raises RuleViolation when nobody may have it or a condition is not confirmed.
    """
    operation = lock(operation)
    check(actor, "view", operation)
    own_participation(actor, operation)
    given = []
    for place, answer in participants_answers(actor, operation, item.kind):
        grounds = usable_grounds(answer, asked=False, mass=isinstance(item, Dataset))
        if not grounds:
            continue
        given.append(
            disclose(
                actor=actor, item=item, receiver=place.authority, purpose=purpose,
                ground=grounds[0], confirmed=confirmed, context=operation,
            )
        )  # fmt: skip
    if not given:
        raise RuleViolation(
            _("The register knows no ground to give this to any participant unasked.")
        )
    return given


@on("participation.withdrawn")
def leaving_ends_it(event: Any, place: Participation, actor: "Actor | None") -> None:
    """What was given for the sake of an operation ends for whoever leaves it."""
    with as_system("what others gave ends with the place it was given for"):
        rows = Disclosure.objects.filter(
            receiver=place.authority, state=DisclosureState.ACTIVE,
            context_type=place.operation._meta.label_lower, context_id=place.operation_id,
        )  # fmt: skip
        for given in rows.order_by("pk"):
            end_disclosure(
                locked(given), DisclosureState.WITHDRAWN, str(place.operation), actor=actor
            )
