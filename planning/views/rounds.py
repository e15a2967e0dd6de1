"""All days of a round at once: planned as a draft, taken back, planned anew after a cancellation."""

from typing import Any

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_GET, require_POST

from audit.errors import DomainError
from authorities.access import acting
from planning.day_forms import PlanForm
from planning.models import DayPlan, Operation, PlanState
from planning.services import plan_days, replan, undo_plan
from planning.services.replanning import Difference, difference
from planning.services.routes import RUNNING, unplanned, why_left
from planning.views.base import attempt, fetch, frame
from targets.models import Site
from ui.forms import add_error, form_response


def _managed(request: HttpRequest, public_id: str) -> tuple[Operation, dict[str, Any]]:
    """An operation whose days the actor plans now; for others the page does not exist."""
    operation = fetch(request, public_id)
    context = frame(request, operation, "days")
    if not context["rights"]["manage"] or operation.state not in ("scheduled", "executing"):
        raise Http404
    return operation, context


@acting()
def days_plan(request: HttpRequest, public_id: str) -> HttpResponse:
    """Plan every chosen site that has no day yet."""
    operation, _context = _managed(request, public_id)
    form = PlanForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            plan = plan_days(
                actor=request.actor, operation=operation, **form.cleaned_data  # type: ignore[attr-defined]
            )  # fmt: skip
        except DomainError as error:
            add_error(form, error)
        else:
            return redirect("planning:day_plan", public_id=plan.public_id)
    count = len(unplanned(operation))
    context = {
        "title": _("Plan the days"), "submit_label": _("Make a draft of the days"),
        "intro": ngettext(
            "%(count)s selected site has no day. Days that exist stay as they are; the draft can be "
            "changed or taken back as a whole.",
            "%(count)s selected sites have no day. Days that exist stay as they are; the draft can "
            "be changed or taken back as a whole.",
            count,
        ) % {"count": count},
        "back_url": reverse("planning:days", args=[public_id]), "back_label": operation.name,
    }  # fmt: skip
    return form_response(request, "ui/form_page.html", context, form)


@require_GET
@acting()
def day_plan(request: HttpRequest, public_id: str) -> HttpResponse:
    """How far a plan is, what it made, and what found no place."""
    actor = request.actor  # type: ignore[attr-defined]
    plan = get_object_or_404(
        DayPlan.objects.visible_to(actor).select_related("operation"), public_id=public_id
    )
    operation = fetch(request, str(plan.operation.public_id))
    context = frame(request, operation, "days")
    why = {row["site"]: why_left(row["code"]) for row in plan.left}
    days = plan.days.prefetch_related("visits", "members").order_by("date", "team_name", "pk")
    context |= {
        "plan": plan,
        "running": plan.state in RUNNING,
        "days": days,
        # Sites that the reader does not see are not among these.
        "left": [
            (site, why[site.pk]) for site in Site.objects.filter(pk__in=why).order_by("name", "pk")
        ],
        "may_undo": context["rights"]["manage"]
        and operation.state == "scheduled"
        and plan.state == PlanState.DONE
        and bool(days)
        and not any(day.by_hand for day in days),
    }
    return render(request, "planning/day_plan.html", context)


@require_POST
@acting()
def day_plan_undo(request: HttpRequest, public_id: str) -> HttpResponse:
    actor = request.actor  # type: ignore[attr-defined]
    plan = get_object_or_404(
        DayPlan.objects.visible_to(actor).select_related("operation"), public_id=public_id
    )
    attempt(
        request, _("The draft was taken back; its sites are unplanned again."),
        lambda: undo_plan(actor=actor, plan=plan),
    )  # fmt: skip
    return redirect("planning:days", public_id=plan.operation.public_id)


@acting()
def days_replan(request: HttpRequest, public_id: str) -> HttpResponse:
    """The difference that planning anew would make; carried out when a person confirms it."""
    operation, context = _managed(request, public_id)
    if request.method == "POST":
        try:
            done = replan(
                actor=request.actor, operation=operation,  # type: ignore[attr-defined]
                shown=request.POST.get("shown", ""),
            )  # fmt: skip
        except DomainError as error:
            messages.warning(request, str(error))
            return redirect("planning:days_replan", public_id=public_id)
        messages.success(request, _done_words(done))
        return redirect("planning:days", public_id=public_id)
    found = difference(operation=operation)
    return render(
        request, "planning/replan.html",
        context | {"found": found, "shown": found.fingerprint()},
    )  # fmt: skip


def _done_words(done: Difference) -> str:
    if not done.count:
        return _("Nothing had to be changed.")
    return ngettext("%(count)s change was made.", "%(count)s changes were made.", done.count) % {
        "count": done.count
    }
