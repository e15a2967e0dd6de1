"""A comparison whose worker is killed in the middle is taken up again and ends whole."""

import datetime as dt

import pytest
from django.utils import timezone

from bench.identity import World, load
from config.celery import app
from config.services import Redis
from targets.models import LinkRun, MatchPair, RunState
from targets.services.identity import linkage
from tests.faults.conftest import Processes, wait_until

pytestmark = pytest.mark.faults


def send(broker: Redis, name: str, *arguments: int) -> None:
    with app.connection_for_write(url=broker.url) as connection:
        app.send_task(name, args=arguments, connection=connection)


def pairs() -> set[tuple[int, int]]:
    return set(MatchPair.objects.values_list("site_a_id", "site_b_id"))


def test_killed_worker_leaves_a_comparison_that_another_ends(
    processes: Processes, broker: Redis
) -> None:
    load(World(2_000, 1))
    whole = linkage.claim(linkage.new_run(kind="site", full=True).pk)
    assert whole is not None
    linkage.perform(whole)
    expected, model = pairs(), whole.model
    MatchPair.objects.all().delete()

    # In many parts, with the same weights: so that it can be killed between two of them.
    run = linkage.new_run(kind="site", full=True)
    LinkRun.objects.filter(pk=run.pk).update(chunks_total=60, model=model)
    first = processes.worker()
    send(broker, "targets.jobs.link_register", run.pk)

    def under_way() -> bool:
        run.refresh_from_db()
        return run.chunks_done > 1

    wait_until(under_way, 60, what="the comparison is under way")
    processes.kill(first)
    run.refresh_from_db()
    done = run.chunks_done
    assert (run.state, 1 < done < 60) == (RunState.RUNNING, True)
    assert pairs() < expected

    second = processes.worker()
    send(broker, "targets.jobs.sweep_linkage")
    send(broker, "targets.jobs.link_register", run.pk)  # too early: the claim is still fresh
    LinkRun.objects.filter(pk=run.pk).update(
        heartbeat_at=timezone.now() - dt.timedelta(seconds=linkage.STALE_SECONDS + 1)
    )
    for _ in range(2):
        send(broker, "targets.jobs.sweep_linkage")

    def ended() -> bool:
        run.refresh_from_db()
        return run.state != RunState.RUNNING

    wait_until(ended, 90, "the comparison has ended")
    assert (run.state, run.attempts, run.chunks_done) == (RunState.DONE, 2, 60), processes.logs()
    assert pairs() == expected
    processes.kill(second)
