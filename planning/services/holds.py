"""Setting, changing and releasing holds, and the alerts that ask their owners.

Everything about a hold is written to its own log (``HoldEntry``), because events are read by more
people than are cleared.
"""

import datetime as dt
from typing import TYPE_CHECKING

from django.db import transaction
from django.db.models import Q
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _

from audit.context import as_system, service
from audit.errors import Conflict, NotAllowed, RuleViolation
from authorities.models import Membership, Role, User
from planning.models import (
    Hold,
    HoldAlert,
    HoldEntry,
    HoldKind,
    HoldPerson,
    HoldState,
    Nomination,
    NominationState,
)
from planning.services.availability import OPEN_STATES, check_soon
from targets.models import Company, Site
from worklist.models import Task
from worklist.services import ensure_task, finish_tasks

if TYPE_CHECKING:
    from authorities.actors import Actor

SETTERS = (Role.COORDINATOR, Role.MANAGER, Role.ANALYST)

# The one transition table: step → (states it may be taken in, state it leads to; None: no change).
STEPS: dict[str, tuple[tuple[HoldState, ...], HoldState | None]] = {
    "keep": ((HoldState.ACTIVE, HoldState.CONDITIONAL), HoldState.ACTIVE),
    "conditions": ((HoldState.ACTIVE, HoldState.CONDITIONAL), HoldState.CONDITIONAL),
    "release": ((HoldState.ACTIVE, HoldState.CONDITIONAL), HoldState.RELEASED),
    "convert": ((HoldState.ACTIVE, HoldState.CONDITIONAL), None),
}


@service
def set_hold(
    *,
    actor: "Actor",
    target: Site | Company,
    kind: str,
    liaison: str,
    reason: str,
    superior: User,
    cleared: list[User] | None = None,
    answer_days: int = 2,
) -> Hold:
    """Keep a target out. Cleared are the setter, the superior and those named, no one else."""
    if not actor.has_role(*SETTERS):
        raise NotAllowed(_("Your role does not include holds."))
    if kind not in HoldKind.values:
        raise RuleViolation(_("Choose from the list."), field="kind")
    for field, value in (("liaison", liaison), ("reason", reason)):
        if not value.strip():
            raise RuleViolation(_("This has to be filled in."), field=field)
    if not 1 <= answer_days <= 30:
        raise RuleViolation(_("Give 1 to 30 days."), field="answer_days")
    people = {person.pk: person for person in [actor.user, superior, *(cleared or [])]}
    places = Membership.objects.usable().filter(authority=actor.authority, user_id__in=people)
    if {m.user_id for m in places} != set(people):
        raise RuleViolation(_("Choose people of your own authority."), field="cleared")
    if not any(m.user_id == superior.pk and Role.MANAGER in m.roles for m in places):
        raise RuleViolation(_("The superior has to be a manager."), field="superior")
    field = "site" if isinstance(target, Site) else "company"
    # The row becomes visible to its people only with the rows that clear them.
    with as_system("a hold and who is cleared for it come into being together"):
        hold = Hold.objects.create(
            authority=actor.authority, kind=kind, liaison=liaison.strip()[:200],
            reason=reason.strip(), superior=superior, set_by=actor.user, answer_days=answer_days,
            **{field: target},
        )  # fmt: skip
        HoldPerson.objects.bulk_create(
            HoldPerson(hold=hold, user=person, authority=actor.authority)
            for person in people.values()
        )
    _note(hold, actor, "set", reason)
    check_soon()
    return hold


def _note(hold: Hold, actor: "Actor | None", what: str, note: str) -> None:
    HoldEntry.objects.create(
        hold=hold, user=actor.user if actor else None, what=what, note=note.strip()
    )


@service
def change_hold(*, actor: "Actor", hold: Hold, step: str, shown: int, note: str = "") -> Hold:
    """Take one step of ``STEPS``; ``shown`` is the edit counter of the page that was read.

    ``note`` is the reason, or the conditions that the operation will read.
    """
    if not Hold.objects.visible_to(actor).filter(pk=hold.pk).exists():
        raise NotAllowed(_("You are not cleared for this hold."))
    hold = Hold.objects.select_for_update(of=("self",)).get(pk=hold.pk)
    if step not in STEPS:
        raise RuleViolation(_("Choose from the list."))
    sources, target = STEPS[step]
    if hold.version != shown:
        raise Conflict(_("Somebody else has changed the hold since you opened it. Read it again."))
    if hold.state not in sources:
        raise Conflict(_("The hold is “%(state)s” now.") % {"state": hold.get_state_display()})
    if not note.strip() and step in ("conditions", "release"):
        raise RuleViolation(
            _("Write the conditions.") if step == "conditions" else _("Say why."), field="note"
        )
    if target is not None:
        hold.state = target
    if step == "conditions":
        hold.conditions = note.strip()
    if step == "convert":
        hold.kind = HoldKind.NAMED if hold.kind == HoldKind.SILENT else HoldKind.SILENT
    hold.version += 1
    hold.save()
    _note(hold, actor, step, note)
    _answer(hold, actor, step)
    check_soon()
    return hold


def _answer(hold: Hold, actor: "Actor", step: str) -> None:
    """The open alerts of the hold are answered by the step."""
    open_alerts = hold.alerts.filter(answered_at__isnull=True)
    ids = list(open_alerts.values_list("pk", flat=True))
    open_alerts.update(answered_at=timezone.now(), answered_by=actor.user, answer=step)
    tasks = Task.objects.open().filter(kind="planning.hold", private=True)
    for pk in ids:
        for key in tasks.filter(key__startswith=f"hold:{pk}:").values_list("key", flat=True):
            finish_tasks(actor=actor, key=key)


def sweep_alerts(today: dt.date | None = None) -> int:
    """Ask the owners of held targets that are nominated, and escalate what is not answered.

    Runs for everybody's nominations at once, never in the nominator's request. An alert without an
    answer goes to the superior, again and again; it never opens the target by itself.
    """
    today = today or timezone.localdate()
    with transaction.atomic(), as_system("owners of holds are told of nominations"):
        made = 0
        holds = Hold.objects.exclude(state=HoldState.RELEASED).select_related("authority")
        for hold in holds.order_by("pk"):
            where = Q(site_id=hold.site_id) if hold.site_id else Q(site__company=hold.company_id)
            pairs = (
                Nomination.objects.filter(
                    where, state=NominationState.ACTIVE, operation__state__in=OPEN_STATES
                )
                .order_by("operation_id", "site_id")
                .values_list("operation_id", "site_id")
                .distinct()
            )
            for operation_id, site_id in pairs:
                alert, created = HoldAlert.objects.get_or_create(
                    hold=hold, operation_id=operation_id, site_id=site_id,
                    defaults={"due": today + dt.timedelta(days=hold.answer_days)},
                )  # fmt: skip
                if created:
                    made += 1
                    for person in hold.people.select_related("user").order_by("pk"):
                        _task(alert, hold, person.user, alert.due, "ask")
        _escalate(today)
    return made


def _escalate(today: dt.date) -> None:
    late = (
        HoldAlert.objects.select_for_update(of=("self",))
        .filter(answered_at__isnull=True, due__lt=today)
        .order_by("pk")
    )
    for alert in late:
        hold = Hold.objects.select_related("superior", "authority").get(pk=alert.hold_id)
        alert.escalations += 1
        alert.due = today + dt.timedelta(days=hold.answer_days)
        alert.save(update_fields=["escalations", "due"])
        _note(hold, None, "escalated", "")
        _task(alert, hold, hold.superior, alert.due, f"escalated:{alert.escalations}")


def _task(alert: HoldAlert, hold: Hold, person: User, due: dt.date, why: str) -> None:
    """A task that only this person knows of; its words name nothing."""
    ensure_task(
        key=f"hold:{alert.pk}:{person.pk}:{why}", kind="planning.hold", authority=hold.authority,
        assignee=person, subject=alert, due=due, private=True,
        url=reverse("planning:hold", args=[hold.public_id]),
    )  # fmt: skip


def cleared_people(hold: Hold, actor: "Actor") -> list[User]:
    """Who is cleared, for somebody who is; in the order they were named."""
    if not Hold.objects.visible_to(actor).filter(pk=hold.pk).exists():
        raise NotAllowed(_("You are not cleared for this hold."))
    with as_system("the cleared know of each other"):
        return [p.user for p in hold.people.select_related("user").order_by("pk")]
