"""A pool of workers that keep state: task ids in, small results out."""

import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from statistics import median
from typing import Any

from cluster.errors import PoolError
from cluster.in_flight import Call, InFlight
from cluster.types import WATCH_SECONDS, GroupPolicy, Outcome, Take, WorkerGroup, Workers
from cluster.worker_host import Attempt, WorkerHost, check_built

PAUSE_SECONDS = 0.1
STRAGGLER_SECONDS = 30.0
STRAGGLER_TIMES = 4.0
REMEMBERED = 101


class Pool:
    def __init__(self, workers: Workers, attempts: int) -> None:
        self._workers = workers
        self._attempts = attempts

    @property
    def workers(self) -> int:
        """How many workers there are now."""
        return len(self._workers.ready())

    def count(self, method: str) -> int:
        """How many of them a method is called of."""
        return sum(
            not group.concurrency_groups or method in group.concurrency_groups
            for group in self._workers.ready().values()
        )

    def map(self, method: str, tasks: Iterable[Any]) -> Iterator[Outcome]:
        """Call `method` of some worker with each task; yields every task's outcome once, as they finish."""
        left = iter(tasks)
        return self.run((method,), lambda _: next(left, None))

    def run(self, methods: Sequence[str], take: Take) -> Iterator[Outcome]:
        """Call workers with what `take` gives for the methods; yields every task's outcome once, as they finish.

        `take` is asked, for the methods in their order, whenever a worker has room, and may give None now and a task
        later; the run is over when it gives None for all while nothing is under way. A task that raises, or whose
        worker dies, is tried again up to the pool's number of attempts; tasks that merely waited behind one that killed
        their worker are done again and keep their attempts (where an answer was lost with the worker, the task that it
        was of counts as the one that killed it). Once there is nothing else to give out, a task that takes far longer
        than others of its method gets a copy on an idle worker, and the first to finish counts: tasks must not mind
        being done twice. Workers join as they become ready, at any time.
        """
        return _Run(self._workers, self._attempts, methods, take).outcomes()


class _Run:
    """One `Pool.run`. `over` are numbers of calls whose outcome is told while a copy of them still runs."""

    def __init__(self, workers: Workers, attempts: int, methods: Sequence[str], take: Take) -> None:
        self.workers, self.attempts, self.methods, self.take = workers, attempts, methods, take
        self.again: dict[str, deque[Call]] = {method: deque() for method in methods}
        self.underway = InFlight()
        self.over: set[int] = set()
        self.took: dict[str, deque[float]] = {method: deque(maxlen=REMEMBERED) for method in methods}
        self.given = 0

    def outcomes(self) -> Iterator[Outcome]:
        while True:
            idle = [method for method in self.methods if self._give_out(method)]
            if len(idle) == len(self.methods) and not any(self._counts(each.call) for each in self.underway):
                return
            found = self.workers.finished(self.underway.tickets, WATCH_SECONDS)
            if found is not None and (outcome := self._done(*found)) is not None:
                yield outcome
            for method in idle:
                self._copy_straggler(method)

    def _counts(self, call: Call) -> bool:
        return call.number not in self.over

    def _give_out(self, method: str) -> bool:
        """Submits what workers have room for; tells whether some had room and there was nothing to give."""
        while (worker := self._roomiest(method)) is not None:
            call = self._next(method)
            if call is None:
                return True
            self._submit(worker, call)
        return False

    def _next(self, method: str) -> Call | None:
        if self.again[method]:
            return self.again[method].popleft()
        task = self.take(method)
        if task is None:
            return None
        self.given += 1
        return Call(self.given, method, task)

    def _submit(self, worker: int, call: Call) -> None:
        pause = PAUSE_SECONDS * (2**call.attempts - 1)
        ticket = self.workers.submit(worker, call.method, call.task, pause)
        self.underway.begin(ticket, call, worker, time.monotonic())

    def _roomiest(self, method: str, waiting: int = 1) -> int | None:
        """The ready worker with most room for calls of a method, of which so many may wait; None if none has any."""
        room = {
            worker: group.concurrency_groups.get(method, 1) + waiting - self.underway.on(worker, method)
            for worker, group in self.workers.ready().items()
            if not group.concurrency_groups or method in group.concurrency_groups
        }
        worker = max(room, key=lambda worker: room[worker], default=None)
        return worker if worker is not None and room[worker] > 0 else None

    def _done(self, ticket: Any, attempt: Attempt) -> Outcome | None:
        """The outcome of a call that finished, if that settles it."""
        worker = self.underway[ticket].worker
        if attempt.died:
            ticket, *waited = [each for each in self.underway.tickets if self.underway[each].worker == worker]
            for each in reversed(waited):
                self._give_back(self.underway.end(each).call)
        running = self.underway.end(ticket)
        copied = self.underway.copies(running.call) > 0
        if not self._counts(running.call):
            self.over -= set() if copied else {running.call.number}
            return None
        call = replace(running.call, attempts=running.call.attempts + 1)
        if attempt.error is not None and copied:
            return None
        if attempt.error is not None and call.attempts < self.attempts:
            self.again[call.method].append(call)
            return None
        self.over |= {call.number} if copied else set()
        self.took[call.method].append(time.monotonic() - running.since)
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

    def _give_back(self, call: Call) -> None:
        """Of a call that waited behind one which killed their worker."""
        copied = self.underway.copies(call) > 0
        if self._counts(call) and not copied:
            self.again[call.method].appendleft(call)
        elif not copied:
            self.over.discard(call.number)

    def _copy_straggler(self, method: str) -> None:
        """Gives the slowest call to an idle worker too, if it takes far longer than others did."""
        oldest = next(iter(self.underway), None)
        if not self.took[method] or oldest is None or time.monotonic() - oldest.since <= STRAGGLER_SECONDS:
            return
        worker = self._roomiest(method, waiting=0)
        if worker is None:
            return
        limit = max(STRAGGLER_SECONDS, STRAGGLER_TIMES * median(self.took[method]))
        late = [
            each
            for each in self.underway
            if each.call.method == method
            and each.worker != worker
            and self._counts(each.call)
            and self.underway.copies(each.call) == 1
            and time.monotonic() - each.since > limit
        ]
        if late:
            self._submit(worker, min(late, key=lambda each: each.since).call)


class _Here:
    """The one worker of a serial pool, in this process."""

    def __init__(self, host: WorkerHost) -> None:
        self.host = host
        self.calls: dict[int, tuple[str, Any, float]] = {}
        self.last = 0

    def ready(self) -> Mapping[int, WorkerGroup]:
        return {0: WorkerGroup()}

    def submit(self, worker: int, method: str, task: Any, pause: float) -> int:
        self.last += 1
        self.calls[self.last] = (method, task, pause)
        return self.last

    def finished(self, tickets: Sequence[int], seconds: float) -> tuple[int, Attempt]:
        return tickets[0], self.host.call(*self.calls.pop(tickets[0]))


@contextmanager
def pool(
    factory: Callable[[], Any],
    workers: int | GroupPolicy = 1,
    address: str = "none",
    attempts: int = 3,
) -> Iterator[Pool]:
    """A pool of workers, each the object that the picklable `factory` builds in the worker's process.

    `workers`: a number of workers of one CPU each, or the worker groups for the cluster's resources. `address`: "none"
    is one worker in this process for every method; "local" starts Ray on this machine, or uses the one that this
    process already uses; "auto" is the Ray of the job that this process runs in; "ray://host:port" or "host:port" is
    that Ray. A worker that the cluster has no resources for yet joins when it has. Raises PoolError if there can be no
    worker, or if one cannot be built.
    """
    if attempts < 1 or (isinstance(workers, int) and workers < 1):
        raise PoolError(
            f"a pool of {workers} workers with {attempts} attempts was asked for, but both must be 1 or more"
        )
    if address == "none":
        host = WorkerHost(factory)
        check_built([host.build()])
        yield Pool(_Here(host), attempts)
        return
    from cluster.ray_actors import actors

    policy = (lambda _: [WorkerGroup(workers)]) if isinstance(workers, int) else workers
    with actors(factory, policy, address) as remote:
        yield Pool(remote, attempts)
