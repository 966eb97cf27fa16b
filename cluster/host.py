"""One process's worker object, and what one try of a task gave."""

import time
import traceback
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from cluster.errors import PoolError


@dataclass(frozen=True, slots=True)
class Attempt:
    """One try of a task: a result, or an error on one line with its traceback. `died` means the process was lost."""

    result: Any = None
    error: str | None = None
    traceback: str | None = None
    seconds: float = 0.0
    died: bool = False


def failure(error: BaseException, seconds: float = 0.0) -> Attempt:
    line = " ".join(f"{type(error).__name__}: {error}".split())
    return Attempt(None, line, "".join(traceback.format_exception(error)), seconds)


def check_built(built: Iterable[Attempt]) -> None:
    """PoolError if a worker could not be built; its traceback is a note of the error."""
    for attempt in built:
        if attempt.error is not None:
            error = PoolError(f"a worker cannot be built: {attempt.error}")
            error.add_note(attempt.traceback or "")
            raise error


class Host:
    """Builds the worker object once in its process and calls it; never raises."""

    def __init__(self, factory: Callable[[], Any]) -> None:
        self.factory = factory
        self.worker: Any = None

    def build(self) -> Attempt:
        return self._attempt(self._worker)

    def call(self, method: str, task: Any, pause: float = 0.0) -> Attempt:
        """Call the worker's method with the task after `pause` seconds."""
        time.sleep(pause)
        return self._attempt(lambda: getattr(self._worker(), method)(task))

    def _worker(self) -> Any:
        if self.worker is None:
            self.worker = self.factory()
        return self.worker

    def _attempt(self, action: Callable[[], Any]) -> Attempt:
        start = time.perf_counter()
        try:
            result = action()
        except Exception as error:  # noqa: BLE001 - whatever a task raises becomes its outcome, and the pool goes on
            return failure(error, time.perf_counter() - start)
        return Attempt(result, seconds=time.perf_counter() - start)
