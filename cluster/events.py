"""What a listener is told while a stage of work goes on."""

import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from cluster.pool import Outcome


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


def watch(stage: str, total: int, outcomes: Iterable[Outcome], listener: Listener | None) -> Iterator[Outcome]:
    """Pass the outcomes through and tell the listener of the start, of each one, and of the end."""
    tell: Listener = listener or (lambda event: None)
    start, done, failed = time.monotonic(), 0, 0
    tell(Started(stage, total))
    try:
        for outcome in outcomes:
            done += outcome.error is None
            failed += outcome.error is not None
            tell(Finished(stage, outcome))
            yield outcome
    finally:
        tell(Ended(stage, done, failed, time.monotonic() - start))
