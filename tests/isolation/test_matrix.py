"""Route × role × object: every address as nobody, as each role of a participant, as an outsider.

``ROUTES`` says for each named address which object it is asked with and who may have it. An address
that is not in the table fails the test, so that a new view cannot be forgotten.
"""

import datetime as dt
import io
import re
import uuid
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import NoReverseMatch, get_resolver, reverse
from django.utils import timezone
from PIL import Image

from authorities.models import Competence, Interest
from execution.services import add_photo
from feedback.services import open_measure
from planning.calendar import renew_feed
from planning.models import DayPlan, Operation, Overlap, PlannedVisit
from planning.optimise import lottery
from planning.services import add_absence, add_vehicle, set_hold
from planning.services.inputs import freeze
from risk.services.indicators import new_indicator_version
from risk.services.reports import new_report
from targets.models import (
    Dataset,
    DatasetRun,
    ImportMapping,
    ImportRun,
    LinkThreshold,
    MatchPair,
    Site,
    SuccessorHint,
)
from targets.services.handovers import hand_over
from targets.services.identity.merging import merge
from targets.services.links import add_link
from targets.services.recusals import recuse
from targets.services.sharing import ask
from targets.services.signals import add_file
from tests.factories import (
    Cast,
    make_actor,
    make_company,
    make_ground,
    make_signal,
    make_site,
)
from tests.risk.govern.factories import drafted, published
from ui.models import ExportJob, SavedView
from worklist.services import create_task, notify

ROLES = ("coordinator", "manager", "inspector", "analyst", "administrator")
CODES = ("OSH", "TAX", "POL", "OUT")
EVERYBODY = {(code, role) for code in CODES for role in ROLES}
PARTICIPANTS = {(code, role) for code in CODES[:3] for role in ROLES}


def of(*codes: str, roles: tuple[str, ...] = ROLES) -> set[tuple[str, str]]:
    return {(code, role) for code in codes for role in roles}


IMPORTERS = of(*CODES, roles=("coordinator", "analyst", "administrator"))
OSH_IMPORTERS = of("OSH", roles=("coordinator", "analyst", "administrator"))
OSH_SEERS = of("OSH", roles=("coordinator", "manager", "administrator"))
ADMINISTRATORS = of(*CODES, roles=("administrator",))
LINKING = ("coordinator", "inspector", "analyst")
LINKERS = of(*CODES, roles=LINKING)
SETTERS = of(*CODES, roles=("analyst", "administrator"))
TARGETING = ("coordinator", "manager", "analyst")
RISK_READERS = of(*CODES, roles=TARGETING)
OSH_SUPERVISORS = of("OSH", roles=("administrator", "manager"))
SUPERVISORS = of(*CODES, roles=("administrator", "manager"))
INTEREST_EDITORS = of("OSH", roles=("administrator", "manager", "analyst"))
LEADS = {("OSH", "coordinator")}
KEEPERS = of(*CODES, roles=("coordinator", "administrator"))
OSH_KEEPERS = of("OSH", roles=("coordinator", "administrator"))
RECORDERS = of(*CODES[:3], roles=("coordinator", "inspector"))
WRITERS = of(*CODES[:3], roles=("coordinator", "inspector", "manager"))
OSH_TEAM = {("OSH", "inspector")}
TEAM = {("OSH", "inspector"), ("TAX", "inspector")}

# name: (method, object for the address or None, who gets it, status of the others)
# "others" 404: they cannot tell it exists; 403: they see it but may not do it.
ROUTES: dict[str, tuple[str, str | None, set[tuple[str, str]] | str, int]] = {
    "ui:styleguide": ("get", None, set(), 404),
    "ui:saved_view_create": ("post", None, EVERYBODY, 0),
    "ui:saved_view_delete": ("post", "saved_view", {("OSH", "coordinator")}, 404),
    "ui:export_job": ("get", "export", {("OSH", "coordinator")}, 404),
    "ui:export_file": ("get", "export", {("OSH", "coordinator")}, 404),
    "ui:search": ("get", None, EVERYBODY, 0),
    "set_language": ("post", None, "public", 0),
    "no_email_page": ("get", None, set(), 404),
    "worklist:home": ("get", None, EVERYBODY, 0),
    "worklist:my_work": ("get", None, EVERYBODY, 0),
    "worklist:task_list": ("get", None, EVERYBODY, 0),
    "worklist:task_create": ("get", None, EVERYBODY, 0),
    "worklist:task_detail": ("get", "task", OSH_SEERS, 404),
    "worklist:task_move": ("post", "task", OSH_SEERS, 404),
    "worklist:inbox": ("get", None, EVERYBODY, 0),
    "worklist:read_all": ("post", None, EVERYBODY, 0),
    "worklist:notification_open": ("get", "notification", {("OSH", "coordinator")}, 404),
    "worklist:digest_list": ("get", None, ADMINISTRATORS, 403),
    "worklist:health": ("get", None, "public", 0),
    "authorities:authority_list": ("get", None, EVERYBODY, 0),
    "authorities:authority_detail": ("get", "authority", EVERYBODY, 0),
    "authorities:person_list": ("get", None, ADMINISTRATORS, 403),
    "authorities:person_add": ("get", None, ADMINISTRATORS, 403),
    "authorities:membership_edit": ("get", "membership", {("OSH", "administrator")}, 5),
    "authorities:person_activate": ("post", "membership", {("OSH", "administrator")}, 5),
    "authorities:profile": ("get", None, EVERYBODY, 0),
    "authorities:sign_out_everywhere": ("post", None, EVERYBODY, 0),
    "authorities:switch_membership": ("post", None, EVERYBODY, 0),
    "authorities:session_extend": ("post", None, EVERYBODY, 0),
    "authorities:access_list": ("get", None, SUPERVISORS, 403),
    "authorities:purpose_state": ("post", None, set(), 404),
    "authorities:competence_list": ("get", None, EVERYBODY, 0),
    "authorities:competence_create": ("get", None, ADMINISTRATORS, 403),
    "authorities:card": ("get", None, EVERYBODY, 0),
    "authorities:competence_detail": ("get", "competence", EVERYBODY, 0),
    "authorities:competence_edit": ("get", "competence", {("OSH", "administrator")}, 403),
    "authorities:competence_end": ("post", "competence", {("OSH", "administrator")}, 403),
    "authorities:competence_review": ("post", "competence", {("OSH", "administrator")}, 403),
    "authorities:ground_list": ("get", None, EVERYBODY, 0),
    "authorities:ground_create": ("get", None, ADMINISTRATORS, 403),
    "authorities:ground_detail": ("get", "ground", EVERYBODY, 0),
    "authorities:ground_draft": ("post", "ground", {("OSH", "administrator")}, 403),
    "authorities:ground_edit": ("get", "ground_version", {("OSH", "administrator")}, 403),
    "authorities:ground_decide": ("post", "ground_version", set(), 404),  # no step, no answer
    "authorities:gateway": ("get", None, EVERYBODY, 0),
    "authorities:gateway_matrix": ("get", None, EVERYBODY, 0),
    "authorities:interests": ("get", None, EVERYBODY, 0),
    "authorities:interest_withdraw": ("post", "interest", INTEREST_EDITORS, 403),
    "authorities:no_membership": ("get", None, EVERYBODY, 0),
    "targets:site_list": ("get", None, EVERYBODY, 0),
    "targets:site_map": ("get", None, EVERYBODY, 0),
    "targets:tag_sites": ("get", None, of(*CODES, roles=ROLES[:4]), 403),
    "targets:site_detail": ("get", "site", EVERYBODY, 0),
    "targets:company_list": ("get", None, EVERYBODY, 0),
    "targets:company_detail": ("get", "company", EVERYBODY, 0),
    "targets:company_link": ("get", "company", LINKERS, 403),
    "targets:site_link": ("get", "site", LINKERS, 403),
    "targets:link_remove": ("post", "own_link", of("OSH", roles=LINKING), 4),
    "targets:thresholds": ("get", None, SETTERS, 403),
    "targets:threshold_remove": ("post", "threshold", SETTERS, 403),
    "targets:import_list": ("get", None, IMPORTERS, 403),
    "targets:import_create": ("get", None, IMPORTERS, 403),
    "targets:import_detail": ("get", "import", OSH_IMPORTERS, 4),
    "targets:import_refusals": ("get", "import", OSH_IMPORTERS, 4),
    "targets:import_ask": ("post", "import_step", OSH_IMPORTERS, 4),
    "targets:mapping_list": ("get", None, IMPORTERS, 403),
    "targets:mapping_create": ("get", None, IMPORTERS, 403),
    "targets:mapping_detail": ("get", "mapping", OSH_IMPORTERS, 4),
    "targets:mapping_remove": ("post", "mapping", OSH_IMPORTERS, 4),
    "targets:signal_list": ("get", None, EVERYBODY, 0),
    "targets:signal_create": ("get", None, EVERYBODY, 0),
    "targets:signal_detail": ("get", "signal", of("OSH"), 404),
    "targets:signal_file": ("get", "signal_file", of("OSH"), 404),
    "targets:signal_file_add": ("post", "signal", of("OSH"), 404),
    "targets:signal_disclose": ("get", "signal", set(), 404),  # nobody is named to give it to
    "targets:signal_hand_over": ("get", "signal", set(), 404),
    "targets:signal_hold": ("post", "signal", OSH_SUPERVISORS, 4),
    "targets:offer_decide": ("post", "offer", set(), 404),  # no step, no answer
    "targets:sharing": ("get", None, EVERYBODY, 0),
    "targets:request_create": ("get", None, of(*CODES, roles=ROLES[:4]), 403),
    "targets:disclosure": ("get", "disclosure", of("OSH", "TAX"), 404),
    "targets:request": ("get", "request", of("OSH", "TAX"), 404),
    "targets:handover": ("get", "handover", of("OSH", "TAX"), 404),
    "targets:dataset_list": ("get", None, of(*CODES, roles=TARGETING), 403),
    "targets:dataset_create": ("get", None, IMPORTERS, 403),
    "targets:dataset_detail": ("get", "dataset", of("OSH", roles=TARGETING), 4),
    "targets:dataset_confirm": ("post", "run", OSH_IMPORTERS, 4),
    "targets:dataset_hold": ("post", "dataset", OSH_SUPERVISORS, 5),
    "targets:dataset_share": ("get", "dataset", set(), 4),
    "targets:erasure_list": ("get", None, SUPERVISORS, 403),
    "targets:recusals": ("get", None, SUPERVISORS, 403),
    "targets:recusal_end": ("post", "recusal", OSH_SUPERVISORS, 4),
    "targets:pair_list": ("get", None, IMPORTERS, 403),
    "targets:pairs_join": ("get", None, IMPORTERS, 403),
    "targets:compare": ("post", None, set(), 5),  # nothing is said to be compared
    "targets:pair": ("get", "pair", IMPORTERS, 403),
    "targets:unmerge": ("get", "merge", IMPORTERS, 403),
    "targets:hint": ("get", "hint", IMPORTERS, 403),
    "targets:site_identity": ("get", "site", IMPORTERS, 403),
    "targets:company_identity": ("get", "company", IMPORTERS, 403),
    "risk:indicator_list": ("get", None, RISK_READERS, 403),
    "risk:indicator_create": ("get", None, of(*CODES, roles=("analyst",)), 403),
    "risk:indicator_preview": ("post", None, of(*CODES, roles=("analyst",)), 403),
    "risk:indicator_detail": ("get", "sealed", of("OSH", roles=TARGETING), 4),
    "risk:indicator_version": ("post", "sealed", {("OSH", "analyst")}, 4),
    "risk:indicator_edit": ("get", "sealed_draft", {("OSH", "analyst")}, 4),
    "risk:indicator_step": ("post", "sealed_draft", set(), 4),  # no step, no answer
    "risk:model_list": ("get", None, RISK_READERS, 403),
    "risk:model_create": ("get", None, of(*CODES, roles=("analyst",)), 403),
    "risk:model_detail": ("get", "own_model", of("OSH", roles=TARGETING), 4),
    "risk:model_edit": ("get", "own_model", {("OSH", "analyst")}, 4),
    "risk:model_step": ("post", "own_model", set(), 4),  # no step, no answer
    "risk:model_approve": ("get", "own_model", {("OSH", "manager")}, 4),
    "risk:model_activate": ("get", "own_model", {("OSH", "manager")}, 4),
    "risk:model_retire": ("get", "own_model", set(), 4),  # a draft is given up, not retired
    "risk:model_card": ("get", "own_model", of("OSH", roles=TARGETING), 4),
    "risk:report_cancel": ("post", "own_test", of("OSH", roles=("analyst", "manager")), 4),
    "risk:site_reasons": ("get", "site", EVERYBODY, 0),
    "risk:random_arm": ("get", None, RISK_READERS, 403),
    "risk:overrides": ("get", None, of(*CODES, roles=("analyst", "manager")), 403),
    "risk:simulation": ("get", None, EVERYBODY, 0),
    "risk:method": ("get", None, EVERYBODY, 0),
    "risk:method_json": ("get", None, EVERYBODY, 0),
    "risk:method_html": ("get", None, EVERYBODY, 0),
    "planning:operation_list": ("get", None, EVERYBODY, 0),
    "planning:operation_create": ("get", None, of(*CODES, roles=("coordinator",)), 403),
    "planning:calendar": ("get", None, EVERYBODY, 0),
    "planning:calendar_feed": ("get", "feed", "public", 0),
    "planning:calendar_renew": ("post", None, EVERYBODY, 0),
    "planning:operation_detail": ("get", "operation", PARTICIPANTS, 404),
    "planning:operation_edit": ("get", "operation", LEADS, 4),
    "planning:operation_move": ("get", "arrow", LEADS, 4),
    "planning:participants": ("get", "operation", PARTICIPANTS, 404),
    "planning:answer": ("get", "place", of("TAX", roles=("coordinator", "manager")), 404),
    "planning:leave": ("get", "place", of("TAX", roles=("coordinator", "manager")), 404),
    "planning:invitation_remove": ("post", "place", PARTICIPANTS, 404),
    "planning:nominate": ("get", "operation", PARTICIPANTS, 404),
    "planning:candidates": (
        "get", "operation", of(*CODES[:3], roles=("coordinator", "inspector", "analyst")), 404,
    ),
    "planning:nominate_chosen": (
        "get", None, of(*CODES, roles=("coordinator", "analyst", "inspector")), 403,
    ),
    "planning:pool": ("get", "operation", PARTICIPANTS, 404),
    "planning:pool_take": ("post", "operation", PARTICIPANTS, 404),
    "planning:pool_chosen": ("get", None, of(*CODES, roles=("coordinator", "analyst")), 403),
    "planning:nominate_sites": ("get", "operation", PARTICIPANTS, 404),
    "planning:nomination_withdraw": ("post", "nomination", of("OSH"), 404),
    "planning:criteria": ("get", "operation", PARTICIPANTS, 404),
    "planning:terms": ("get", "aside", of(*CODES[:3], roles=("coordinator",)), 5),
    "planning:quota_remove": ("post", "quota", PARTICIPANTS, 404),
    "planning:resource_remove": ("post", "resource", PARTICIPANTS, 404),
    "planning:runs": ("get", "operation", PARTICIPANTS, 404),
    "planning:draw_step": ("post", "draw_step", PARTICIPANTS, 404),
    "planning:draw_frame": ("get", "operation", PARTICIPANTS, 404),
    "planning:run": ("get", "solver_run", PARTICIPANTS, 404),
    "planning:run_cancel": ("post", "solver_run", PARTICIPANTS, 404),
    "planning:run_inputs": ("get", "solver_run", PARTICIPANTS, 404),
    "planning:why": ("get", "why", PARTICIPANTS, 404),
    "planning:selection": ("get", "operation", PARTICIPANTS, 404),
    "planning:meeting": ("get", "operation", PARTICIPANTS, 404),
    "planning:meeting_room": ("get", "meeting", PARTICIPANTS, 404),
    "planning:meeting_projector": ("get", "meeting", PARTICIPANTS, 404),
    "planning:meeting_step": ("post", "meeting_step", PARTICIPANTS, 404),
    "planning:agenda_step": ("post", "agenda_step", PARTICIPANTS, 404),
    "planning:minutes": ("get", "minutes", PARTICIPANTS, 404),
    "planning:board_changes": ("get", "operation", PARTICIPANTS, 404),
    "planning:board_history": ("get", "operation", PARTICIPANTS, 404),
    "planning:board_points": ("get", "aside", PARTICIPANTS, 404),
    "planning:board_site": ("get", "aside", of(*CODES[:3], roles=("coordinator",)), 4),
    "planning:board_undo": ("post", "board_change", of(*CODES[:3], roles=("coordinator",)), 4),
    "planning:board_adopt": ("post", "operation", set(), 404),  # no proposal, no answer
    "planning:signoff": ("get", "operation", PARTICIPANTS, 404),
    "planning:decision_record": ("get", "record_pdf", PARTICIPANTS, 404),
    "planning:days": ("get", "operation", PARTICIPANTS, 404),
    "planning:day_create": ("get", "operation", LEADS, 404),
    "planning:day_edit": ("get", "day", LEADS, 404),
    "planning:day_remove": ("post", "day", PARTICIPANTS, 404),
    "planning:visit_add": ("post", "day", PARTICIPANTS, 404),
    "planning:days_plan": ("get", "operation", LEADS, 404),
    "planning:days_replan": ("get", "operation", LEADS, 404),
    "planning:day_plan": ("get", "plan", PARTICIPANTS, 404),
    "planning:day_plan_undo": ("post", "plan", PARTICIPANTS, 404),
    "planning:day": ("get", "day", PARTICIPANTS, 404),
    "planning:day_team": ("get", "day", LEADS, 404),
    "planning:day_order": ("post", "day", PARTICIPANTS, 404),
    "planning:hours": ("get", "aside", RECORDERS, 4),
    "planning:people": ("get", None, KEEPERS, 403),
    "planning:absence_add": ("get", None, KEEPERS, 403),
    "planning:absence_end": ("post", "absence", OSH_KEEPERS, 5),
    "planning:vehicle_add": ("get", None, KEEPERS, 403),
    "planning:vehicle_edit": ("get", "vehicle", OSH_KEEPERS, 5),
    "planning:skills": ("get", "membership", OSH_KEEPERS, 5),
    "planning:briefing": ("get", "day", PARTICIPANTS, 404),
    "planning:shared_signals": ("get", "operation", PARTICIPANTS, 404),
    "planning:powers": ("get", "day", PARTICIPANTS, 404),
    "planning:visit_postpone": (
        "post", "planned", of(*CODES[:3], roles=("coordinator", "manager")), 5,
    ),
    "planning:visit_redate": ("get", "planned", LEADS, 5),
    "planning:holds": ("get", None, of(*CODES, roles=TARGETING), 403),
    "planning:hold": ("get", "hold", {("OSH", "coordinator"), ("OSH", "manager")}, 404),
    "planning:overlaps": ("get", None, EVERYBODY, 0),
    "planning:overlap": ("get", "overlap", PARTICIPANTS, 404),
    "planning:reservation": (
        "get", "aside", of(*CODES[:3], roles=("coordinator", "manager")), 5,
    ),
    "planning:visit_change": ("post", "planned", PARTICIPANTS, 404),
    "execution:my_days": ("get", None, EVERYBODY, 0),
    "execution:day": ("get", "day", PARTICIPANTS, 404),
    "execution:visit": ("get", "visit", PARTICIPANTS, 404),
    "execution:visit_run": ("post", "visit", TEAM, 4),
    "execution:not_possible": ("get", "visit", TEAM, 4),
    "execution:record": ("get", "record", of("OSH"), 404),
    "execution:finding_add": ("get", "record", OSH_TEAM, 4),
    "execution:photo_add": ("get", "record", OSH_TEAM, 4),
    "execution:record_submit": ("get", "record", OSH_TEAM, 4),
    "execution:record_reopen": ("get", "submitted", {("OSH", "coordinator")}, 4),
    "execution:finding_remove": ("post", "finding", of("OSH"), 404),
    "execution:photo": ("get", "photo", of("OSH"), 404),
    "execution:photo_remove": ("post", "photo", OSH_TEAM, 4),
    "execution:overview": ("get", "operation", PARTICIPANTS, 404),
    "feedback:report_list": ("get", None, EVERYBODY, 0),
    "feedback:report": ("get", "operation", PARTICIPANTS, 404),
    "feedback:report_pdf": ("get", "operation", PARTICIPANTS, 404),
    "feedback:report_xlsx": ("get", "operation", PARTICIPANTS, 404),
    "feedback:measure_list": ("get", None, EVERYBODY, 0),
    "feedback:measure_detail": ("get", "measure", PARTICIPANTS, 404),
    "feedback:measure_edit": ("get", "measure", of("OSH", roles=ROLES[:3]), 4),
    "feedback:measure_close": ("get", "measure", of("OSH", roles=ROLES[:3]), 4),
    "feedback:measure_cancel": ("get", "measure", of("OSH", roles=ROLES[:3]), 4),
    "feedback:outcome_list": ("get", None, EVERYBODY, 0),
    "feedback:inbox": ("get", None, EVERYBODY, 0),
    "feedback:outcomes": ("get", "operation", PARTICIPANTS, 404),
    "feedback:debrief": ("get", "operation", WRITERS, 4),
    "feedback:outcome_edit": ("get", "visit", WRITERS, 4),
    "feedback:measure_create": ("get", "visit", WRITERS, 4),
}  # fmt: skip


def picture() -> SimpleUploadedFile:
    out = io.BytesIO()
    Image.new("RGB", (20, 10), "red").save(out, "JPEG")
    return SimpleUploadedFile("a.jpg", out.getvalue(), "image/jpeg")


@pytest.fixture
def stage(db: None) -> tuple[Cast, dict[str, dict[str, Any]]]:
    """An operation under way: one visit finished by OSH with everything, one still open."""
    from execution.services import add_finding, end_visit, start_visit, submit_record
    from planning.documents import make_records

    cast = Cast()
    operation = cast.to("executing", sites=4)
    make_records(operation)
    first, second = cast.visits()[:2]
    osh = cast.actors["OSH", "inspector"]
    start_visit(actor=osh, visit=first)
    start_visit(actor=osh, visit=second)
    submitted = cast.fill(cast.record(first, "OSH"), osh)
    finding = add_finding(
        actor=osh, record=submitted, severity="serious", text="Secret", legal_reference="1 §"
    )
    submit_record(actor=osh, record=submitted, outcome="serious")
    end_visit(actor=osh, visit=first)
    record = cast.record(second, "OSH")
    photo = add_photo(actor=osh, record=record, file=picture())
    measure = open_measure(
        actor=osh, visit=first, kind="advice", deadline=timezone.localdate(), description="Secret"
    )
    lead = cast.lead
    task = create_task(actor=lead, title="Secret task", assignee=lead.user)
    notification = notify(recipient=lead.user, authority=lead.authority, kind="x")
    run = ImportRun.objects.create(
        kind="sites", format="x", file_name="secret.csv", authority=lead.authority
    )
    job = ExportJob(
        list_key="sites", format="csv", language="en", membership=lead.membership, state="done"
    )
    job.file.save("x.csv", SimpleUploadedFile("x.csv", b"x"))
    view = SavedView.objects.create(
        list_key="sites", name="v", owner=lead.user, authority=lead.authority
    )
    day = operation.days.get()
    ground = make_ground("G-1", ["OSH"], ["TAX"], "tip")
    planned = day.visits.order_by("order").first()
    other = PlannedVisit.objects.create(
        operation=Cast().to("draft"), day=day, site=planned.site, order=99
    )
    values = sharing_values(cast) | risk_values(cast) | meeting_values(cast) | {
        "hold": {"public_id": set_hold(
            actor=lead, target=make_site(), kind="silent", liaison="Call", reason="Secret",
            superior=cast.actors["OSH", "manager"].user).public_id},
        "overlap": {"public_id": Overlap.objects.create(
            site=planned.site, first=planned, second=other, first_operation=operation,
            second_operation=other.operation).public_id},
        "board_change": {"public_id": operation.public_id,
                         "number": operation.board.order_by("-number").first().number},
        "aside": {"public_id": operation.public_id, "site": planned.site.public_id},
        **selection_values(operation, planned.site, lead),
        "competence": {"public_id": Competence.objects.create(
            authority=lead.authority, action="enter", text_fi="x").public_id},
        "ground": {"code": "G-1"}, "ground_version": {"public_id": ground.public_id},
        "interest": {"public_id": Interest.objects.create(
            authority=lead.authority, information="tip").public_id},
        "saved_view": {"public_id": view.public_id}, "export": {"public_id": job.public_id},
        "task": {"public_id": task.public_id},
        "notification": {"public_id": notification.public_id}, "authority": {"code": "OSH"},
        "membership": {"public_id": lead.membership.public_id},
        "site": {"public_id": cast.sites[0].public_id},
        "company": {"public_id": cast.sites[0].company.public_id},
        "import": {"public_id": run.public_id},
        "import_step": {"public_id": run.public_id, "what": "pause"},
        "own_link": {"public_id": add_link(
            actor=lead, kind="commissions", first=make_company(), second=cast.sites[0]).public_id},
        "threshold": {"pk": LinkThreshold.objects.create(
            kind="site", source_a="a", source_b="b", propose_at=0.8, join_at=0.99).pk},
        "mapping": {"code": ImportMapping.objects.create(
            code="osh-secret", name="Secret", kind="sites", authority=lead.authority).code},
        "feed": {"token": renew_feed(lead.user).token},
        "operation": {"public_id": operation.public_id},
        "arrow": {"public_id": operation.public_id, "arrow": "start_feedback"},
        "place": {"public_id": cast.place("TAX").public_id},
        "nomination": {"public_id": operation.nominations.get(
            authority__code="OSH", site=cast.sites[0]).public_id},
        "record_pdf": {"public_id": operation.public_id, "language": "fi"},
        "day": {"public_id": day.public_id},
        "plan": {"public_id": DayPlan.objects.create(
            operation=operation, asked_by=lead.membership, starts_at="09:00", ends_at="16:00",
            minutes=90, state="done", finished_at=timezone.now()).public_id},
        "absence": {"public_id": add_absence(
            actor=lead, person=lead.user, starts_on=timezone.localdate(),
            ends_on=timezone.localdate()).public_id},
        "vehicle": {"public_id": add_vehicle(actor=lead, name="Secret van", seats=4).public_id},
        "planned": {"public_id": day.visits.order_by("order").first().public_id},
        "visit": {"public_id": second.public_id}, "record": {"public_id": record.public_id},
        "submitted": {"public_id": submitted.public_id},
        "finding": {"public_id": finding.public_id}, "photo": {"public_id": photo.public_id},
        "measure": {"public_id": measure.public_id},
    }  # fmt: skip
    return cast, values


def sharing_values(cast: Cast) -> dict[str, dict[str, Any]]:
    """One of everything that OSH shares with TAX (but the signal itself) or keeps to itself."""
    osh, tax = cast.actors["OSH", "manager"], cast.actors["TAX", "manager"]
    make_ground("G-S", ["OSH", "TAX"], ["TAX", "OSH"], "payroll")
    make_ground("G-R", ["TAX"], ["OSH"], "foreign_labour", mode="on_request")
    signal = make_signal(osh, kind="tip", site=cast.sites[0])
    Interest.objects.create(authority=tax.authority, information="payroll")
    offered = make_signal(osh, kind="payroll", topic="A phenomenon")
    file = add_file(actor=osh, signal=signal, file=SimpleUploadedFile("n.txt", b"Secret"))
    given = make_signal(osh, kind="tip", topic="Another phenomenon")
    handed = hand_over(
        actor=osh, signal=given, receiver=tax.authority, confirmed=[],
        ground=make_ground("G-H", ["OSH"], ["TAX"], "tip"),
        deadline=timezone.localdate() + dt.timedelta(days=3),
    )  # fmt: skip
    asked = ask(
        actor=osh, holder=tax.authority, kind="foreign_labour", purpose="p", necessity="n",
        deadline=timezone.localdate(), site=cast.sites[0],
    )  # fmt: skip
    dataset = Dataset.objects.create(
        authority=osh.authority, created_by=osh.user, title="Secret set", kind="tip",
        ground=make_ground("G-M", ["TAX"], ["OSH"], "tax_debt", mode="mass_data"), purpose="p",
        expires_on=timezone.localdate() + dt.timedelta(days=9),
    )  # fmt: skip
    run = DatasetRun.objects.create(
        dataset=dataset, authority=osh.authority, started_by=osh.user, rehearsal=True,
        file_name="x.csv", stored_as="datasets/none.csv", business_id_column="id", state="done",
        finished_at=timezone.now(),
    )  # fmt: skip
    recusal = recuse(
        actor=osh, person=make_actor("OSH", "inspector").user, target=cast.sites[0], reason="Kin"
    )
    one, other = make_site(), make_site()
    pair = MatchPair.objects.create(site_a=one, site_b=other, probability=0.9)
    merged = merge(actor=cast.actors["OSH", "analyst"], loser=make_site(), survivor=one)
    hint = SuccessorHint.objects.create(old=make_company(), new=make_company())
    return {
        "pair": {"public_id": pair.public_id}, "merge": {"public_id": merged.public_id},
        "hint": {"public_id": hint.public_id},
        "signal": {"public_id": signal.public_id}, "signal_file": {"public_id": file.public_id},
        "offer": {"public_id": offered.offers.get().public_id},
        "disclosure": {"public_id": handed.disclosure.public_id},
        "handover": {"public_id": handed.public_id}, "request": {"public_id": asked.public_id},
        "dataset": {"public_id": dataset.public_id}, "run": {"public_id": run.public_id},
        "recusal": {"public_id": recusal.public_id},
    }  # fmt: skip


def meeting_values(cast: Cast) -> dict[str, dict[str, Any]]:
    """A meeting that nobody closed, and one of which the minutes are stored."""
    from planning.minutes import make_minutes
    from planning.models import AgendaItem, Meeting, MinuteLine

    now = timezone.now()
    common = {"operation": cast.operation, "round": 1, "quorum": 2, "opened_by": cast.lead.user}
    going = Meeting.objects.create(number=1, **common)
    over = Meeting.objects.create(number=2, state="closed", closed_at=now, sha256="a", **common)
    item = AgendaItem.objects.create(meeting=going, site=cast.sites[1], order=1)
    MinuteLine.objects.create(
        meeting=going, number=1, at=now, kind="note",
        data={"person": "Secret person", "authority": "OSH", "text": "Secret words"},
    )  # fmt: skip
    make_minutes(over.pk)
    return {
        "meeting": {"public_id": going.public_id},
        "meeting_step": {"public_id": going.public_id, "step": "join"},
        "agenda_step": {"public_id": item.public_id, "step": "open"},
        "minutes": {"public_id": over.public_id, "language": "fi"},
    }


def selection_values(operation: Operation, site: Site, lead: Any) -> dict[str, dict[str, Any]]:
    """A quota, a resource, a draw and a finished plan that says why the site is in it."""
    quota = operation.quotas.create(region=operation.regions.get(), maximum=50)
    resource = operation.resources.create(kind="interpreter", name="x", per_week=1)
    frame = lottery.Frame((lottery.Row(str(site.public_id), "a", 1.0, None),), 1)
    operation.draws.create(
        round=operation.round, state="drawn", share=10, seed=b"s" * 32, commitment="c" * 64,
        frame={"draws": 1, "rows": [[str(site.public_id), "a", 1.0, None]]},
        frame_hash=lottery.frame_hash(frame), committed_by=lead.user, drawn_at=timezone.now(),
    )  # fmt: skip
    inputs = freeze(operation)
    answer = {"verdict": "excluded", "firm": []}
    run = operation.runs.create(
        number=90, round=operation.round, state="done", inputs=inputs, inputs_hash="h" * 64,
        finished_at=timezone.now(), value=1.0, bound=1.0, asked_by=lead.user,
        asked_for=lead.authority,
        result={"answers": {str(site.public_id): answer}, "marginal": []},
    )  # fmt: skip
    return {
        "quota": {"public_id": operation.public_id, "number": quota.pk},
        "resource": {"public_id": operation.public_id, "resource": resource.public_id},
        "draw_step": {"public_id": operation.public_id, "step": "draw"},
        "solver_run": {"public_id": run.public_id},
        "why": {"public_id": run.public_id, "site": site.public_id},
    }


def risk_values(cast: Cast) -> dict[str, dict[str, Any]]:
    """What OSH keeps to itself of how it chooses: a sealed indicator, a model of its own, a test."""
    analyst = cast.actors["OSH", "analyst"]
    sealed = published(analyst, visibility="sealed", name_en="Secret indicator")
    draft = new_indicator_version(actor=analyst, indicator=sealed.indicator)
    model = drafted(analyst, sealed, joint=False, name_en="Secret model")
    tested = drafted(analyst, sealed, joint=False, name_en="Secret model")
    return {
        "sealed": {"public_id": sealed.indicator.public_id},
        "sealed_draft": {"public_id": draft.public_id},
        "own_model": {"public_id": model.public_id},
        "own_test": {"public_id": new_report(
            actor=analyst, version=tested, kind="backtest").public_id},
    }  # fmt: skip


def own_routes() -> set[str]:
    """Names of all addresses of the project (those of the sign-in library are tested by name below)."""
    names = set()
    for pattern in get_resolver().url_patterns:
        namespace = getattr(pattern, "namespace", None)
        if namespace:
            names |= {f"{namespace}:{p.name}" for p in pattern.url_patterns}
        elif getattr(pattern, "name", None):
            names.add(pattern.name)
    return names


def test_every_address_is_in_the_table():
    assert own_routes() == set(ROUTES)


def address(name: str, values: dict[str, dict[str, Any]]) -> str:
    key = ROUTES[name][1]
    return reverse(name, kwargs=values[key] if key else None)


def test_nobody_gets_anything_but_what_is_public(stage, client):
    _cast, values = stage
    for name, (method, _key, who, _others) in ROUTES.items():
        answer = getattr(client, method)(address(name, values))
        if who == "public":
            assert answer.status_code in (200, 302, 503), name
            continue
        assert answer.status_code in (302, 401, 404), f"{name}: {answer.status_code}"
        if answer.status_code == 302:
            assert "/account/login/" in answer["Location"], name


@pytest.mark.parametrize("code", CODES)
@pytest.mark.parametrize("role", ROLES)
def test_role_and_object(stage, as_user, code, role):
    cast, values = stage
    client = as_user(cast.actors[code, role])
    wrong = []
    for name, (method, _key, who, others) in ROUTES.items():
        if name in ("authorities:sign_out_everywhere", "authorities:switch_membership"):
            continue  # these end or change the session; tested on their own
        answer = getattr(client, method)(address(name, values))
        allowed = who == "public" or (code, role) in who
        if allowed and answer.status_code not in (200, 302, 303, 409, 422, 503):
            wrong.append(f"{name}: {answer.status_code}, should be open")
        if not allowed:
            # 4: a participant is told that it may not (403); to an outsider nothing exists (404).
            expected = {403, 404} if others in (4, 5) else {others}
            if others == 4 and code == "OUT" and not name.startswith(("targets:", "risk:")):
                expected = {404}
            if answer.status_code not in expected:
                wrong.append(f"{name}: {answer.status_code}, should be {expected}")
    assert not wrong, "\n".join(wrong)


def test_missing_and_hidden_objects_answer_alike(stage, as_user):
    """An object one may not see answers word for word as one that does not exist."""
    cast, values = stage
    client = as_user(cast.actors["OUT", "coordinator"])
    for name, (method, key, who, others) in ROUTES.items():
        if method != "get" or others not in (4, 404) or who == "public" or not key:
            continue
        if "public_id" not in values[key] or name.startswith(("ui:", "targets:")):
            continue
        hidden = client.get(address(name, values))
        missing = client.get(reverse(name, kwargs=values[key] | {"public_id": uuid.uuid4()}))
        assert hidden.status_code == missing.status_code == 404, name
        assert plain(hidden) == plain(missing), name


def plain(answer: Any) -> str:
    """The page without what differs on every request: its number and the form token."""
    text = answer.content.decode().replace(answer["X-Request-ID"], "")
    text = re.sub(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", "ID", text)
    return re.sub(r'(data-csrf="|csrfmiddlewaretoken" value=")[^"]+', r"\1", text)


def test_addresses_of_the_sign_in_library_never_break(stage, client, as_user):
    """They come from a library; here only that nothing private or broken comes of them."""
    cast, _values = stage

    def walk(pattern: Any) -> set[str]:
        if hasattr(pattern, "url_patterns"):
            return {name for inner in pattern.url_patterns for name in walk(inner)}
        return {pattern.name} if pattern.name else set()

    library = next(p for p in get_resolver().url_patterns if str(p.pattern) == "account/")
    names = walk(library)
    assert "account_login" in names
    for name in sorted(names):
        try:
            path = reverse(name)
        except NoReverseMatch:
            continue
        assert client.get(path).status_code < 500, name
    signed_in = as_user(cast.lead)
    for name in sorted(names - {"account_logout"}):
        try:
            path = reverse(name)
        except NoReverseMatch:
            continue
        assert signed_in.get(path).status_code < 500, name
