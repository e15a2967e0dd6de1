"""List, creation, overview and arrows of operations."""

from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET

from audit.errors import Conflict, DomainError, NotAllowed
from audit.selectors import timeline
from authorities.access import acting, require
from authorities.models import Role
from planning import states
from planning.forms import NewOperationForm, OperationForm, ReasonForm
from planning.lists import OperationList
from planning.models import Operation, ParticipationState
from planning.overruns import overruns
from planning.permissions import can
from planning.services import create_operation, edit_operation, move
from planning.views.base import arrows, fetch, frame
from ui.forms import add_error, form_response

operation_list = require_GET(acting()(OperationList.as_view()))


@acting(Role.COORDINATOR)
def operation_create(request: HttpRequest) -> HttpResponse:
    actor = request.actor  # type: ignore[attr-defined]
    form = NewOperationForm(request.POST or None, actor=actor)
    if request.method == "POST" and form.is_valid():
        data = dict(form.cleaned_data)
        data.pop("version")
        try:
            operation = create_operation(actor=actor, **data)
        except DomainError as error:
            add_error(form, error)
        else:
            messages.success(
                request, _("Draft %(number)s was made.") % {"number": operation.number}
            )
            return redirect("planning:participants", public_id=operation.public_id)
    context = {
        "title": _("New operation"), "submit_label": _("Make a draft"), "draft": "operation-new",
        "back_url": reverse("planning:operation_list"), "back_label": _("Operations"),
        "intro": _("A draft is seen by your own unit only. Invitations go out later, when you "
                   "send them."),
    }  # fmt: skip
    return form_response(request, "ui/form_page.html", context, form)


@acting()
def operation_edit(request: HttpRequest, public_id: str) -> HttpResponse:
    actor = request.actor  # type: ignore[attr-defined]
    operation = fetch(request, public_id)
    require(can(actor, "manage", operation))
    form = OperationForm(request.POST or None, actor=actor, operation=operation)
    clash: dict[str, Any] | None = None
    if request.method == "POST" and form.is_valid():
        data = dict(form.cleaned_data)
        version = data.pop("version") or 0
        try:
            edit_operation(actor=actor, operation=operation, version=version, **data)
        except Conflict as error:
            clash = {"message": error.message, "current": _facts(operation)}
            form.data = typed = request.POST.copy()
            typed["version"] = str(operation.version)
            form.add_error(None, str(error.message))
        except NotAllowed:
            raise
        except DomainError as error:
            add_error(form, error)
        else:
            messages.success(request, _("The changes are saved."))
            return redirect("planning:operation_detail", public_id=public_id)
    context = {
        "title": _("Edit: %(name)s") % {"name": operation.name}, "submit_label": _("Save"),
        "back_url": reverse("planning:operation_detail", args=[public_id]),
        "back_label": operation.name, "clash": clash, "draft": f"operation-{public_id}",
    }  # fmt: skip
    response = form_response(request, "ui/form_page.html", context, form)
    if clash:
        response.status_code = 409
    return response


def _facts(operation: Operation) -> list[dict[str, Any]]:
    window = "–".join(
        date_format(d, "SHORT_DATE_FORMAT") for d in (operation.window_start, operation.window_end)
    )
    return [
        {"label": _("Running number"), "value": operation.number},
        {"label": _("Theme"), "value": operation.theme},
        {"label": _("Lead"), "value": f"{operation.lead_authority.name}, "
                                      f"{operation.lead.full_name}"},
        {"label": _("Regions"), "value": ", ".join(r.name for r in operation.regions.all())},
        {"label": _("Industries"), "value": ", ".join(
            i.name for i in operation.industries.all()) or _("every industry")},
        {"label": _("Answers by"), "value": date_format(operation.answer_by, "SHORT_DATE_FORMAT")},
        {"label": _("Nominations by"),
         "value": date_format(operation.nominate_by, "SHORT_DATE_FORMAT")},
        {"label": _("Inspection window"), "value": window},
    ]  # fmt: skip


@require_GET
@acting()
def operation_detail(request: HttpRequest, public_id: str) -> HttpResponse:
    actor = request.actor  # type: ignore[attr-defined]
    operation = fetch(request, public_id)
    context = frame(request, operation, "overview")
    place = operation.participations.filter(authority=actor.authority).first()
    answerable = (
        place is not None
        and place.state == ParticipationState.INVITED
        and actor.has_role(Role.COORDINATOR, Role.MANAGER)
    )
    context |= {
        "facts": _facts(operation),
        "arrows": arrows(operation, context["rights"]),
        "timeline": timeline(operation, actor),
        "answer_url": reverse("planning:answer", args=[place.public_id])
        if place and answerable
        else "",
        "editable": context["rights"]["manage"]
        and operation.state in ("draft", "inviting", "nominating", "selecting"),
    }
    return render(request, "planning/overview.html", context)


@acting()
def operation_move(request: HttpRequest, public_id: str, arrow: str) -> HttpResponse:
    """Ask before an arrow is taken, saying what follows; then take it."""
    actor = request.actor  # type: ignore[attr-defined]
    operation = fetch(request, public_id)
    step = states.ARROWS.get(arrow)
    require(step is not None and arrow != "all_signed" and can(actor, "manage", operation))
    assert step is not None
    form = ReasonForm(request.POST or None)
    if not step.needs_reason:
        form.fields.clear()
    if request.method == "POST" and form.is_valid():
        try:
            move(actor=actor, operation=operation, arrow=arrow,
                 reason=form.cleaned_data.get("reason", ""))  # fmt: skip
        except NotAllowed:
            raise
        except DomainError as error:
            add_error(form, error)
        else:
            messages.success(request, CONSEQUENCES[arrow][1])
            return redirect("planning:operation_detail", public_id=public_id)
    # Whoever asks for signatures hears of it first: to mend it later is to ask anew.
    passed = overruns(operation) if arrow == "ask_signatures" else []
    context = {
        "title": step.label, "submit_label": step.label,
        "consequences": [
            CONSEQUENCES[arrow][0], *states.missing_for(step, operation),
            *([_("Limits that the selection does not keep"), *passed] if passed else []),
        ],
        "back_url": reverse("planning:operation_detail", args=[public_id]),
    }  # fmt: skip
    return form_response(request, "ui/confirm.html", context, form)


class _Lazy:
    """Pairs of (what follows, what was done), translated when read."""

    def __getitem__(self, arrow: str) -> tuple[str, str]:
        texts = {
            "invite": (
                _("The authorities on the list see the operation and get a task to answer."),
                _("Invitations were sent."),
            ),
            "open_nominations": (
                _("Every participating authority gets a task to nominate. Nobody sees the others’ "
                  "nominations before selection begins."),
                _("Nominations are open."),
            ),
            "start_selection": (
                _("Nominations close and all participants see the joint list."),
                _("Selection has begun."),
            ),
            "ask_signatures": (
                _("Each participating authority’s manager gets a task to sign exactly this "
                  "selection."),
                _("Signatures were asked for."),
            ),
            "reopen_selection": (
                _("Signatures given so far lose their force and everybody is asked again."),
                _("Selection is open again."),
            ),
            "start_execution": (
                _("The teams see their visits and can begin."),
                _("Inspections can begin."),
            ),
            "start_feedback": (
                _("The field part ends; nominators are told what became of their nominations."),
                _("The operation is in feedback and follow-up."),
            ),
            "close": (
                _("Results become part of the sites’ history, seen by all authorities. Open "
                  "follow-up measures go on until they are closed."),
                _("The operation is closed."),
            ),
            "cancel": (
                _("The operation ends for everybody and its open tasks are taken away. This "
                  "cannot be undone."),
                _("The operation was cancelled."),
            ),
        }  # fmt: skip
        return texts[arrow]


CONSEQUENCES = _Lazy()
