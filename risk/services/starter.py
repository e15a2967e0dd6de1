"""The starter set of ``reference/risk_indicators.yaml``: shared indicators and points models.

Loading it again changes nothing. What the file says anew becomes a new version of the indicator;
models are made once and from then on belong to their authorities.
"""

from typing import Any

import yaml
from django.conf import settings
from django.utils import timezone

from audit.context import as_system, service
from authorities.models import Authority
from risk.engine.definitions import check_bins, check_of
from risk.models import (
    Indicator,
    IndicatorState,
    IndicatorVersion,
    ModelIndicator,
    ModelState,
    ModelVersion,
    RiskModel,
)
from risk.services import method
from risk.services.models import content_hash

PREFIX = "starter-"
LANGUAGES = ("fi", "sv", "en")
SAID = ("source", "definition", "direction", "bins", "missing", "missing_points", "half_life_days",
        "unit")  # fmt: skip


@service
def load_starter(*, actor: Any = None, activate: bool = False) -> dict[str, int]:
    """Load the set; returns how many indicator versions and models were made.

    ``activate`` makes the models active at once, for a demonstration. Elsewhere they stay drafts
    that go the way of every model: backtest, bias audit, two approvals.
    """
    file = settings.REFERENCE_DIR / "risk_indicators.yaml"
    data = yaml.safe_load(file.read_text(encoding="utf-8"))
    with as_system("shared indicators have no owner, models come with the installation"):
        before = IndicatorVersion.objects.count()
        versions = [_indicator(entry, data["ground"]) for entry in data["indicators"]]
        made = IndicatorVersion.objects.count() - before
        _retire_others(data["indicators"])
        models = sum(_model(entry, data, versions, activate) for entry in data["models"])
    return {"indicators": made, "models": models}


def _indicator(entry: dict[str, Any], ground: str) -> IndicatorVersion:
    """The published version that says what the file says."""
    values = {name: entry[name] for name in SAID if name in entry}
    problems = check_of(values["source"], values["definition"], shared=True)
    problems += check_bins(values["bins"])
    if problems:
        raise ValueError(f"{file_code(entry)}: {' '.join(problems)}")
    for code in LANGUAGES:
        values[f"name_{code}"], values[f"sentence_{code}"] = entry[code]
    indicator, _made = Indicator.objects.get_or_create(code=file_code(entry), authority=None)
    latest = indicator.versions.order_by("-number").first()
    if latest and latest.state == IndicatorState.PUBLISHED:
        if all(getattr(latest, name) == value for name, value in values.items()):
            return latest
        IndicatorVersion.objects.filter(pk=latest.pk).update(
            state=IndicatorState.RETIRED, retired_at=timezone.now()
        )
    version = IndicatorVersion.objects.create(
        indicator=indicator, number=latest.number + 1 if latest else 1, ground_text=ground,
        state=IndicatorState.PUBLISHED, published_at=timezone.now(), **values,
    )  # fmt: skip
    Indicator.objects.filter(pk=indicator.pk).update(told=True)
    return version


def _retire_others(entries: list[dict[str, Any]]) -> None:
    """Indicators of an earlier set that the file no longer has: no new model takes them."""
    IndicatorVersion.objects.filter(
        indicator__authority=None, indicator__code__startswith=PREFIX,
        state=IndicatorState.PUBLISHED,
    ).exclude(indicator__code__in=[file_code(entry) for entry in entries]).update(
        state=IndicatorState.RETIRED, retired_at=timezone.now()
    )  # fmt: skip


def file_code(entry: dict[str, Any]) -> str:
    return f"{PREFIX}{entry['code']}"


def _model(
    entry: dict[str, Any], data: dict[str, Any], indicators: list[IndicatorVersion], activate: bool
) -> int:
    """Make one model with its first version; 0 when it is there or its authority is not."""
    authority = Authority.objects.filter(code=entry["authority"]).first()
    if authority is None or RiskModel.objects.filter(code=entry["code"]).exists():
        return 0
    model = RiskModel.objects.create(
        code=entry["code"], authority=authority, outcomes=data["outcomes"],
        severity=entry["severity"], visit_days=entry["visit_days"],
        **{f"name_{code}": entry[code] for code in LANGUAGES},
    )  # fmt: skip
    version = ModelVersion.objects.create(
        model=model, number=1, params={"calibration": data["calibration"]}, note=data["note"]
    )
    ModelIndicator.objects.bulk_create(
        ModelIndicator(version=version, indicator=indicator, place=place)
        for place, indicator in enumerate(indicators)
    )
    if activate:
        ModelVersion.objects.filter(pk=version.pk).update(
            state=ModelState.ACTIVE, content_hash=content_hash(version),
            activated_at=timezone.now(),
        )  # fmt: skip
        method.publish(version)
    return 1
