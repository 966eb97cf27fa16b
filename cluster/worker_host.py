"""The host of a worker object in its process, and the result of one attempt of a task."""

import threading
import time
import traceback
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

from cluster.errors import PoolError
from cluster.memory import available_memory

MEMORY_POLL_SECONDS = 0.2


@dataclass(frozen=True, slots=True)
class Attempt:
    """One attempt of a task: a result, or an error on one line with its traceback. `died`: the process was lost."""

    result: Any = None
    error: str | None = None
    traceback: str | None = None
    seconds: float = 0.0
    died: bool = False


def failed_attempt(error: BaseException, seconds: float = 0.0) -> Attempt:
    line = " ".join(f"{type(error).__name__}: {error}".split())
    return Attempt(None, line, "".join(traceback.format_exception(error)), seconds)


def check_built(builds: Iterable[Attempt]) -> None:
    """Raises PoolError if a worker could not be built; its traceback is a note of the error."""
    for attempt in builds:
        if attempt.error is not None:
            error = PoolError(f"a worker cannot be built: {attempt.error}")
            error.add_note(attempt.traceback or "")
            raise error


class WorkerHost:
    """Builds the worker object once in its process and calls it, from several threads; never raises.

    memory_headroom: bytes that must be available, as `available_memory` has it, for a call to begin beside another one.
    """

    def __init__(self, factory: Callable[[], Any], memory_headroom: int = 0) -> None:
        self.factory, self.memory_headroom = factory, memory_headroom
        self.worker: Any = None
        self.lock = threading.Lock()
        self.calls = 0

    def build(self) -> Attempt:
        return replace(self._attempt(self._worker), result=None)

    def call(self, method: str, task: Any, pause: float = 0.0) -> Attempt:
        """Calls the worker's method with the task after `pause` seconds."""
        time.sleep(pause)
        with self._counted_call():
            return self._attempt(lambda: getattr(self._worker(), method)(task))

    def _worker(self) -> Any:
        with self.lock:
            if self.worker is None:
                self.worker = self.factory()
            return self.worker

    @contextmanager
    def _counted_call(self) -> Iterator[None]:
        while True:
            with self.lock:
                if self.calls == 0 or self.memory_headroom == 0 or available_memory() >= self.memory_headroom:
                    self.calls += 1
                    break
            time.sleep(MEMORY_POLL_SECONDS)
        try:
            yield
        finally:
            with self.lock:
                self.calls -= 1

    def _attempt(self, action: Callable[[], Any]) -> Attempt:
        start = time.perf_counter()
        try:
            result = action()
        except Exception as error:  # noqa: BLE001 - whatever a task raises becomes its outcome, and the pool goes on
            return failed_attempt(error, time.perf_counter() - start)
        return Attempt(result, seconds=time.perf_counter() - start)
