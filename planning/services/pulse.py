"""The heartbeat of a long run beside its work, which may be silent for minutes inside a solver."""

import logging
import threading
from collections.abc import Callable
from types import TracebackType
from typing import Any, Self

from django.db import InterfaceError, OperationalError, connection

from audit.claims import TakenOver

logger = logging.getLogger(__name__)
SECONDS = 10.0


class Pulse:
    """``save`` writes the heartbeat with values; the work and the beat take turns at it.

    ``lost`` tells that the row is no longer ours (taken over, cancelled): asked by the solver between
    its steps, so that a cancelled run ends within seconds.
    """

    def __init__(self, save: Callable[..., None]) -> None:
        self._save, self._turn, self._end = save, threading.Lock(), threading.Event()
        self._lost = threading.Event()
        self._thread = threading.Thread(target=self._beat, daemon=True)

    def save(self, **values: Any) -> None:
        with self._turn:
            self._save(**values)

    def lost(self) -> bool:
        return self._lost.is_set()

    def __enter__(self) -> Self:
        # Inside somebody's transaction (a test) no other connection sees the row.
        if not connection.in_atomic_block:
            self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:  # fmt: skip
        self._end.set()
        if self._thread.is_alive():
            self._thread.join()

    def _beat(self) -> None:
        try:
            while not self._end.wait(SECONDS):
                try:
                    self.save()
                except TakenOver:
                    self._lost.set()
                    return
                except (OperationalError, InterfaceError):
                    connection.close()  # the database is away for a moment: the next beat tries again
        finally:
            connection.close()
