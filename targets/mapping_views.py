"""Pages of saved column mappings."""

import json

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from audit.errors import RuleViolation
from authorities.access import acting
from targets.lists import MappingList
from targets.mapping_forms import FIELDS, MappingForm, MappingStartForm
from targets.models import ImportMapping
from targets.services.imports.control import IMPORTERS
from targets.services.mappings import remove_mapping, save_mapping
from ui.forms import add_error, form_response

mapping_list = require_GET(acting(*IMPORTERS)(MappingList.as_view()))


@acting(*IMPORTERS)
def mapping_create(request: HttpRequest) -> HttpResponse:
    """First a sample of the file, then which column is what."""
    context = {
        "title": _("New column mapping"), "back_url": reverse("targets:mapping_list"),
        "back_label": _("Column mappings"), "submit_label": _("Look at the columns"),
    }  # fmt: skip
    if "sample" in request.POST:
        return _save(request, context)
    start = MappingStartForm(request.POST or None, request.FILES or None)
    if request.method == "POST" and start.is_valid():
        return form_response(
            request, "ui/form_page.html", context | {"submit_label": _("Save the mapping")},
            MappingForm.begun(start),
        )  # fmt: skip
    return form_response(request, "ui/form_page.html", context, start)


def _save(request: HttpRequest, context: dict[str, str]) -> HttpResponse:
    try:
        form = MappingForm.sent(request.POST)
    except forms.ValidationError as error:
        start = MappingStartForm(request.POST)
        start.add_error(None, error)
        return form_response(request, "ui/form_page.html", context, start)
    if form.is_valid():
        try:
            mapping = save_mapping(
                actor=request.actor,  # type: ignore[attr-defined]
                name=form.cleaned_data["name"], kind=form.cleaned_data["kind"], **form.mapping(),
            )  # fmt: skip
        except RuleViolation as error:
            add_error(form, error)
        else:
            messages.success(
                request, _("The mapping “%(name)s” can now be chosen.") % {"name": mapping.name}
            )
            return redirect("targets:mapping_list")
    context = context | {"submit_label": _("Save the mapping")}
    return form_response(request, "ui/form_page.html", context, form)


@require_GET
@acting(*IMPORTERS)
def mapping_detail(request: HttpRequest, code: str) -> HttpResponse:
    """Which column is what, and what else the mapping says."""
    actor = request.actor  # type: ignore[attr-defined]
    mapping = get_object_or_404(
        ImportMapping.objects.visible_to(actor).select_related("authority"), code=code
    )
    words = {name: str(label) for name, (label, _needed) in FIELDS[mapping.kind].items()}
    context = {
        "mapping": mapping,
        "facts": [
            {"label": _("Kind"), "value": mapping.get_kind_display()},
            {"label": _("Owner"), "value": mapping.authority.name if mapping.authority
             else _("comes with Tarkka")},
        ],
        "columns": [
            (words.get(field, field), ", ".join(column) if isinstance(column, list) else column)
            for field, column in mapping.columns.items()
        ],
        "options": json.dumps(mapping.options, ensure_ascii=False, indent=2),
        "removable": mapping.authority_id == actor.authority.pk,
        "tabs": [],
    }  # fmt: skip
    return render(request, "targets/mapping.html", context)


@require_POST
@acting(*IMPORTERS)
def mapping_remove(request: HttpRequest, code: str) -> HttpResponse:
    actor = request.actor  # type: ignore[attr-defined]
    mapping = get_object_or_404(
        ImportMapping.objects.visible_to(actor).filter(authority=actor.authority), code=code
    )
    try:
        remove_mapping(actor=actor, mapping=mapping)
    except RuleViolation as error:
        messages.error(request, str(error.message))
    else:
        messages.success(request, _("The mapping was removed."))
    return redirect("targets:mapping_list")
