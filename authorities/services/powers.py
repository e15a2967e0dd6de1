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


def may_edit_competence(actor: "Actor", competence: Competence) -> bool:
    """As above; a group's competence by administrators of any authority that belongs to it."""
    if actor.user.is_superuser:
        return True
    return actor.has_role(Role.ADMINISTRATOR) and competence.is_of(actor.authority)


def _locked(competence: Competence) -> Competence:
    return (
        Competence.objects.select_for_update(of=("self",))
        .select_related("authority", "group")
        .get(pk=competence.pk)
    )


@service
def save_competence(
    *,
    actor: "Actor",
    authority: Authority | None = None,
    competence: Competence | None = None,
    shown: int = 0,
    **values: Any,
) -> Competence:
    """Add one to ``authority`` (default: the own), or change one; it counts as not reviewed then."""
    if competence is None:
        row = Competence(authority=authority or actor.authority, edited=True)
        allowed = may_edit_powers(actor, authority or actor.authority)
    else:
        row = _locked(competence)
        allowed = may_edit_competence(actor, row)
    if not allowed:
        raise NotAllowed(_("Only administrators of the authority itself may change this."))
    if competence is not None:
        if row.version != shown:
            raise Conflict(_("Somebody has changed this since you opened it. Read it again."))
        row.version += 1
    before = {name: str(getattr(row, name)) for name in COMPETENCE_FIELDS}
    for name, value in values.items():
        if name not in COMPETENCE_FIELDS:
            raise ValueError(name)
        setattr(row, name, value)
    for field, kind in (
        ("action", TermKind.ACTION), ("premises", TermKind.PREMISES), ("notice", TermKind.NOTICE),
    ):  # fmt: skip
        value = getattr(row, field)
        codes = [value] if isinstance(value, str) else value
        known = set(Term.objects.filter(kind=kind).values_list("code", flat=True))
        if any(code not in known for code in codes):
            raise RuleViolation(_("Choose from the list."), field=field)
    if row.entry_right and not row.premises:
        raise RuleViolation(
            _("A right of entry needs a kind of place. Tick where it holds."), field="premises"
        )
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
def end_competence(*, actor: "Actor", competence: Competence, last_day: dt.date) -> Competence:
    """Let a competence end; what it says and its review stay, for the days it held."""
    row = _locked(competence)
    if not may_edit_competence(actor, row):
        raise NotAllowed(_("Only administrators of the authority itself may change this."))
    if row.valid_from and last_day < row.valid_from:
        raise RuleViolation(_("The last day is before the first."), field="last_day")
    row.valid_to, row.edited, row.version = last_day, True, row.version + 1
    row.save(update_fields=["valid_to", "edited", "version"])
    record(
        actor=actor, verb="competence.ended", subject=row, data={"last_day": last_day.isoformat()}
    )
    return row


@service
def review_competence(*, actor: "Actor", competence: Competence, role: str) -> Competence:
    """Note that the authority's lawyers have reviewed a competence."""
    row = _locked(competence)
    if not may_edit_competence(actor, row):
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
