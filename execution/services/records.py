"""One authority's record of a visit: answers, counts, findings, submitting."""

import uuid
from typing import TYPE_CHECKING, Any

from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from audit.context import service
from audit.errors import Conflict, NotAllowed, RuleViolation
from audit.services import record as record_event
from execution.models import (
    Answer,
    ChecklistAnswer,
    ChecklistItem,
    Finding,
    InspectionRecord,
    RecordOutcome,
    RecordState,
    Severity,
    VisitState,
)
from execution.permissions import can
from planning.models import OperationState
from targets.services.signals import usual_retention, write_signal
from worklist.services import ensure_task

if TYPE_CHECKING:
    from authorities.actors import Actor

COUNTS = ("people_met", "people_interviewed", "people_without_right_to_work", "minors_met")


def locked(actor: "Actor", record: InspectionRecord, action: str = "write") -> InspectionRecord:
    """The record, locked; NotAllowed unless the actor may do ``action``."""
    InspectionRecord.objects.select_for_update(of=("self",)).get(pk=record.pk)
    # Read again: what is joined to a row that was waited for is older than the row.
    record = InspectionRecord.objects.select_related(
        "visit__operation", "visit__site", "authority", "checklist"
    ).get(pk=record.pk)
    if action == "write" and record.state == RecordState.SUBMITTED:
        raise RuleViolation(
            _("The record has been submitted. A coordinator of your authority can reopen it.")
        )
    if not can(actor, action, record):
        raise NotAllowed(_("Only your authority’s members of the day’s team can write here."))
    return record


@service
def save_record(
    *,
    actor: "Actor",
    record: InspectionRecord,
    version: int,
    answers: dict[int, tuple[str, str]],
    counts: dict[str, int | None],
    summary: str = "",
) -> InspectionRecord:
    """Store checklist answers (item id → answer, note), counts of people and the summary."""
    record = locked(actor, record)
    if record.version != version:
        raise Conflict(
            _("Somebody else of your team saved this record while you were writing."),
            code="version",
        )
    _check_counts(counts)
    for name in COUNTS:
        setattr(record, name, counts.get(name))
    record.summary = summary.strip()
    record.version += 1
    record.save()
    items = {i.pk: i for i in ChecklistItem.objects.filter(checklist=record.checklist_id)}
    for pk, (answer, note) in answers.items():
        if pk not in items or not answer:
            continue
        if answer not in Answer.values:
            raise RuleViolation(_("Choose one of the answers offered."), field=f"item-{pk}")
        ChecklistAnswer.objects.update_or_create(
            record=record, item=items[pk], defaults={"answer": answer, "note": note.strip()[:500]}
        )
    return record


def _check_counts(counts: dict[str, int | None]) -> None:
    """Counts are not negative, and nobody is counted who was not met."""
    met = counts.get("people_met")
    for name in COUNTS:
        value = counts.get(name)
        if value is None:
            continue
        if not 0 <= value <= 10_000:
            raise RuleViolation(_("Give a number from 0 to 10,000."), field=name)
        if name != "people_met" and value and (met is None or value > met):
            raise RuleViolation(_("This cannot be more than the number of people met."), field=name)


@service
def add_finding(
    *,
    actor: "Actor",
    record: InspectionRecord,
    severity: str,
    text: str,
    legal_reference: str,
    item: ChecklistItem | None = None,
    client_id: uuid.UUID | None = None,
    kind: str = "",
) -> Finding:
    """Add a finding. Sent again with the same ``client_id`` and content it is the same finding.

    With a ``kind`` of information it is written as a signal too, and whoever has published an
    interest in it is offered to be told (``targets.services.offers``).
    """
    record = locked(actor, record)
    client_id = client_id or uuid.uuid4()
    earlier = Finding.objects.filter(client_id=client_id).first()
    if earlier is not None:
        same = (
            earlier.record_id == record.pk
            and earlier.severity == severity
            and earlier.text == text.strip()
            and earlier.legal_reference == legal_reference.strip()
        )
        if same:
            return earlier
        raise Conflict(_("This form was sent before with other content. Open a new one."))
    if record.visit.state not in (VisitState.STARTED, VisitState.ENDED):
        raise RuleViolation(_("Start the visit before adding findings."))
    if severity not in Severity.values:
        raise RuleViolation(_("Choose how severe the finding is."), field="severity")
    if not text.strip():
        raise RuleViolation(_("Say what was found."), field="text")
    if not legal_reference.strip():
        raise RuleViolation(_("Name the act and section that was broken."), field="legal_reference")
    finding = Finding.objects.create(
        client_id=client_id, record=record, severity=severity, text=text.strip(),
        legal_reference=legal_reference.strip(), item=item, created_by=actor.user,
    )  # fmt: skip
    if kind:
        finding.signal = write_signal(
            actor=actor, about="site", site=record.visit.site, kind=kind, text=text,
            purpose=record.visit.operation.legal_purpose[:300], reliability="A", accuracy="1",
            observed_on=timezone.localdate(record.visit.started_at), client_id=client_id,
            retention=usual_retention(),
        )  # fmt: skip
        finding.save(update_fields=["signal"])
    record_event(
        actor=actor, verb="finding.added", subject=finding, context=record,
        data={"severity": severity}, audience=[record.authority_id],
    )  # fmt: skip
    return finding


@service
def remove_finding(*, actor: "Actor", finding: Finding) -> Finding:
    """Strike a finding out; the row is kept."""
    record = locked(actor, finding.record)
    finding = Finding.objects.select_for_update(of=("self",)).get(pk=finding.pk)
    if finding.removed_at is None:
        finding.removed_at = timezone.now()
        finding.save(update_fields=["removed_at"])
        record_event(
            actor=actor, verb="finding.removed", subject=finding, context=record,
            audience=[record.authority_id],
        )  # fmt: skip
    return finding


def incoherence(record: InspectionRecord, outcome: str) -> list[str]:
    """What does not fit together in a record with this outcome, in words; empty when all fits."""
    problems: list[str] = []
    findings = list(record.findings.filter(removed_at__isnull=True))
    if record.visit.state not in (VisitState.STARTED, VisitState.ENDED):
        problems.append(_("The visit has not been started."))
    if outcome == RecordOutcome.NO_REMARKS and findings:
        problems.append(
            ngettext(
                "The outcome is “no remarks”, but the record has %(count)s finding. Strike it out "
                "or choose another outcome.",
                "The outcome is “no remarks”, but the record has %(count)s findings. Strike them "
                "out or choose another outcome.",
                len(findings),
            )
            % {"count": len(findings)}
        )
    if outcome in (RecordOutcome.REMARKS, RecordOutcome.SERIOUS) and not findings:
        problems.append(
            _("The outcome says that something was wrong, but there is no finding. Add one.")
        )
    grave = {Severity.SERIOUS, Severity.CRITICAL}
    if (
        outcome == RecordOutcome.SERIOUS
        and findings
        and not (grave & {Severity(f.severity) for f in findings})
    ):
        problems.append(
            _("The outcome is “serious deficiencies”, but no finding is serious or critical.")
        )
    problems += _checklist_problems(record, findings, outcome)
    if record.people_met is None:
        problems.append(_("Say how many people were met (0 if none)."))
    return problems


def _checklist_problems(
    record: InspectionRecord, findings: list[Finding], outcome: str
) -> list[str]:
    if record.checklist_id is None:
        return []
    answers = dict(record.answers.values_list("item_id", "answer"))
    items = list(ChecklistItem.objects.filter(checklist=record.checklist_id).order_by("order"))
    open_items = [item for item in items if item.pk not in answers]
    problems = []
    if open_items:
        problems.append(
            ngettext(
                "%(count)s question of the checklist is not answered (“not checked” is an answer): "
                "%(names)s",
                "%(count)s questions of the checklist are not answered (“not checked” is an "
                "answer): %(names)s",
                len(open_items),
            )
            % {"count": len(open_items), "names": "; ".join(i.text for i in open_items[:5])}
        )
    if outcome == RecordOutcome.NO_REMARKS and not findings and Answer.NOT_OK in answers.values():
        problems.append(
            _("The outcome is “no remarks”, but the checklist says that something is not in order.")
        )
    return problems


@service
def submit_record(*, actor: "Actor", record: InspectionRecord, outcome: str) -> InspectionRecord:
    """Submit the record, once. An incoherent one is refused with words.

    A record that comes after the operation has moved on is kept, flagged, and the lead is told.
    """
    record = locked(actor, record)
    if outcome not in RecordOutcome.values:
        raise RuleViolation(_("Choose an outcome."), field="outcome")
    problems = incoherence(record, outcome)
    if problems:
        raise RuleViolation(" ".join(problems), field="outcome", code="incoherent")
    record.outcome = outcome
    record.state = RecordState.SUBMITTED
    record.submitted_at, record.submitted_by = timezone.now(), actor.user
    record.version += 1
    record.save()
    operation = record.visit.operation
    late = operation.state != OperationState.EXECUTING
    record_event(
        actor=actor, verb="record.submitted_late" if late else "record.submitted",
        subject=record, context=operation,
        data={"authority": record.authority.name, "site": record.visit.site.name},
    )  # fmt: skip
    if late:
        ensure_task(
            key=f"execution.late:{record.pk}:{record.version}", kind="execution.late",
            authority=operation.lead_authority, assignee=operation.lead, subject=operation,
            url=reverse("execution:overview", args=[operation.public_id]),
            due=timezone.localdate(), params={"operation": operation.name},
        )  # fmt: skip
    return record


@service
def reopen_record(*, actor: "Actor", record: InspectionRecord, reason: str) -> InspectionRecord:
    """Open a submitted record again, by the authority's coordinator, with a reason."""
    record = locked(actor, record, "reopen")
    if not reason.strip():
        raise RuleViolation(_("Give a reason."), field="reason")
    record.state = RecordState.OPEN
    record.submitted_at = record.submitted_by = None
    record.version += 1
    record.save()
    record_event(
        actor=actor, verb="record.reopened", subject=record, context=record.visit.operation,
        data={"authority": record.authority.name, "site": record.visit.site.name,
              "reason": reason.strip()},
        audience=[record.authority_id],
    )  # fmt: skip
    return record


def counts_of(data: dict[str, Any]) -> dict[str, int | None]:
    return {name: data.get(name) for name in COUNTS}
