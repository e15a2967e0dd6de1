"""Signals on the sites of an operation, and giving own ones to its participants."""

from django.contrib import messages
from django.db.models import Q
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _

from audit.errors import Conflict, RuleViolation
from authorities import terms
from authorities.access import acting, require
from authorities.models import TermKind
from planning.models import NominationState
from planning.services.sharing import disclose_to_operation, participants_answers
from planning.views.base import fetch, frame
from targets.models import Signal, Site
from targets.services.sharing import usable_grounds


@acting()
def shared_signals(request: HttpRequest, public_id: str) -> HttpResponse:
    """Signals that the actor may see on nominated sites; own ones can be given to everybody."""
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
    if request.method == "POST":
        require(any(p.authority_id == actor.authority.pk for p in operation.participations.all()))
        signal = get_object_or_404(
            Signal.objects.own(actor), public_id=request.POST.get("signal") or None
        )
        try:
            given = disclose_to_operation(
                actor=actor, operation=operation, item=signal, purpose=operation.legal_purpose,
                confirmed=request.POST.getlist("confirmed"),
            )  # fmt: skip
        except (RuleViolation, Conflict) as error:
            messages.warning(request, str(error.message))
        else:
            names = ", ".join(d.receiver.short for d in given)
            messages.success(request, _("Given to %(name)s.") % {"name": names})
        return redirect("planning:shared_signals", public_id=public_id)
    kinds, requires = terms.labels(TermKind.INFORMATION), terms.labels(TermKind.REQUIRES)
    rows = []
    by_kind: dict[str, list[tuple[str, list[str]]]] = {}
    for signal in signals:
        own = signal.authority_id == actor.authority.pk
        if own and signal.kind not in by_kind:
            by_kind[signal.kind] = [
                (place.authority.short, list(grounds[0].requires))
                for place, answer in participants_answers(actor, operation, signal.kind)
                if (grounds := usable_grounds(answer, asked=False, mass=False))
            ]
        receivers = by_kind.get(signal.kind, []) if own else []
        needed = sorted({code for _name, codes in receivers for code in codes})
        rows.append(
            {
                "signal": signal, "kind": kinds.get(signal.kind, signal.kind),
                "receivers": [name for name, _codes in receivers],
                "needed": [(code, requires.get(code, code)) for code in needed],
            }
        )  # fmt: skip
    return render(request, "planning/signals.html", context | {"rows": rows})
