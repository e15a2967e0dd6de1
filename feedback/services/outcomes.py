"""Outcomes of visits, feedback to nominators, debriefs, and results kept for the future."""

from typing import TYPE_CHECKING, Any

from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _

from audit.context import as_system, service
from audit.errors import Conflict, NotAllowed, RuleViolation
from audit.services import record as record_event
from authorities.models import Membership, Role
from execution.models import InspectionRecord, Visit
from feedback.models import Debrief, Feedback, Measure, Outcome, OutcomeKind
from feedback.permissions import can_write
from planning.models import Nomination, NominationState, Operation, OperationState, TeamMember
from risk.models import Arm
from risk.services.labels import label_visit, team_key
from targets.services.visits import record_visit
from worklist.services import notify

if TYPE_CHECKING:
    from authorities.actors import Actor

FROM_RECORD = {
    "no_remarks": OutcomeKind.NO_REMARKS,
    "remarks": OutcomeKind.REMARKS,
    "serious": OutcomeKind.SERIOUS,
}


def prefill(*, record: InspectionRecord, user: Any) -> Outcome:
    """The outcome that a submitted record tells of; one the authority changed by hand stays."""
    outcome, created = Outcome.objects.get_or_create(
        visit=record.visit, authority=record.authority,
        defaults={"kind": FROM_RECORD[record.outcome], "recorded_by": user},
    )  # fmt: skip
    if not created and outcome.version == 1 and outcome.kind != FROM_RECORD[record.outcome]:
        outcome.kind = FROM_RECORD[record.outcome]
        outcome.save(update_fields=["kind"])
    return outcome


def prefill_not_visited(*, visit: Visit, user: Any) -> None:
    """A visit that was not possible has that outcome for every authority of the team."""
    for record in visit.records.select_related("authority").order_by("pk"):
        Outcome.objects.get_or_create(
            visit=visit, authority=record.authority,
            defaults={"kind": OutcomeKind.NOT_VISITED, "recorded_by": user},
        )  # fmt: skip


@service
def record_outcome(
    *, actor: "Actor", visit: Visit, kind: str, note: str = "", version: int | None = None
) -> Outcome:
    """Set the own authority's outcome; ``version`` is that of the form that was shown."""
    operation = Operation.objects.select_for_update(of=("self",)).get(pk=visit.operation_id)
    visit = Visit.objects.select_related("site").get(pk=visit.pk)
    if not can_write(actor, operation) or operation.state == OperationState.CLOSED:
        raise NotAllowed(_("You have no right to record results in this operation."))
    if not visit.records.filter(authority=actor.authority).exists():
        raise NotAllowed(_("Your authority was not on the team of this visit."))
    if kind not in OutcomeKind.values:
        raise RuleViolation(_("Choose an outcome."), field="kind")
    not_visited = visit.state == "not_possible"
    if (kind == OutcomeKind.NOT_VISITED) != not_visited:
        raise RuleViolation(
            _("The visit was not possible, so the outcome is “not visited”.")
            if not_visited
            else _("The visit was made, so the outcome cannot be “not visited”."),
            field="kind",
        )
    outcome = (
        Outcome.objects.select_for_update(of=("self",))
        .filter(visit=visit, authority=actor.authority)
        .first()
    )
    if outcome is None:
        outcome = Outcome(visit=visit, authority=actor.authority, version=0)
    elif version is not None and outcome.version != version:
        raise Conflict(
            _("Somebody else changed the outcome while you were writing."), code="version"
        )
    outcome.kind, outcome.note = kind, note.strip()
    outcome.recorded_by = actor.user
    outcome.version += 1
    outcome.save()
    record_event(
        actor=actor, verb="outcome.recorded", subject=outcome, context=operation,
        data={"authority": actor.authority.name, "site": visit.site.name},
    )  # fmt: skip
    return outcome


# ------------------------------------------------------------------ feedback
@service
def give_feedback(*, operation: Operation, actor: "Actor | None" = None) -> int:
    """Tell every nominator what became of each nomination; once, and kept up to date until closed.

    Lawful minimum: chosen or not and why, visited or not, the kinds of outcome that participants
    see, how many measures are open. Returns the number of new rows.
    """
    with as_system("it goes to everybody who nominated, from everybody who was there"):
        made = _feedback_rows(operation)
    if made:
        record_event(actor=actor, verb="feedback.given", subject=operation, data={"count": made})
    return made


def _feedback_rows(operation: Operation) -> int:
    """A row for each nomination, and a line in the inbox of those who made it; number of new ones."""
    operation = Operation.objects.select_for_update(of=("self",)).get(pk=operation.pk)
    choices = {c.site_id: c for c in operation.choices.all()}
    visits = {v.site_id: v for v in Visit.objects.filter(operation=operation)}
    outcomes: dict[int, list[dict[str, str]]] = {}
    for outcome in Outcome.objects.filter(visit__operation=operation).select_related(
        "authority", "visit"
    ):
        outcomes.setdefault(outcome.visit.site_id, []).append(
            {"authority": outcome.authority.code, "kind": outcome.kind}
        )
    open_measures: dict[int, int] = {}
    for site_id in (
        Measure.objects.open().filter(operation=operation).values_list("visit__site_id", flat=True)
    ):
        open_measures[site_id] = open_measures.get(site_id, 0) + 1
    made = 0
    nominations = operation.nominations.filter(state=NominationState.ACTIVE).select_related(
        "participation__unit", "authority"
    )
    new_for: dict[int, Nomination] = {}
    for nomination in nominations.order_by("pk"):
        choice, visit = choices.get(nomination.site_id), visits.get(nomination.site_id)
        _row, created = Feedback.objects.update_or_create(
            nomination=nomination,
            defaults={
                "chosen": bool(choice and choice.state == "picked"),
                "choice_reason": choice.reason if choice else "",
                "visited": bool(visit and visit.state == "ended"),
                "outcomes": sorted(
                    outcomes.get(nomination.site_id, []), key=lambda o: o["authority"]
                ),
                "measures_open": open_measures.get(nomination.site_id, 0),
            },
        )
        made += created
        if created:
            new_for[nomination.participation.unit_id] = nomination
    for nomination in new_for.values():
        _tell(operation, nomination)
    return made


def _tell(operation: Operation, nomination: Nomination) -> None:
    """A line in the inbox of those who nominated."""
    people = Membership.objects.usable().filter(
        unit=nomination.participation.unit, roles__overlap=[Role.COORDINATOR, Role.ANALYST]
    )
    for membership in people.select_related("user", "authority").order_by("pk"):
        notify(
            recipient=membership.user, authority=membership.authority, kind="feedback.given",
            params={"operation": operation.name}, url=reverse("feedback:inbox"),
            key=f"feedback:{operation.pk}:{membership.user_id}",
        )  # fmt: skip


@service
def mark_feedback_read(*, actor: "Actor", feedback: Feedback) -> None:
    Feedback.objects.visible_to(actor).filter(pk=feedback.pk, read_at=None).update(
        read_at=timezone.now()
    )


# ------------------------------------------------------------------ debrief
@service
def write_debrief(
    *,
    actor: "Actor",
    operation: Operation,
    went_well: str,
    to_improve: str,
    lessons: str,
    version: int | None = None,
) -> Debrief:
    """The own authority's debrief; all participants read it."""
    operation = Operation.objects.select_for_update(of=("self",)).get(pk=operation.pk)
    if not can_write(actor, operation) or operation.state == OperationState.CLOSED:
        raise NotAllowed(_("You have no right to record results in this operation."))
    debrief = (
        Debrief.objects.select_for_update(of=("self",))
        .filter(operation=operation, authority=actor.authority)
        .first()
    )
    if debrief is None:
        debrief = Debrief(operation=operation, authority=actor.authority, version=0)
    elif version is not None and debrief.version != version:
        raise Conflict(
            _("Somebody else changed the debrief while you were writing."), code="version"
        )
    debrief.went_well, debrief.to_improve = went_well.strip(), to_improve.strip()
    debrief.lessons, debrief.written_by = lessons.strip(), actor.user
    debrief.version += 1
    debrief.save()
    record_event(
        actor=actor, verb="debrief.written", subject=debrief, context=operation,
        data={"authority": actor.authority.name},
    )  # fmt: skip
    return debrief


# ------------------------------------------------------------------ results for the future
PAST_OUTCOME = {
    OutcomeKind.NO_REMARKS: "no_remarks",
    OutcomeKind.REMARKS: "minor",
    OutcomeKind.SERIOUS: "serious",
}


@service
def store_results(*, operation: Operation) -> int:
    """Each authority's outcome becomes a shared past visit of the site; asked again, nothing doubles.

    Beside it stays how the visit came about: drawn at random with which probability, or chosen
    from nominations or the register, and by which team.
    """
    stored = 0
    outcomes = (
        Outcome.objects.filter(visit__operation=operation)
        .exclude(kind=OutcomeKind.NOT_VISITED)
        .select_related("visit__site", "visit__planned__day", "authority")
        .order_by("pk")
    )
    teams: dict[tuple[int, int], list[int]] = {}
    members = TeamMember.objects.filter(day__operation=operation)
    for day, authority, user in members.values_list("day_id", "authority_id", "user_id"):
        teams.setdefault((day, authority), []).append(user)
    choices = {c.site_id: c for c in operation.choices.order_by("pk")}
    nominated = set(operation.nominations.values_list("site_id", flat=True))
    for outcome in outcomes:
        visit = outcome.visit
        started = visit.started_at
        past = record_visit(
            site=visit.site, authority=outcome.authority,
            on=timezone.localtime(started).date() if started else visit.planned.day.date,
            outcome=PAST_OUTCOME[OutcomeKind(outcome.kind)], shared=True, source="tarkka",
            source_key=str(outcome.public_id),
        )  # fmt: skip
        team = teams.get((visit.planned.day_id or 0, outcome.authority_id), [])
        choice = choices.get(visit.site_id)
        drawn = choice is not None and choice.arm == Arm.RANDOM
        label_visit(
            visit=past, arm=Arm.RANDOM if drawn else Arm.CHOSEN,
            # The lottery is drawn from all sites before anything is chosen: what is chosen besides
            # has no probability, and the drawn ones speak for those sites as well.
            probability=choice.probability if drawn and choice else None,
            origin="draw" if drawn else "nomination" if visit.site_id in nominated else "register",
            group=team_key(team), operation=operation.number,
            chosen_on=timezone.localdate(choice.decided_at) if choice else None,
        )  # fmt: skip
        stored += 1
    return stored
