"""The decision record: its content as data, and as PDF."""

import hashlib
from typing import Any

from django.conf import settings
from django.db import transaction
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import override

from audit.context import as_system
from planning.models import ChoiceState, DecisionRecord, Operation
from planning.selectors import joint_list
from planning.services.signing import decided_at, selection_hash
from ui.pdf import render_pdf


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
