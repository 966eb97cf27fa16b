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
class Crew:
    """Workers of one kind.

    lanes: the methods they are called by, each with how many calls a worker does side by side (one more waits). Without
    lanes any method, one call at a time. cpus, gpus (fractions share a device), memory (bytes): what each worker takes
    of a Ray machine. room: bytes that a call may come to take; beyond a worker's first call none begins while the
    machine has less.
    """

    workers: int = 1
    lanes: Mapping[str, int] = field(default_factory=dict)
    cpus: float = 1
    gpus: float = 0
    memory: int = 0
    room: int = 0


Crews = Callable[[Mapping[str, float]], Sequence[Crew]]
"""The crews for what a cluster has: "CPU", "GPU" and "memory" (bytes)."""


Take = Callable[[str], Any]
"""Gives the next task of a method, or None where there is none just now."""


class Workers(Protocol):
    """Where calls run. A ticket stands for a call that was submitted.

    `ready` are the workers that take calls now. `finished` waits so many seconds at most for one of the tickets. When
    a worker's process is lost, one of its tickets finishes as died and its other tickets are void; another process
    takes its place and is ready later.
    """

    def ready(self) -> Mapping[int, Crew]: ...

    def submit(self, worker: int, method: str, task: Any, pause: float) -> Any: ...

    def finished(self, tickets: Sequence[Any], seconds: float) -> tuple[Any, Attempt] | None: ...
