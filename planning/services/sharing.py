"""Giving a signal or data set to an operation: to each participant whom a ground lets have it."""

from typing import TYPE_CHECKING, Any

from django.urls import reverse
from django.utils.translation import gettext as _

from audit.bus import on
from audit.context import as_system, service
from audit.errors import RuleViolation
from authorities import gateway
from authorities.gateway import Answer
from authorities.models import GroundVersion
from planning.models import Operation, Participation, ParticipationState
from planning.services.common import check, lock, own_participation
from targets.models import Dataset, Disclosure, DisclosureState, Signal
from targets.services.sharing import disclose, end_disclosure, locked, usable_grounds
from worklist.services import notify

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


def who_may_have(
    actor: "Actor", operation: Operation, item: Signal | Dataset
) -> list[tuple[Participation, GroundVersion]]:
    """Participants whom a ground lets have the item unasked, and that ground."""
    mass = isinstance(item, Dataset)
    found = []
    for place, answer in participants_answers(actor, operation, item.kind):
        if isinstance(item, Dataset) and place.authority.code not in item.recipients:
            continue
        grounds = usable_grounds(answer, asked=False, mass=mass)
        if grounds:
            found.append((place, grounds[0]))
    return found


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

    Each gets it on its own ground; a data set only those named as recipients when it was made. When
    somebody joins later the giver is asked (``ask_for_who_joins``); whoever leaves loses it.
    Raises RuleViolation when nobody may have it or a condition is not confirmed.
    """
    operation = lock(operation)
    check(actor, "view", operation)
    own_participation(actor, operation)
    given = [
        disclose(
            actor=actor, item=item, receiver=place.authority, purpose=purpose, ground=ground,
            confirmed=confirmed, context=operation,
        )
        for place, ground in who_may_have(actor, operation, item)
    ]  # fmt: skip
    if not given:
        raise RuleViolation(
            _("The register knows no ground to give this to any participant unasked.")
        )
    return given


@on("participation.accepted")
def ask_for_who_joins(event: Any, place: Participation, actor: "Actor | None") -> None:
    """Those who gave something to the operation are asked to give it to whoever joins later.

    A person of the giver decides, since every receiver is a disclosure of its own. Asked once a
    giver and joining authority, in words that name the operation and nothing else.
    """
    operation = place.operation
    with as_system("who gave what to the operation is known to each giver alone"):
        given = (
            Disclosure.objects.filter(
                state=DisclosureState.ACTIVE, context_type=operation._meta.label_lower,
                context_id=operation.pk,
            )
            .exclude(giver=place.authority)
            .select_related("giver", "given_by").order_by("giver_id", "-pk")
        )  # fmt: skip
        givers: dict[int, Disclosure] = {}
        for disclosure in given:
            givers.setdefault(disclosure.giver_id, disclosure)
        for disclosure in givers.values():
            notify(
                recipient=disclosure.given_by, authority=disclosure.giver,
                kind="give_to_who_joined",
                url=reverse("planning:shared_signals", args=[operation.public_id]),
                params={"authority": place.authority.name, "operation": operation.name},
                key=f"joined:{operation.pk}:{place.authority_id}:{disclosure.giver_id}",
            )  # fmt: skip


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
