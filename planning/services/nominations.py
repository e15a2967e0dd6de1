"""Nominating sites: each authority for itself, in its own words and by its own rating."""

from typing import TYPE_CHECKING

from django.utils.translation import gettext as _

from audit.context import service
from audit.errors import NotAllowed, RuleViolation
from audit.services import record
from planning.models import Nomination, NominationState, Operation, OperationState
from planning.services.availability import ask_availability
from planning.services.common import check, check_state, lock, own_participation
from targets.models import Site
from worklist.services import finish_tasks

if TYPE_CHECKING:
    from authorities.actors import Actor


@service
def make_nomination(
    *,
    actor: "Actor",
    operation: Operation,
    site: Site,
    reason: str,
    rating: int,
    own_note: str = "",
) -> Nomination:
    """Nominate a site, or change the own nomination of it. One a site and authority."""
    operation = lock(operation)
    check(actor, "nominate", operation)
    check_state(operation, OperationState.NOMINATING)
    place = own_participation(actor, operation)
    if not operation.regions.filter(pk=site.region_id).exists():  # type: ignore[misc]  # None: in none
        raise RuleViolation(
            _("%(site)s lies outside the regions of this operation.") % {"site": site.name},
            field="site",
        )
    if not reason.strip():
        raise RuleViolation(_("Say why the site should be inspected."), field="reason")
    if not 1 <= rating <= 5:
        raise RuleViolation(_("Choose a rating from 1 to 5."), field="rating")
    values = {
        "participation": place, "reason": reason.strip(), "rating": rating,
        "own_note": own_note.strip(), "state": NominationState.ACTIVE,
    }  # fmt: skip
    nomination, created = Nomination.objects.update_or_create(
        operation=operation, authority=actor.authority, site=site,
        defaults=values, create_defaults={**values, "created_by": actor.user},
    )  # fmt: skip
    ask_availability(operation, site)
    record(
        actor=actor, verb="nomination.made" if created else "nomination.changed",
        subject=nomination, context=operation, data={"site": site.name},
        # Before the joint list opens, what one nominates is its own matter.
        audience=[actor.authority.pk],
    )  # fmt: skip
    finish_tasks(
        actor=actor, subject=operation, kind="planning.nominate", authority=actor.authority
    )
    return nomination


@service
def withdraw_nomination(*, actor: "Actor", nomination: Nomination) -> Nomination:
    """Take back an own nomination while nominations are open."""
    operation = lock(nomination.operation)
    check(actor, "nominate", operation)
    check_state(operation, OperationState.NOMINATING)
    nomination = Nomination.objects.select_for_update(of=("self",)).get(pk=nomination.pk)
    if nomination.authority_id != actor.authority.pk:
        raise NotAllowed(_("Only the authority that nominated can withdraw."))
    nomination.state = NominationState.WITHDRAWN
    nomination.save(update_fields=["state"])
    record(
        actor=actor, verb="nomination.withdrawn", subject=nomination, context=operation,
        data={"site": nomination.site.name}, audience=[actor.authority.pk],
    )  # fmt: skip
    return nomination
