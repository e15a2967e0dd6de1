"""Conflict of interest: keeping a person away from a target altogether."""

from typing import TYPE_CHECKING

from django.db import IntegrityError, transaction
from django.db.models import QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _

from audit.context import service
from audit.errors import Conflict, NotAllowed, RuleViolation
from audit.services import record
from authorities.models import Membership, Role, User
from targets.models import Company, Recusal, Site

if TYPE_CHECKING:
    from authorities.actors import Actor


@service
def recuse(*, actor: "Actor", person: User, target: Site | Company, reason: str) -> Recusal:
    """From now on nothing of the target exists for the person: pages, counts, search, exports.

    A manager or administrator of the person's authority decides, never about oneself.
    """
    if not actor.has_role(Role.MANAGER, Role.ADMINISTRATOR):
        raise NotAllowed(_("A manager or administrator decides on recusals."))
    if person.pk == actor.user.pk:
        raise RuleViolation(
            _("Ask another manager to keep you away: after this you could not see the target."),
            field="person",
        )
    if not Membership.objects.usable().filter(user=person, authority=actor.authority).exists():
        raise RuleViolation(_("Choose a person of your own authority."), field="person")
    if not reason.strip():
        raise RuleViolation(_("Say why."), field="reason")
    field = "site" if isinstance(target, Site) else "company"
    parts = type(target).objects.filter(merged_into=target).order_by("pk")
    known = set(_of_person(person, field).values_list(f"{field}_id", flat=True))
    try:
        with transaction.atomic():
            # What was found to be the same is the same target, should it come apart again too.
            row, *_rest = [
                Recusal.objects.create(
                    user=person, authority=actor.authority, reason=reason.strip()[:300],
                    made_by=actor.user, **{field: each},
                )
                for each in (target, *(part for part in parts if part.pk not in known))
            ]  # fmt: skip
    except IntegrityError:
        raise Conflict(_("This person is kept away from it already.")) from None
    # Who reads the event is not the person: the event is about the target (audit.services).
    record(
        actor=actor, verb="person.recused", subject=target,
        data={"name": person.full_name, "reason": row.reason}, audience=[actor.authority.pk],
    )  # fmt: skip
    return row


def _of_person(person: User, field: str) -> QuerySet[Recusal]:
    return Recusal.objects.filter(
        user=person, ended_at__isnull=True, **{f"{field}__isnull": False}
    )  # fmt: skip


@service
def end_recusal(*, actor: "Actor", recusal: Recusal) -> Recusal:
    """Let the person see the target again."""
    row = Recusal.objects.select_for_update(of=("self",)).get(pk=recusal.pk)
    if (
        row.authority_id != actor.authority.pk
        or row.user_id == actor.user.pk
        or not actor.has_role(Role.MANAGER, Role.ADMINISTRATOR)
    ):
        raise NotAllowed(_("A manager or administrator decides on recusals."))
    if row.ended_at is not None:
        return row
    row.ended_at, row.ended_by = timezone.now(), actor.user
    row.save(update_fields=["ended_at", "ended_by"])
    field = "site" if row.site_id is not None else "company"
    parts = {f"{field}__merged_into": row.site_id or row.company_id}
    _of_person(row.user, field).filter(authority=actor.authority, **parts).update(
        ended_at=row.ended_at, ended_by=actor.user
    )
    record(
        actor=actor, verb="person.unrecused", subject=row.site or row.company,
        data={"name": row.user.full_name}, audience=[actor.authority.pk],
    )  # fmt: skip
    return row
