"""The calls that workers have and have not answered yet."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Call:
    """A task for a method. `number` identifies it over attempts and copies; `attempts` counts those that ended.

    `alone`: a worker must do nothing else meanwhile.
    """

    number: int
    method: str
    task: Any
    attempts: int = 0
    alone: bool = False


@dataclass(frozen=True, slots=True)
class Submission:
    """A call that was submitted to a worker; `since` is monotonic time."""

    call: Call
    worker: int
    since: float


class InFlight:
    """Submissions by their futures, in order of submission; a call has two while a copy of it runs.

    The counts are kept as submissions come and go: a pool asks for them at every answer, and a large cluster has
    thousands of submissions.
    """

    def __init__(self) -> None:
        self._submissions: dict[Any, Submission] = {}
        self._load: Counter[tuple[str, int]] = Counter()
        self._copies: Counter[int] = Counter()
        self._closed: set[int] = set()

    def __iter__(self) -> Iterator[Submission]:
        return iter(self._submissions.values())

    def __getitem__(self, future: Any) -> Submission:
        return self._submissions[future]

    @property
    def futures(self) -> list[Any]:
        return list(self._submissions)

    def add(self, future: Any, call: Call, worker: int, now: float) -> None:
        self._submissions[future] = Submission(call, worker, now)
        self._load[call.method, worker] += 1
        self._copies[call.number] += 1
        if call.alone:
            self._closed.add(worker)

    def remove(self, future: Any) -> Submission:
        submission = self._submissions.pop(future)
        self._load[submission.call.method, submission.worker] -= 1
        self._copies[submission.call.number] -= 1
        if not self._copies[submission.call.number]:
            del self._copies[submission.call.number]
        if submission.call.alone:
            self._closed.discard(submission.worker)
        return submission

    def load(self, worker: int, method: str) -> int:
        """Number of calls of a method that a worker has."""
        return self._load[method, worker]

    def is_closed(self, worker: int) -> bool:
        """Whether a worker has a call that it must do alone."""
        return worker in self._closed

    def copies(self, call: Call) -> int:
        """Number of submissions of a call."""
        return self._copies[call.number]
