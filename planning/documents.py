"""Decision record and briefing pack: their content as data, and as PDF."""

import hashlib
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.db import transaction
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import override

from audit.context import as_system
from planning.models import ChoiceState, DecisionRecord, InspectionDay, Operation
from planning.selectors import joint_list
from planning.services.signing import decided_at, selection_hash
from ui.pdf import render_pdf

if TYPE_CHECKING:
    from authorities.actors import Actor

# Rooms above add pages to a site's part of the briefing pack: (actor, site) → list of sections.
briefing_sections: list[Callable[..., list[dict[str, Any]]]] = []


def _moment(value: Any) -> str:
    return date_format(timezone.localtime(value), "DATETIME_FORMAT") if value else ""


def _day(value: Any) -> str:
    return date_format(value, "SHORT_DATE_FORMAT") if value else ""


def decision_content(operation: Operation) -> dict[str, Any]:
    """Everything the decision record shows, in the active language. Constant queries."""
    choices = list(
        operation.choices.select_related(
            "site__municipality", "decided_by", "decided_for"
        ).order_by("rank", "pk")
    )
    signatures = operation.signoffs.filter(round=operation.round).select_related(
        "participation__authority", "signed_by"
    )
    nominators = {
        entry.site.pk: ", ".join(n.authority.short for n in entry.nominations)
        for entry in joint_list(operation)
    }

    def rows(state: str) -> list[list[str]]:
        return [
            [
                str(c.rank or ""), c.site.name,
                c.site.municipality.name if c.site.municipality else "",
                nominators.get(c.site_id, ""), "–" if c.points is None else str(c.points), c.reason,
            ]
            for c in choices
            if c.state == state
        ]  # fmt: skip

    head = [_("Rank"), _("Site"), _("Municipality"), _("Nominated by"), _("Points"), _("Reason")]
    return {
        "title": _("Decision record: %(name)s") % {"name": operation.name},
        "running": f"{operation.number} {operation.name}",
        "classification": _("For official use"),
        "footer": _("Round %(round)s · %(hash)s")
        % {"round": operation.round, "hash": selection_hash(operation)[:16]},
        "facts": [
            {"label": _("Running number"), "value": operation.number},
            {"label": _("Theme"), "value": operation.theme},
            {"label": _("Aim"), "value": operation.aim},
            {"label": _("Legal purpose"), "value": operation.legal_purpose},
            {"label": _("Lead"), "value": operation.lead_authority.name},
            {"label": _("Inspection window"),
             "value": f"{_day(operation.window_start)}–{_day(operation.window_end)}"},
            {"label": _("Regions"), "value": ", ".join(r.name for r in operation.regions.all())},
            {"label": _("Decided"), "value": _moment(decided_at(operation))},
            {"label": _("Fingerprint of the selection"), "value": selection_hash(operation)},
        ],
        "sections": [
            {"title": _("Selected sites"), "head": head, "rows": rows(ChoiceState.PICKED),
             "empty": _("None")},
            {"title": _("Sites left out"), "head": head, "rows": rows(ChoiceState.DROPPED),
             "empty": _("None")},
            {"title": _("Signatures"),
             "head": [_("Authority"), _("Signed by"), _("When")],
             "rows": [
                 [s.participation.authority.name, s.signed_by.full_name, _moment(s.signed_at)]
                 for s in signatures
             ],
             "empty": _("None")},
        ],
        "note": _("The score proposes, people decide. Every pick and every drop has a reason."),
    }  # fmt: skip


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


def briefing_content(actor: "Actor", day: InspectionDay) -> dict[str, Any]:
    """What a team reads before it goes: only what this viewer may see."""
    operation = day.operation
    entries = {entry.site.pk: entry for entry in joint_list(operation)}
    members = day.members.select_related("user", "authority").order_by("pk")
    visits = list(
        day.visits.select_related("site__company", "site__industry", "site__municipality").order_by(
            "order", "pk"
        )
    )
    sites = []
    for visit in visits:
        site = visit.site
        entry = entries.get(site.pk)
        sites.append(
            {
                "title": f"{visit.order}. {site.name}",
                "facts": [
                    {"label": _("Company"), "value": site.company.name if site.company else "–"},
                    {"label": _("Business ID"),
                     "value": (site.company.business_id or "–") if site.company else "–"},
                    {"label": _("Industry"), "value": site.industry.name if site.industry else "–"},
                    {"label": _("Address"), "value": ", ".join(
                        p for p in (site.address, site.postal_code,
                                    site.municipality.name if site.municipality else "") if p)
                     or "–"},
                    {"label": _("People at work, estimate"),
                     "value": str(site.staff_estimate or "–")},
                ],
                "sections": [
                    {"title": _("Why this site"), "head": [_("Authority"), _("Reason")],
                     "rows": [[n.authority.short, n.reason] for n in entry.nominations]
                     if entry else [], "empty": _("None")},
                    *(part for make in briefing_sections for part in make(actor, site)),
                ],
            }
        )  # fmt: skip
    return {
        "title": _("Briefing pack, %(date)s") % {"date": _day(day.date)},
        "running": f"{operation.number} {operation.name} · {day.team_name}",
        "classification": _("For official use"),
        "footer": actor.authority.name,
        "facts": [
            {"label": _("Operation"), "value": operation.name},
            {"label": _("Legal purpose"), "value": operation.legal_purpose},
            {"label": _("Team"), "value": day.team_name},
            {"label": _("Team lead"), "value": day.team_lead.full_name},
            {"label": _("Start"), "value": date_format(day.starts_at, "TIME_FORMAT")
             if day.starts_at else "–"},
            {"label": _("Meeting point"), "value": day.meeting_point or "–"},
            {"label": _("Note"), "value": day.note or "–"},
        ],
        "sections": [
            {"title": _("Team"), "head": [_("Name"), _("Authority"), _("Phone")],
             "rows": [[m.user.full_name, m.authority.short, m.user.phone or "–"] for m in members],
             "empty": _("None")},
            {"title": _("Visits in order"), "head": ["#", _("Site"), _("Municipality")],
             "rows": [[str(v.order), v.site.name,
                       v.site.municipality.name if v.site.municipality else "–"] for v in visits],
             "empty": _("None")},
        ],
        "sites": sites,
        "contents": _("Contents"),
    }  # fmt: skip
