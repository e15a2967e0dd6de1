"""Pages of the frame itself: errors, saved views, exports, search, the living style guide."""

from typing import Any

from django.contrib import messages
from django.http import FileResponse, Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from audit.errors import RuleViolation
from ui import hooks
from ui.forms import own_path
from ui.models import ExportJob, SavedView, SavedViewScope
from ui.services import delete_view, save_view


def _error(request: HttpRequest, status: int, title: str, text: str) -> HttpResponse:
    return render(request, "ui/error.html", {"title": title, "text": text}, status=status)


def bad_request(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    return _error(request, 400, _("The request was not understood"),
                  _("Something in the address or the form was not as expected. Go back and try "
                    "again."))  # fmt: skip


def forbidden(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    return _error(request, 403, _("You may not do this"),
                  _("Your role does not include this. Ask your authority's administrator."))  # fmt: skip


def not_found(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    return _error(request, 404, _("Page not found"),
                  _("There is nothing here, or it is not open to you. Check the address."))  # fmt: skip


def server_error(request: HttpRequest) -> HttpResponse:
    return _error(request, 500, _("Something went wrong"),
                  _("The fault is ours and has been noted. What was saved before is kept. Try "
                    "again; if it happens again, tell support the number below."))  # fmt: skip


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    return _error(request, 403, _("The page was too old"),
                  _("The form was opened before you signed in or the session had ended. Go back, "
                    "reload the page and send it again; what you typed is kept in this tab."))  # fmt: skip


def _actor(request: HttpRequest) -> Any:
    """The acting membership; these few views stand below the room that has the decorator."""
    actor = getattr(request, "actor", None)
    if actor is None:
        raise Http404
    return actor


@require_POST
def saved_view_create(request: HttpRequest) -> HttpResponse:
    actor = _actor(request)
    list_key = request.POST.get("list_key", "")
    back = own_path(request.POST.get("path", "/"))
    try:
        view = save_view(
            actor=actor,
            list_key=list_key,
            name=request.POST.get("name", ""),
            query=request.POST.get("query", ""),
            scope=request.POST.get("scope", SavedViewScope.MINE),
        )
    except RuleViolation as error:
        messages.error(request, str(error))
        return redirect(f"{back}?{request.POST.get('query', '')}")
    messages.success(request, _("The view “%(name)s” is saved.") % {"name": view.name})
    return redirect(f"{back}?{view.query}")


@require_POST
def saved_view_delete(request: HttpRequest, public_id: str) -> HttpResponse:
    actor = _actor(request)
    view = get_object_or_404(SavedView, public_id=public_id, owner=actor.user)
    delete_view(actor=actor, view=view)
    messages.success(request, _("The view was deleted."))
    return redirect(own_path(request.POST.get("path", "/")))


@require_GET
def export_job(request: HttpRequest, public_id: str) -> HttpResponse:
    actor = _actor(request)
    job = get_object_or_404(ExportJob, public_id=public_id, membership=actor.membership)
    template = (
        "ui/export_job_state.html" if request.headers.get("HX-Request") else "ui/export_job.html"
    )
    return render(request, template, {"job": job})


@require_GET
def export_file(request: HttpRequest, public_id: str) -> FileResponse:
    actor = _actor(request)
    job = get_object_or_404(
        ExportJob, public_id=public_id, membership=actor.membership, state="done"
    )
    return FileResponse(
        job.file.open("rb"), as_attachment=True, filename=f"{job.list_key}.{job.format}"
    )


SUGGESTED = 5  # of each kind, below the box
FOUND = 10  # of each kind, on the page


@require_GET
def search(request: HttpRequest) -> HttpResponse:
    """One box over everything the actor may see; each room answers for its own.

    The page works without JavaScript; htmx asks here for the few that are offered below the box.
    """
    offered = request.headers.get("HX-Request") == "true"
    if not request.user.is_authenticated:
        if offered:
            return JsonResponse({"error": "signed_out"}, status=401)
        return redirect(f"{reverse('account_login')}?next={request.get_full_path()}")
    actor = _actor(request)
    text = request.GET.get("q", "").replace("\0", "").strip()[:100]
    groups = []
    if len(text) >= 2:
        limit = SUGGESTED if offered else FOUND
        groups = [provider(actor, text, limit) for provider in hooks.search_providers()]
    template = "ui/search_options.html" if offered else "ui/search.html"
    return render(request, template, {"text": text, "groups": [g for g in groups if g["rows"]]})


@require_GET
def styleguide(request: HttpRequest) -> HttpResponse:
    """Every component in its states, for those who build; staff only."""
    if not (request.user.is_authenticated and request.user.is_staff):
        raise Http404
    from ui.styleguide import SampleForm

    invalid = SampleForm({"name": "", "day": "32.13.2026", "kind": "b", "text": "x"})
    invalid.is_valid()
    context = {
        "form": SampleForm(),
        "invalid_form": invalid,
        "bar_rows": [
            {"label": "Uusimaa", "value": 14},
            {"label": "Pirkanmaa", "value": 9, "style": 2},
            {"label": "Lappi", "value": 0},
        ],
    }
    return render(request, "ui/styleguide.html", context)
