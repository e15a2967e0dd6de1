"""The public text on the method: a page for everybody signed in, and the same as JSON and HTML."""

import datetime as dt
from typing import Any

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.utils.formats import date_format
from django.utils.translation import get_language
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET

from authorities.access import acting
from risk.models import Direction, MethodEdition, Source, Visibility
from risk.services import tested
from targets.models import VisitOutcome


def _words(names: dict[str, str]) -> str:
    """The reader's language of a text kept in all three."""
    return names.get((get_language() or "fi")[:2]) or names["fi"]


def _day(text: str | None) -> str:
    return date_format(dt.date.fromisoformat(text), "SHORT_DATE_FORMAT") if text else "–"


def _model(content: dict[str, Any]) -> dict[str, Any]:
    return {
        "name": _words(content["name"]), "authority": _words(content["authority"]),
        "number": content["number"], "since": _day(content["since"]), "hash": content["hash"],
        "outcomes": ", ".join(str(VisitOutcome(o).label) for o in content["outcomes"]),
        "indicators": [
            {"name": _words(row["name"]), "ground": _words(row["ground"]),
             "sentence": _words(row["sentence"]).replace("{value}", "…"),
             "source": Source(row["source"]).label, "direction": Direction(row["direction"]).label,
             "level": row["visibility"] == Visibility.LEVEL}
            for row in content["indicators"]
        ],
    }  # fmt: skip


def _context() -> dict[str, Any]:
    """The newest edition in the reader's language. One query."""
    editions = list(MethodEdition.objects.order_by("-number")[:20])
    newest = editions[0] if editions else None
    return {
        "edition": newest, "editions": editions[1:],
        "models": [_model(m) for m in newest.content["models"]] if newest else [],
        "never": tested.never_words(),
        "title": _("How targets are chosen"),
    }  # fmt: skip


@require_GET
@acting()
def method(request: HttpRequest) -> HttpResponse:
    return render(request, "risk/method.html", _context())


@require_GET
@acting()
def method_html(request: HttpRequest) -> HttpResponse:
    """The text alone, to be put on an authority's own pages."""
    language = (get_language() or "fi")[:2]
    answer = render(request, "risk/method_plain.html", _context() | {"language": language})
    answer["Content-Disposition"] = f'attachment; filename="method-{language}.html"'
    return answer


@require_GET
@acting()
def method_json(request: HttpRequest) -> JsonResponse:
    """The newest edition in all languages, as it was published."""
    newest = MethodEdition.objects.order_by("-number").first()
    answer = {
        "edition": newest.number if newest else None,
        "at": newest.at.isoformat() if newest else None,
        "sha256": newest.sha256 if newest else None,
        "never": tested.never_inputs(),
        "models": newest.content["models"] if newest else [],
    }  # fmt: skip
    return JsonResponse(answer, json_dumps_params={"ensure_ascii": False})
