"""A score of a past day made again is the one that was stored on that day, whatever came since."""

import datetime as dt

import pytest
import time_machine
from django.db import transaction
from django.utils import timezone
from hypothesis import HealthCheck, Phase, example, given, settings
from hypothesis import strategies as st

from risk.services import scoring
from tests.risk.engine.histories import TOLD, History, make_models
from tests.risk.engine.test_run import table

pytestmark = pytest.mark.django_db
FIRST = dt.datetime(2026, 3, 2, 18, 0, tzinfo=dt.UTC)


def evening(number: int) -> dt.datetime:
    return FIRST + dt.timedelta(days=number)


@settings(
    max_examples=12, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck),
    phases=(Phase.explicit, Phase.generate),  # a history is short as it is
)  # fmt: skip
@given(days=st.lists(st.lists(TOLD, max_size=7), min_size=2, max_size=4))
@example(days=[[("visit", 0, 2, 1)], [("said over", 0, 0, 0), ("place", 0, 1, 0)], []])
@example(days=[[("visit", 1, 2, 1), ("fact", 0, 3, 0)], [("company's industry", 1, 0, 0)],
               [("end of a fact", 0, 0, 0)]])  # fmt: skip
def test_a_past_day_made_again_is_what_was_stored_on_it(reference, days):
    with transaction.atomic():
        stored = []
        for number, things in enumerate(days):
            with time_machine.travel(evening(number), tick=False):
                if not number:
                    history = History(sites=4)
                    make_models()
                for told in things:
                    history.tell(*told)
                run = scoring.run_scoring()
                assert run.state == "done"
                stored.append((timezone.localdate(), table(run)))
        with time_machine.travel(evening(len(days) + 3), tick=False):
            for day, then in stored:
                assert table(scoring.run_scoring(day)) == then, day
        transaction.set_rollback(True)
