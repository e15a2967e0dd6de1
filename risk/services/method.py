"""What everybody is told of the method: editions made from the active joint models."""

import hashlib
import json
from typing import Any

from django.db import connection
from django.db.models import Prefetch
from django.utils import timezone
from django.utils.translation import override

from audit.context import as_system
from audit.services import record
from authorities.models import Authority
from risk.models import MethodEdition, ModelIndicator, ModelState, ModelVersion

LANGUAGES = ("fi", "sv", "en")
LOCK = 0x7461726B6D


def publish(version: ModelVersion) -> MethodEdition:
    """Write the next edition, in the transaction that put ``version`` in or out of use."""
    with as_system("the public method tells of the joint models of all authorities"):
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(%s)", [LOCK])
        content = method_content()
        text = json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        last = MethodEdition.objects.order_by("-number").first()
        edition = MethodEdition.objects.create(
            number=last.number + 1 if last else 1, content=content, version=version,
            sha256=hashlib.sha256(text.encode()).hexdigest(),
        )  # fmt: skip
    record(
        actor=None, verb="risk_method.published", subject=edition, data={"number": edition.number}
    )
    return edition


def method_content() -> dict[str, Any]:
    """The active joint models with names, sentences and grounds in every language. Three queries.

    Sealed indicators are in no joint model; of a "level" one no limits are told.
    """
    versions = (
        ModelVersion.objects.filter(state=ModelState.ACTIVE, model__joint=True)
        .select_related("model__authority")
        .prefetch_related(
            Prefetch(
                "indicators",
                ModelIndicator.objects.select_related("indicator__ground__ground").order_by(
                    "place"
                ),
            )
        )
        .order_by("model__code")
    )
    return {"models": [_model(version) for version in versions]}


def _model(version: ModelVersion) -> dict[str, Any]:
    model = version.model
    return {
        "code": model.code,
        "name": _names(model),
        "authority": _authority(model.authority),
        "number": version.number,
        "kind": version.kind,
        "since": timezone.localdate(version.activated_at).isoformat()
        if version.activated_at
        else None,
        "hash": version.content_hash,
        "outcomes": model.outcomes,
        "indicators": [_indicator(part) for part in version.indicators.all()],
    }


def _indicator(part: ModelIndicator) -> dict[str, Any]:
    row = part.indicator
    grounds = {}
    for code in LANGUAGES:
        with override(code):
            grounds[code] = row.ground.basis_words if row.ground else row.ground_text
    return {
        "name": _names(row),
        "sentence": {code: getattr(row, f"sentence_{code}") for code in LANGUAGES},
        "source": row.source,
        "direction": row.direction,
        "ground": grounds,
        "visibility": row.visibility,
        "number": row.number,
    }


def _authority(authority: Authority) -> dict[str, str]:
    return {code: getattr(authority, f"name_{code}") or authority.name_fi for code in LANGUAGES}


def _names(row: Any) -> dict[str, str]:
    return {code: getattr(row, f"name_{code}") or row.name_fi for code in LANGUAGES}
