"""What a listener is told while a stage of work goes on."""

from collections.abc import Callable
from dataclasses import dataclass

from cluster.types import Outcome


@dataclass(frozen=True, slots=True)
class Started:
    stage: str
    total: int


@dataclass(frozen=True, slots=True)
class Finished:
    stage: str
    outcome: Outcome


@dataclass(frozen=True, slots=True)
class Ended:
    """`done` and `failed` count tasks; a stage that was broken off ends with fewer than it started with."""

    stage: str
    done: int
    failed: int
    seconds: float


Event = Started | Finished | Ended
Listener = Callable[[Event], None]
