"""A pool of workers that keep state: task ids in, small results out."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any, Protocol

from cluster.errors import PoolError
from cluster.host import Attempt, Host, check_built

IN_FLIGHT = 2
PAUSE_SECONDS = 0.1
DEVICES = (None, "cpu", "cuda")


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


class Workers(Protocol):
    """Where calls run. A ticket stands for a call that was submitted; `finished` waits for one of the tickets.

    When a worker's process is lost, one of its tickets finishes as died, a new worker stands in its place, and its
    other tickets are void.
    """

    count: int

    def submit(self, worker: int, method: str, task: Any, pause: float) -> Any: ...

    def finished(self, tickets: Sequence[Any]) -> tuple[Any, Attempt]: ...


@dataclass(frozen=True, slots=True)
class _Call:
    task: Any
    attempts: int = 0
    worker: int = 0


class Pool:
    def __init__(self, workers: Workers, attempts: int) -> None:
        self._workers = workers
        self._attempts = attempts

    @property
    def workers(self) -> int:
        """How many workers there really are."""
        return self._workers.count

    def map(self, method: str, tasks: Iterable[Any]) -> Iterator[Outcome]:
        """Call `method` of some worker with each task; yields every task's outcome once, as they finish.

        Tasks are taken from the iterable as workers become free, two per worker at a time. A task that raises, or
        whose worker dies, is tried again up to the pool's number of attempts; tasks that merely waited behind one
        that killed their worker are done again and keep their attempts.
        """
        fresh = (_Call(task) for task in tasks)
        again: deque[_Call] = deque()
        running: dict[Any, _Call] = {}
        load = [0] * self.workers
        while True:
            while min(load) < IN_FLIGHT and (call := again.popleft() if again else next(fresh, None)) is not None:
                worker = load.index(min(load))
                pause = PAUSE_SECONDS * (2**call.attempts - 1)
                ticket = self._workers.submit(worker, method, call.task, pause)
                running[ticket] = replace(call, worker=worker)
                load[worker] += 1
            if not running:
                return
            ticket, attempt = self._workers.finished(list(running))
            if attempt.died:
                worker = running[ticket].worker
                ticket, *waited = [each for each, call in running.items() if call.worker == worker]
                again.extendleft(running.pop(each) for each in reversed(waited))
                load[worker] = 1
            call = running.pop(ticket)
            load[call.worker] -= 1
            call = replace(call, attempts=call.attempts + 1)
            if attempt.error is not None and call.attempts < self._attempts:
                again.append(call)
            else:
                yield Outcome(
                    task=call.task,
                    result=attempt.result,
                    error=attempt.error,
                    traceback=attempt.traceback,
                    seconds=attempt.seconds,
                    attempts=call.attempts,
                    worker=call.worker,
                )


class _Here:
    """The one worker of a serial pool, in this process."""

    count = 1

    def __init__(self, host: Host) -> None:
        self.host = host
        self.calls: dict[int, tuple[str, Any, float]] = {}
        self.last = 0

    def submit(self, worker: int, method: str, task: Any, pause: float) -> int:
        self.last += 1
        self.calls[self.last] = (method, task, pause)
        return self.last

    def finished(self, tickets: Sequence[int]) -> tuple[int, Attempt]:
        return tickets[0], self.host.call(*self.calls.pop(tickets[0]))


@contextmanager
def pool(
    factory: Callable[[], Any],
    workers: int = 1,
    address: str = "none",
    device: str | None = None,
    attempts: int = 3,
) -> Iterator[Pool]:
    """A pool of workers, each the object that the picklable `factory` builds inside its process.

    `address`: "none" is one worker in this process, "local" a Ray of our own on this machine (or the one this process
    already uses), "auto" the Ray around us, "ray://host:port" or "host:port" that one. `device`: "cpu" takes no GPU,
    "cuda" one GPU per worker, None is "cuda" where the cluster has GPUs. There are never more "cuda" workers than GPUs.
    PoolError when that cannot be had, or when a worker cannot be built.
    """
    if workers < 1 or attempts < 1:
        raise PoolError(
            f"a pool of {workers} workers with {attempts} attempts was asked for, but both must be 1 or more"
        )
    if device not in DEVICES:
        raise PoolError(f"device is {device!r}, but it must be cpu, cuda or None")
    if address == "none":
        host = Host(factory)
        check_built([host.build()])
        yield Pool(_Here(host), attempts)
        return
    from cluster.ray_pool import actors

    with actors(factory, workers, address, device) as remote:
        yield Pool(remote, attempts)
