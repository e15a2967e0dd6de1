"""The model card: purpose, data, indicators, results, audit, approvals, hash, as one document."""

from typing import Any

from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import pgettext

from risk import model_pages, report_words
from risk.models import ModelVersion, Report, ReportKind, ReportState
from risk.report_readers import results_for


def _moment(value: Any) -> str:
    return date_format(timezone.localtime(value), "DATETIME_FORMAT") if value else "–"


def _newest(version: ModelVersion, kind: str) -> Report | None:
    return (
        version.reports.filter(kind=kind, state=ReportState.DONE)
        .order_by("-created_at", "-pk")
        .first()
    )


def card_content(actor: Any, version: ModelVersion) -> dict[str, Any]:
    """Everything the card shows, as the actor may see it, in the active language."""
    model = version.model
    names = report_words.Names(version)
    backtest, audit = _newest(version, ReportKind.BACKTEST), _newest(version, ReportKind.AUDIT)
    return {
        "title": _("Model card: %(name)s %(number)s")
        % {"name": model.name, "number": version.number},
        "running": f"{model.code} {version.number}",
        "classification": _("For official use"),
        "footer": version.content_hash[:32] or "–",
        "facts": [
            {"label": _("Purpose"), "value": _(
                "To propose an order in which sites are looked at when visits are planned. People"
                " decide; it is no evidence against anybody.")},
            {"label": _("Authority"), "value": model.authority.name},
            {"label": _("What it estimates"), "value": _(
                "Whether a visit finds: %(outcomes)s") % {
                    "outcomes": model_pages.outcome_words(model)}},
            {"label": _("Kind"), "value": str(version.get_kind_display())},
            {"label": _("State"), "value": str(version.get_state_display())},
            {"label": _("Weight of one finding"), "value": str(model.severity)},
            {"label": _("Inspector-days of a visit"), "value": str(model.visit_days)},
            {"label": _("In use since"), "value": _moment(version.activated_at)},
            {"label": _("Fingerprint of the content"), "value": version.content_hash or "–"},
        ],
        "sections": [
            _data(version, backtest), _parts(actor, version), *_results(backtest, names),
            *_audit(audit, names), _approvals(version),
        ],
        "note": _("Unknown is not low risk: a site of which little is known has a wide interval and"
                  " can be drawn by lot."),
    }  # fmt: skip


def _section(title: str, head: list[str], rows: list[list[str]]) -> dict[str, Any]:
    return {
        "title": title,
        "head": [str(cell) for cell in head],
        "rows": [[str(cell) for cell in row] for row in rows],
        "empty": _("None"),
    }


def _data(version: ModelVersion, backtest: Report | None) -> dict[str, Any]:
    numbers = results_for(backtest, own=False) if backtest else {}
    capacity = report_words.capacity_words(backtest.params["capacity"]) if backtest else "–"
    rows = [
        [_("Results of visits"), numbers.get("labels", "–")],
        [_("with a finding"), numbers.get("found", "–")],
        [_("From and to"), f"{numbers.get('from') or '–'} … {numbers.get('to') or '–'}"],
        [_("Capacity of the backtest"), capacity],
        [_("Last day whose results it has seen"),
         date_format(version.trained_to, "SHORT_DATE_FORMAT") if version.trained_to else "–"],
    ]  # fmt: skip
    return _section(_("Data"), [_("What"), _("Number")], rows)


def _parts(actor: Any, version: ModelVersion) -> dict[str, Any]:
    rows = [
        [
            f"{part['row'].name} ({part['row'].number})", part["sentence"],
            f"{part['least']} … {part['most']}", part["ground"],
        ]
        for part in model_pages.parts_of(actor, version)
    ]  # fmt: skip
    head = [_("Indicator"), _("In plain words"), _("Points"), _("Legal ground for its use")]
    return _section(_("Indicators"), head, rows)


def _results(report: Report | None, names: report_words.Names) -> list[dict[str, Any]]:
    title = _("Backtest")
    if report is None:
        return [_section(title, [_("Result")], [])]
    rows = report_words.backtest_rows(report, names)
    if not rows["enough"]:
        words = _("Too few results to say how good the model is.")
        return [_section(title, [_("Result")], [[words]])]
    table = [[line["label"], *(cell["value"] for cell in line["cells"])] for line in rows["table"]]
    own = [[line["label"], line["value"]] for line in rows["own"]]
    return [
        _section(
            f"{title}, {_moment(report.finished_at)}",
            [pgettext("of a model", "Measure"), *rows["orders"]],
            table,
        ),
        _section(_("Judgement"), [_("In words")], [[rows["verdict"]]]),
        _section(_("Probabilities"), [pgettext("of a model", "Measure"), _("This model")], own),
    ]


def _audit(report: Report | None, names: report_words.Names) -> list[dict[str, Any]]:
    title = _("Bias audit")
    if report is None:
        return [_section(title, [_("Result")], [])]
    rows = report_words.audit_rows(report, names)
    if not rows["enough"]:
        words = [[_("Too few results to find an unequal burden.")]]
    elif rows["blocking"]:
        words = [[f"{found['words']} {found['cause']}".strip()] for found in rows["blocking"]]
    else:
        words = [[_("No group is chosen more or less than what is found there explains.")]]
    return [_section(f"{title}, {_moment(report.finished_at)}", [_("Result")], words)]


def _approvals(version: ModelVersion) -> dict[str, Any]:
    rows = [
        [a.authority.name, a.user.full_name, _moment(a.at), a.reason]
        for a in version.approvals.select_related("authority", "user").order_by("at")
    ]
    return _section(
        _("Approvals"), [_("Authority"), _("Approved by"), _("When"), _("Reason")], rows
    )
