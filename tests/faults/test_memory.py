"""A plan too large for the memory it is given ends in words, and its process goes on."""

import copy
import uuid

import pytest
from django.db import transaction

from audit.context import as_system
from planning.models import SelectionRun, SolverState
from planning.services import inputs, runs
from tests.factories import Cast, set_rules
from tests.faults.conftest import Processes

pytestmark = pytest.mark.faults
MANY, MEGABYTES = 60_000, 16
WORK = """
import django; django.setup()
from planning.services import runs
runs.perform(runs.claim({pk}))
print("went on")
"""


def test_a_search_that_needs_too_much_memory_says_so(processes: Processes) -> None:
    cast = Cast()
    cast.to("selecting", sites=3)
    set_rules(cast.operation, random_share=0, periods="weeks")
    with transaction.atomic(), as_system("a test"):
        frozen = inputs.freeze(cast.operation) | {"start": None}
    model = frozen["sites"][0]
    frozen["sites"] = [
        copy.copy(model) | {"id": str(uuid.uuid4()), "firm": ""} for _number in range(MANY)
    ]
    run = runs.ask_run(actor=cast.lead, operation=cast.operation)
    with transaction.atomic(), as_system("a test"):
        SelectionRun.objects.filter(pk=run.pk).update(inputs=frozen, inputs_hash="x")
    processes.environment["SOLVER_MEMORY_MB"] = str(MEGABYTES)
    process = processes.start("-c", WORK.format(pk=run.pk))
    assert process.wait(timeout=120) == 0, processes.logs()
    assert "went on" in processes.logs()
    with transaction.atomic(), as_system("a test"):
        run.refresh_from_db()
    assert run.state == SolverState.FAILED, run.message
    assert "SOLVER_MEMORY_MB" in run.message
    assert f"({MEGABYTES} M" in run.message
