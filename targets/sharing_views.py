"""What was given and received, asked and handed over; data sets; proofs of erasure; recusals."""

import datetime as dt
from typing import Any

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from audit.errors import Conflict, DomainError, RuleViolation
from audit.selectors import timeline
from authorities import gateway, terms
from authorities.access import acting, require
from authorities.models import Authority, Membership, TermKind, User
from targets.models import (
    Company,
    Dataset,
    DatasetMapping,
    DatasetRun,
    Disclosure,
    HandOver,
    InformationRequest,
    Recusal,
    RefusalClass,
    Signal,
    Site,
)
from targets.services import datasets
from targets.services.handovers import accept_handover, refuse_handover
from targets.services.imports.messages import row_message
from targets.services.recusals import end_recusal, recuse
from targets.services.sharing import (
    acknowledge,
    answer_request,
    ask,
    refuse_request,
    usable_grounds,
    withdraw_disclosure,
    withdraw_request,
)
from targets.services.signals import lift_legal_hold, place_legal_hold
from targets.signal_forms import (
    DatasetFileForm,
    DatasetForm,
    DiscloseForm,
    RecusalForm,
    RequestForm,
)
from targets.signal_lists import DatasetList, ErasureList
from targets.signal_views import prefilled
from ui.forms import add_error, form_response

dataset_list = require_GET(acting("analyst", "coordinator", "manager")(DatasetList.as_view()))
erasure_list = require_GET(acting("administrator", "manager")(ErasureList.as_view()))


@require_GET
@acting()
def sharing(request: HttpRequest) -> HttpResponse:
    """Everything that waits for the own authority, and what became of what it sent."""
    actor = request.actor  # type: ignore[attr-defined]
    seen = Signal.objects.visible_to(actor).values("pk")
    given = Disclosure.objects.visible_to(actor).select_related(
        "giver", "receiver", "signal__company", "signal__site", "dataset"
    )
    context = {
        "received": given.filter(receiver=actor.authority).order_by("-given_at", "-pk")[:50],
        "given": given.filter(giver=actor.authority).order_by("-given_at", "-pk")[:50],
        "requests": InformationRequest.objects.visible_to(actor)
        .select_related("asker", "holder", "company", "site").order_by("-asked_at", "-pk")[:50],
        "handovers": HandOver.objects.visible_to(actor)
        .select_related("sender", "receiver", "company", "site").order_by("-sent_at", "-pk")[:50],
        "seen": set(seen.filter(disclosures__receiver=actor.authority).values_list("pk", flat=True)[:500]),
        "kinds": terms.labels(TermKind.INFORMATION), "today": timezone.localdate(),
    }  # fmt: skip
    return render(request, "targets/sharing.html", context)


@acting()
def disclosure(request: HttpRequest, public_id: str) -> HttpResponse:
    """One disclosure: its ground as it stood; the receipt, or its withdrawal."""
    actor = request.actor  # type: ignore[attr-defined]
    given = get_object_or_404(
        Disclosure.objects.visible_to(actor).select_related(
            "giver", "receiver", "ground__ground", "given_by", "received_by", "signal", "dataset",
            "parent__giver",
        ),
        public_id=public_id,
    )  # fmt: skip
    if request.method == "POST":
        try:
            if request.POST.get("step") == "receive":
                acknowledge(actor=actor, given=given)
                messages.success(request, _("Acknowledged."))
            elif request.POST.get("step") == "withdraw":
                withdraw_disclosure(actor=actor, given=given, reason=request.POST.get("reason", ""))
                messages.success(request, _("Withdrawn."))
        except RuleViolation as error:
            messages.warning(request, str(error.message))
        return redirect("targets:disclosure", public_id=public_id)
    signal = Signal.objects.visible_to(actor).filter(pk=given.signal_id).first()  # type: ignore[misc]
    dataset = Dataset.objects.visible_to(actor).filter(pk=given.dataset_id).first()  # type: ignore[misc]
    requires = terms.labels(TermKind.REQUIRES)
    facts = [
        {"label": _("From"), "value": given.giver.name},
        {"label": _("To"), "value": given.receiver.name},
        {"label": _("Kind of information"),
         "value": terms.label(TermKind.INFORMATION, given.kind)},
        {"label": _("Given on"), "value": given.on},
        {"label": _("For"), "value": given.purpose},
        {"label": _("Last day"), "value": given.expires_on},
        {"label": _("May be passed on"), "value": _("yes") if given.may_pass_on else _("no")},
        {"label": _("Received"), "value": given.received_by.full_name if given.received_by else ""},
    ]  # fmt: skip
    context = {
        "given": given, "facts": facts, "signal": signal, "dataset": dataset,
        "confirmed": [requires.get(code, code) for code in given.confirmed],
        "visible_to": f"{given.giver.name}, {given.receiver.name}", "tabs": [],
        "is_giver": given.giver_id == actor.authority.pk,
        "is_receiver": given.receiver_id == actor.authority.pk,
    }  # fmt: skip
    return render(request, "targets/disclosure.html", context)


@acting("coordinator", "manager", "analyst", "inspector")
def request_create(request: HttpRequest) -> HttpResponse:
    """Ask another authority; prefilled from the gateway's answer."""
    actor = request.actor  # type: ignore[attr-defined]
    start = {name: request.GET.get(name, "") for name in ("holder", "kind", "target", "about")}
    start["about"] = start["about"] or "company"
    start |= prefilled(request)
    form = RequestForm(
        request.POST or None, actor=actor,
        initial=start | {"deadline": timezone.localdate() + dt.timedelta(days=14)},
    )  # fmt: skip
    if start.get("pick"):
        form.fields["pick"].choices = [(start["pick"], start["target"])]  # type: ignore[attr-defined]
    if request.method == "POST":
        picked = request.POST.get("pick", "")
        if picked:
            form.fields["pick"].choices = [(picked, picked)]  # type: ignore[attr-defined]
        if form.is_valid():
            row = _ask(actor, form)
            if row is not None:
                messages.success(request, _("The request was sent."))
                return redirect("targets:request", public_id=row.public_id)
    context = {
        "title": _("Ask for information"), "submit_label": _("Send the request"),
        "back_url": reverse("targets:sharing"), "back_label": _("Given and received"),
    }  # fmt: skip
    return form_response(request, "ui/form_page.html", context, form)


def _ask(actor: Any, form: RequestForm) -> InformationRequest | None:
    data = form.cleaned_data
    target = form.find_target(actor, data["about"])
    if target is None:
        return None
    try:
        return ask(
            actor=actor, holder=Authority.objects.get(code=data["holder"]), kind=data["kind"],
            purpose=data["purpose"], necessity=data["necessity"], deadline=data["deadline"],
            company=target if isinstance(target, Company) else None,
            site=target if isinstance(target, Site) else None,
        )  # fmt: skip
    except RuleViolation as error:
        add_error(form, error)
        return None


@acting()
def request_detail(request: HttpRequest, public_id: str) -> HttpResponse:
    """A request as both sides see it; the holder answers or refuses."""
    actor = request.actor  # type: ignore[attr-defined]
    row = get_object_or_404(
        InformationRequest.objects.visible_to(actor).select_related(
            "asker", "holder", "company", "site", "ground__ground", "asked_by", "answered_by",
            "answer",
        ),
        public_id=public_id,
    )  # fmt: skip
    if request.method == "POST":
        _answer(request, row)
        return redirect("targets:request", public_id=public_id)
    holding = row.holder_id == actor.authority.pk
    fitting = Signal.objects.own(actor).filter(kind=row.kind)
    fitting = fitting.filter(company=row.company) if row.company else fitting.filter(site=row.site)
    context = {
        "row": row, "holding": holding, "asking": row.asker_id == actor.authority.pk,
        "fitting": fitting.order_by("-observed_on", "-pk")[:20] if holding else [],
        "requires": terms.labels(TermKind.REQUIRES), "timeline": timeline(row, actor),
        "visible_to": f"{row.asker.name}, {row.holder.name}", "tabs": [],
        "facts": [
            {"label": _("Asked by"), "value": f"{row.asker.name}, {row.asked_by.full_name}"},
            {"label": _("Asked of"), "value": row.holder.name},
            {"label": _("About"), "value": str(row.company or row.site or "")},
            {"label": _("Kind of information"),
             "value": terms.label(TermKind.INFORMATION, row.kind)},
            {"label": _("Ground"), "value": row.ground.basis_words},
            {"label": _("Answer by"), "value": row.deadline},
        ],
    }  # fmt: skip
    return render(request, "targets/request.html", context)


def _answer(request: HttpRequest, row: InformationRequest) -> None:
    actor = request.actor  # type: ignore[attr-defined]
    step = request.POST.get("step", "")
    try:
        if step == "answer":
            signal = get_object_or_404(
                Signal.objects.own(actor), public_id=request.POST.get("signal") or None
            )
            answer_request(
                actor=actor, row=row, signal=signal, confirmed=request.POST.getlist("confirmed")
            )
            messages.success(request, _("Answered."))
        elif step == "refuse":
            refuse_request(actor=actor, row=row, reason=request.POST.get("reason", ""))
            messages.success(request, _("Refused."))
        elif step == "withdraw":
            withdraw_request(actor=actor, row=row)
            messages.success(request, _("Taken back."))
        else:
            raise Http404
    except (RuleViolation, Conflict) as error:
        messages.warning(request, str(error.message))


@acting()
def handover(request: HttpRequest, public_id: str) -> HttpResponse:
    actor = request.actor  # type: ignore[attr-defined]
    row = get_object_or_404(
        HandOver.objects.visible_to(actor).select_related(
            "sender", "receiver", "company", "site", "signal", "sent_by", "answered_by"
        ),
        public_id=public_id,
    )
    if request.method == "POST":
        try:
            if request.POST.get("step") == "accept":
                accept_handover(actor=actor, row=row)
            elif request.POST.get("step") == "refuse":
                refuse_handover(
                    actor=actor, row=row, reason_class=request.POST.get("reason_class", ""),
                    reason=request.POST.get("reason", ""),
                )  # fmt: skip
            else:
                raise Http404
        except (RuleViolation, Conflict) as error:
            messages.warning(request, str(error.message))
        else:
            messages.success(request, _("The answer was sent."))
        return redirect("targets:handover", public_id=public_id)
    signal = Signal.objects.visible_to(actor).filter(pk=row.signal_id).first()  # type: ignore[misc]
    context = {
        "row": row, "signal": signal, "classes": RefusalClass.choices, "tabs": [],
        "answering": row.receiver_id == actor.authority.pk and row.state in ("offered", "lapsed"),
        "visible_to": f"{row.sender.name}, {row.receiver.name}",
        "facts": [
            {"label": _("From"), "value": f"{row.sender.name}, {row.sent_by.full_name}"},
            {"label": _("To"), "value": row.receiver.name},
            {"label": _("About"), "value": str(row.company or row.site or "")},
            {"label": _("Kind of information"),
             "value": terms.label(TermKind.INFORMATION, row.kind)},
            {"label": _("Answer by"), "value": row.deadline},
            {"label": _("Answered by"),
             "value": row.answered_by.full_name if row.answered_by else ""},
            {"label": _("Reason"),
             "value": f"{row.get_reason_class_display()}: {row.reason}" if row.reason else ""},
        ],
    }  # fmt: skip
    return render(request, "targets/handover.html", context)


# ------------------------------------------------------------------------------------ data sets
@acting("analyst", "coordinator", "administrator")
def dataset_create(request: HttpRequest) -> HttpResponse:
    actor = request.actor  # type: ignore[attr-defined]
    form = DatasetForm(request.POST or None, actor=actor)
    if request.method == "POST" and form.is_valid():
        data = dict(form.cleaned_data)
        data["ground"] = form.grounds[data["ground"]]
        try:
            dataset = datasets.create_dataset(actor=actor, **data)
        except RuleViolation as error:
            add_error(form, error)
        else:
            return redirect("targets:dataset_detail", public_id=dataset.public_id)
    context = {
        "title": _("New data set"), "submit_label": _("Continue to the file"),
        "intro": _("For choosing targets only: a row can never be opened as evidence in a case."),
        "back_url": reverse("targets:dataset_list"), "back_label": _("Data sets"),
    }  # fmt: skip
    return form_response(request, "ui/form_page.html", context, form)


def _dataset(request: HttpRequest, public_id: str) -> Dataset:
    return get_object_or_404(
        Dataset.objects.visible_to(request.actor).select_related(  # type: ignore[attr-defined]
            "authority", "ground__ground", "created_by"
        ),
        public_id=public_id,
    )


@acting("analyst", "coordinator", "manager")
def dataset_detail(request: HttpRequest, public_id: str) -> HttpResponse:
    """A set: its ground and clock, readings with what was refused, who has it, the first rows."""
    actor = request.actor  # type: ignore[attr-defined]
    dataset = _dataset(request, public_id)
    is_own = dataset.authority_id == actor.authority.pk
    mappings = list(DatasetMapping.objects.filter(authority=actor.authority).order_by("name"))
    form = DatasetFileForm(request.POST or None, request.FILES or None, mappings=mappings)
    if request.method == "POST":
        require(is_own and actor.has_role(*datasets.KEEPERS))
        if form.is_valid():
            data = dict(form.cleaned_data)
            data.pop("mapping")
            try:
                datasets.start_run(actor=actor, dataset=dataset, rehearsal=True, **data)
            except DomainError as error:
                add_error(form, error)
            else:
                return redirect("targets:dataset_detail", public_id=public_id)
    runs = list(dataset.runs.order_by("-pk")) if is_own else []
    for run in runs:
        run.shown = [e | {"reason": row_message(e["code"])} for e in run.errors[:20]]  # type: ignore[attr-defined]
    given = dataset.disclosures.visible_to(actor).select_related("receiver", "ground__ground")
    context = {
        "dataset": dataset, "own": is_own, "form": form, "runs": runs, "tabs": [],
        "given": given.order_by("-given_at"), "sample": dataset.rows.order_by("line")[:10],
        "answers": [
            a for a in gateway.answers(dataset.authority, dataset.kind)
            if a.mass and a.receiver.code in dataset.recipients
        ]
        if is_own else [],
        "may_stop": is_own and actor.has_role("manager", "administrator"),
        "held": dataset.legal_holds.filter(lifted_at__isnull=True).first() if is_own else None,
        "waiting": any(r.state in ("queued", "running") for r in runs),
        "visible_to": ", ".join(
            [dataset.authority.name, *sorted({d.receiver.name for d in given if d.state == "active"})]),
        "facts": [
            {"label": _("Kind of information"),
             "value": terms.label(TermKind.INFORMATION, dataset.kind)},
            {"label": _("Owner"), "value": dataset.authority.name},
            {"label": _("Ground"), "value": dataset.ground.basis_words},
            {"label": _("For"), "value": dataset.purpose},
            {"label": _("Last day"), "value": dataset.expires_on},
            {"label": _("Rows"), "value": dataset.row_count},
            {"label": _("State"), "value": dataset.get_state_display()},
        ],
        "timeline": timeline(dataset, actor),
    }  # fmt: skip
    status = 422 if form.is_bound and form.errors else 200
    return render(request, "targets/dataset.html", context, status=status)


@require_POST
@acting("analyst", "coordinator", "administrator")
def dataset_confirm(request: HttpRequest, public_id: str) -> HttpResponse:
    """Read the file of a rehearsal for real."""
    actor = request.actor  # type: ignore[attr-defined]
    run = get_object_or_404(
        DatasetRun.objects.filter(
            authority=actor.authority, rehearsal=True, state="done"
        ).select_related("dataset"),
        public_id=public_id,
    )
    try:
        datasets.confirm_run(actor=actor, run=run)
    except Conflict as error:
        messages.warning(request, str(error.message))
    return redirect("targets:dataset_detail", public_id=run.dataset.public_id)


@require_POST
@acting("manager", "administrator")
def dataset_hold(request: HttpRequest, public_id: str) -> HttpResponse:
    """Stop the erasure of an own data set with a reason, or let it go on."""
    actor = request.actor  # type: ignore[attr-defined]
    dataset = get_object_or_404(Dataset, public_id=public_id, authority=actor.authority)
    held = dataset.legal_holds.filter(lifted_at__isnull=True).first()
    try:
        if held is not None:
            lift_legal_hold(actor=actor, hold=held)
            messages.success(request, _("It will be erased on time."))
        else:
            place_legal_hold(actor=actor, item=dataset, reason=request.POST.get("reason", ""))
            messages.success(request, _("It is not erased until the stop is lifted."))
    except DomainError as error:
        messages.warning(request, str(error.message))
    if not actor.has_role("manager"):
        return redirect("targets:erasure_list")
    return redirect("targets:dataset_detail", public_id=public_id)


@acting("analyst", "coordinator", "manager")
def dataset_share(request: HttpRequest, public_id: str) -> HttpResponse:
    actor = request.actor  # type: ignore[attr-defined]
    dataset = _dataset(request, public_id)
    require(dataset.authority_id == actor.authority.pk and actor.has_role(*datasets.KEEPERS))
    code = request.POST.get("receiver") or request.GET.get("receiver", "")
    receiver = get_object_or_404(Authority.objects.valid_on(), code=code)
    answer = gateway.answer(actor.authority, receiver, dataset.kind)
    form = DiscloseForm(
        request.POST or None, grounds=usable_grounds(answer, asked=False, mass=True),
        initial={"purpose": dataset.purpose},
    )  # fmt: skip
    if request.method == "POST" and form.is_valid():
        try:
            datasets.share_dataset(
                actor=actor, dataset=dataset, receiver=receiver, ground=form.chosen,
                purpose=form.cleaned_data["purpose"], confirmed=form.cleaned_data["confirmed"],
            )  # fmt: skip
        except DomainError as error:
            add_error(form, error)
        else:
            return redirect("targets:dataset_detail", public_id=public_id)
    context = {
        "title": _("Share with %(name)s") % {"name": receiver.name},
        "submit_label": _("Share"), "back_label": dataset.title,
        "back_url": reverse("targets:dataset_detail", args=[public_id]),
    }  # fmt: skip
    return form_response(request, "ui/form_page.html", context, form)


# ------------------------------------------------------------------------------------- recusals
@acting("manager", "administrator")
def recusals(request: HttpRequest) -> HttpResponse:
    """Who of the own authority is kept away from which target."""
    actor = request.actor  # type: ignore[attr-defined]
    people = (
        Membership.objects.usable()
        .filter(authority=actor.authority)
        .exclude(user=actor.user)
        .select_related("user")
        .order_by("user__last_name", "user__first_name", "pk")
    )
    names = {str(m.user.public_id): m.user.full_name for m in people}
    form = RecusalForm(request.POST or None, people=list(names.items()))
    if request.method == "POST":
        picked = request.POST.get("pick", "")
        if picked:
            form.fields["pick"].choices = [(picked, picked)]  # type: ignore[attr-defined]
        if form.is_valid():
            data = form.cleaned_data
            target = form.find_target(actor, data["about"])
            if target is not None:
                person = User.objects.get(public_id=data["person"])
                try:
                    recuse(actor=actor, person=person, target=target, reason=data["reason"])
                except DomainError as error:
                    add_error(form, error)
                else:
                    messages.success(request, _("Kept away from now on."))
                    return redirect("targets:recusals")
    rows = (
        Recusal.objects.filter(
            authority=actor.authority,
            ended_at__isnull=True,
            # Those of what was merged go with what it was merged into.
            site__merged_into__isnull=True,
            company__merged_into__isnull=True,
        )
        .exclude(user=actor.user)
        .select_related("user", "company", "site", "made_by")
        .order_by("-made_at", "-pk")
    )
    context = {"form": form, "rows": rows}
    return form_response(request, "targets/recusals.html", context, form)


@require_POST
@acting("manager", "administrator")
def recusal_end(request: HttpRequest, public_id: str) -> HttpResponse:
    actor = request.actor  # type: ignore[attr-defined]
    row = get_object_or_404(
        Recusal.objects.filter(authority=actor.authority).exclude(user=actor.user),
        public_id=public_id,
    )
    end_recusal(actor=actor, recusal=row)
    messages.success(request, _("The recusal was ended."))
    return redirect("targets:recusals")
