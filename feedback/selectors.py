"""The manager's report: numbers that each lead to the list that gives exactly them."""

from collections import Counter
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from django.db.models import Exists, OuterRef, Q, QuerySet
from django.urls import reverse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from execution.models import Finding, Visit
from feedback.models import Debrief, Feedback, Measure, MeasureState, Outcome, OutcomeKind
from planning.models import ChoiceState, Nomination, NominationState, Operation

if TYPE_CHECKING:
    from authorities.actors import Actor

STYLE = {"no_remarks": 3, "remarks": 1, "serious": 2, "not_visited": 1}


def _list_url(name: str, operation: Operation, **more: Any) -> str:
    query = urlencode({"operation": operation.public_id, **more}, doseq=True)
    return f"{reverse(name)}?{query}"


def open_findings(actor: "Actor") -> QuerySet[Finding]:
    """The own authority's findings that still wait for something.

    A measure is of the authority's whole visit, and so of each of its findings there. They are open
    while one of its measures is; once one was closed with a result and none is open, they are done.
    Without a measure (a cancelled one was given up and settles nothing) they end with the operation.
    """
    measures = Measure.objects.filter(
        visit=OuterRef("record__visit"), authority=OuterRef("record__authority")
    )
    followed = Exists(measures.open())
    settled = Exists(measures.filter(state=MeasureState.CLOSED))
    ended = Q(record__visit__operation__state__in=("closed", "cancelled"))
    return Finding.objects.visible_to(actor).standing().filter(followed | ~settled & ~ended)


def report(actor: "Actor", operation: Operation) -> dict[str, Any]:
    """Everything the report shows. Seven queries, whatever the size of the operation.

    Returns ``as_of``, ``numbers`` (label, value, what, url), ``charts`` (title, rows),
    ``sentences``, ``outcomes`` and ``measures`` (rows for tables), ``debriefs``.
    """
    today = timezone.localdate()
    visits = list(
        Visit.objects.visible_to(actor)
        .filter(operation=operation)
        .select_related("site__region", "site__municipality", "planned__day")
        .order_by("site__name", "pk")
    )
    outcomes = list(
        Outcome.objects.visible_to(actor)
        .filter(visit__operation=operation)
        .select_related("authority", "visit__site__region")
        .order_by("visit__site__name", "authority__code", "pk")
    )
    measures = list(
        Measure.objects.visible_to(actor)
        .filter(operation=operation)
        .select_related("authority", "visit__site__region")
        .order_by("deadline", "pk")
    )
    picked = operation.choices.filter(state=ChoiceState.PICKED).count()
    open_measures = [m for m in measures if m.state in ("open", "in_progress")]
    overdue = [m for m in open_measures if m.deadline < today]
    nominated = Nomination.objects.filter(operation=operation, state=NominationState.ACTIVE).count()
    told = Feedback.objects.filter(nomination__operation=operation).count()
    ended = sum(1 for v in visits if v.state == "ended")
    return {
        "as_of": timezone.localtime(),
        "numbers": _numbers(operation, visits, outcomes, open_measures, overdue, ended),
        "charts": _charts(operation, outcomes, open_measures),
        "sentences": _sentences(picked, ended, visits, nominated, told),
        "outcomes": outcomes,
        "measures": measures,
        "visits": visits,
        "debriefs": Debrief.objects.visible_to(actor)
        .filter(operation=operation)
        .select_related("authority", "written_by")
        .order_by("authority__code"),
    }


def _numbers(
    operation: Operation, visits: list[Visit], outcomes: list[Outcome],
    open_measures: list[Measure], overdue: list[Measure], ended: int,
) -> list[dict[str, Any]]:  # fmt: skip
    visit_url = reverse("execution:overview", args=[operation.public_id])
    serious = sum(1 for o in outcomes if o.kind == OutcomeKind.SERIOUS)
    return [
        {"key": "ended", "label": _("Visits made"), "value": ended,
         "what": _("of %(count)s planned") % {"count": len(visits)}, "url": visit_url},
        {"key": "not_possible", "label": _("Visits not possible"), "url": visit_url,
         "value": sum(1 for v in visits if v.state == "not_possible"), "what": ""},
        {"key": "outcomes", "label": _("Outcomes recorded"), "value": len(outcomes),
         "what": _("one for each visit and authority"),
         "url": _list_url("feedback:outcome_list", operation)},
        {"key": "serious", "label": _("Serious deficiencies"), "value": serious,
         "what": _("outcomes of that kind"),
         "url": _list_url("feedback:outcome_list", operation, kind="serious")},
        {"key": "open", "label": _("Measures open"), "value": len(open_measures), "what": "",
         "url": _list_url("feedback:measure_list", operation, due="open")},
        {"key": "overdue", "label": _("Measures overdue"), "value": len(overdue),
         "what": _("open, deadline passed"),
         "url": _list_url("feedback:measure_list", operation, due="overdue")},
    ]  # fmt: skip


def _charts(
    operation: Operation, outcomes: list[Outcome], open_measures: list[Measure]
) -> list[dict[str, Any]]:
    by_kind = Counter(o.kind for o in outcomes)
    authorities = {o.authority.code: o.authority for o in outcomes}
    authorities |= {m.authority.code: m.authority for m in open_measures}
    serious = Counter(o.authority.code for o in outcomes if o.kind == OutcomeKind.SERIOUS)
    open_by_authority = Counter(m.authority.code for m in open_measures)
    regions = {o.visit.site.region_id: o.visit.site.region for o in outcomes}
    by_region = Counter(
        o.visit.site.region_id for o in outcomes if o.kind in ("remarks", "serious")
    )
    return [
        {"title": _("Outcomes by kind"), "rows": [
            {"label": label, "value": by_kind[kind], "style": STYLE[kind],
             "url": _list_url("feedback:outcome_list", operation, kind=kind)}
            for kind, label in OutcomeKind.choices
        ]},
        {"title": _("Serious deficiencies by authority"), "rows": [
            {"label": a.short, "value": serious[code], "style": 2,
             "url": _list_url("feedback:outcome_list", operation, kind="serious",
                              authority=code)}
            for code, a in sorted(authorities.items())
        ]},
        {"title": _("Open measures by authority"), "rows": [
            {"label": a.short, "value": open_by_authority[code],
             "url": _list_url("feedback:measure_list", operation, due="open", authority=code)}
            for code, a in sorted(authorities.items())
        ]},
        {"title": _("Remarks and serious deficiencies by region"), "rows": [
            {"label": region.name, "value": by_region[pk], "style": 2,
             "url": _list_url("feedback:outcome_list", operation, region=pk)}
            for pk, region in sorted(regions.items(), key=lambda item: item[0] or 0)
            if region is not None
        ]},
    ]  # fmt: skip


def _sentences(
    picked: int, ended: int, visits: list[Visit], nominated: int, told: int
) -> list[str]:
    """The comparison with the plan, in words."""
    sentences = []
    if picked:
        sentences.append(
            ngettext(
                "%(ended)s of %(picked)s selected site was visited.",
                "%(ended)s of %(picked)s selected sites were visited.",
                picked,
            )
            % {"ended": ended, "picked": picked}
        )
    if nominated:
        sentences.append(
            ngettext(
                "Feedback was given on %(told)s of %(nominated)s nomination.",
                "Feedback was given on %(told)s of %(nominated)s nominations.",
                nominated,
            )
            % {"told": told, "nominated": nominated}
        )
    return sentences


def report_tables(actor: "Actor", data: dict[str, Any]) -> list[tuple[str, list[str], list[Any]]]:
    """The report as named tables (for XLSX and PDF): name, labels, rows of plain values."""
    return [
        (
            _("Numbers"),
            [_("Number"), _("Value"), _("What it counts")],
            [[n["label"], n["value"], n["what"]] for n in data["numbers"]],
        ),
        *[
            (chart["title"], [chart["title"], _("Number")],
             [[r["label"], r["value"]] for r in chart["rows"]])
            for chart in data["charts"]
        ],
        (
            _("Outcomes"),
            [_("Site"), _("Region"), _("Authority"), _("Outcome")],
            [
                [o.visit.site.name, o.visit.site.region.name if o.visit.site.region else "",
                 o.authority.short, o.get_kind_display()]
                for o in data["outcomes"]
            ],
        ),
        (
            _("Measures"),
            [_("Site"), _("Authority"), _("Kind"), _("Deadline"), _("State"), _("Result")],
            [
                [m.visit.site.name, m.authority.short, m.get_kind_display(), m.deadline,
                 m.get_state_display(), m.get_result_display()]
                for m in data["measures"]
            ],
        ),
    ]  # fmt: skip


def report_document(actor: "Actor", operation: Operation) -> dict[str, Any]:
    """The report as data for the PDF."""
    data = report(actor, operation)
    day = date_format(data["as_of"], "DATETIME_FORMAT")

    def text(value: Any) -> str:
        return (
            date_format(value, "SHORT_DATE_FORMAT") if hasattr(value, "isoformat") else str(value)
        )

    debriefs = [
        [d.authority.short, " ".join(p for p in (d.went_well, d.to_improve, d.lessons) if p)]
        for d in data["debriefs"]
    ]
    return {
        "title": _("Report: %(name)s") % {"name": operation.name},
        "running": f"{operation.number} {operation.name}",
        "classification": _("For official use"),
        "footer": _("As of %(when)s") % {"when": day},
        "facts": [
            {"label": _("Lead"), "value": operation.lead_authority.name},
            {"label": _("State"), "value": str(operation.get_state_display())},
            {"label": _("Theme"), "value": operation.theme},
            *({"label": "", "value": sentence} for sentence in data["sentences"]),
        ],
        "sections": [
            {"title": name, "head": labels, "empty": _("None"),
             "rows": [[text(v) for v in row] for row in rows]}
            for name, labels, rows in report_tables(actor, data)
        ]
        + [{"title": _("Debrief"), "head": [_("Authority"), _("What it says")],
            "rows": debriefs, "empty": _("None")}],
    }  # fmt: skip
