"""What is signed, who has signed, signing it, and the decision record."""

import datetime as dt
from typing import Any

from django.contrib import messages
from django.contrib.auth import REDIRECT_FIELD_NAME
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.http import urlencode
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET

from authorities.access import acting
from authorities.models import Authority
from authorities.proof import lacks_second_factor, proof_of, where_to_prove
from planning.deviations import newer_plan, plan_of
from planning.models import DecisionRecord, Operation, OperationState
from planning.overruns import overruns
from planning.selectors import draw_of
from planning.services import sign
from planning.services.parts import (
    part_contents,
    selection_content,
    selection_hash,
    unsigned,
)
from planning.views.base import attempt, fetch, frame
from planning.words import CODES, DEVIATIONS, method_words, not_adopted

SIGNED_STATES = ("signing", "scheduled", "executing", "feedback", "closed")
# In the session, while somebody is away to prove who they are: where they come back to.
BACK = "signing_back"


@acting()
def signoff(request: HttpRequest, public_id: str) -> HttpResponse:
    """Exactly what is signed, who has signed, and the button for the manager."""
    actor = request.actor  # type: ignore[attr-defined]
    operation = fetch(request, public_id)
    if operation.state not in SIGNED_STATES:
        raise Http404
    context = frame(request, operation, "signoff")
    waiting = unsigned(operation)
    may_sign = (
        operation.state == "signing"
        and context["rights"]["sign"]
        and any(p.authority_id == actor.authority.pk for p in waiting)
    )
    method = proof_of(request)
    if request.method == "POST":
        if may_sign and not method:
            return _away_to_prove(request, operation)
        if attempt(
            request, _("You have signed for your authority."),
            lambda: sign(
                actor=actor, operation=operation, shown_hash=request.POST.get("hash", ""),
                note=request.POST.get("note", ""), method=method,
            ),
        ):  # fmt: skip
            request.session.pop(_note_key(operation), None)
            request.session.pop(BACK, None)
            return redirect("planning:signoff", public_id=public_id)
        operation.refresh_from_db()
        waiting = unsigned(operation)
    request.session.pop(BACK, None)
    context |= _shown(request, operation) | {
        "waiting": waiting,
        "may_sign": may_sign and operation.state == "signing",
        "proved": bool(method),
        "lacks_second_factor": lacks_second_factor(request),
        "note": request.POST.get("note", request.session.get(_note_key(operation), "")),
    }
    status = 409 if request.method == "POST" else 200
    return render(request, "planning/signoff.html", context, status=status)


def _note_key(operation: Operation) -> str:
    return f"signing_note:{operation.public_id}"


def _away_to_prove(request: HttpRequest, operation: Operation) -> HttpResponse:
    """Off to the page where the missing proof is given, and back here with the note kept."""
    back = reverse("planning:signoff", args=[operation.public_id])
    request.session[_note_key(operation)] = request.POST.get("note", "")
    request.session[BACK] = back
    there = f"{where_to_prove(request)}?{urlencode({REDIRECT_FIELD_NAME: back})}"
    if "application/json" in request.headers.get("Accept", ""):
        return JsonResponse({"error": "proof", "where": there}, status=401)
    if lacks_second_factor(request):
        messages.info(request, _("To sign, set up a second factor first; your note is kept."))
    if request.headers.get("HX-Request"):
        return HttpResponse(status=204, headers={"HX-Redirect": there})
    return redirect(there)


def _shown(request: HttpRequest, operation: Operation) -> dict[str, Any]:
    """What the page shows of the selection and its signatures. Constant queries."""
    actor = request.actor  # type: ignore[attr-defined]
    content = selection_content(operation)
    short = {a.code: a.short for a in Authority.objects.filter(
        code__in={code for row in content["choices"] for code in row["team"]})}  # fmt: skip
    own = part_contents(operation).get(actor.authority.pk)
    touched = {visit["site"] for visit in own["visits"]} if own else set()
    for row in content["choices"]:
        row["team"] = ", ".join(short[code] for code in row["team"])
        row["deviates"] = [DEVIATIONS[kind] for kind in row["deviates"]]
        row["code"] = CODES.get(row["code"], row["code"])
        row["week"] = row["week"] and dt.date.fromisoformat(row["week"])
        row["own"] = row["site"] in touched
    signatures = list(
        operation.signoffs.filter(round=operation.round)
        .select_related("participation__authority", "signed_by", "carried_from")
        .order_by("signed_at", "pk")
    )
    for signature in signatures:
        signature.method_words = method_words(signature.method)  # type: ignore[attr-defined]
    draw, newer = draw_of(operation), newer_plan(operation, plan_of(operation))
    return {
        "content": content,
        "newer": not_adopted(newer) if newer else "",
        "overruns": overruns(operation) if operation.state == OperationState.SIGNING else [],
        "hash": selection_hash(operation),
        "signatures": signatures,
        "draw": draw,
        "seed": bytes(draw.seed).hex() if draw and draw.state == "revealed" else "",
        "records": operation.decision_records.filter(round=operation.round).order_by("language"),
    }


@require_GET
@acting()
def decision_record(request: HttpRequest, public_id: str, language: str) -> HttpResponse:
    actor = request.actor  # type: ignore[attr-defined]
    operation = fetch(request, public_id)
    stored = get_object_or_404(
        DecisionRecord.objects.visible_to(actor),
        operation=operation, round=operation.round, language=language,
    )  # fmt: skip
    response = HttpResponse(bytes(stored.pdf), content_type="application/pdf")
    response["Content-Disposition"] = f'attachment; filename="{operation.number}-{language}.pdf"'
    return response
