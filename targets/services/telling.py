"""Who hears of what was given, asked and handed over: places for tasks, people for notices.

A notice names the two authorities and nothing of the item, so that it may go to whoever works
there; the page behind it shows what its reader may see.
"""

from django.db import models

from authorities.models import Authority, Membership, Role, Unit, User
from worklist.services import notify


def place_for(authority: Authority, *, secret: bool = False) -> tuple[Unit, str] | None:
    """Unit and role that take what comes from outside: one where somebody can do it.

    Coordinators first, then managers, the oldest unit first; what is ``secret`` goes to managers,
    because coordinators do not read it. None for an authority without units. Three queries at most.
    """
    places = Membership.objects.usable().filter(authority=authority).select_related("unit")
    roles = (Role.MANAGER,) if secret else (Role.COORDINATOR, Role.MANAGER)
    for role in roles:
        found = places.filter(roles__contains=[role]).order_by("unit_id", "pk").first()
        if found is not None:
            return found.unit, role
    unit = authority.units.order_by("pk").first()
    return (unit, roles[0]) if unit is not None else None


def tell(
    *,
    authority: Authority,
    kind: str,
    about: models.Model,
    url: str,
    params: dict[str, str],
    person: User | None = None,
    managers: bool = False,
) -> int:
    """Notify ``person`` (if still at work there) and, if asked, the managers; once each.

    Returns how many were told. Two queries, and one a person.
    """
    places = Membership.objects.usable().filter(authority=authority)
    wanted = models.Q(user=person) if person is not None else models.Q(pk__in=[])
    if managers:
        wanted |= models.Q(roles__contains=[Role.MANAGER])
    people = User.objects.filter(
        pk__in=places.filter(wanted).values("user_id"), is_active=True
    ).order_by("pk")
    for recipient in people:
        notify(
            recipient=recipient, authority=authority, kind=kind, url=url, params=params,
            about=about, key=f"{kind}:{about._meta.label_lower}:{about.pk}:{recipient.pk}",
        )  # fmt: skip
    return len(people)
