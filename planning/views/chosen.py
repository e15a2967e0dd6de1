"""What was chosen in the list of sites, nominated with one reason or put into a pool."""

from typing import Any

from django import forms
from django.contrib import messages
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from audit.errors import DomainError
from authorities.access import acting, require
from planning.forms import NominationForm
from planning.models import Operation
from planning.services import add_to_pool, make_nomination
from planning.site_list import open_to, pool_open_to
from targets.bulk_views import Chosen
from targets.models import Site
from ui.forms import add_error, form_response

AT_ONCE = 200  # sites nominated in one go


class ChosenForm(NominationForm):
    operation = forms.ModelChoiceField(
        label=gettext_lazy("Operation"), queryset=Operation.objects.none(),
        to_field_name="public_id",
        help_text=gettext_lazy("Those that take nominations now, from you."),
    )  # fmt: skip
    field_order = ["operation", "reason", "rating", "own_note"]


def _nominate(actor: Any, operation: Operation, sites: list[Site], values: dict[str, Any]) -> Any:
    """How many were nominated, and of the others the first few with the reason in words."""
    done, refused = 0, []
    for site in sites:
        try:
            with transaction.atomic():
                make_nomination(actor=actor, operation=operation, site=site, **values)
            done += 1
        except DomainError as error:
            refused.append(f"{site.shown_name}: {error.message}")
    return done, refused


@acting("coordinator", "analyst", "inspector")
def nominate_chosen(request: HttpRequest) -> HttpResponse:
    actor = request.actor  # type: ignore[attr-defined]
    chosen = Chosen(request)
    if not chosen.ids and not chosen.all:
        messages.error(request, _("Tick at least one site first."))
        return redirect(chosen.back)
    form = ChosenForm(request.POST if request.method == "POST" else None)
    form.fields["operation"].queryset = open_to(actor)  # type: ignore[attr-defined]
    if form.is_bound and form.is_valid():
        values = dict(form.cleaned_data)
        operation = values.pop("operation")
        sites = list(chosen.sites().order_by("name", "pk")[: AT_ONCE + 1])
        require(bool(sites), _("None of the chosen sites is open to you."))
        if len(sites) > AT_ONCE:
            form.add_error(
                None,
                _("At most %(count)s sites at once: narrow the list by a filter.")
                % {"count": AT_ONCE},
            )
        else:
            done, refused = _nominate(actor, operation, sites, values)
            words = ngettext(
                "%(count)s site was nominated.", "%(count)s sites were nominated.", done
            )
            messages.success(request, words % {"count": done})
            for line in refused[:5]:
                messages.warning(request, line)
            if len(refused) > 5:
                words = ngettext(
                    "%(count)s more was refused.", "%(count)s more were refused.", len(refused) - 5
                )
                messages.warning(request, words % {"count": len(refused) - 5})
            return redirect("planning:nominate", public_id=operation.public_id)
    context = {
        "title": _("Nominate the chosen sites"), "submit_label": _("Nominate"),
        "intro": chosen.words(), "back_url": chosen.back, "back_label": _("Sites"),
        "hidden": chosen.hidden(),
    }  # fmt: skip
    return form_response(request, "ui/form_page.html", context, form)


class PoolForm(forms.Form):
    operation = forms.ModelChoiceField(
        label=gettext_lazy("Operation"), queryset=Operation.objects.none(),
        to_field_name="public_id",
        help_text=gettext_lazy("Those whose pool is open now, to you."),
    )  # fmt: skip


@acting("coordinator", "analyst")
def pool_chosen(request: HttpRequest) -> HttpResponse:
    """Put the chosen sites into the pool of an operation."""
    actor = request.actor  # type: ignore[attr-defined]
    chosen = Chosen(request)
    if not chosen.ids and not chosen.all:
        messages.error(request, _("Tick at least one site first."))
        return redirect(chosen.back)
    form = PoolForm(request.POST if request.method == "POST" else None)
    form.fields["operation"].queryset = pool_open_to(actor)  # type: ignore[attr-defined]
    if form.is_bound and form.is_valid():
        operation = form.cleaned_data["operation"]
        try:
            counts = add_to_pool(actor=actor, operation=operation, sites=chosen.sites())
        except DomainError as error:
            add_error(form, error)
        else:
            _tell_pooled(request, *counts)
            return redirect("planning:pool", public_id=operation.public_id)
    context = {
        "title": _("Add the chosen sites to a pool"), "submit_label": _("Add"),
        "intro": chosen.words(), "back_url": chosen.back, "back_label": _("Sites"),
        "hidden": chosen.hidden(),
    }  # fmt: skip
    return form_response(request, "ui/form_page.html", context, form)


def _tell_pooled(request: HttpRequest, new: int, there: int, outside: int) -> None:
    words = ngettext(
        "%(count)s site was added to the pool.", "%(count)s sites were added to the pool.", new
    )
    messages.success(request, words % {"count": new})
    if there:
        words = ngettext("%(count)s was there already.", "%(count)s were there already.", there)
        messages.info(request, words % {"count": there})
    if outside:
        words = ngettext(
            "%(count)s site was left out: it lies outside the regions of the operation.",
            "%(count)s sites were left out: they lie outside the regions of the operation.",
            outside,
        )
        messages.warning(request, words % {"count": outside})
