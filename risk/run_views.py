"""Scoring runs as they were: by which versions, weights and settings each was reckoned."""

from typing import Any

from django.core.paginator import Paginator
from django.db.models import Prefetch
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.views.decorators.http import require_GET

from authorities.access import acting
from risk.engine.worth import Reckoning
from risk.models import ModelVersion, ScoringRun
from risk.permissions import READERS
from risk.selectors import percent, plain_number

LINES = 50


@require_GET
@acting(*READERS)
def run_list(request: HttpRequest) -> HttpResponse:
    """Every run, the newest first, with the versions that counted. Three queries."""
    rows = ScoringRun.objects.prefetch_related(_counted(request)).order_by("-pk")
    page = Paginator(rows, LINES).get_page(request.GET.get("page"))
    return render(request, "risk/runs.html", {"page": page})


@require_GET
@acting(*READERS)
def run_detail(request: HttpRequest, public_id: str) -> HttpResponse:
    """One run: what it was reckoned by, as it was then. Two queries."""
    rows = ScoringRun.objects.prefetch_related(_counted(request))
    run: Any = get_object_or_404(rows, public_id=public_id)
    reckoning = Reckoning.read(run.reckoning)
    weights = {weight.version: weight for weight in reckoning.joint}
    usual = {int(version): p for version, p in run.usual.items()}
    context = {
        "run": run, "reckoning": reckoning,
        "lines": [
            {"version": version, "weight": plain_number(weights[version.pk].severity),
             "days": plain_number(weights[version.pk].days), "joint": True,
             "usual": percent(usual[version.pk]) if version.pk in usual else "–"}
            if version.pk in weights else {"version": version, "joint": False}
            for version in run.counted
        ],
    }  # fmt: skip
    return render(request, "risk/run.html", context)


def _counted(request: HttpRequest) -> Prefetch:
    """The versions of a run that the reader may see; those of others' own models are theirs alone."""
    actor = request.actor  # type: ignore[attr-defined]
    versions = ModelVersion.objects.visible_to(actor).select_related("model__authority")
    return Prefetch(
        "versions", versions.order_by("-model__joint", "model__code").defer("params"),
        to_attr="counted",
    )  # fmt: skip
