"""Building an indicator is work: purpose enough to look at the values it would read."""

from typing import TYPE_CHECKING

from django.db import models
from django.utils.translation import gettext as _

from audit.access import implies_purpose
from authorities.models import Authority
from risk.models import Indicator
from risk.permissions import may_draft

if TYPE_CHECKING:
    from authorities.actors import Actor


@implies_purpose
def building_leads_here(actor: "Actor", case: models.Model) -> str:
    """The indicator that is built; of one not saved yet, that the own authority builds one."""
    if isinstance(case, Indicator) and may_draft(actor, case.authority_id):
        return _("Building the indicator %(code)s") % {"code": case.code}
    own = isinstance(case, Authority) and case.pk == actor.authority.pk
    return _("Building an indicator") if own and may_draft(actor, actor.authority.pk) else ""
