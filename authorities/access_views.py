"""Stating a purpose, and reading the access log."""

from django import forms
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_GET, require_POST

from audit.errors import RuleViolation
from authorities.access import acting
from authorities.access_lists import AccessList
from authorities.models import Role
from authorities.purposes import case_from, state_purpose
from ui.forms import add_error, form_response, own_path

access_list = require_GET(acting(Role.ADMINISTRATOR, Role.MANAGER)(AccessList.as_view()))


class PurposeForm(forms.Form):
    text = forms.CharField(
        label=gettext_lazy("Why do you need this?"), max_length=300,
        help_text=gettext_lazy(
            "Kept with every look, read by the owner of the data and by your supervisor. "
            "Name no person."
        ),
    )  # fmt: skip
    case = forms.CharField(widget=forms.HiddenInput)
    next = forms.CharField(widget=forms.HiddenInput, required=False)


@require_POST
@acting()
def purpose_state(request: HttpRequest) -> HttpResponse:
    """Remember why the person looks at a case, and lead back to it."""
    actor = request.actor  # type: ignore[attr-defined]
    case = case_from(request.POST.get("case", ""), actor)
    if case is None:
        raise Http404
    form = PurposeForm(request.POST)
    if form.is_valid():
        try:
            state_purpose(actor=actor, case=case, text=form.cleaned_data["text"])
        except RuleViolation as error:
            add_error(form, error)
        else:
            return redirect(own_path(form.cleaned_data["next"]))
    context = {
        "title": _("Purpose"), "submit_label": _("Continue"),
        "back_url": reverse("worklist:my_work"), "back_label": _("My work"),
    }  # fmt: skip
    return form_response(request, "ui/form_page.html", context, form)
