"""Indicators, risk models, scores, and the results they are judged by."""

from risk.models.changes import Refreshed, RunPart, Touched
from risk.models.indicators import (
    Direction,
    Indicator,
    IndicatorState,
    IndicatorVersion,
    Missing,
    Source,
    Visibility,
)
from risk.models.overrides import Decided, Override, OverrideReason
from risk.models.proposals import Proposal
from risk.models.riskmodels import (
    Approval,
    MethodEdition,
    ModelIndicator,
    ModelKind,
    ModelState,
    ModelVersion,
    Report,
    ReportKind,
    ReportState,
    ReportStep,
    ReportWhole,
    RiskModel,
)
from risk.models.scores import Arm, Label, RunState, Score, ScoringRun, Worth

__all__ = [
    "Approval",
    "Arm",
    "Decided",
    "Direction",
    "Indicator",
    "IndicatorState",
    "IndicatorVersion",
    "Label",
    "MethodEdition",
    "Missing",
    "ModelIndicator",
    "ModelKind",
    "ModelState",
    "ModelVersion",
    "Override",
    "OverrideReason",
    "Proposal",
    "Refreshed",
    "Report",
    "ReportKind",
    "ReportState",
    "ReportStep",
    "ReportWhole",
    "RiskModel",
    "RunPart",
    "RunState",
    "Score",
    "ScoringRun",
    "Source",
    "Touched",
    "Visibility",
    "Worth",
]
