"""People and memberships: adding, changing, ending; groups follow in the same transaction."""

import datetime as dt
from collections.abc import Iterable
from typing import Any

from django.contrib.auth.models import Group
from django.contrib.sessions.models import Session
from django.db import IntegrityError, transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from audit.errors import NotAllowed, RuleViolation
from audit.services import record
from authorities.actors import Actor
from authorities.models import Area, Membership, Role, Unit, UnitGroup, User


def ensure_role_groups(unit: Unit) -> dict[str, UnitGroup]:
    """Role → group row of the unit, making those that are missing. Safe to call at once twice."""
    existing = {row.role: row for row in UnitGroup.objects.filter(unit=unit)}
    for role in Role.values:
        if role not in existing:
            group, _created = Group.objects.get_or_create(name=f"unit:{unit.pk}:{role}")
            existing[role], _created = UnitGroup.objects.get_or_create(
                unit=unit, role=role, defaults={"group": group}
            )
    return existing


def _sync_groups(membership: Membership) -> None:
    """Give the person the groups of their roles in this unit, and no others of it."""
    groups = ensure_role_groups(membership.unit)
    wanted = {groups[role].group_id for role in membership.roles}
    if not Membership.objects.usable().filter(pk=membership.pk).exists():
        wanted = set()
    of_unit = {row.group_id for row in groups.values()}
    membership.user.groups.remove(*(of_unit - wanted))
    membership.user.groups.add(*wanted)


def may_administer(actor: Actor, unit: Unit) -> bool:
    """Administrators keep the people of their own authority."""
    return actor.has_role(Role.ADMINISTRATOR) and unit.authority_id == actor.authority.pk


def _check(actor: Actor | None, unit: Unit) -> None:
    if actor is not None and not may_administer(actor, unit):
        raise NotAllowed(_("Only an administrator of the authority can change its people."))


@transaction.atomic
def create_person(
    *,
    actor: Actor | None,
    email: str,
    first_name: str,
    last_name: str,
    title: str = "",
    phone: str = "",
    language: str = "",
    password: str | None = None,
) -> User:
    """Make a person, or return the one who has this address already. No rights come with it."""
    if actor is not None and not actor.has_role(Role.ADMINISTRATOR):
        raise NotAllowed(_("Only an administrator of the authority can change its people."))
    user = User.objects.filter(email=email.lower()).first()
    if user is not None:
        return user
    try:
        with transaction.atomic():
            user = User.objects.create_user(
                email, password, first_name=first_name, last_name=last_name, title=title,
                phone=phone, language=language,
            )  # fmt: skip
    except IntegrityError:
        return User.objects.get(email=email.lower())
    record(actor=actor, verb="person.added", subject=user, data={"name": user.full_name})
    return user


@transaction.atomic
def add_membership(
    *,
    actor: Actor | None,
    user: User,
    unit: Unit,
    roles: Iterable[str],
    regions: Iterable[Area] = (),
    valid_from: dt.date | None = None,
    valid_to: dt.date | None = None,
) -> Membership:
    """Give a person a place in a unit. One place a unit; a second one is refused."""
    _check(actor, unit)
    roles = sorted(set(roles))
    if not roles:
        raise RuleViolation(_("Choose at least one role."), field="roles")
    if Membership.objects.filter(user=user, unit=unit).exists():
        raise RuleViolation(
            _("%(name)s has a place in this unit already. Change that one instead.")
            % {"name": user.full_name},
            field="unit",
        )
    membership = Membership.objects.create(
        user=user, unit=unit, authority=unit.authority, roles=roles, valid_from=valid_from,
        valid_to=valid_to,
    )  # fmt: skip
    membership.regions.set(regions)
    _sync_groups(membership)
    record(
        actor=actor, verb="membership.added", subject=membership,
        data={"name": user.full_name, "unit": unit.name, "roles": roles},
        audience=[unit.authority_id],
    )  # fmt: skip
    return membership


@transaction.atomic
def change_membership(
    *,
    actor: Actor | None,
    membership: Membership,
    roles: Iterable[str],
    regions: Iterable[Area] = (),
    valid_from: dt.date | None = None,
    valid_to: dt.date | None = None,
) -> Membership:
    """Change roles, regions or dates of a place; taken rights are gone with this transaction."""
    membership = (
        Membership.objects.select_for_update(of=("self",))
        .select_related("unit", "authority", "user")
        .get(pk=membership.pk)
    )
    _check(actor, membership.unit)
    roles = sorted(set(roles))
    if not roles:
        raise RuleViolation(_("Choose at least one role."), field="roles")
    if valid_from and valid_to and valid_to < valid_from:
        raise RuleViolation(_("The last day cannot be before the first day."), field="valid_to")
    before: dict[str, Any] = {"roles": membership.roles}
    membership.roles = roles
    membership.valid_from = valid_from
    membership.valid_to = valid_to
    membership.save()
    membership.regions.set(regions)
    _sync_groups(membership)
    record(
        actor=actor, verb="membership.changed", subject=membership,
        data={"name": membership.user.full_name, "before": before["roles"], "roles": roles},
        audience=[membership.authority_id],
    )  # fmt: skip
    return membership


@transaction.atomic
def end_membership(*, actor: Actor | None, membership: Membership) -> Membership:
    """End a place as of yesterday, so that it gives nothing from now on."""
    yesterday = timezone.localdate() - dt.timedelta(days=1)
    start = membership.valid_from
    return change_membership(
        actor=actor,
        membership=membership,
        roles=membership.roles,
        regions=membership.regions.all(),
        valid_from=min(start, yesterday) if start else None,
        valid_to=yesterday,
    )


@transaction.atomic
def set_active(*, actor: Actor, user: User, active: bool) -> None:
    """Close or reopen a person's account; a closed one is out at the next request."""
    own = Membership.objects.filter(user=user, authority=actor.authority).exists()
    if not (actor.has_role(Role.ADMINISTRATOR) and own):
        raise NotAllowed(_("Only an administrator of the authority can change its people."))
    if user.pk == actor.user.pk:
        raise RuleViolation(_("You cannot close your own account."))
    User.objects.filter(pk=user.pk).update(is_active=active)
    record(
        actor=actor, verb="person.opened" if active else "person.closed", subject=user,
        data={"name": user.full_name}, audience=[actor.authority.pk],
    )  # fmt: skip


@transaction.atomic
def sign_out_everywhere(*, user: User) -> None:
    """End every session of the person, this one too."""
    from allauth.usersessions.models import UserSession

    User.objects.filter(pk=user.pk).update(sessions_valid_after=timezone.now())
    keys = list(UserSession.objects.filter(user=user).values_list("session_key", flat=True))
    Session.objects.filter(session_key__in=keys).delete()
    UserSession.objects.filter(user=user).delete()


def enrol_totp(*, user: User, secret: str) -> None:
    """Store a TOTP secret for a person (used when accounts are set up by a command)."""
    from allauth.mfa.models import Authenticator
    from allauth.mfa.totp.internal.auth import TOTP

    if not Authenticator.objects.filter(user=user, type=Authenticator.Type.TOTP).exists():
        TOTP.activate(user, secret)
