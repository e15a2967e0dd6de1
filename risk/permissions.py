"""Who may do what with indicators and models; each rule once, for services and pages alike."""

from typing import TYPE_CHECKING

from authorities.models import Role
from risk.models import IndicatorVersion, ModelState, ModelVersion, RiskModel

if TYPE_CHECKING:
    from authorities.actors import Actor

# Who reads indicators, models and their results.
READERS = (Role.ANALYST, Role.COORDINATOR, Role.MANAGER)
# Who judges what came of decisions beside the list.
JUDGES = (Role.ANALYST, Role.MANAGER)


def may_draft(actor: "Actor", authority_id: int | None) -> bool:
    """Write indicators and models: analysts, for their own authority and for all (None)."""
    return actor.has_role(Role.ANALYST) and authority_id in (None, actor.authority.pk)


def may_change_indicator(actor: "Actor", version: IndicatorVersion) -> bool:
    """A shared draft is changed by those who wrote in it, so that somebody is left to publish it."""
    if not may_draft(actor, version.indicator.authority_id):
        return False
    return version.indicator.authority_id is not None or actor.user.pk in version.writers


def may_publish_indicator(actor: "Actor", version: IndicatorVersion) -> bool:
    """Of one's own authority an analyst or manager; a shared one by nobody who wrote in it."""
    owner = version.indicator.authority_id
    if not actor.has_role(Role.ANALYST, Role.MANAGER) or owner not in (None, actor.authority.pk):
        return False
    return owner is not None or actor.user.pk not in version.writers


def may_retire_indicator(actor: "Actor", version: IndicatorVersion) -> bool:
    owner = version.indicator.authority_id
    return actor.has_role(Role.ANALYST, Role.MANAGER) and owner in (None, actor.authority.pk)


def sees_inside(actor: "Actor", version: IndicatorVersion) -> bool:
    """Definition, bins, values and examples; of a "level" one only its owner sees them."""
    return version.open_to(actor.authority.pk)


def owns(actor: "Actor", model: RiskModel) -> bool:
    """Whether the model is of the actor's authority, whose people read small groups of its tests."""
    return model.authority_id == actor.authority.pk


def may_write_model(actor: "Actor", model: RiskModel) -> bool:
    return actor.has_role(Role.ANALYST) and owns(actor, model)


def may_ask(actor: "Actor", version: ModelVersion) -> bool:
    """Ask for a backtest or an audit, or cancel one: analysts and managers of the model's owner."""
    return owns(actor, version.model) and actor.has_role(Role.ANALYST, Role.MANAGER)


def may_approve(actor: "Actor", version: ModelVersion) -> bool:
    """Managers of any authority that sees the model, but nobody who wrote in it."""
    sees = version.model.shown_to(actor.authority.pk)
    return sees and actor.has_role(Role.MANAGER) and actor.user.pk not in version.writers


def may_activate(actor: "Actor", version: ModelVersion) -> bool:
    """Put an approved version to use, or take one out of use: managers of the model's owner."""
    return owns(actor, version.model) and actor.has_role(Role.MANAGER)


def may_retire(actor: "Actor", version: ModelVersion) -> bool:
    """Out of use: managers of the owner; what is not in use also the analysts who write it."""
    if may_activate(actor, version):
        return True
    return version.state != ModelState.ACTIVE and may_write_model(actor, version.model)


def approvals_needed(model: RiskModel) -> int:
    """Two authorities for what moves the joint list.

    A model that an authority keeps to itself is seen by no other, so a manager of its own who has
    not written in it is the second person.
    """
    return 2 if model.joint else 1
