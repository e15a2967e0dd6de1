"""The decision record: its content as data, and as PDF."""

import hashlib
from typing import Any

from django.conf import settings
from django.db import transaction
from django.utils import timezone
from django.utils.formats import date_format, number_format
from django.utils.translation import gettext as _
from django.utils.translation import override

from audit.context import as_system
from authorities.models import Authority
from planning.deviations import deviations, newer_plan, plan_of, reason_of
from planning.draw_words import draws_words
from planning.models import (
    ChoiceState,
    DecisionRecord,
    Draw,
    DrawState,
    MeetingState,
    Operation,
    SelectionRun,
    SignOff,
    TargetChoice,
)
from planning.record_inputs import input_facts, input_sections
from planning.selectors import draw_of, nominations_of
from planning.services.inputs import settings_of
from planning.services.parts import choices_of, selection_hash
from planning.services.signing import decided_at
from planning.words import method_words, not_adopted
from ui.pdf import render_pdf


def _moment(value: Any) -> str:
    return date_format(timezone.localtime(value), "DATETIME_FORMAT") if value else ""


def _day(value: Any) -> str:
    return date_format(value, "SHORT_DATE_FORMAT") if value else ""


def decision_content(operation: Operation) -> dict[str, Any]:
    """Everything the decision record shows, in the active language. Constant queries."""
    choices, plan, draw = choices_of(operation), _whole(plan_of(operation)), draw_of(operation)
    short = {a.pk: a.short for a in Authority.objects.all()}
    fingerprint = selection_hash(operation)
    return {
        "title": _("Decision record: %(name)s") % {"name": operation.name},
        "running": f"{operation.number} {operation.name}",
        "classification": _("For official use"),
        "footer": _("Round %(round)s · %(hash)s")
        % {"round": operation.round, "hash": fingerprint[:16]},
        "facts": [
            *_facts(operation, fingerprint), *_facts_of_plan(operation, plan, choices),
            *_facts_of_draw(operation, draw),
        ],
        "sections": [
            *_choice_sections(operation, choices, short),
            _deviation_section(choices, plan), _meeting_section(operation),
            _signature_section(operation), *(input_sections(plan) if plan else []),
        ],
        "note": _("The score proposes, people decide. Every pick and every drop has a reason."),
    }  # fmt: skip


def _whole(plan: SelectionRun | None) -> SelectionRun | None:
    """The plan with what it was made from."""
    return SelectionRun.objects.get(pk=plan.pk) if plan else None


def _fact(label: str, value: Any) -> dict[str, str]:
    return {"label": label, "value": str(value)}


def _facts(operation: Operation, fingerprint: str) -> list[dict[str, str]]:
    return [
        _fact(_("Running number"), operation.number),
        _fact(_("Theme"), operation.theme),
        _fact(_("Aim"), operation.aim),
        _fact(_("Legal purpose"), operation.legal_purpose),
        _fact(_("Lead"), operation.lead_authority.name),
        _fact(_("Inspection window"),
              f"{_day(operation.window_start)}–{_day(operation.window_end)}"),
        _fact(_("Regions"), ", ".join(r.name for r in operation.regions.all())),
        _fact(_("Decided"), _moment(decided_at(operation))),
        _fact(_("Fingerprint of the selection"), fingerprint),
    ]  # fmt: skip


def _facts_of_plan(
    operation: Operation, plan: SelectionRun | None, choices: list[TargetChoice]
) -> list[dict[str, str]]:
    """By which models sites were ranked and by which run of the solver they were proposed."""
    facts = [_fact(_("Risk models"), ", ".join(_models(plan, choices)) or _("None"))]
    if plan is None:
        return [*facts, _fact(_("Plan of the solver"), _("none: decided from the joint list"))]
    newer = newer_plan(operation, plan)
    later = [_fact(_("Later plan"), not_adopted(newer))] if newer else []
    return [
        *facts,
        _fact(_("Plan of the solver"), plan.number), *later,
        _fact(_("Solver"), plan.solver),
        *(_fact(*fact) for fact in input_facts(plan)),
        _fact(_("Fingerprint of its inputs"), plan.inputs_hash),
        _fact(_("Worth of the plan"), _decimal(plan.value)),
        _fact(_("No plan is worth more than"), _decimal(plan.bound)),
        _fact(_("Distance from the best"),
              f"{_decimal(plan.gap_percent)} %" if plan.gap_percent is not None else "–"),
    ]  # fmt: skip


def _models(plan: SelectionRun | None, choices: list[TargetChoice]) -> list[str]:
    """Versions by which sites were ranked: those of the plan's inputs, else as each decision kept
    them when it was made."""
    if plan is not None:
        return list((plan.inputs or {}).get("models", []))
    return sorted({part["model"] for choice in choices for part in choice.contributions})


def _facts_of_draw(operation: Operation, draw: Draw | None) -> list[dict[str, str]]:
    if draw is None or draw.state == DrawState.COMMITTED:
        facts = [_fact(_("Draw"), _("nothing was drawn at random"))]
        reason = settings_of(operation).no_draw
        return [*facts, _fact(_("Why nothing was drawn"), reason)] if reason else facts
    seed = bytes(draw.seed).hex() if draw.state == DrawState.REVEALED else _("not shown yet")
    return [
        _fact(_("Draw: random share"), f"{draw.share} %"),
        _fact(_("Draw: number of draws"), draws_words(draw) or "–"),
        _fact(_("Draw: fingerprint of the frame"), draw.frame_hash),
        _fact(_("Draw: fingerprint of the seed"), draw.commitment),
        _fact(_("Draw: seed"), seed),
        _fact(_("Draw: sites drawn"), draw.sites.count()),
    ]


def _choice_sections(
    operation: Operation, choices: list[TargetChoice], short: dict[int, str]
) -> list[dict[str, Any]]:
    nominators = {
        site: ", ".join(n.authority.short for n in rows)
        for site, rows in nominations_of(operation).items()
    }

    def first(choice: TargetChoice) -> list[str]:
        site = choice.site
        return [
            str(choice.rank or ""), site.name, site.municipality.name if site.municipality else "",
            nominators.get(site.pk, ""), "–" if choice.points is None else str(choice.points),
        ]  # fmt: skip

    head = [_("Rank"), _("Site"), _("Municipality"), _("Nominated by"), _("Points")]
    return [
        {
            "title": _("Selected sites"),
            "head": [*head, _("Week"), _("Team"), _("How it came about"), _("Reason")],
            "rows": [
                [*first(c), _day(c.week) or _("any"), _team(c, short), _arm(c), reason_of(c)]
                for c in choices
                if c.state == ChoiceState.PICKED
            ],
            "empty": _("None"),
        },
        {
            "title": _("Sites left out"),
            "head": [*head, _("Reason")],
            "rows": [[*first(c), reason_of(c)] for c in choices if c.state == ChoiceState.DROPPED],
            "empty": _("None"),
        },
    ]


def _team(choice: TargetChoice, short: dict[int, str]) -> str:
    return ", ".join(short[pk] for pk in choice.team) or _("not said: all")


def _arm(choice: TargetChoice) -> str:
    word = str(choice.get_arm_display())
    if choice.probability is None:
        return word
    return f"{word} ({number_format(choice.probability, 3)})"


def _deviation_section(choices: list[TargetChoice], plan: SelectionRun | None) -> dict[str, Any]:
    return {
        "title": _("Deviations from the proposal"),
        "head": [
            _("Site"), _("What differs"), _("Kind of reason"), _("Reason"), _("Person"),
            _("Authority"),
        ],
        "rows": [
            [
                d.choice.site.name, d.words, str(d.reason_kind) or "–", d.reason,
                d.choice.decided_by.full_name, d.choice.decided_for.short,
            ]
            for d in deviations(choices, plan)
        ],
        "empty": _("None"),
    }  # fmt: skip


def _meeting_section(operation: Operation) -> dict[str, Any]:
    """The meetings of this round, by the fingerprints of their minutes."""
    rows = operation.meetings.filter(round=operation.round, state=MeetingState.CLOSED)
    return {
        "title": _("Meetings"),
        "head": [_("Meeting"), _("Opened"), _("Closed"), _("Fingerprint of the minutes")],
        "rows": [
            [str(m.number), _moment(m.opened_at), _moment(m.closed_at), m.sha256]
            for m in rows.order_by("number")
        ],
        "empty": _("None"),
    }


def _signature_section(operation: Operation) -> dict[str, Any]:
    signatures = operation.signoffs.filter(round=operation.round).select_related(
        "participation__authority", "signed_by", "carried_from"
    )

    def how(signature: SignOff) -> str:
        words = method_words(signature.method)
        if signature.carried_from is None:
            return words
        return _("%(how)s; carried over from round %(round)s, its part is unchanged") % {
            "how": words, "round": signature.carried_from.round,
        }  # fmt: skip

    return {
        "title": _("Signatures"),
        "head": [_("Authority"), _("Signed by"), _("When"), _("Confirmed by"), _("Note")],
        "rows": [
            [
                s.participation.authority.name, s.signed_by.full_name,
                _moment((s.carried_from or s).signed_at), how(s), (s.carried_from or s).note,
            ]
            for s in signatures
        ],
        "empty": _("None"),
    }  # fmt: skip


def _decimal(value: float | None) -> str:
    return "–" if value is None else str(number_format(value, 2))


@transaction.atomic
def make_records(operation: Operation) -> int:
    """Store the decision record of the present round in every language, once. Returns new ones."""
    operation = Operation.objects.select_for_update(of=("self",)).get(pk=operation.pk)
    made = 0
    for language, _name in settings.LANGUAGES:
        if operation.decision_records.filter(round=operation.round, language=language).exists():
            continue
        with override(language), as_system("the record names every participant's nominations"):
            content = decision_content(operation)
            pdf = render_pdf("report", content, language)
        DecisionRecord.objects.create(
            operation=operation, round=operation.round, language=language, pdf=pdf,
            sha256=hashlib.sha256(pdf).hexdigest(), content=content,
        )  # fmt: skip
        made += 1
    return made
