"""The page of limits for pairs of registers."""

from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.utils.formats import number_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_POST

from audit.errors import DomainError
from authorities.access import acting
from targets.models import ANY_SOURCE, Kind, LinkThreshold
from targets.services.identity.thresholds import SETTERS, remove_threshold, set_threshold
from ui.forms import add_error, form_response


class ThresholdForm(forms.Form):
    kind = forms.ChoiceField(label=gettext_lazy("What is compared"), choices=Kind.choices)
    source_a = forms.CharField(
        label=gettext_lazy("One register"), required=False, max_length=40,
        help_text=gettext_lazy("Its code, as on the page of a site. Empty: any."),
    )  # fmt: skip
    source_b = forms.CharField(
        label=gettext_lazy("The other register"), required=False, max_length=40
    )
    propose_at = forms.FloatField(
        label=gettext_lazy("Propose from (%)"), min_value=0, max_value=100,
        help_text=gettext_lazy("Pairs at least this probable come to the queue."),
    )  # fmt: skip
    join_at = forms.FloatField(
        label=gettext_lazy("Strong from (%)"), min_value=0, max_value=100,
        help_text=gettext_lazy("Such pairs come first and may be joined many at a time."),
    )  # fmt: skip

    def values(self) -> dict[str, Any]:
        data = self.cleaned_data
        return data | {name: data[name] / 100 for name in ("propose_at", "join_at")}


def _percent(share: float) -> str:
    return number_format(round(share * 100, 2), use_l10n=True)


@acting(*SETTERS)
def thresholds(request: HttpRequest) -> HttpResponse:
    """What is set, and a form to set more."""
    form = ThresholdForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            set_threshold(actor=request.actor, **form.values())  # type: ignore[attr-defined]
        except DomainError as error:
            add_error(form, error)
        else:
            messages.success(request, _("The limits count from the next comparison on."))
            return redirect("targets:thresholds")
    context = {
        "title": _("Limits for pairs"), "submit_label": _("Set the limits"),
        "back_url": reverse("targets:pair_list"), "back_label": _("Same or not"),
        "intro": _("The most exact row counts; a person decides on every pair all the same."),
        "rows": [
            {"row": row, "any": ANY_SOURCE, "propose": _percent(row.propose_at),
             "join": _percent(row.join_at)}
            for row in LinkThreshold.objects.all()
        ],
    }  # fmt: skip
    return form_response(request, "targets/identity/thresholds.html", context, form)


@require_POST
@acting(*SETTERS)
def threshold_remove(request: HttpRequest, pk: int) -> HttpResponse:
    row = get_object_or_404(LinkThreshold, pk=pk)
    remove_threshold(actor=request.actor, row=row)  # type: ignore[attr-defined]
    messages.success(request, _("The row was removed."))
    return redirect("targets:thresholds")
