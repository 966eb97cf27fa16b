"""What a pool and its workers say to each other."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from cluster.worker_host import Attempt

WATCH_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a task: `result`, or after the last attempt `error` on one line and its `traceback`.

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
    begins a further concurrent call only while its machine has that much memory available.
    """

    workers: int = 1
    concurrency_groups: Mapping[str, int] = field(default_factory=dict)
    cpus: float = 1
    gpus: float = 0
    memory: int = 0
    memory_headroom: int = 0


GroupPolicy = Callable[[Mapping[str, float]], Sequence[WorkerGroup]]
"""Maps the resources of a cluster ("CPU", "GPU", and "memory" in bytes) to worker groups."""


Take = Callable[[str], Any]
"""Gives the next task of a method, or None where there is none just now."""


class Workers(Protocol):
    """Where calls run. A ticket stands for a call that was submitted.

    `ready` are the workers that take calls now. `finished` waits so many seconds at most for one of the tickets. When
    a worker's process is lost, one of its tickets finishes as died and its other tickets are void; another process
    takes its place and is ready later.
    """

    def ready(self) -> Mapping[int, WorkerGroup]: ...

    def submit(self, worker: int, method: str, task: Any, pause: float) -> Any: ...

    def finished(self, tickets: Sequence[Any], seconds: float) -> tuple[Any, Attempt] | None: ...
