"""A place in an operation is purpose enough to look at the sites it deals with."""

from typing import TYPE_CHECKING

from django.db import models
from django.db.models import Q

from audit.access import implies_purpose
from planning.models import Nomination, NominationState, Operation

if TYPE_CHECKING:
    from authorities.actors import Actor


@implies_purpose
def operation_leads_here(actor: "Actor", case: models.Model) -> str:
    """Number and name of an unfinished operation in which ``case`` was nominated; one query."""
    of_case = {
        "targets.site": Q(site_id=case.pk),
        "targets.company": Q(site__company_id=case.pk),
        "planning.operation": Q(operation_id=case.pk),
    }.get(case._meta.label_lower)
    if of_case is None:
        return ""
    nominated = Nomination.objects.visible_to(actor).filter(of_case, state=NominationState.ACTIVE)
    operation = (
        Operation.objects.filter(pk__in=nominated.values("operation_id"))
        .exclude(state__in=["closed", "cancelled"])
        .order_by("pk")
        .first()
    )
    return str(operation) if operation else ""
