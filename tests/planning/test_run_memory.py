"""A plan too large for the memory it is given ends in words; the worker goes on with the next."""

import copy
import uuid
from pathlib import Path

import pytest
from django.urls import reverse

from planning.models import SelectionRun, SolverState
from planning.services import inputs, runs
from tests.factories import set_rules
from tests.planning.test_runs import plan, selecting

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="bounded on Linux alone"),
]
MANY = 20_000


def test_a_search_that_needs_too_much_memory_says_so_and_the_next_one_works(settings, as_user):
    cast = selecting()
    set_rules(cast.operation, random_share=0, periods="weeks")
    plan(cast)  # all code is loaded, and what is asked for below is memory of the search
    frozen = inputs.freeze(cast.operation) | {"start": None}
    model = frozen["sites"][0]
    frozen["sites"] += [copy.copy(model) | {"id": str(uuid.uuid4())} for _n in range(MANY)]
    run = runs.ask_run(actor=cast.lead, operation=cast.operation)
    SelectionRun.objects.filter(pk=run.pk).update(inputs=frozen, inputs_hash="x")
    settings.SOLVER_MEMORY_MB = 4
    claimed = runs.claim(run.pk)
    assert claimed is not None
    done = runs.perform(claimed)
    assert done.state == SolverState.FAILED
    assert "needs more memory" in done.message
    assert "(4 MB)" in done.message
    page = as_user(cast.lead).get(reverse("planning:run", args=[run.public_id])).content.decode()
    assert "needs more memory" in page
    settings.SOLVER_MEMORY_MB = 2_048
    assert plan(cast).proposals.exists()
