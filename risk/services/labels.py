"""How a visit came about, kept beside its result, so that models can be judged by it."""

import datetime as dt
import hmac
from collections.abc import Iterable, Mapping

from django.conf import settings
from django.utils import timezone

from audit.context import as_system
from risk.models import Arm, Label
from targets.models import PastVisit


def team_key(people: Iterable[int]) -> str:
    """A key that is the same for the same team and names nobody (HMAC-SHA256, 16 hex digits).

    Empty without people. Models treat it as a nuisance when fitting and never rank by it.
    """
    team = ",".join(str(pk) for pk in sorted(set(people)))
    if not team:
        return ""
    return hmac.new(settings.PERSON_KEY.encode(), f"team|{team}".encode(), "sha256").hexdigest()[
        :16
    ]


def label_visit(
    *, visit: PastVisit, arm: Arm, origin: str = "", group: str = "",
    probability: float | None = None, operation: str = "", chosen_on: dt.date | None = None,
) -> Label:  # fmt: skip
    """Say how a visit came about, once: what was said first stays (it was known then).

    ``operation``: number of the operation it was made in; ``chosen_on``: when the site was chosen.
    """
    with as_system("one person closes an operation, the results belong to every participant"):
        label, _made = Label.objects.get_or_create(
            visit=visit,
            defaults={"arm": arm, "origin": origin, "group": group, "probability": probability,
                      "operation": operation, "chosen_on": chosen_on,
                      "known_from": timezone.now()},
        )  # fmt: skip
    return label


def label_visits(*, groups: Mapping[int, str], arm: Arm = Arm.UNKNOWN) -> int:
    """The same for many visits of the past at once: visit → key of who visited; returns how many.

    What was said of a visit before stays.
    """
    now = timezone.now()
    with as_system("the operator brings in results of the past with who visited"):
        before = Label.objects.count()
        Label.objects.bulk_create(
            [
                Label(visit_id=visit, arm=arm, group=group, known_from=now)
                for visit, group in groups.items()
            ],
            batch_size=2_000, ignore_conflicts=True,
        )  # fmt: skip
        return Label.objects.count() - before
