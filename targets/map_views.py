"""The map's own address: the list's query string, and what of it lies in view."""

from django.http import HttpRequest, JsonResponse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET

from authorities.access import acting
from targets.lists import SiteList
from targets.map import Window, look


@require_GET
@acting()
def site_map(request: HttpRequest) -> JsonResponse:
    """Points and clusters as JSON; ``bbox`` and ``zoom`` beside the parameters of the list."""
    query = request.GET.copy()
    try:
        window = Window.of(query.pop("bbox", [""])[-1], query.pop("zoom", ["5"])[-1])
    except ValueError:
        words = _("The part of the map was not understood. Reload the page.")
        return JsonResponse({"error": words}, status=422)
    page = SiteList(request.actor, query)  # type: ignore[attr-defined]
    return JsonResponse(look(page, window))
