"""Pages of authorities and people, the profile, and the acting membership."""

import time
from typing import Any

from allauth.account.forms import ResetPasswordForm
from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import translation
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from audit.errors import DomainError, RuleViolation
from authorities import terms
from authorities.access import acting
from authorities.forms import MembershipForm, NewMembershipForm, ProfileForm
from authorities.lists import AuthorityList, PersonList
from authorities.middleware import ACTING, SEEN
from authorities.models import Authority, Interest, Membership, Role, TermKind, Unit, User
from authorities.services import people
from ui.forms import add_error, form_response, own_path

authority_list = require_GET(acting()(AuthorityList.as_view()))
person_list = require_GET(acting(Role.ADMINISTRATOR)(PersonList.as_view()))


@require_GET
@acting()
def authority_detail(request: HttpRequest, code: str) -> HttpResponse:
    """Units and people of an authority: the directory that everybody signed in may read."""
    authority = get_object_or_404(Authority.objects.select_related("parent"), code=code)
    places = (
        Membership.objects.usable()
        .filter(authority=authority)
        .select_related("user", "unit")
        .order_by("unit__code", "user__last_name", "user__first_name", "id")
    )
    units = list(authority.units.order_by("code"))
    by_unit: dict[int, list[Membership]] = {unit.pk: [] for unit in units}
    for place in places:
        by_unit[place.unit_id].append(place)
    facts = [
        {"label": _("Code"), "value": authority.code},
        {"label": _("Part of"), "value": authority.parent.name if authority.parent else ""},
        {"label": _("Website"), "value": authority.website},
        {"label": _("Followed by"), "value": ", ".join(
            s.successor.name for s in authority.successions.select_related("successor"))},
        {"label": _("Status of the data"), "value": authority.reviewed_by
         or _("Starter data, not reviewed")},
    ]  # fmt: skip
    context = {
        "authority": authority,
        "facts": facts,
        "mission": getattr(authority, f"mission_{(translation.get_language() or 'fi')[:2]}")
        or authority.mission_fi,
        "units": [(unit, by_unit[unit.pk]) for unit in units],
        "role_names": dict(Role.choices),
        "interests": Interest.objects.valid_on()
        .filter(authority=authority)
        .prefetch_related("regions")
        .order_by("information"),
        "kinds": terms.labels(TermKind.INFORMATION),
    }  # fmt: skip
    return render(request, "authorities/authority_detail.html", context)


@acting(Role.ADMINISTRATOR)
def person_add(request: HttpRequest) -> HttpResponse:
    actor = request.actor  # type: ignore[attr-defined]
    units = Unit.objects.valid_on().filter(authority=actor.authority).order_by("code")
    form = NewMembershipForm(request.POST or None, units=units)
    if request.method == "POST" and form.is_valid():
        data = form.cleaned_data
        try:
            user = people.create_person(
                actor=actor,
                **{k: data[k] for k in ("email", "first_name", "last_name", "title", "phone",
                                        "language")},
            )  # fmt: skip
            people.add_membership(
                actor=actor, user=user,
                **{k: data[k] for k in ("unit", "roles", "regions", "valid_from", "valid_to")},
            )  # fmt: skip
        except DomainError as error:
            add_error(form, error)
        else:
            if not user.has_usable_password():
                _send_invitation(request, user)
            messages.success(request, _("%(name)s was added.") % {"name": user.full_name})
            return redirect("authorities:person_list")
    context = {
        "title": _("Add a person"),
        "submit_label": _("Add"),
        "back_url": reverse("authorities:person_list"),
        "back_label": _("People of my authority"),
        "draft": "person-add",
    }
    return form_response(request, "ui/form_page.html", context, form)


def _send_invitation(request: HttpRequest, user: User) -> None:
    """Mail a link with which the new person sets a password."""
    with translation.override(user.language or settings.LANGUAGE_CODE):
        form = ResetPasswordForm(data={"email": user.email})
        if form.is_valid():
            form.save(request)


@acting(Role.ADMINISTRATOR)
def membership_edit(request: HttpRequest, public_id: str) -> HttpResponse:
    actor = request.actor  # type: ignore[attr-defined]
    membership = get_object_or_404(
        Membership.objects.filter(authority=actor.authority).select_related("user", "unit"),
        public_id=public_id,
    )
    form = MembershipForm(request.POST or None, membership=membership)
    if request.method == "POST" and form.is_valid():
        try:
            people.change_membership(actor=actor, membership=membership, **form.cleaned_data)
        except DomainError as error:
            add_error(form, error)
        else:
            messages.success(request, _("The change is in force now."))
            return redirect("authorities:person_list")
    context = {
        "title": membership.user.full_name,
        "membership": membership,
        "submit_label": _("Save"),
        "back_url": reverse("authorities:person_list"),
        "back_label": _("People of my authority"),
    }
    return form_response(request, "authorities/membership.html", context, form)


@require_POST
@acting(Role.ADMINISTRATOR)
def person_activate(request: HttpRequest, public_id: str) -> HttpResponse:
    actor = request.actor  # type: ignore[attr-defined]
    membership = get_object_or_404(
        Membership.objects.filter(authority=actor.authority).select_related("user"),
        public_id=public_id,
    )
    choice = request.POST.get("active")
    if choice not in ("0", "1"):
        raise RuleViolation(_("Say whether the account is to be closed or opened."))
    active = choice == "1"
    people.set_active(actor=actor, user=membership.user, active=active)
    messages.success(
        request, _("The account is open again.") if active else _("The account is closed.")
    )
    return redirect("authorities:membership_edit", public_id=public_id)


@login_required
def profile(request: HttpRequest) -> HttpResponse:
    user = request.user
    assert isinstance(user, User)
    form = ProfileForm(request.POST or None, instance=user)
    if request.method == "POST" and form.is_valid():
        form.save()
        translation.activate(user.language or settings.LANGUAGE_CODE)
        messages.success(request, _("Your settings are saved."))
        return redirect("authorities:profile")
    context: dict[str, Any] = {"title": _("Profile and sign-in"), "submit_label": _("Save")}
    return form_response(request, "authorities/profile.html", context, form)


@require_POST
@login_required
def sign_out_everywhere(request: HttpRequest) -> HttpResponse:
    user = request.user
    assert isinstance(user, User)
    people.sign_out_everywhere(user=user)
    request.session.flush()
    messages.success(request, _("You are signed out on every device."))
    return redirect("account_login")


@require_POST
@login_required
def switch_membership(request: HttpRequest) -> HttpResponse:
    """Act for another of the person's own usable memberships."""
    wanted = request.POST.get("membership", "")
    for membership in request.memberships:  # type: ignore[attr-defined]
        if str(membership.public_id) == wanted:
            request.session[ACTING] = membership.pk
            messages.success(
                request, _("You act for %(name)s now.") % {"name": membership.authority.name}
            )
            return redirect(settings.LOGIN_REDIRECT_URL)
    messages.error(request, _("That place is not open to you any more."))
    return redirect(settings.LOGIN_REDIRECT_URL)


@require_POST
def session_extend(request: HttpRequest) -> JsonResponse:
    """Keep the session; answers with the seconds it has now. 401 when it has ended already."""
    if not request.user.is_authenticated:
        return JsonResponse({"error": "signed_out"}, status=401)
    request.session[SEEN] = time.time()
    return JsonResponse({"expires_in": settings.SESSION_IDLE_SECONDS})


@require_GET
@login_required
def no_membership(request: HttpRequest) -> HttpResponse:
    if request.actor is not None:  # type: ignore[attr-defined]
        return redirect(settings.LOGIN_REDIRECT_URL)
    return render(request, "authorities/no_membership.html", status=403)


@require_POST
def set_language(request: HttpRequest) -> HttpResponse:
    """Change the language, for the person if signed in, else for this browser."""
    code = request.POST.get("language", "")
    back = own_path(request.POST.get("next", "/"))
    response = redirect(back)
    if code in dict(settings.LANGUAGES):
        if request.user.is_authenticated:
            User.objects.filter(pk=request.user.pk).update(language=code)
        response.set_cookie(
            settings.LANGUAGE_COOKIE_NAME, code, max_age=31_536_000, samesite="Lax",
            httponly=True, secure=settings.SESSION_COOKIE_SECURE,
        )  # fmt: skip
    return response
