"""The page of what the random arm tells: rates by lottery beside rates of all visits."""

import datetime as dt
from typing import Any

from django import forms
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_GET

from authorities.access import acting
from authorities.models import Authority
from risk import arm_rates
from risk.learning.design import Estimate
from risk.permissions import READERS
from risk.report_words import GroupNames, interval, shown
from ui.forms import form_response


class ArmForm(forms.Form):
    found = forms.ChoiceField(
        label=gettext_lazy("Counts as found"), initial="any",
        choices=[("any", gettext_lazy("any remark")),
                 ("serious", gettext_lazy("serious deficiencies"))],
    )  # fmt: skip
    years = forms.TypedChoiceField(
        label=gettext_lazy("Visits of the last"), initial=3, coerce=int,
        choices=[(1, gettext_lazy("year")), (3, gettext_lazy("3 years")),
                 (5, gettext_lazy("5 years"))],
    )  # fmt: skip
    authority = forms.ModelChoiceField(
        label=gettext_lazy("Regions and industries of"), queryset=Authority.objects.none(),
        to_field_name="code", empty_label=None,
    )  # fmt: skip

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field: Any = self.fields["authority"]
        field.queryset = Authority.objects.order_by("code")


@require_GET
@acting(*READERS)
def random_arm(request: HttpRequest) -> HttpResponse:
    """Rates by authority, then by region and industry of one, and the models in use."""
    actor = request.actor  # type: ignore[attr-defined]
    first = {"found": "any", "years": 3, "authority": actor.authority.code}
    form = ArmForm({**first, **request.GET.dict()})
    context: dict[str, Any] = {"tables": [], "models": [], "any": False}
    if form.is_valid():
        context = _context(actor, form.cleaned_data)
    return form_response(request, "risk/random_arm.html", context, form)


def _context(actor: Any, asked: dict[str, Any]) -> dict[str, Any]:
    since = timezone.localdate() - dt.timedelta(days=365 * asked["years"])
    visits = arm_rates.labelled_visits(actor, since, asked["found"])
    authority = asked["authority"]
    own = visits.of(authority.pk)
    names = GroupNames()
    codes = {str(row.pk): row.name for row in Authority.objects.all()}
    tables = [
        (_("By authority"), arm_rates.rates(visits, visits.authority.astype(str)), codes.get),
        (_("By region: %(authority)s") % {"authority": authority.name},
         arm_rates.rates(own, own.region), lambda code: names.group("region", code)),
        (_("By industry: %(authority)s") % {"authority": authority.name},
         arm_rates.rates(own, own.industry), lambda code: names.group("industry", code)),
    ]  # fmt: skip
    return {
        "tables": [
            {"title": title, "rows": [_row(row, name) for row in rows]}
            for title, rows, name in tables if rows
        ],
        "models": [_model(promise) for promise in arm_rates.promises(actor)],
        "any": visits.lots > 0, "since": since, "few": arm_rates.FEW,
    }  # fmt: skip


def _row(row: arm_rates.Rate, name: Any) -> dict[str, Any]:
    return {
        "label": name(row.label) if row.label else _("Others together"),
        "visits": row.visits, "drawn": row.drawn, "naive": between(row.naive),
        "design": between(row.design), "speaks_for": row.speaks_for,
        "words": _difference(row),
    }  # fmt: skip


def between(found: Estimate | None) -> str:
    """``12.3 % (9.8 … 15.0)``; a dash where nothing can be said."""
    return interval([found.rate, found.low, found.high], 1, True) if found else "–"


def _difference(row: arm_rates.Rate) -> str:
    """Whether the rate of all visits lies outside what the lottery says."""
    if row.design is None:
        return _("too few drawn to tell")
    if row.naive.rate > row.design.high:
        return _("visits go where more is found than on average")
    if row.naive.rate < row.design.low:
        return _("visits go where less is found than on average")
    return _("cannot be told apart")


def _model(promise: arm_rates.Promise) -> dict[str, Any]:
    drawn = promise.drawn
    return {
        "version": promise.version, "n": drawn["n"] if drawn else 0,
        "promised": shown(drawn["promised"], 1, True) if drawn else "–",
        "found": shown(drawn["found"], 1, True) if drawn else "–",
        "difference": points(drawn["difference"]) if drawn else "–",
        "words": calibration_words(drawn),
    }  # fmt: skip


def points(values: list[float | None]) -> str:
    """A difference of rates with its interval, in percentage points."""
    return interval([None if v is None else 100 * v for v in values], 1)


def calibration_words(drawn: dict[str, Any] | None) -> str:
    """Whether what was promised is what was found among those drawn by lot."""
    if not drawn:
        return _("No backtest with drawn visits yet.")
    _value, low, high = drawn["difference"]
    if low is None or drawn["n"] < arm_rates.FEW:
        return _("too few drawn to tell")
    if low > 0:
        return _("promises too little")
    return _("promises too much") if high < 0 else _("as promised, as far as one can tell")
