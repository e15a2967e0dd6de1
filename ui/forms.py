"""How forms look and answer: labels above, hints, words at the field, a summary first."""

from collections.abc import Mapping
from typing import Any

from django import forms
from django.forms.renderers import TemplatesSetting
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.http import url_has_allowed_host_and_scheme

from audit.errors import DomainError


class FormRenderer(TemplatesSetting):
    """Renders every form field with the product's own field template."""

    form_template_name = "components/form.html"
    field_template_name = "components/field.html"


class DateInput(forms.DateInput):
    """The browser's own date field; values travel as ISO dates."""

    input_type = "date"

    def __init__(self, attrs: dict[str, Any] | None = None) -> None:
        super().__init__(attrs, format="%Y-%m-%d")


class TimeInput(forms.TimeInput):
    input_type = "time"

    def __init__(self, attrs: dict[str, Any] | None = None) -> None:
        super().__init__(attrs, format="%H:%M")


def own_path(raw: str) -> str:
    """``raw`` when it leads to a page of this installation, else the front page."""
    safe = raw.startswith("/") and url_has_allowed_host_and_scheme(raw, allowed_hosts=None)
    return raw if safe else "/"


def add_error(form: forms.BaseForm, error: DomainError) -> None:
    """Put a service's refusal at the field it names, or above the form."""
    field = error.field if error.field in form.fields else None
    form.add_error(field, str(error.message))


def form_response(
    request: HttpRequest, template: str, context: Mapping[str, Any], form: forms.BaseForm
) -> HttpResponse:
    """Show a form: 422 when it carries errors, so that htmx and tests can tell; else 200."""
    status = 422 if form.is_bound and form.errors else 200
    return render(request, template, {"form": form, **context}, status=status)
