"""Changing competences and interest profiles."""

import datetime as dt
from typing import TYPE_CHECKING, Any

from django.db import IntegrityError, transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from audit.context import service
from audit.errors import Conflict, NotAllowed, RuleViolation
from audit.services import record
from authorities.models import Area, Authority, Competence, Interest, Role, Term, TermKind

if TYPE_CHECKING:
    from authorities.actors import Actor

COMPETENCE_FIELDS = (
    "action", "premises", "notice", "entry_right", "basis", "text_fi", "text_sv", "text_en",
    "valid_from", "valid_to", "open_question",
)  # fmt: skip


def may_edit_powers(actor: "Actor", authority: Authority) -> bool:
    """Administrators of the authority itself, and of the installation."""
    if actor.user.is_superuser:
        return True
    return actor.has_role(Role.ADMINISTRATOR) and actor.authority.pk == authority.pk


@service
def save_competence(
    *,
    actor: "Actor",
    authority: Authority,
    competence: Competence | None = None,
    shown: int = 0,
    **values: Any,
) -> Competence:
    """Add or change a competence of the own authority; a changed one counts as not reviewed."""
    if not may_edit_powers(actor, authority):
        raise NotAllowed(_("Only administrators of the authority itself may change this."))
    if competence is None:
        row = Competence(authority=authority)
    else:
        row = Competence.objects.select_for_update().get(pk=competence.pk)
        if row.version != shown:
            raise Conflict(_("Somebody has changed this since you opened it. Read it again."))
        row.version += 1
    before = {name: str(getattr(row, name)) for name in COMPETENCE_FIELDS}
    for name, value in values.items():
        if name not in COMPETENCE_FIELDS:
            raise ValueError(name)
        setattr(row, name, value)
    known = set(Term.objects.filter(kind=TermKind.ACTION).values_list("code", flat=True))
    if row.action not in known:
        raise RuleViolation(_("Choose from the list."), field="action")
    if row.valid_from and row.valid_to and row.valid_to < row.valid_from:
        raise RuleViolation(_("The last day is before the first."), field="valid_to")
    row.edited, row.reviewed_by, row.reviewed_on = True, "", None
    row.save()
    changed = {
        name: [before[name], str(getattr(row, name))]
        for name in COMPETENCE_FIELDS
        if before[name] != str(getattr(row, name))
    }
    record(actor=actor, verb="competence.saved", subject=row, data={"changed": changed})
    return row


@service
def review_competence(*, actor: "Actor", competence: Competence, role: str) -> Competence:
    """Note that the authority's lawyers have reviewed a competence."""
    row = Competence.objects.select_for_update().get(pk=competence.pk)
    if row.authority is None or not may_edit_powers(actor, row.authority):
        raise NotAllowed(_("Only administrators of the authority itself may note a review."))
    if not role.strip():
        raise RuleViolation(_("Say in which role it was reviewed."), field="role")
    row.reviewed_by = f"{actor.authority.code}: {role.strip()}"[:200]
    row.reviewed_on = timezone.localdate()
    row.save(update_fields=["reviewed_by", "reviewed_on"])
    record(actor=actor, verb="competence.reviewed", subject=row, data={"by": row.reviewed_by})
    return row


@service
def publish_interest(
    *,
    actor: "Actor",
    information: str,
    industries: list[str] | None = None,
    regions: list[Area] | None = None,
    note: str = "",
) -> Interest:
    """Say what the own authority wants to be told of. Asked twice, it is published once."""
    if not actor.has_role(Role.ADMINISTRATOR, Role.ANALYST, Role.MANAGER):
        raise NotAllowed(_("Only administrators, managers and analysts publish interests."))
    if not Term.objects.filter(kind=TermKind.INFORMATION, code=information).exists():
        raise RuleViolation(_("Choose from the list."), field="information")
    try:
        with transaction.atomic():
            interest = Interest.objects.create(
                authority=actor.authority, information=information, industries=industries or [],
                note=note.strip(), valid_from=timezone.localdate(),
            )  # fmt: skip
    except IntegrityError:
        raise RuleViolation(
            _("This is published already. Withdraw it first to publish it anew."),
            field="information",
        ) from None
    interest.regions.set(regions or [])
    record(
        actor=actor, verb="interest.published", subject=interest, data={"information": information}
    )
    return interest


@service
def withdraw_interest(*, actor: "Actor", interest: Interest) -> Interest:
    """End an interest of the own authority yesterday, so that it no longer counts today."""
    row = Interest.objects.select_for_update().get(pk=interest.pk)
    if row.authority_id != actor.authority.pk or not actor.has_role(
        Role.ADMINISTRATOR, Role.ANALYST, Role.MANAGER
    ):
        raise NotAllowed(_("Only your own authority's interests are yours to withdraw."))
    if row.valid_to is not None and row.valid_to < timezone.localdate():
        return row
    row.valid_to = timezone.localdate() - dt.timedelta(days=1)
    if row.valid_from is not None and row.valid_from > row.valid_to:
        row.valid_from = row.valid_to
    row.save(update_fields=["valid_from", "valid_to"])
    record(
        actor=actor, verb="interest.withdrawn", subject=row, data={"information": row.information}
    )
    return row
