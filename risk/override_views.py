"""The page of decisions beside the list and what came of them."""

from typing import Any

from django import forms
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_GET

from authorities.access import acting
from risk import override_rates
from risk.arm_rates import FOUND
from risk.models import Override
from risk.override_words import WAYS, label_words, number
from risk.permissions import JUDGES
from risk.report_words import interval
from risk.small_groups import FEW
from ui.forms import form_response

NEWEST = 50


class FoundForm(forms.Form):
    found = forms.ChoiceField(
        label=gettext_lazy("Counts as found"), initial="any",
        choices=[("any", gettext_lazy("any remark")),
                 ("serious", gettext_lazy("serious deficiencies"))],
    )  # fmt: skip


@require_GET
@acting(*JUDGES)
def overrides(request: HttpRequest) -> HttpResponse:
    """Own decisions in full, those of all others as totals."""
    actor = request.actor  # type: ignore[attr-defined]
    form = FoundForm({"found": "any", **request.GET.dict()})
    context: dict[str, Any] = {}
    if form.is_valid():
        context = _context(actor, FOUND[form.cleaned_data["found"]])
    return form_response(request, "risk/overrides.html", context, form)


def _context(actor: Any, outcomes: frozenset[str]) -> dict[str, Any]:
    seen = override_rates.outcome_of(actor, outcomes)
    tables = [
        (_("Your authority: by way"), override_rates.by_way(seen.own), 1),
        (_("Your authority: deviations by reason"), override_rates.by_code(seen.own, least=1), 1),
        (_("All other authorities: by way"), override_rates.by_way(seen.others), FEW),
        (_("All other authorities: deviations by reason"),
         override_rates.by_code(seen.others), FEW),
    ]  # fmt: skip
    return {
        "tables": [
            {"title": title, "rows": [line_words(line, least) for line in lines if line.decisions]}
            for title, lines, least in tables if any(line.decisions for line in lines)
        ],
        "rows": _newest(actor, seen.own), "few": FEW,
    }  # fmt: skip


def line_words(line: override_rates.Line, least: int = FEW) -> dict[str, Any]:
    """A line for readers; numbers below ``least`` are not told."""
    rate = line.rate
    return {
        "label": label_words(line.label),
        "decisions": number(line.decisions, least), "visited": number(line.visited, least),
        "rate": interval([rate.rate, rate.low, rate.high], 1, True) if rate
        else _("too few to tell"),
    }  # fmt: skip


def _newest(actor: Any, own: list[override_rates.Decision]) -> list[dict[str, Any]]:
    """The newest own deviations on sites the actor may see. One query."""
    came = {(row.operation, row.site): row for row in own}
    found = []
    rows = Override.objects.visible_to(actor).select_related("site").order_by("-decided_at", "-pk")
    for row in rows[: NEWEST * 4]:
        decision = came.pop((row.operation, row.site_id), None)
        if decision is None or decision.way not in (
            override_rates.AGAINST,
            override_rates.LEFT_OUT,
        ):
            continue
        found.append(
            {"row": row, "way": WAYS[decision.way], "code": label_words(decision.code or "not_said"),
             "found": _("no result") if decision.found is None
             else _("found") if decision.found else _("nothing found")}
        )  # fmt: skip
    return found[:NEWEST]
