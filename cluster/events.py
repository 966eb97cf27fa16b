"""Events of a stage of work, for progress displays."""

from collections.abc import Callable
from dataclasses import dataclass

from cluster.types import Outcome


@dataclass(frozen=True, slots=True)
class Started:
    """A stage of `total` tasks has begun."""

    stage: str
    total: int


@dataclass(frozen=True, slots=True)
class Finished:
    """A task of a stage has its outcome."""

    stage: str
    outcome: Outcome


@dataclass(frozen=True, slots=True)
class Ended:
    """A stage has ended; `done` and `failed` count its tasks, fewer than its total if the stage was aborted."""

    stage: str
    done: int
    failed: int
    seconds: float


Event = Started | Finished | Ended
Listener = Callable[[Event], None]
