"""Dispatch of tasks to the workers of a pool: retries, lost workers and stragglers."""

import time
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import replace
from statistics import median
from typing import Any

from cluster.in_flight import Call, InFlight
from cluster.types import POLL_SECONDS, NextTask, Outcome, Workers
from cluster.worker_host import Attempt

RETRY_SECONDS = 0.1
"""Pause before the first retry of a call; it doubles with each further one."""

STRAGGLER_SECONDS = 30.0
STRAGGLER_FACTOR = 4.0
"""A call is a straggler if it takes longer than both: this time, and this factor times the median of its method."""

DURATIONS = 101
"""Number of latest calls of a method that make up the median."""


class Dispatch:
    """One run of tasks by workers.

    States of a call:

    | state     | meaning                                  | next state                                              |
    |-----------|------------------------------------------|---------------------------------------------------------|
    | new       | `next_task` returned its task            | in flight                                               |
    | in flight | submitted: its worker runs it, or has it | answered: reported. Raised: to retry, or after the last |
    |           | in its queue                             | attempt reported as an error. Worker lost: counts as    |
    |           |                                          | raised if the worker had no other call, else suspect    |
    | to retry  | ahead of new tasks, one attempt more     | in flight, after a pause                                |
    | suspect   | ahead of all others, its attempts kept   | in flight, on a worker that has no other call until it  |
    |           |                                          | answers                                                 |
    | doubled   | a straggler; two copies are in flight    | the first answer: reported. A copy that raises or is    |
    |           |                                          | lost: in flight, by the other copy                      |
    | reported  | its outcome was yielded once             | a copy that is still in flight is ignored               |
    """

    def __init__(self, workers: Workers, attempts: int, methods: Sequence[str], next_task: NextTask) -> None:
        self._workers, self._attempts, self._methods, self._next_task = workers, attempts, methods, next_task
        self._retries: dict[str, deque[Call]] = {method: deque() for method in methods}
        self._suspects: list[Call] = []
        self._in_flight = InFlight()
        self._reported_with_copy: set[int] = set()
        self._durations: dict[str, deque[float]] = {method: deque(maxlen=DURATIONS) for method in methods}
        self._calls = 0

    def outcomes(self) -> Iterator[Outcome]:
        """Every task's outcome once, as they finish."""
        while True:
            self._submit_suspects()
            starved = [method for method in self._methods if self._submit_calls(method)]
            nothing_left = len(starved) == len(self._methods) and not self._suspects
            if nothing_left and all(self._is_reported(each.call) for each in self._in_flight):
                return
            answer = self._workers.wait(self._in_flight.futures, POLL_SECONDS)
            if answer is not None and (outcome := self._outcome(*answer)) is not None:
                yield outcome
            for method in starved:
                self._double_straggler(method)

    def _is_reported(self, call: Call) -> bool:
        return call.number in self._reported_with_copy

    def _submit_suspects(self) -> None:
        """Submits suspects to workers without calls, one to each. The one that replaces a lost worker is such."""
        if not self._suspects:
            return
        for worker, group in self._workers.ready().items():
            call = next((call for call in self._suspects if group.accepts(call.method)), None)
            if call is not None and self._is_idle(worker):
                self._suspects.remove(call)
                self._submit(worker, call)

    def _is_idle(self, worker: int) -> bool:
        return not any(self._in_flight.load(worker, method) for method in self._methods)

    def _submit_calls(self, method: str) -> bool:
        """Submits as many calls as workers accept; whether a worker accepts more than there are."""
        while (worker := self._least_loaded(method)) is not None:
            call = self._next_call(method)
            if call is None:
                return True
            self._submit(worker, call)
        return False

    def _next_call(self, method: str) -> Call | None:
        if self._retries[method]:
            return self._retries[method].popleft()
        task = self._next_task(method)
        if task is None:
            return None
        self._calls += 1
        return Call(self._calls, method, task)

    def _submit(self, worker: int, call: Call) -> None:
        pause = RETRY_SECONDS * (2**call.attempts - 1)
        future = self._workers.submit(worker, call.method, call.task, pause)
        self._in_flight.add(future, call, worker, time.monotonic())

    def _least_loaded(self, method: str, queued: int = 1) -> int | None:
        """The ready worker that accepts most calls of a method, `queued` of them beyond those it runs; None if none."""
        free = {
            worker: group.concurrency_groups.get(method, 1) + queued - self._in_flight.load(worker, method)
            for worker, group in self._workers.ready().items()
            if group.accepts(method) and not self._in_flight.is_closed(worker)
        }
        worker = max(free, key=lambda worker: free[worker], default=None)
        return worker if worker is not None and free[worker] > 0 else None

    def _outcome(self, future: Any, attempt: Attempt) -> Outcome | None:
        """The outcome of the call that an attempt was of; None if it is retried, or known or awaited from a copy."""
        worker = self._in_flight[future].worker
        if attempt.died:
            futures = [each for each in self._in_flight.futures if self._in_flight[each].worker == worker]
            if len(futures) > 1:
                for each in futures:
                    self._suspect(self._in_flight.remove(each).call)
                return None
        submission = self._in_flight.remove(future)
        has_copy = self._in_flight.copies(submission.call) > 0
        if self._is_reported(submission.call):
            self._reported_with_copy -= set() if has_copy else {submission.call.number}
            return None
        call = replace(submission.call, attempts=submission.call.attempts + 1)
        if attempt.error is not None and has_copy:
            return None
        if attempt.error is not None and call.attempts < self._attempts:
            (self._suspects if call.alone else self._retries[call.method]).append(call)
            return None
        self._reported_with_copy |= {call.number} if has_copy else set()
        self._durations[call.method].append(time.monotonic() - submission.since)
        return Outcome(
            task=call.task,
            result=attempt.result,
            error=attempt.error,
            traceback=attempt.traceback,
            seconds=attempt.seconds,
            attempts=call.attempts,
            worker=worker,
            method=call.method,
        )

    def _suspect(self, call: Call) -> None:
        """Has a call done again alone that may have killed its worker, if its outcome is not known or awaited."""
        if self._in_flight.copies(call) > 0:
            return
        if self._is_reported(call):
            self._reported_with_copy.discard(call.number)
        else:
            self._suspects.append(replace(call, alone=True))

    def _double_straggler(self, method: str) -> None:
        """Submits a copy of the oldest straggler of a method to an idle worker, if there are both."""
        oldest = next(iter(self._in_flight), None)
        if not self._durations[method] or oldest is None or time.monotonic() - oldest.since <= STRAGGLER_SECONDS:
            return
        worker = self._least_loaded(method, queued=0)
        if worker is None:
            return
        limit = max(STRAGGLER_SECONDS, STRAGGLER_FACTOR * median(self._durations[method]))
        stragglers = [
            each
            for each in self._in_flight
            if each.call.method == method
            and each.worker != worker
            and (not each.call.alone or self._is_idle(worker))
            and not self._is_reported(each.call)
            and self._in_flight.copies(each.call) == 1
            and time.monotonic() - each.since > limit
        ]
        if stragglers:
            self._submit(worker, min(stragglers, key=lambda each: each.since).call)
