"""Doing one thing to many sites: those ticked, or all that match a list's filters."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from django.db import transaction
from django.db.models import QuerySet
from django.utils.translation import gettext as _

from audit.context import service
from audit.errors import NotAllowed, RuleViolation
from audit.services import record
from targets.models import Site, SiteTag, Tag

if TYPE_CHECKING:
    from authorities.actors import Actor

AT_ONCE = 2_000  # sites that one action changes
TAGGERS = ("coordinator", "inspector", "manager", "analyst")


def may_tag(actor: "Actor") -> bool:
    return actor.has_role(*TAGGERS)


def _tag_row(actor: "Actor", name: str) -> Tag:
    """The authority's tag of that name in any case, made when there is none yet."""
    tag = Tag.objects.filter(authority=actor.authority, name__iexact=name).first()
    if tag is not None:
        return tag
    Tag.objects.bulk_create(
        [Tag(authority=actor.authority, name=name, created_by=actor.user)], ignore_conflicts=True
    )
    return Tag.objects.get(authority=actor.authority, name__iexact=name)


@service
@transaction.atomic
def tag_sites(*, actor: "Actor", sites: QuerySet[Site], name: str, remove: bool = False) -> int:
    """Put the tag ``name`` of the own authority on ``sites`` (or take it off); returns how many changed.

    Sites the actor does not see are not touched. Raises RuleViolation without a name, with a name
    too long, or with more than ``AT_ONCE`` sites; NotAllowed without the role.
    """
    if not may_tag(actor):
        raise NotAllowed(_("Your role does not include tagging sites."))
    name = " ".join(name.split())
    if not name or len(name) > 40:
        raise RuleViolation(_("Write a tag of 1 to 40 characters."), field="name")
    seen = Site.objects.visible_to(actor).filter(pk__in=sites.values("pk")).order_by("pk")
    ids = list(seen.values_list("pk", flat=True)[: AT_ONCE + 1])
    if len(ids) > AT_ONCE:
        raise RuleViolation(
            _("More than %(count)s sites match. Narrow the list by a filter first.")
            % {"count": AT_ONCE}
        )
    changed = _take_off(actor, ids, name) if remove else _put_on(actor, ids, name)
    record(
        actor=actor, verb="sites.untagged" if remove else "sites.tagged",
        data={"tag": name, "count": changed}, audience=[actor.authority.pk],
    )  # fmt: skip
    return changed


def _put_on(actor: "Actor", ids: Sequence[int], name: str) -> int:
    tag = _tag_row(actor, name)
    had = set(SiteTag.objects.filter(tag=tag, site__in=ids).values_list("site_id", flat=True))
    SiteTag.objects.bulk_create(
        [
            SiteTag(tag=tag, site_id=pk, authority=actor.authority, tagged_by=actor.user)
            for pk in ids if pk not in had
        ],
        ignore_conflicts=True, batch_size=1_000,
    )  # fmt: skip
    return len(set(ids) - had)


def _take_off(actor: "Actor", ids: Sequence[int], name: str) -> int:
    rows = SiteTag.objects.filter(authority=actor.authority, tag__name__iexact=name, site__in=ids)
    return rows.delete()[0]
