"""Who is invited and what they answered."""

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from audit.errors import DomainError
from authorities.access import acting
from planning.forms import AcceptForm, InviteForm, ReasonForm
from planning.models import Participation
from planning.services import accept, decline, invite, remove_invitation, withdraw
from planning.services.participation import may_answer
from planning.views.base import attempt, fetch, frame
from ui.forms import add_error


@acting()
def participants(request: HttpRequest, public_id: str) -> HttpResponse:
    actor = request.actor  # type: ignore[attr-defined]
    operation = fetch(request, public_id)
    context = frame(request, operation, "participants")
    may_invite = context["rights"]["manage"] and operation.state in (
        "draft", "inviting", "nominating",
    )  # fmt: skip
    form = InviteForm(request.POST or None, operation=operation)
    if request.method == "POST" and may_invite and form.is_valid():
        unit = form.cleaned_data["unit"]
        try:
            invite(
                actor=actor, operation=operation, authority=unit.authority, unit=unit,
                message=form.cleaned_data["message"],
            )  # fmt: skip
        except DomainError as error:
            add_error(form, error)
        else:
            messages.success(request, _("%(name)s is on the list.") % {"name": unit.authority.name})
            return redirect("planning:participants", public_id=public_id)
    context |= {
        "form": form,
        "may_invite": may_invite,
        "places": operation.participations.select_related(
            "authority", "unit", "contact", "answered_by"
        ).order_by("-is_lead", "pk"),
    }
    status = 422 if form.is_bound and form.errors else 200
    return render(request, "planning/participants.html", context, status=status)


@require_POST
@acting()
def invitation_remove(request: HttpRequest, public_id: str) -> HttpResponse:
    place = _place(request, public_id)
    attempt(
        request, _("The authority was taken off the list."),
        lambda: remove_invitation(actor=request.actor, place=place),  # type: ignore[attr-defined]
    )  # fmt: skip
    return redirect("planning:participants", public_id=place.operation.public_id)


def _place(request: HttpRequest, public_id: str) -> Participation:
    return get_object_or_404(
        Participation.objects.visible_to(request.actor).select_related(  # type: ignore[attr-defined]
            "operation", "authority", "unit", "answered_by"
        ),
        public_id=public_id,
    )


@acting()
def answer(request: HttpRequest, public_id: str) -> HttpResponse:
    """Accept with capacity, or decline with a reason."""
    actor = request.actor  # type: ignore[attr-defined]
    place = _place(request, public_id)
    if not may_answer(actor, place):
        raise Http404
    declining = request.POST.get("answer") == "decline"
    form = AcceptForm(
        None if declining else request.POST or None, authority=actor.authority,
        initial={"unit": place.unit_id, "contact": actor.user.pk},
    )  # fmt: skip
    decline_form = ReasonForm(request.POST if declining else None, prefix="decline")
    shown = decline_form if declining else form
    if request.method == "POST" and shown.is_valid():
        try:
            if declining:
                decline(actor=actor, place=place, reason=shown.cleaned_data["reason"])
            else:
                accept(actor=actor, place=place, **shown.cleaned_data)
        except DomainError as error:
            add_error(shown, error)
        else:
            messages.success(request, _("Your answer was sent to the lead."))
            if declining:
                return redirect("planning:operation_list")
            return redirect("planning:operation_detail", public_id=place.operation.public_id)
    context = {
        "place": place, "operation": place.operation, "form": form, "decline_form": decline_form,
        "back_url": reverse("planning:operation_detail", args=[place.operation.public_id]),
    }  # fmt: skip
    status = 422 if shown.is_bound and shown.errors else 200
    return render(request, "planning/answer.html", context, status=status)


@acting()
def leave(request: HttpRequest, public_id: str) -> HttpResponse:
    """Withdraw from an operation with a reason."""
    actor = request.actor  # type: ignore[attr-defined]
    place = _place(request, public_id)
    if not may_answer(actor, place):
        raise Http404
    form = ReasonForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            withdraw(actor=actor, place=place, reason=form.cleaned_data["reason"])
        except DomainError as error:
            add_error(form, error)
        else:
            messages.success(request, _("Your authority has left the operation."))
            return redirect("planning:operation_list")
    context = {
        "title": _("Leave the operation"), "submit_label": _("Leave"), "form": form,
        "consequences": [
            _("Your people lose access to the operation at once."),
            _("The lead reads the reason."),
        ],
        "back_url": reverse("planning:operation_detail", args=[place.operation.public_id]),
    }  # fmt: skip
    status = 422 if form.is_bound and form.errors else 200
    return render(request, "ui/confirm.html", context, status=status)
