"""Pages of indicators: list, one indicator with its versions, the builder and its preview."""

import uuid
from typing import Any

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from audit.errors import DomainError, RuleViolation
from audit.selectors import timeline
from authorities.access import acting, require
from risk import bins as bins_of
from risk import definition_fields, permissions, previews
from risk.forms import NEW, IndicatorForm
from risk.lists import IndicatorList
from risk.models import Indicator, IndicatorState, IndicatorVersion
from risk.permissions import READERS
from risk.services import indicators, tested
from ui.forms import add_error, form_response

indicator_list = require_GET(acting(*READERS)(IndicatorList.as_view()))


def _actor(request: HttpRequest) -> Any:
    return request.actor  # type: ignore[attr-defined]


def _version(request: HttpRequest, public_id: str) -> IndicatorVersion:
    return get_object_or_404(
        IndicatorVersion.objects.visible_to(_actor(request)).select_related(
            "indicator__authority", "ground__ground", "created_by"
        ),
        public_id=public_id,
    )


@require_GET
@acting(*READERS)
def indicator_detail(request: HttpRequest, public_id: str) -> HttpResponse:
    """An indicator with every version that the actor sees."""
    actor = _actor(request)
    indicator = get_object_or_404(
        Indicator.objects.visible_to(actor).select_related("authority"), public_id=public_id
    )
    rows = list(
        IndicatorVersion.objects.visible_to(actor)
        .filter(indicator=indicator)
        .select_related("indicator__authority", "ground__ground", "created_by")
        .order_by("-number")
    )
    if not rows:
        raise Http404
    context = {
        "indicator": indicator, "title": rows[0].name, "versions": [_shown(actor, r) for r in rows],
        "timeline": timeline(indicator, actor),
        "owner": indicator.authority.name if indicator.authority else _("shared by all"),
        "may_draft": permissions.may_draft(actor, indicator.authority_id)
        and rows[0].state != IndicatorState.DRAFT,
    }  # fmt: skip
    return render(request, "risk/indicator.html", context)


def _shown(actor: Any, row: IndicatorVersion) -> dict[str, Any]:
    """One version for its page; of a "level" one others see what points it may give, no more."""
    inside = permissions.sees_inside(actor, row)
    draft = row.state == IndicatorState.DRAFT
    least, most = bins_of.span(row.bins, row.missing_points, row.cap) if row.bins else (0, 0)
    return {
        "row": row,
        "inside": inside,
        "definition": definition_fields.words(row.source, row.definition) if inside else [],
        "bins": bins_of.words(row.bins) if inside and row.bins else [],
        "least": least, "most": most,
        "ground": row.ground.basis_words if row.ground else row.ground_text,
        "problems": indicators.problems(row) if draft else [],
        "may_change": draft and permissions.may_change_indicator(actor, row),
        "may_drop": draft and permissions.may_draft(actor, row.indicator.authority_id),
        "may_publish": draft and permissions.may_publish_indicator(actor, row),
        "may_retire": row.state == IndicatorState.PUBLISHED
        and permissions.may_retire_indicator(actor, row),
    }  # fmt: skip


@acting(*READERS)
def indicator_create(request: HttpRequest) -> HttpResponse:
    actor = _actor(request)
    require(permissions.may_draft(actor, actor.authority.pk))
    return _build(request, None)


@acting(*READERS)
def indicator_edit(request: HttpRequest, public_id: str) -> HttpResponse:
    version = _version(request, public_id)
    require(permissions.may_change_indicator(_actor(request), version))
    if version.state != IndicatorState.DRAFT:
        messages.warning(request, _("A published version is never changed. Make a new version."))
        return redirect("risk:indicator_detail", public_id=version.indicator.public_id)
    return _build(request, version)


def _build(request: HttpRequest, version: IndicatorVersion | None) -> HttpResponse:
    """The builder. ``step`` in the form says what was pressed: save, other fields, more lines, look."""
    actor, step = _actor(request), request.POST.get("step", "save")
    if request.method != "POST":
        form = IndicatorForm(actor, version=version, **({} if version else {"initial": NEW}))
    elif step in ("fields", "lines"):
        form = IndicatorForm.typed(actor, request.POST, version)
    else:
        form = IndicatorForm(actor, request.POST, version=version)
        if step == "save" and form.is_valid():
            saved = _save(actor, form, version)
            if saved is not None:
                messages.success(request, _("The draft was saved."))
                return redirect("risk:indicator_detail", public_id=saved.indicator.public_id)
    context = {
        "title": _("Draft of %(name)s") % {"name": version.name} if version else _("New indicator"),
        "back_url": reverse("risk:indicator_detail", args=[version.indicator.public_id])
        if version else reverse("risk:indicator_list"),
        "back_label": version.name if version else _("Indicators"),
        "preview": previews.of_form(actor, form) if step == "preview" else None,
        "preview_url": reverse("risk:indicator_preview"), "version": version,
        "forbidden": tested.never_words(),
    }  # fmt: skip
    return form_response(request, "risk/builder.html", context, form)


def _save(
    actor: Any, form: IndicatorForm, version: IndicatorVersion | None
) -> IndicatorVersion | None:
    """The saved draft; None when the form has to be mended."""
    try:
        if version is None:
            shared = form.cleaned_data["owner"] == "shared"
            return indicators.draft_indicator(
                actor=actor, authority=None if shared else actor.authority, **form.values()
            )
        shown = form.cleaned_data["edits"] or 0
        return indicators.change_indicator(
            actor=actor, version=version, shown=shown, **form.values()
        )
    except DomainError as error:
        add_error(form, error)
        return None


def _uuid(text: str) -> str:
    """An id from the address; 404 for what is none."""
    try:
        return str(uuid.UUID(text))
    except ValueError:
        raise Http404 from None


@require_POST
@acting(*READERS)
def indicator_preview(request: HttpRequest) -> HttpResponse:
    """What the form as it stands would find, while it is filled in. Nothing is stored."""
    actor = _actor(request)
    require(permissions.may_draft(actor, actor.authority.pk))
    version = None
    if request.GET.get("version"):
        version = _version(request, _uuid(request.GET["version"]))
        require(permissions.may_change_indicator(actor, version))
    form = IndicatorForm(actor, request.POST, version=version)
    return render(request, "risk/preview.html", {"preview": previews.of_form(actor, form)})


@require_POST
@acting(*READERS)
def indicator_version(request: HttpRequest, public_id: str) -> HttpResponse:
    """Open a draft of the next version."""
    actor = _actor(request)
    indicator = get_object_or_404(Indicator.objects.visible_to(actor), public_id=public_id)
    draft = indicators.new_indicator_version(actor=actor, indicator=indicator)
    return redirect("risk:indicator_edit", public_id=draft.public_id)


@require_POST
@acting(*READERS)
def indicator_step(request: HttpRequest, public_id: str) -> HttpResponse:
    """Publish, retire or give up a version."""
    version = _version(request, public_id)
    actor, step = _actor(request), request.POST.get("step", "")
    try:
        if step == "publish":
            indicators.publish_indicator(actor=actor, version=version)
            messages.success(request, _("Published. Models may use it from now on."))
        elif step == "retire":
            indicators.retire_indicator(actor=actor, version=version)
            messages.success(request, _("Retired. Models that have it keep it as it was."))
        elif step == "drop":
            indicators.drop_indicator_draft(actor=actor, version=version)
            messages.success(request, _("The draft was given up."))
            return redirect("risk:indicator_list")
        else:
            raise Http404
    except RuleViolation as error:
        messages.warning(request, str(error.message))
    return redirect("risk:indicator_detail", public_id=version.indicator.public_id)
