"""Types that a pool, its workers and its callers share."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from cluster.worker_host import Attempt

POLL_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class Outcome:
    """Outcome of a task: `result`, or after the last attempt `error` on one line and its `traceback`.

    `seconds` is the time of the last attempt.
    """

    task: Any
    result: Any
    error: str | None
    traceback: str | None
    seconds: float
    attempts: int
    worker: int
    method: str = ""


@dataclass(frozen=True)
class WorkerGroup:
    """Workers of one kind.

    concurrency_groups: the methods these workers are called by, each with the number of calls that one worker runs
    concurrently (one more waits in its queue). Empty: any method, one call at a time. cpus, gpus (fractions share a
    device), memory (bytes): what Ray reserves for each worker. memory_headroom: bytes that one call may need; a worker
    begins a further concurrent call only while its machine, and its container, has that much memory available.
    """

    workers: int = 1
    concurrency_groups: Mapping[str, int] = field(default_factory=dict)
    cpus: float = 1
    gpus: float = 0
    memory: int = 0
    memory_headroom: int = 0

    def accepts(self, method: str) -> bool:
        """Whether these workers are called by a method."""
        return not self.concurrency_groups or method in self.concurrency_groups


GroupPolicy = Callable[[Mapping[str, float]], Sequence[WorkerGroup]]
"""Maps the resources of a cluster ("CPU", "GPU", and "memory" in bytes) to worker groups."""


NextTask = Callable[[str], Any]
"""Returns the next task of a method, or None if there is none now."""


class Workers(Protocol):
    """Workers by their number, and futures of the calls submitted to them.

    `ready` are the workers that accept calls now. `submit` sends a call, which begins after `pause` seconds. `wait`
    waits up to `seconds` for one of the futures. If the process of a worker is lost, one of its futures finishes with
    `died`, its other futures are void, and another process takes its place and is ready later.
    """

    def ready(self) -> Mapping[int, WorkerGroup]: ...

    def submit(self, worker: int, method: str, task: Any, pause: float) -> Any: ...

    def wait(self, futures: Sequence[Any], seconds: float) -> tuple[Any, Attempt] | None: ...
