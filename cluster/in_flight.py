"""The calls that are under way."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Call:
    number: int
    method: str
    task: Any
    attempts: int = 0


@dataclass(frozen=True, slots=True)
class Running:
    call: Call
    worker: int
    since: float


class InFlight:
    """In the order of submission, by their tickets; a call may be there twice, when a copy of it runs.

    They are counted as they begin and end, for a pool asks at each answer, with thousands of them on a large cluster.
    """

    def __init__(self) -> None:
        self._running: dict[Any, Running] = {}
        self._on: Counter[tuple[str, int]] = Counter()
        self._copies: Counter[int] = Counter()

    def __iter__(self) -> Iterator[Running]:
        return iter(self._running.values())

    def __getitem__(self, ticket: Any) -> Running:
        return self._running[ticket]

    @property
    def tickets(self) -> list[Any]:
        return list(self._running)

    def begin(self, ticket: Any, call: Call, worker: int, now: float) -> None:
        self._running[ticket] = Running(call, worker, now)
        self._on[call.method, worker] += 1
        self._copies[call.number] += 1

    def end(self, ticket: Any) -> Running:
        ended = self._running.pop(ticket)
        self._on[ended.call.method, ended.worker] -= 1
        self._copies[ended.call.number] -= 1
        if not self._copies[ended.call.number]:
            del self._copies[ended.call.number]
        return ended

    def on(self, worker: int, method: str) -> int:
        """How many calls of a method a worker has."""
        return self._on[method, worker]

    def copies(self, call: Call) -> int:
        """How many times a call is there."""
        return self._copies[call.number]
