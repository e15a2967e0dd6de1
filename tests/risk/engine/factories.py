"""Indicators and models for tests of the engine."""

import datetime as dt
import itertools
from typing import Any

from django.utils import timezone

from risk.models import Indicator, IndicatorVersion, ModelIndicator, ModelVersion, RiskModel
from tests.factories import make_authority

_numbers = itertools.count(1)
STEPS = [{"below": 1, "points": 0}, {"below": 3, "points": 10}, {"below": None, "points": 25}]


def make_indicator(
    source: str, definition: dict[str, Any], *, authority: str | None = None, **values: Any
) -> IndicatorVersion:
    """A published version: ``make_indicator("signals", {...}, authority="OSH", cap=20)``."""
    number = next(_numbers)
    indicator = Indicator.objects.create(
        code=f"indicator-{number}", authority=make_authority(authority) if authority else None
    )
    defaults: dict[str, Any] = {
        "number": 1, "state": "published", "published_at": timezone.now(), "name_fi": f"Osoitin {number}",
        "name_en": f"Indicator {number}", "bins": STEPS, "ground_text": "Test act, section 1",
    }  # fmt: skip
    return IndicatorVersion.objects.create(
        indicator=indicator, source=source, definition=definition, **(defaults | values)
    )


def make_model(
    indicators: list[IndicatorVersion], *, authority: str = "OSH", joint: bool = True,
    params: dict[str, Any] | None = None, state: str = "active", severity: float = 1,
    visit_days: float = 1, activated: dt.datetime | None = None,
) -> ModelVersion:  # fmt: skip
    """A model whose only version is active, for years unless ``activated`` says since when."""
    number = next(_numbers)
    model = RiskModel.objects.create(
        code=f"model-{number}", authority=make_authority(authority), joint=joint,
        name_fi=f"Malli {number}", outcomes=["serious", "severe"], severity=severity,
        visit_days=visit_days,
    )  # fmt: skip
    version = ModelVersion.objects.create(model=model, number=1, params=params or {})
    for place, indicator in enumerate(indicators):
        ModelIndicator.objects.create(version=version, indicator=indicator, place=place)
    ModelVersion.objects.filter(pk=version.pk).update(
        state=state,
        content_hash="0" * 64,
        activated_at=activated or timezone.now() - dt.timedelta(days=3650),
    )
    return ModelVersion.objects.get(pk=version.pk)
