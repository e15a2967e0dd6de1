"""One object of every kind, owned and seen as the table of addresses says."""

import datetime as dt
import io
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
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
from risk.engine.worth import Reckoning
from risk.models import ScoringRun
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
    """A quota, a rule about teams, a resource, a draw and a finished plan that says why the site is in it."""
    quota = operation.quotas.create(region=operation.regions.get(), maximum=50)
    places = operation.participations.accepted().order_by("pk")
    rule = operation.team_rules.create(authority=places[0].authority, needs=places[1].authority)
    present = operation.presence_rules.create(authority=places[0].authority, kind="vehicle")
    resource = operation.resources.create(kind="interpreter", name="x", per_week=1)
    frame = lottery.Frame((lottery.Row(str(site.public_id), "", "01", "a", 1.0, None),), 1)
    operation.draws.create(
        round=operation.round, state="drawn", share=10, seed=b"s" * 32, commitment="c" * 64,
        frame={"rule": lottery.RULE, "draws": 1,
               "rows": [[str(site.public_id), "", "01", "a", 1.0, None, []]]},
        frame_hash=lottery.frame_hash(frame), committed_by=lead.user, drawn_at=timezone.now(),
    )  # fmt: skip
    inputs = freeze(operation)
    answer = {"verdict": "excluded", "firm": []}
    run = operation.runs.create(
        number=90, round=operation.round, state="done", inputs=inputs, inputs_hash="h" * 64,
        finished_at=timezone.now(), value=1.0, bound=1.0, asked_by=lead.user,
        asked_for=lead.authority,
        result={"answers": {str(site.public_id): answer}, "marginal": []},
        prices={"pools": [[0.0] * len(inputs["periods"]) for _pool in inputs["pools"]],
                "quotas": [0.0], "shortfall": [0],
                "resources": [[0.0] * len(inputs["periods"])], "joint": 0.0, "visits": []},
    )  # fmt: skip
    return {
        "quota": {"public_id": operation.public_id, "number": quota.pk},
        "team_rule": {"public_id": operation.public_id, "number": rule.pk},
        "presence_rule": {"public_id": operation.public_id, "number": present.pk},
        "resource": {"public_id": operation.public_id, "resource": resource.public_id},
        "draw_step": {"public_id": operation.public_id, "step": "draw"},
        "solver_run": {"public_id": run.public_id},
        "why": {"public_id": run.public_id, "site": site.public_id},
    }


def scoring_run() -> ScoringRun:
    now = timezone.now()
    return ScoringRun.objects.create(
        as_of=timezone.localdate(), known_at=now, finished_at=now, state="done",
        reckoning=Reckoning.of([]).plain(),
    )  # fmt: skip


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
        "scoring_run": {"public_id": scoring_run().public_id},
        "own_test": {"public_id": new_report(
            actor=analyst, version=tested, kind="backtest").public_id},
    }  # fmt: skip
