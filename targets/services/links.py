"""Links that people write down: who works for whom and where, beside those that registers give."""

import datetime as dt
from typing import TYPE_CHECKING

from django.db import IntegrityError, transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from audit.context import service
from audit.errors import Conflict, NotAllowed, RuleViolation
from audit.services import record
from authorities.models import Role
from targets.models import LINK_ENDS, Company, Link, LinkKind, Site

if TYPE_CHECKING:
    from authorities.actors import Actor

WRITERS = (Role.COORDINATOR, Role.INSPECTOR, Role.ANALYST)
OWN = "own"  # source of what people of an authority wrote


def _side(end: Site | Company) -> str:
    return "site" if isinstance(end, Site) else "company"


@service
def add_link(
    *, actor: "Actor", kind: str, first: Site | Company, second: Site | Company, note: str = "",
    valid_from: dt.date | None = None, valid_to: dt.date | None = None,
    at_site: Site | None = None,
) -> Link:  # fmt: skip
    """``first`` does ``kind`` to ``second``; the authority's own, invisible to others.

    ``at_site``: where it holds, of two companies (a contract for one building site).

    Raises NotAllowed, RuleViolation (ends that do not go with the kind, dates) and Conflict when
    it is known already.
    """
    if not actor.has_role(*WRITERS):
        raise NotAllowed(_("Coordinators, inspectors and analysts write links down."))
    if (_side(first), _side(second)) not in LINK_ENDS[LinkKind(kind)]:
        raise RuleViolation(_("Such a link does not hold between these two."), field="link")
    if first == second:
        raise RuleViolation(_("Choose another: nothing is linked to itself."), field="target")
    if at_site and not (isinstance(first, Company) and isinstance(second, Company)):
        raise RuleViolation(
            _("Only a link between two companies holds at a site."), field="at_site"
        )
    if valid_from and valid_to and valid_to < valid_from:
        raise RuleViolation(_("The last day is before the first."), field="valid_to")
    try:
        with transaction.atomic():
            link = Link.objects.create(
                kind=kind, authority=actor.authority, source=OWN, source_on=timezone.localdate(),
                note=note.strip()[:200], valid_from=valid_from, valid_to=valid_to, at_site=at_site,
                **{f"from_{_side(first)}": first, f"to_{_side(second)}": second},
            )  # fmt: skip
    except IntegrityError:
        raise Conflict(_("This link is known already.")) from None
    record(
        actor=actor, verb="link.added", subject=first, data={"first": str(first), "second": str(second)},
        audience=[actor.authority.pk],
    )  # fmt: skip
    return link


@service
def remove_link(*, actor: "Actor", link: Link) -> None:
    """Take a link back that somebody of one's own authority wrote down."""
    if not actor.has_role(*WRITERS):
        raise NotAllowed(_("Coordinators, inspectors and analysts write links down."))
    locked = Link.objects.select_for_update().filter(pk=link.pk).first()
    if locked is None:
        return  # somebody else has done so
    if locked.authority_id != actor.authority.pk or locked.source != OWN:
        raise NotAllowed(_("What a register says is not taken back here."))
    first, second = (
        locked.from_site or locked.from_company, locked.to_site or locked.to_company
    )  # fmt: skip
    locked.delete()
    record(
        actor=actor, verb="link.removed", subject=first,
        data={"first": str(first), "second": str(second)}, audience=[actor.authority.pk],
    )  # fmt: skip
