"""Pages of the register of powers: competences, grounds, the gateway, the powers card."""

from collections.abc import Callable
from functools import wraps
from typing import Any

from django.conf import settings
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from audit.errors import Conflict, DomainError, NotAllowed, RuleViolation
from audit.selectors import timeline
from authorities import gateway, terms
from authorities.access import acting, require
from authorities.models import (
    Authority,
    Competence,
    Ground,
    GroundState,
    GroundVersion,
    Interest,
    Role,
    TermKind,
)
from authorities.powers_card import powers_card
from authorities.powers_forms import (
    CardForm,
    CompetenceForm,
    EndForm,
    GatewayForm,
    GroundForm,
    InterestForm,
    MatrixForm,
    ReviewForm,
    group_names,
)
from authorities.powers_lists import CompetenceList, GroundList, version_words
from authorities.services import grounds, powers
from ui.forms import add_error, form_response

View = Callable[..., HttpResponseBase]


def open_or_acting(view: View) -> View:
    """Anybody when the installation opens its register of powers, else people who act here."""
    closed = acting()(view)

    @wraps(view)
    def wrapped(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        if settings.PUBLIC_POWERS and not request.user.is_authenticated:
            return view(request, *args, **kwargs)
        return closed(request, *args, **kwargs)

    return wrapped


competence_list = require_GET(open_or_acting(CompetenceList.as_view()))
ground_list = require_GET(open_or_acting(GroundList.as_view()))


def _asked(request: HttpRequest, form_class: Any, **defaults: Any) -> Any:
    """A form from the address, filled with today where the address says nothing."""
    data = request.GET.copy()
    for name, value in {"day": timezone.localdate().isoformat(), **defaults}.items():
        if value and not data.get(name):
            data[name] = value
    return form_class(data)


@require_GET
@open_or_acting
def ask_gateway(request: HttpRequest) -> HttpResponse:
    """Who may get this kind of information from whom, on a day."""
    actor = request.actor  # type: ignore[attr-defined]
    own = actor.authority.code if actor else ""
    form = _asked(request, GatewayForm, giver=own) if request.GET else GatewayForm(
        initial={"giver": own, "day": timezone.localdate()}
    )  # fmt: skip
    kinds = terms.labels(TermKind.INFORMATION)
    found = _answers(form, kinds) if form.is_bound and form.is_valid() else []
    single = len(found) == 1
    context = {
        "form": form, "single": single, "kinds": kinds,
        "answers": [a for a in found if single or a.outcome != gateway.MAY_NOT],
        "refused": [a for a in found if not single and a.outcome == gateway.MAY_NOT],
        "first": found[0] if found else None, "groups": [] if single else _alike(found),
        "of_kinds": bool(found) and not form.cleaned_data["information"],
        "all_reviewed": all(a.grounds and a.reviewed for a in found),
        "requires": terms.labels(TermKind.REQUIRES), "forces": terms.labels(TermKind.FORCE),
    }  # fmt: skip
    status = 422 if form.is_bound and form.errors else 200
    return render(request, "authorities/gateway.html", context, status=status)


def _alike(found: list[gateway.Answer]) -> list[list[gateway.Answer]]:
    """Answers with the same outcome on the same grounds together, in the order they come."""
    groups: dict[Any, list[gateway.Answer]] = {}
    for answer in found:
        key = (answer.outcome, *(version.pk for version in answer.grounds))
        groups.setdefault(key, []).append(answer)
    order = list(gateway.OUTCOMES)
    return sorted(groups.values(), key=lambda g: (order.index(g[0].outcome), -len(g)))


def _answers(form: GatewayForm, kinds: dict[str, str]) -> list[gateway.Answer]:
    """What a valid question gets: for one receiver or all, for one kind or all."""
    data = form.cleaned_data
    giver = Authority.objects.get(code=data["giver"])
    day, known_at = data["day"], form.known_at
    if not data["receiver"]:
        return gateway.answers(giver, data["information"], day, known_at)
    receiver = Authority.objects.get(code=data["receiver"])
    if not data["information"]:
        return gateway.kinds_between(giver, receiver, kinds, day, known_at)
    return [gateway.answer(giver, receiver, data["information"], day, known_at)]


# Sign and words of a cell; on request, duty and permission have signs of their own.
MARKS = {
    gateway.MUST: ("●", gateway.OUTCOMES[gateway.MUST]),
    gateway.MAY: ("○", gateway.OUTCOMES[gateway.MAY]),
    "must_on_request": ("!", gateway.MUST_ON_REQUEST),
    gateway.ON_REQUEST: ("?", gateway.OUTCOMES[gateway.ON_REQUEST]),
    gateway.MAY_NOT: ("–", gateway.OUTCOMES[gateway.MAY_NOT]),
}


@require_GET
@open_or_acting
def gateway_matrix(request: HttpRequest) -> HttpResponse:
    """Authority by authority for one kind of information."""
    kinds = terms.labels(TermKind.INFORMATION)
    form = _asked(request, MatrixForm, information=next(iter(kinds), ""), who="inspects")
    rows: list[Any] = []
    shown: list[Any] = []
    all_reviewed = False
    if form.is_valid():
        data = form.cleaned_data
        wanted = Authority.objects.valid_on(data["day"]).order_by("code")
        if data["who"] == "inspects":
            wanted = wanted.filter(inspects=True)
        codes = list(wanted.values_list("code", flat=True))
        register, rows = gateway.matrix(data["information"], codes, data["day"])
        shown = [register.authorities[code] for code in codes if code in register.authorities]
        all_reviewed = all(version.is_reviewed for version in register.versions)
    context = {
        "form": form, "rows": rows, "shown": shown, "marks": MARKS,
        "all_reviewed": all_reviewed,
    }  # fmt: skip
    status = 422 if form.errors else 200
    return render(request, "authorities/matrix.html", context, status=status)


@require_GET
@open_or_acting
def card(request: HttpRequest) -> HttpResponse:
    """Who of a team may do what at a kind of place."""
    form = _asked(request, CardForm) if request.GET else CardForm(
        initial={"day": timezone.localdate()}
    )  # fmt: skip
    found = None
    if form.is_bound and form.is_valid():
        data = form.cleaned_data
        team = Authority.objects.filter(code__in=data["authority"]).order_by("code")
        found = powers_card(team, data["premises"], data["day"])
    status = 422 if form.is_bound and form.errors else 200
    return render(request, "authorities/card.html", {"form": form, "card": found}, status=status)


@require_GET
@open_or_acting
def competence_detail(request: HttpRequest, public_id: str) -> HttpResponse:
    row = get_object_or_404(
        Competence.objects.select_related("authority", "group"), public_id=public_id
    )
    actor = request.actor  # type: ignore[attr-defined]
    places = terms.labels(TermKind.PREMISES)
    facts = [
        {"label": _("Authority"), "value": row.holder},
        {"label": _("Kinds of place"), "value": ", ".join(places.get(c, c) for c in row.premises)},
        {"label": _("Prior notice"), "value": terms.label(TermKind.NOTICE, row.notice)},
        {"label": _("Gives a right of entry"), "value": _("yes") if row.entry_right else _("no")},
        {"label": _("Legal reference"), "value": row.basis_words},
        {"label": _("From"), "value": row.valid_from},
        {"label": _("Until"), "value": row.valid_to},
        {"label": _("Reviewed"), "value": row.reviewed_by},
    ]
    editable = bool(actor and powers.may_edit_competence(actor, row))
    context = {
        "row": row, "facts": facts, "title": terms.label(TermKind.ACTION, row.action),
        "editable": editable, "review_form": ReviewForm(), "end_form": EndForm(),
        "timeline": timeline(row, actor) if actor else [],
    }  # fmt: skip
    return render(request, "authorities/competence.html", context)


@acting(Role.ADMINISTRATOR)
def competence_create(request: HttpRequest) -> HttpResponse:
    return _competence_form(request, None)


@acting()
def competence_edit(request: HttpRequest, public_id: str) -> HttpResponse:
    row = get_object_or_404(
        Competence.objects.select_related("authority", "group"), public_id=public_id
    )
    require(powers.may_edit_competence(request.actor, row))  # type: ignore[attr-defined]
    return _competence_form(request, row)


def _competence_form(request: HttpRequest, row: Competence | None) -> HttpResponse:
    actor = request.actor  # type: ignore[attr-defined]
    form = CompetenceForm(
        request.POST or None, initial=CompetenceForm.initial_of(row) if row else None
    )
    if request.method == "POST" and form.is_valid():
        values = dict(form.cleaned_data)
        shown = values.pop("shown") or 0
        try:
            saved = powers.save_competence(actor=actor, competence=row, shown=shown, **values)
        except DomainError as error:
            add_error(form, error)
        else:
            messages.success(request, _("Saved. It counts as not reviewed until it is reviewed."))
            return redirect("authorities:competence_detail", public_id=saved.public_id)
    context = {
        "title": _("Change a competence") if row else _("Add a competence"),
        "submit_label": _("Save"), "back_url": reverse("authorities:competence_list"),
        "back_label": _("Powers"),
    }  # fmt: skip
    return form_response(request, "ui/form_page.html", context, form)


@require_POST
@acting()
def competence_review(request: HttpRequest, public_id: str) -> HttpResponse:
    row = get_object_or_404(Competence, public_id=public_id)
    _attempt(
        request, _("The review was noted."),
        lambda: powers.review_competence(
            actor=request.actor,  # type: ignore[attr-defined]
            competence=row, role=request.POST.get("role", ""),
        ),
    )  # fmt: skip
    return redirect("authorities:competence_detail", public_id=public_id)


@require_POST
@acting()
def competence_end(request: HttpRequest, public_id: str) -> HttpResponse:
    row = get_object_or_404(
        Competence.objects.select_related("authority", "group"), public_id=public_id
    )
    actor = request.actor  # type: ignore[attr-defined]
    require(powers.may_edit_competence(actor, row))
    form = EndForm(request.POST)
    if form.is_valid():
        _attempt(
            request, _("The competence ends on that day."),
            lambda: powers.end_competence(
                actor=actor, competence=row, last_day=form.cleaned_data["last_day"]
            ),
        )  # fmt: skip
    else:
        messages.warning(request, _("Give the last day as a date."))
    return redirect("authorities:competence_detail", public_id=public_id)


def _attempt(request: HttpRequest, done: str, act: Callable[[], Any]) -> Any:
    """Do it and say so, or say why not; being not allowed is answered as such."""
    try:
        result = act()
    except grounds.CasesFail:
        raise  # shown at length on the page itself
    except (RuleViolation, Conflict) as error:
        messages.warning(request, str(error.message))
        return None
    messages.success(request, done)
    return result


@require_GET
@open_or_acting
def ground_detail(request: HttpRequest, code: str) -> HttpResponse:
    return _ground_page(request, get_object_or_404(Ground, code=code))


def _ground_page(
    request: HttpRequest, ground: Ground, failing: list[str] | None = None
) -> HttpResponse:
    """Every version of a ground; with ``failing`` test cases it says why it was not published."""
    actor = request.actor  # type: ignore[attr-defined]
    versions = list(
        GroundVersion.objects.visible_to(actor)
        .filter(ground=ground)
        .select_related("ground", "drafted_by", "decided_by")
        .order_by("-number")
    )
    if not versions:
        raise Http404
    register = gateway.register_on(timezone.localdate())
    names, kinds, modes = (
        group_names(), terms.labels(TermKind.INFORMATION), terms.labels(TermKind.MODE),
    )  # fmt: skip
    requires, forces = terms.labels(TermKind.REQUIRES), terms.labels(TermKind.FORCE)
    shown = [
        {
            "row": v, "words": version_words(v, names, kinds, modes),
            "force": forces.get(v.force, v.force),
            "requires": [requires.get(c, c) for c in v.requires],
            "may_edit": bool(actor) and v.state != GroundState.REJECTED
            and grounds.may_edit(actor, v, register),
            "may_decide": bool(actor) and v.state == GroundState.SUBMITTED
            and grounds.may_decide(actor, v, register),
            "cases": v.test_results or v.test_cases,
        }
        for v in versions
    ]  # fmt: skip
    published = next((v for v in versions if v.state == GroundState.PUBLISHED), versions[0])
    context = {
        "ground": ground, "versions": shown, "failing": failing or [], "kinds": kinds,
        "names": names,
        "may_draft": bool(actor) and not versions[0].is_open
        and grounds.may_edit(actor, published, register),
        "timeline": timeline(ground, actor) if actor else [],
    }  # fmt: skip
    return render(request, "authorities/ground.html", context, status=422 if failing else 200)


@acting(Role.ADMINISTRATOR)
def ground_create(request: HttpRequest) -> HttpResponse:
    form = GroundForm(request.POST or None, new=True)
    if request.method == "POST" and form.is_valid():
        values = dict(form.cleaned_data)
        values.pop("shown")
        try:
            draft = grounds.create_ground(
                actor=request.actor,  # type: ignore[attr-defined]
                **values,
            )
        except DomainError as error:
            add_error(form, error)
        else:
            return redirect("authorities:ground_detail", code=draft.ground.code)
    context = {
        "title": _("Add a ground"), "submit_label": _("Save the draft"),
        "back_url": reverse("authorities:ground_list"), "back_label": _("Grounds for disclosure"),
    }  # fmt: skip
    return form_response(request, "ui/form_page.html", context, form)


@require_POST
@acting()
def ground_draft(request: HttpRequest, code: str) -> HttpResponse:
    ground = get_object_or_404(Ground, code=code)
    draft = grounds.draft_version(
        actor=request.actor,  # type: ignore[attr-defined]
        ground=ground,
    )
    return redirect("authorities:ground_edit", public_id=draft.public_id)


@acting()
def ground_edit(request: HttpRequest, public_id: str) -> HttpResponse:
    version = get_object_or_404(GroundVersion.objects.select_related("ground"), public_id=public_id)
    actor = request.actor  # type: ignore[attr-defined]
    require(grounds.may_edit(actor, version))
    if version.state != GroundState.DRAFT:
        messages.warning(request, _("Only a draft can be changed. Make a new version."))
        return redirect("authorities:ground_detail", code=version.ground.code)
    form = GroundForm(request.POST or None, initial=GroundForm.initial_of(version))
    if request.method == "POST" and form.is_valid():
        values = dict(form.cleaned_data)
        shown = values.pop("shown") or 0
        try:
            grounds.save_draft(actor=actor, version=version, shown=shown, **values)
        except DomainError as error:
            add_error(form, error)
        else:
            return redirect("authorities:ground_detail", code=version.ground.code)
    context = {
        "title": _("Version %(number)s of %(code)s")
        % {"number": version.number, "code": version.ground.code},
        "submit_label": _("Save the draft"),
        "back_url": reverse("authorities:ground_detail", args=[version.ground.code]),
        "back_label": version.ground.code,
    }  # fmt: skip
    return form_response(request, "ui/form_page.html", context, form)


@require_POST
@acting()
def ground_decide(request: HttpRequest, public_id: str) -> HttpResponse:
    """Submit, publish, reject or note a review; the button says which."""
    version = get_object_or_404(GroundVersion.objects.select_related("ground"), public_id=public_id)
    actor = request.actor  # type: ignore[attr-defined]
    step = request.POST.get("step", "")
    steps: dict[str, tuple[str, Callable[[], Any]]] = {
        "submit": (_("Handed to a second person."),
                   lambda: grounds.submit_version(actor=actor, version=version)),
        "publish": (_("Published."),
                    lambda: grounds.publish_version(actor=actor, version=version)),
        "reject": (_("Rejected."), lambda: grounds.reject_version(
            actor=actor, version=version, reason=request.POST.get("reason", ""))),
        "review": (_("The review was noted."), lambda: grounds.review_version(
            actor=actor, version=version, role=request.POST.get("role", ""))),
    }  # fmt: skip
    if step not in steps:
        raise Http404
    done, act = steps[step]
    try:
        _attempt(request, done, act)
    except grounds.CasesFail as refused:
        return _ground_page(request, version.ground, refused.cases)
    return redirect("authorities:ground_detail", code=version.ground.code)


INTEREST_EDITORS = (Role.ADMINISTRATOR, Role.ANALYST, Role.MANAGER)


@acting()
def interests(request: HttpRequest) -> HttpResponse:
    """What each authority wants to be told of; the own ones can be changed."""
    actor = request.actor  # type: ignore[attr-defined]
    form = InterestForm(request.POST or None)
    if request.method == "POST":
        if not actor.has_role(*INTEREST_EDITORS):
            raise NotAllowed(_("Only administrators, managers and analysts publish interests."))
        if form.is_valid():
            values = dict(form.cleaned_data)
            values["regions"] = list(values["regions"])
            try:
                powers.publish_interest(actor=actor, **values)
            except DomainError as error:
                add_error(form, error)
            else:
                messages.success(request, _("Published. Others see it when they write."))
                return redirect("authorities:interests")
    rows = (
        Interest.objects.valid_on()
        .select_related("authority")
        .prefetch_related("regions")
        .order_by("authority__code", "information")
    )
    by_authority: dict[Authority, list[Interest]] = {}
    for row in rows:
        by_authority.setdefault(row.authority, []).append(row)
    context = {
        "form": form, "kinds": terms.labels(TermKind.INFORMATION),
        "own": by_authority.pop(actor.authority, []), "others": by_authority.items(),
        "may_edit": actor.has_role(*INTEREST_EDITORS),
    }  # fmt: skip
    status = 422 if form.is_bound and form.errors else 200
    return render(request, "authorities/interests.html", context, status=status)


@require_POST
@acting(*INTEREST_EDITORS)
def interest_withdraw(request: HttpRequest, public_id: str) -> HttpResponse:
    interest = get_object_or_404(Interest, public_id=public_id)
    powers.withdraw_interest(actor=request.actor, interest=interest)  # type: ignore[attr-defined]
    messages.success(request, _("Withdrawn."))
    return redirect("authorities:interests")
