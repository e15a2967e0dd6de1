"""Approving a version of a model: people of different authorities, each for what they saw."""

from typing import TYPE_CHECKING

from django.db import IntegrityError, transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from audit.context import as_system, service
from audit.errors import Conflict, NotAllowed, RuleViolation
from risk import permissions
from risk.models import Approval, ModelVersion
from risk.services import models

if TYPE_CHECKING:
    from authorities.actors import Actor


@service
def approve_model(
    *, actor: "Actor", version: ModelVersion, shown_hash: str, reason: str = ""
) -> Approval:
    """Say yes to exactly the content whose hash was shown; the last one needed approves it.

    Raises NotAllowed (role, or wrote in it), Conflict when somebody of the same authority was
    first, the version moved on or is being audited, RuleViolation when something else was shown
    than is there or the newest audit has not passed it.
    """
    version = models.locked(version)
    if not permissions.may_approve(actor, version):
        raise NotAllowed(
            _("Nobody approves what they made.")
            if actor.user.pk in version.writers
            else _("A model is approved by managers.")
        )
    earlier = version.approvals.select_related("user", "authority")
    mine = next((a for a in earlier if a.authority_id == actor.authority.pk), None)
    if mine is not None:
        raise Conflict(
            _("%(name)s has approved for your authority already.") % {"name": mine.user.full_name}
        )
    if any(a.user_id == actor.user.pk for a in earlier):
        raise Conflict(_("You have approved it already, for another authority."))
    models.follow(version, "approve")
    models.refuse_unaudited(version)
    if shown_hash != version.content_hash:
        raise RuleViolation(_("You were shown another content. Read the version again."))
    if not reason.strip():
        raise RuleViolation(_("Say in a few words what you looked at."), field="reason")
    try:
        with transaction.atomic():
            approval = Approval.objects.create(
                version=version, user=actor.user, membership=actor.membership,
                authority=actor.authority, content_hash=version.content_hash,
                reason=reason.strip(),
            )  # fmt: skip
    except IntegrityError:
        raise Conflict(_("Your authority has approved it already.")) from None
    given = len(earlier) + 1
    models.note(actor, version, "approval_given", given=given)
    if given >= permissions.approvals_needed(version.model):
        version.state = models.follow(version, "second")
        version.approved_at = timezone.now()
        with as_system("the last approval moves the version, whosever approval it is"):
            version.save(update_fields=["state", "approved_at"])
        models.note(actor, version, "approved")
    return approval
