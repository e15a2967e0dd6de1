"""Pages of signals: list, writing, one signal with what hangs on it."""

import datetime as dt
from typing import Any

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.core.files.storage import default_storage
from django.http import FileResponse, Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from audit.errors import Conflict, DomainError, RuleViolation
from audit.selectors import timeline
from authorities import gateway, terms
from authorities.access import acting, require
from authorities.models import Authority, TermKind
from authorities.purposes import case_token, purpose_of
from targets.models import About, Company, Offer, Signal, SignalFile, Site
from targets.services.handovers import earlier_refusals, hand_over
from targets.services.offers import accept_offer, decline_offer, postpone_offer
from targets.services.sharing import disclose, refusal, usable_grounds
from targets.services.signals import (
    add_file,
    lift_legal_hold,
    place_legal_hold,
    write_signal,
)
from targets.signal_forms import DiscloseForm, FileForm, HandOverForm, SignalForm
from targets.signal_lists import SignalList
from ui.forms import add_error, form_response

signal_list = require_GET(acting()(SignalList.as_view()))


def fetch(request: HttpRequest, public_id: str) -> Signal:
    """A signal that the actor may see; else 404."""
    return get_object_or_404(
        Signal.objects.visible_to(request.actor).select_related(  # type: ignore[attr-defined]
            "authority", "unit", "author", "company", "site", "retention"
        ),
        public_id=public_id,
    )


def own(request: HttpRequest, public_id: str) -> Signal:
    """A signal that the acting authority owns; 404 for those received."""
    return get_object_or_404(
        Signal.objects.own(request.actor).select_related(  # type: ignore[attr-defined]
            "authority", "company", "site", "retention"
        ),
        public_id=public_id,
    )


def prefilled(request: HttpRequest) -> dict[str, Any]:
    """Values from a link of a site's or company's page."""
    actor = request.actor  # type: ignore[attr-defined]
    for about, model in ((About.SITE, Site), (About.COMPANY, Company)):
        raw = request.GET.get(str(about), "")
        if raw:
            try:
                row = model.objects.visible_to(actor).filter(public_id=raw).first()
            except ValidationError:  # a malformed id is no row
                row = None
            if row is not None:
                return {"about": about, "target": str(row), "pick": f"{about}:{row.public_id}"}
    return {}


@acting()
def signal_create(request: HttpRequest) -> HttpResponse:
    """Write a signal on one page."""
    actor = request.actor  # type: ignore[attr-defined]
    start = prefilled(request)
    form = SignalForm(request.POST or None, initial=SignalForm.starting(**start))
    if start.get("pick"):
        field = form.fields["pick"]
        field.choices = [(start["pick"], start["target"])]  # type: ignore[attr-defined]
    if request.method == "POST":
        picked = request.POST.get("pick", "")
        if picked:
            form.fields["pick"].choices = [(picked, picked)]  # type: ignore[attr-defined]
        signal = _store(actor, form) if form.is_valid() else None
        if signal is not None:
            messages.success(request, _("The signal was saved."))
            return redirect("targets:signal_detail", public_id=signal.public_id)
    return form_response(request, "targets/signal_form.html", {}, form)


def _store(actor: Any, form: SignalForm) -> Signal | None:
    """Write the signal of a valid form; None when a target or a rule stands in the way."""
    data = form.cleaned_data
    about = data["about"]
    target = None
    if about in (About.SITE, About.COMPANY):
        target = form.find_target(actor, about)
        if target is None:
            return None
    try:
        return write_signal(
            actor=actor, about=about, kind=data["kind"], text=data["text"],
            purpose=data["purpose"], retention=data["retention"],
            observed_on=data["observed_on"], topic=data["topic"],
            company=target if isinstance(target, Company) else None,
            site=target if isinstance(target, Site) else None,
            source_type=data["source_type"], reliability=data["reliability"],
            accuracy=data["accuracy"], classification=data["classification"],
            indicators=form.answers(), client_id=data["client_id"],
        )  # fmt: skip
    except RuleViolation as error:
        add_error(form, error)
        return None


@require_GET
@acting()
def signal_detail(request: HttpRequest, public_id: str) -> HttpResponse:
    actor = request.actor  # type: ignore[attr-defined]
    signal = fetch(request, public_id)
    is_own = signal.authority_id == actor.authority.pk
    # The own authority's signals are its work; what others gave is looked at for a purpose.
    purpose = purpose_of(actor, signal)
    if purpose is None and not is_own:
        context = {"signal": signal, "case_token": case_token(signal), "closed": True, "tabs": []}
        return render(request, "targets/signal.html", context)
    given = signal.disclosures.visible_to(actor).select_related(
        "giver", "receiver", "ground__ground", "given_by", "received_by"
    )
    kind = terms.label(TermKind.INFORMATION, signal.kind)
    receivers = sorted({d.receiver.name for d in given if d.state == "active"})
    facts = [
        {"label": _("Kind of information"), "value": kind},
        {"label": _("Seen on"), "value": signal.observed_on},
        {"label": _("Source"), "value": signal.get_source_type_display()},
        {"label": _("Reliability"), "value": signal.get_reliability_display()},
        {"label": _("Sureness"), "value": signal.get_accuracy_display()},
        {"label": _("Classification"), "value": signal.get_classification_display()},
        {"label": _("Owner"), "value": f"{signal.authority.name}, {signal.unit.name}"},
        {"label": _("Kept for"), "value": signal.purpose},
        {"label": _("Kept until"), "value": signal.expires_on},
    ]
    context = {
        "signal": signal, "facts": facts, "own": is_own, "kind": kind,
        "visible_to": ", ".join([signal.authority.name, *receivers]),
        "indicators": signal.indicators.select_related("indicator").order_by("indicator__order"),
        "files": signal.files.order_by("pk"), "file_form": FileForm(),
        "given": given.order_by("-given_at", "-pk"),
        "offers": signal.offers.visible_to(actor).select_related("receiver", "ground__ground")
        .order_by("-duty", "pk") if is_own else [],
        "handovers": signal.handovers.visible_to(actor).select_related("sender", "receiver")
        .order_by("-sent_at", "-pk"),
        "refusals": earlier_refusals(
            actor, site=signal.site, company=signal.company, but=signal
        ),
        "held": signal.legal_holds.filter(lifted_at__isnull=True).first() if is_own else None,
        "requires": terms.labels(TermKind.REQUIRES),
        "timeline": timeline(signal, actor), "today": timezone.localdate(), "tabs": [],
        # The law of the day of giving counts, not of the day of seeing.
        "answers": gateway.answers(actor.authority, signal.kind)
        if is_own or _may_pass_on(actor, given) else [],
        "kinds": {}, "forces": terms.labels(TermKind.FORCE),
        "may_stop": is_own and actor.has_role("manager", "administrator"),
    }  # fmt: skip
    return render(request, "targets/signal.html", context)


def _may_pass_on(actor: Any, given: Any) -> bool:
    today = timezone.localdate()
    return any(
        d.receiver_id == actor.authority.pk and d.may_pass_on and d.state == "active"
        and d.expires_on >= today
        for d in given
    )  # fmt: skip


def _purpose_first(request: HttpRequest, signal: Signal) -> HttpResponse | None:
    """To the signal's page, which asks why, when another's signal is opened without a purpose."""
    actor = request.actor  # type: ignore[attr-defined]
    if purpose_of(actor, signal) is None and signal.authority_id != actor.authority.pk:
        return redirect("targets:signal_detail", public_id=signal.public_id)
    return None


@require_POST
@acting()
def signal_file_add(request: HttpRequest, public_id: str) -> HttpResponse:
    actor = request.actor  # type: ignore[attr-defined]
    signal = own(request, public_id)
    form = FileForm(request.POST, request.FILES)
    if form.is_valid():
        try:
            add_file(actor=actor, signal=signal, file=form.cleaned_data["file"])
        except RuleViolation as error:
            add_error(form, error)
        else:
            messages.success(request, _("The file was added."))
            return redirect("targets:signal_detail", public_id=public_id)
    context = {
        "title": _("Add a file"), "submit_label": _("Add"),
        "back_url": reverse("targets:signal_detail", args=[public_id]), "back_label": str(signal),
    }  # fmt: skip
    return form_response(request, "ui/form_page.html", context, form)


@require_GET
@acting()
def signal_file(request: HttpRequest, public_id: str) -> HttpResponseBase:
    """Hand out an attachment to whoever may see its signal; never shown inside the page."""
    row = get_object_or_404(
        SignalFile.objects.visible_to(request.actor).select_related(  # type: ignore[attr-defined]
            "signal"
        ),
        public_id=public_id,
    )
    if (ask := _purpose_first(request, row.signal)) is not None:
        return ask
    if not row.file.name or not default_storage.exists(row.file.name):
        raise Http404
    response = FileResponse(
        row.file.open("rb"), as_attachment=True, filename=row.name, content_type=row.content_type
    )
    response["Content-Security-Policy"] = "sandbox; default-src 'none'"
    return response


def _receiver(request: HttpRequest) -> Authority:
    code = request.POST.get("receiver") or request.GET.get("receiver", "")
    return get_object_or_404(Authority.objects.valid_on(), code=code)


@acting()
def signal_disclose(request: HttpRequest, public_id: str) -> HttpResponse:
    """Give a signal: the gateway's grounds to choose from, its conditions to confirm."""
    actor = request.actor  # type: ignore[attr-defined]
    signal = fetch(request, public_id)
    if (ask := _purpose_first(request, signal)) is not None:
        return ask
    receiver = _receiver(request)
    require(receiver.pk != actor.authority.pk)
    answer = gateway.answer(actor.authority, receiver, signal.kind)
    grounds = usable_grounds(answer, asked=False, mass=False)
    form = DiscloseForm(
        request.POST or None, grounds=grounds,
        initial={"purpose": signal.purpose, "expires_on": signal.expires_on},
    )  # fmt: skip
    if request.method == "POST" and form.is_valid():
        data = form.cleaned_data
        try:
            disclose(
                actor=actor, item=signal, receiver=receiver, purpose=data["purpose"],
                ground=form.chosen, confirmed=data["confirmed"], expires_on=data["expires_on"],
                may_pass_on=data["may_pass_on"],
            )  # fmt: skip
        except (RuleViolation, Conflict) as error:
            add_error(form, error)
        else:
            messages.success(request, _("Given to %(name)s.") % {"name": receiver.name})
            return redirect("targets:signal_detail", public_id=public_id)
    return _ground_page(request, form, signal, answer, _("Give to %(name)s"))


@acting()
def signal_hand_over(request: HttpRequest, public_id: str) -> HttpResponse:
    """Hand a signal over to be acted on."""
    actor = request.actor  # type: ignore[attr-defined]
    signal = own(request, public_id)
    receiver = _receiver(request)
    answer = gateway.answer(actor.authority, receiver, signal.kind)
    grounds = usable_grounds(answer, asked=False, mass=False)
    form = HandOverForm(
        request.POST or None, grounds=grounds,
        initial={"purpose": signal.purpose,
                 "deadline": timezone.localdate() + dt.timedelta(days=14)},
    )  # fmt: skip
    if request.method == "POST" and form.is_valid():
        data = form.cleaned_data
        try:
            hand_over(
                actor=actor, signal=signal, receiver=receiver, ground=form.chosen,
                confirmed=data["confirmed"], deadline=data["deadline"], message=data["message"],
            )  # fmt: skip
        except (RuleViolation, Conflict) as error:
            add_error(form, error)
        else:
            messages.success(request, _("Handed over to %(name)s.") % {"name": receiver.name})
            return redirect("targets:signal_detail", public_id=public_id)
    return _ground_page(request, form, signal, answer, _("Hand over to %(name)s"))


def _ground_page(
    request: HttpRequest, form: Any, signal: Signal, answer: gateway.Answer, title: str
) -> HttpResponse:
    context = {
        "title": title % {"name": answer.receiver.name}, "answer": answer, "signal": signal,
        "refusal": "" if form.grounds else refusal(answer), "single": True,
        "requires": terms.labels(TermKind.REQUIRES), "kinds": terms.labels(TermKind.INFORMATION),
        "forces": terms.labels(TermKind.FORCE),
    }  # fmt: skip
    return form_response(request, "targets/give.html", context, form)


@require_POST
@acting()
def offer_decide(request: HttpRequest, public_id: str) -> HttpResponse:
    """Accept in one click (with the ground's conditions ticked), postpone, or decline."""
    actor = request.actor  # type: ignore[attr-defined]
    offer = get_object_or_404(
        Offer.objects.visible_to(actor).select_related("signal", "ground"), public_id=public_id
    )
    get_object_or_404(Signal.objects.own(actor), pk=offer.signal_id)
    step = request.POST.get("step", "")
    try:
        if step == "accept":
            accept_offer(actor=actor, offer=offer, confirmed=request.POST.getlist("confirmed"))
            messages.success(request, _("Given."))
        elif step == "postpone":
            until = timezone.localdate() + dt.timedelta(days=7)
            postpone_offer(actor=actor, offer=offer, until=until)
            messages.success(request, _("Postponed by a week."))
        elif step == "decline":
            decline_offer(actor=actor, offer=offer, reason=request.POST.get("reason", ""))
            messages.success(request, _("Not given; the reason was kept."))
        else:
            raise Http404
    except (RuleViolation, Conflict) as error:
        messages.warning(request, str(error.message))
    return redirect("targets:signal_detail", public_id=offer.signal.public_id)


@require_POST
@acting("manager", "administrator")
def signal_hold(request: HttpRequest, public_id: str) -> HttpResponse:
    """Stop the erasure of a signal with a reason, or let it go on."""
    actor = request.actor  # type: ignore[attr-defined]
    signal = own(request, public_id)
    held = signal.legal_holds.filter(lifted_at__isnull=True).first()
    try:
        if held is not None:
            lift_legal_hold(actor=actor, hold=held)
            messages.success(request, _("It will be erased on time."))
        else:
            place_legal_hold(actor=actor, item=signal, reason=request.POST.get("reason", ""))
            messages.success(request, _("It is not erased until the stop is lifted."))
    except DomainError as error:
        messages.warning(request, str(error.message))
    return redirect("targets:signal_detail", public_id=public_id)
