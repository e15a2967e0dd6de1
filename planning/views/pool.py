"""The pool of an operation: a list of sites, and taking some out of it."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_GET, require_POST

from audit.errors import DomainError
from authorities.access import acting
from planning.lists import PoolList
from planning.services import take_from_pool
from planning.views.base import fetch
from targets.bulk_views import is_uuid
from targets.models import Site
from targets.services.bulk import AT_ONCE

pool = require_GET(acting()(PoolList.as_view()))


@require_POST
@acting()
def pool_take(request: HttpRequest, public_id: str) -> HttpResponse:
    """Take the ticked sites out, as far as the own authority put them in."""
    actor = request.actor  # type: ignore[attr-defined]
    operation = fetch(request, public_id)
    ticked = [raw for raw in request.POST.getlist("id") if is_uuid(raw)][:AT_ONCE]
    sites = Site.objects.visible_to(actor).filter(public_id__in=ticked)
    try:
        count = take_from_pool(
            actor=actor, operation=operation, sites=sites.values_list("pk", flat=True)
        )
    except DomainError as error:
        messages.error(request, str(error))
    else:
        words = ngettext("%(count)s site was taken out.", "%(count)s sites were taken out.", count)
        messages.success(request, words % {"count": count})
        if count < len(ticked):
            messages.info(
                request, _("What others put in, and what is decided on, stays in the pool.")
            )
    return redirect("planning:pool", public_id=public_id)
