"""The studio: a made-up register whose truth is known, to see what a lottery costs and shows."""

from typing import Any

from django import forms
from django.http import HttpRequest, HttpResponse
from django.utils.formats import number_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_GET

from authorities.access import acting
from risk.learning.simulate import World, table
from risk.selectors import percent
from ui.forms import form_response

SEEDS = 3  # histories behind each row; more would take more than a second


class SimulationForm(forms.Form):
    sites = forms.IntegerField(
        label=gettext_lazy("Made-up sites"), min_value=500, max_value=4_000, initial=2_000
    )
    quarters = forms.IntegerField(
        label=gettext_lazy("Quarters"), min_value=4, max_value=12, initial=8,
        help_text=gettext_lazy("What drives the risk changes half-way."),
    )  # fmt: skip
    capacity = forms.IntegerField(
        label=gettext_lazy("Sites visited each quarter (%)"), min_value=2, max_value=20, initial=5
    )
    seed = forms.IntegerField(
        label=gettext_lazy("Seed"), min_value=1, max_value=1_000_000, initial=1,
        help_text=gettext_lazy("The same seed gives the same numbers."),
    )  # fmt: skip

    def world(self) -> World:
        data = self.cleaned_data
        return World(
            sites=data["sites"], quarters=data["quarters"], capacity=data["capacity"] / 100
        )


@require_GET
@acting()
def simulation(request: HttpRequest) -> HttpResponse:
    """Settings, and what comes of them: at most some 200 short histories, well under a second each."""
    asked = bool(request.GET)
    form = SimulationForm(request.GET) if asked else SimulationForm(_first())
    rows = []
    if form.is_valid():
        result = table(form.world(), seeds=SEEDS, first_seed=form.cleaned_data["seed"])
        rows = [_row(row) for row in result["rows"]]
    context = {"rows": rows, "seeds": SEEDS}
    return form_response(request, "risk/simulation.html", context, form)


def _first() -> dict[str, Any]:
    return {name: field.initial for name, field in SimulationForm.base_fields.items()}


def _row(row: dict[str, Any]) -> dict[str, str]:
    return {
        "share": percent(row["share"]), "found": number_format(round(row["found"]), use_l10n=True),
        "naive": percent(row["naive_error"]),
        "design": _("cannot be estimated") if row["design_error"] is None
        else percent(row["design_error"]),
        "covered": "–" if row["covered"] is None else percent(row["covered"]),
    }  # fmt: skip
