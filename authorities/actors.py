"""The one who acts: a person in one membership. Passed to every service and queryset."""

from dataclasses import dataclass
from functools import cached_property

from authorities.models import Authority, Membership, Role, Unit, UnitGroup, User
from authorities.selectors import former_codes


@dataclass(frozen=True)
class Actor:
    """A person acting in one of their memberships; everything they may do follows from it."""

    user: User
    membership: Membership

    # frozen dataclasses have no __slots__ here, so cached_property may store its value
    @property
    def authority(self) -> Authority:
        return self.membership.authority

    @property
    def unit(self) -> Unit:
        return self.membership.unit

    @property
    def roles(self) -> frozenset[str]:
        return frozenset(self.membership.roles)

    def has_role(self, *roles: Role | str) -> bool:
        """True when the membership holds any of ``roles``."""
        return any(str(role) in self.roles for role in roles)

    @cached_property
    def region_ids(self) -> frozenset[int]:
        """Ids of the regions the membership is narrowed to; empty means no limit. One query."""
        return frozenset(self.membership.regions.values_list("pk", flat=True))

    @cached_property
    def group_ids(self) -> frozenset[int]:
        """Ids of the role groups of the acting unit. One query.

        Only the acting membership counts: someone who also works elsewhere sees there, not here,
        what that place was granted.
        """
        return frozenset(
            UnitGroup.objects.filter(
                unit_id=self.membership.unit_id, role__in=self.membership.roles
            ).values_list("group_id", flat=True)
        )

    @cached_property
    def former_codes(self) -> frozenset[str]:
        """Codes of ended authorities whose affairs have come to the acting one. One query."""
        return former_codes(self.authority.code)


def actor_for(membership: Membership) -> Actor:
    """Actor of a membership (with its unit and authority fetched)."""
    return Actor(user=membership.user, membership=membership)
