"""What may become of an indicator, a model and a report: (state, what is done) → what follows.

Who may take an arrow stands in ``risk.permissions``; what an arrow requires, in the services.
"""

from typing import Any

from django.utils.translation import gettext as _

from audit.errors import Conflict
from risk.models import IndicatorState, ModelState, ReportKind, ReportState

IS, M, R = IndicatorState, ModelState, ReportState

INDICATOR: dict[tuple[str, str], str] = {
    (IS.DRAFT, "change"): IS.DRAFT,
    (IS.DRAFT, "publish"): IS.PUBLISHED,
    (IS.PUBLISHED, "retire"): IS.RETIRED,
    # The version that follows takes the place of the published one.
    (IS.PUBLISHED, "follow"): IS.RETIRED,
}

# "passed" and "blocked" are the audit's own words; "second" is the approval that completes.
MODEL: dict[tuple[str, str], str] = {
    (M.DRAFT, "change"): M.DRAFT,
    (M.DRAFT, "backtested"): M.TESTED,
    (M.TESTED, "passed"): M.AUDITED,
    (M.TESTED, "blocked"): M.BLOCKED,
    (M.BLOCKED, "passed"): M.AUDITED,
    (M.BLOCKED, "blocked"): M.BLOCKED,
    # Results that came since may speak against what was fine; what is in use is only watched.
    (M.AUDITED, "passed"): M.AUDITED,
    (M.AUDITED, "blocked"): M.BLOCKED,
    (M.AUDITED, "approve"): M.AUDITED,
    (M.AUDITED, "second"): M.APPROVED,
    (M.APPROVED, "activate"): M.ACTIVE,
    (M.ACTIVE, "follow"): M.RETIRED,
    (M.ACTIVE, "retire"): M.RETIRED,
    (M.TESTED, "retire"): M.RETIRED,
    (M.AUDITED, "retire"): M.RETIRED,
    (M.BLOCKED, "retire"): M.RETIRED,
    (M.APPROVED, "retire"): M.RETIRED,
}

REPORT: dict[tuple[str, str], str] = {
    (R.WAITING, "start"): R.RUNNING,
    (R.WAITING, "cancel"): R.CANCELLED,
    (R.RUNNING, "cancel"): R.CANCELLED,
    (R.RUNNING, "finish"): R.DONE,
    (R.RUNNING, "fail"): R.FAILED,
}

# Which reports can be asked for of a version in a state.
ASKED: dict[str, tuple[str, ...]] = {
    ReportKind.BACKTEST: (M.DRAFT, M.TESTED, M.AUDITED, M.BLOCKED, M.APPROVED, M.ACTIVE),
    # Of an approved one too: it is not put to use while its newest audit failed.
    ReportKind.AUDIT: (M.TESTED, M.AUDITED, M.BLOCKED, M.APPROVED, M.ACTIVE),
    ReportKind.DRIFT: (M.APPROVED, M.ACTIVE),
}


def follows(table: dict[tuple[str, str], str], state: str, what: str) -> str | None:
    """The state after ``what`` is done in ``state``; None when it cannot be done there."""
    return table.get((state, what))


def step(table: dict[tuple[str, str], str], row: Any, what: str) -> str:
    """The state of ``row`` after ``what``; Conflict when the row has moved on."""
    state = follows(table, row.state, what)
    if state is None:
        raise Conflict(
            _("The version is now “%(state)s”; this step is not possible. Look at it again.")
            % {"state": row.get_state_display()}
        )
    return state
