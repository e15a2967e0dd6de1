"""What the pages of models show, made of rows in a constant number of queries."""

from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from risk import bins as bins_of
from risk import charts, permissions, proposal_words, report_words, states
from risk.models import (
    IndicatorState,
    ModelIndicator,
    ModelState,
    ModelVersion,
    Report,
    ReportKind,
    ReportState,
    RiskModel,
)
from risk.report_readers import results_for
from risk.services.reports import OPEN
from targets.models import VisitOutcome

S = ModelState
ORDER = (S.DRAFT, S.TESTED, S.AUDITED, S.APPROVED, S.ACTIVE)


def outcome_words(model: RiskModel) -> str:
    return ", ".join(str(VisitOutcome(code).label) for code in model.outcomes)


def beside(row: RiskModel) -> dict[str, Any]:
    """One model for the comparison: the version in use, else the newest, and its newest backtest."""
    versions: list[Any] = list(row.versions.all())  # with ``done_reports``, as the page asked
    shown = next((v for v in versions if v.state == S.ACTIVE), versions[0] if versions else None)
    total = None
    if shown is not None:
        backtest = next((r for r in shown.done_reports if r.kind == ReportKind.BACKTEST), None)
        # Of the whole alone, which everybody reads as its owner does.
        total = results_for(backtest, own=False).get("total") if backtest else None
    metrics = []
    if total:
        for code in ("precision", "lift", "days_earlier", "auc"):
            words, _help, decimals, percent = report_words.METRICS[code]
            metrics.append(
                {"label": words,
                 "value": report_words.interval(total["model"][code], decimals, percent),
                 "rule": report_words.interval(
                     total.get("last_visit", total["random"])[code], decimals, percent)}
            )  # fmt: skip
    return {
        "row": row, "shown": shown, "outcomes": outcome_words(row), "metrics": metrics,
        "verdict": report_words.verdict(total) if total else "",
        "others": [v for v in versions if v is not shown][:5],
        "results": total,
    }  # fmt: skip


def may_retire(actor: Any, version: ModelVersion) -> bool:
    possible = states.follows(states.MODEL, version.state, "retire") is not None
    return possible and permissions.may_retire(actor, version)


def parts_of(actor: Any, version: ModelVersion) -> list[dict[str, Any]]:
    """The indicators of a version as the actor may see them. One query."""
    uses = ModelIndicator.objects.filter(version=version).select_related(
        "indicator__indicator__authority", "indicator__ground__ground"
    )
    return [_part(actor, use) for use in uses.order_by("place")]


def _part(actor: Any, use: ModelIndicator) -> dict[str, Any]:
    row = use.indicator
    lines = use.bins or row.bins
    missing = row.missing_points if use.missing_points is None else use.missing_points
    least, most = bins_of.span(lines, missing, row.cap)
    inside = permissions.sees_inside(actor, row)
    return {
        "row": row, "inside": inside, "bins": bins_of.words(lines) if inside else [],
        "least": least, "most": most, "missing": missing, "own": bool(use.bins),
        "ground": row.ground.basis_words if row.ground else row.ground_text,
        "sentence": row.sentence.replace("{value}", "…"),
        "retired": row.state == IndicatorState.RETIRED,
    }  # fmt: skip


def context(actor: Any, version: ModelVersion) -> dict[str, Any]:
    """Everything on the page of a version."""
    model, own = version.model, permissions.owns(actor, version.model)
    asked = version.reports.select_related("asked_by", *(["whole"] if own else []))
    reports = list(asked.order_by("-created_at", "-pk"))
    approvals = list(version.approvals.select_related("user", "authority").order_by("at"))
    given = [a for a in approvals if a.content_hash == version.content_hash]
    parts = parts_of(actor, version)
    waiting = [r for r in reports if r.state in OPEN]
    needed = permissions.approvals_needed(model)
    may = _may(actor, version, approvals, waiting, bool(parts))
    names = report_words.Names(version)
    proposed = version.proposals.select_related("base").first()
    return {
        "version": version, "model": model, "parts": parts, "outcomes": outcome_words(model),
        "versions": list(model.versions.order_by("-number").defer("params")),
        "steps": _steps(version), "next": _next(version, waiting, len(given), needed, parts),
        "approvals": approvals, "missing_approvals": max(0, needed - len(given)),
        "needed": needed, "may": may, "waiting": waiting,
        "failed": next((r for r in reports if r.state == ReportState.FAILED), None)
        if reports and reports[0].state == ReportState.FAILED else None,
        "tests": [t for t in (_test(reports, kind, names, own) for kind in ReportKind) if t],
        "proposal": proposal_words.proposal(proposed) if proposed else None,
        "history": [r for r in reports if r.state not in OPEN],
        "visible_to": _("everybody who works with risk") if model.joint else model.authority.name,
    }  # fmt: skip


def _may(
    actor: Any, version: ModelVersion, approvals: list[Any], waiting: list[Report], filled: bool
) -> dict[str, bool]:
    kinds = {r.kind for r in waiting}
    ask = permissions.may_ask(actor, version) and filled
    writes = permissions.may_write_model(actor, version.model)
    draft = version.state == S.DRAFT
    mine = any(a.authority_id == actor.authority.pk for a in approvals)
    may = {
        kind.value: ask and kind not in kinds and version.state in states.ASKED[kind]
        for kind in ReportKind
    }
    return may | {
        "edit": writes and draft and not waiting,
        "drop": writes and draft and not waiting,
        "copy": writes and not draft,
        "approve": version.state == S.AUDITED and not mine
        and permissions.may_approve(actor, version),
        "activate": version.state == S.APPROVED and permissions.may_activate(actor, version),
        "retire": may_retire(actor, version),
        "cancel": permissions.may_ask(actor, version),
    }  # fmt: skip


def _steps(version: ModelVersion) -> list[dict[str, Any]]:
    """The way of a version, for the stepper."""
    labels = {
        S.DRAFT: _("Draft"), S.TESTED: _("Backtest"), S.AUDITED: _("Bias audit"),
        S.APPROVED: _("Approval"), S.ACTIVE: _("In use"),
    }  # fmt: skip
    state = S.TESTED if version.state == S.BLOCKED else version.state
    if state == S.RETIRED:
        return []
    at = ORDER.index(S(state))
    # A state tells what is behind; the step after it is the one at hand.
    return [
        {"label": labels[one],
         "state": "done" if n <= at and (n or at) else "now" if n == at + 1 or not (n or at)
         else "todo",
         "note": _("at hand")}
        for n, one in enumerate(ORDER)
    ]  # fmt: skip


def _next(
    version: ModelVersion, waiting: list[Report], given: int, needed: int, parts: list[Any]
) -> str:
    """What comes next and who may do it."""
    owner = {"authority": version.model.authority.name}
    if waiting:
        return _("A test is under way. The version cannot be changed meanwhile.")
    if version.state == S.DRAFT and not parts:
        return _("An analyst of %(authority)s chooses the indicators.") % owner
    if version.state == S.DRAFT:
        return (
            _("An analyst or manager of %(authority)s asks for the backtest. From its end on the"
              " version is never changed.") % owner
        )  # fmt: skip
    if version.state == S.TESTED:
        return _("An analyst or manager of %(authority)s asks for the bias audit.") % owner
    if version.state == S.BLOCKED:
        return (
            _("The bias audit stopped it. An analyst of %(authority)s mends it in a new version;"
              " this one cannot be approved.") % owner
        )  # fmt: skip
    if version.state == S.AUDITED:
        left = max(0, needed - given)
        words = ngettext(
            "%(count)s approval is missing: by a manager who has not written in it.",
            "%(count)s approvals are missing: by managers of different authorities who have not"
            " written in it.",
            left,
        )
        return words % {"count": left}
    if version.state == S.APPROVED:
        return _("A manager of %(authority)s puts it to use.") % owner
    if version.state == S.ACTIVE:
        return _("It is in use. The next version takes its place when it is put to use.")
    return _("It is no longer used.")


def _test(
    reports: list[Report], kind: str, names: report_words.Names, own: bool
) -> dict[str, Any] | None:
    """The newest done report of a kind, as rows; ``own``: for readers of the model's authority."""
    report = next((r for r in reports if r.kind == kind and r.state == ReportState.DONE), None)
    if report is None:
        return None
    rows = report_words.of(report, names, own=own)
    if rows.get("reliability"):
        rows["chart"] = charts.calibration(rows["reliability"])
    return {"report": report, "kind": kind, "rows": rows,
            "template": f"risk/test_{kind}.html"}  # fmt: skip
