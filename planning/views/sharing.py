"""Signals and data sets of an operation, and giving own ones to its participants."""

from typing import TYPE_CHECKING, Any

from django.contrib import messages
from django.db.models import Q
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _

from audit.errors import Conflict, RuleViolation
from authorities import terms
from authorities.access import acting, require
from authorities.models import TermKind
from planning.models import NominationState, Operation
from planning.services.sharing import disclose_to_operation, who_may_have
from planning.views.base import fetch, frame
from targets.models import Dataset, Signal, Site

if TYPE_CHECKING:
    from authorities.actors import Actor


@acting()
def shared_signals(request: HttpRequest, public_id: str) -> HttpResponse:
    """Signals that the actor may see on nominated sites; own ones, and own data sets, can be given."""
    actor = request.actor  # type: ignore[attr-defined]
    operation = fetch(request, public_id)
    context = frame(request, operation, "signals")
    sites = Site.objects.filter(
        nominations__operation=operation, nominations__state=NominationState.ACTIVE
    )
    signals = (
        Signal.objects.visible_to(actor)
        .filter(Q(site__in=sites) | Q(company__sites__in=sites))
        .select_related("authority", "site", "company")
        .distinct()
        .order_by("-observed_on", "-pk")[:50]
    )
    sets = (
        Dataset.objects.visible_to(actor)
        .filter(state="ready")
        .select_related("authority")
        .order_by("title", "pk")[:50]
    )
    if request.method == "POST":
        require(any(p.authority_id == actor.authority.pk for p in operation.participations.all()))
        _give(request, operation)
        return redirect("planning:shared_signals", public_id=public_id)
    items: list[Signal | Dataset] = [*signals, *sets]
    rows = [_row(actor, operation, item) for item in items]
    return render(request, "planning/signals.html", context | {"rows": rows})


def _give(request: HttpRequest, operation: Operation) -> None:
    """Give the chosen own signal or data set to every participant who may have it."""
    actor = request.actor  # type: ignore[attr-defined]
    item: Signal | Dataset
    if "dataset" in request.POST:
        sets = Dataset.objects.visible_to(actor).filter(authority=actor.authority)
        item = get_object_or_404(sets, public_id=request.POST["dataset"] or None)
    else:
        item = get_object_or_404(
            Signal.objects.own(actor), public_id=request.POST.get("signal") or None
        )
    try:
        given = disclose_to_operation(
            actor=actor, operation=operation, item=item, purpose=operation.legal_purpose,
            confirmed=request.POST.getlist("confirmed"),
        )  # fmt: skip
    except (RuleViolation, Conflict) as error:
        messages.warning(request, str(error.message))
    else:
        names = ", ".join(d.receiver.short for d in given)
        messages.success(request, _("Given to %(name)s.") % {"name": names})


def _row(actor: "Actor", operation: Operation, item: Signal | Dataset) -> dict[str, Any]:
    """One signal or data set: to whom it may still be given, what to confirm, who has it."""
    own = item.authority_id == actor.authority.pk
    may = who_may_have(actor, operation, item) if own else []
    have = set(
        item.disclosures.filter(
            state="active", context_type=operation._meta.label_lower, context_id=operation.pk
        ).values_list("receiver_id", flat=True)
    )
    waiting = [(place, ground) for place, ground in may if place.authority_id not in have]
    requires = terms.labels(TermKind.REQUIRES)
    codes = sorted({code for _place, ground in waiting for code in ground.requires})
    kind = terms.labels(TermKind.INFORMATION).get(item.kind, item.kind)
    is_set = isinstance(item, Dataset)
    return {
        "item": item,
        "is_set": is_set,
        "title": item.title if isinstance(item, Dataset) else item.subject_name,
        "on": item.created_at if isinstance(item, Dataset) else item.observed_on,
        "kind": kind,
        "receivers": [place.authority.short for place, _ground in waiting],
        "given": [place.authority.short for place, _g in may if place.authority_id in have],
        "needed": [(code, requires.get(code, code)) for code in codes],
    }
