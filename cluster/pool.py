"""A pool of workers that keep state: task ids in, small results out."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from cluster.dispatch import Dispatch
from cluster.errors import PoolError
from cluster.ray_actors import actors
from cluster.types import GroupPolicy, NextTask, Outcome, WorkerGroup, Workers
from cluster.worker_host import Attempt, WorkerHost, check_built


class Pool:
    def __init__(self, workers: Workers, attempts: int) -> None:
        self._workers = workers
        self._attempts = attempts

    @property
    def workers(self) -> int:
        """Number of workers that are ready now."""
        return len(self._workers.ready())

    def workers_for(self, method: str) -> int:
        """Number of ready workers that are called by a method."""
        return sum(group.accepts(method) for group in self._workers.ready().values())

    def map(self, method: str, tasks: Iterable[Any]) -> Iterator[Outcome]:
        """Calls `method` of some worker with each task; yields every task's outcome once, as they finish."""
        remaining = iter(tasks)
        return self.run((method,), lambda _: next(remaining, None))

    def run(self, methods: Sequence[str], next_task: NextTask) -> Iterator[Outcome]:
        """Calls workers with the tasks that `next_task` returns; yields every task's outcome once, as they finish.

        `next_task` is asked for the methods in their order whenever a worker accepts a call. It may return None now and
        a task later; the run ends when it returns None for all methods and no call is in flight. A task that raises, or
        whose worker dies, is tried again up to the pool's number of attempts. The tasks of a worker that dies while it
        has several keep their attempts, and each is done again by a worker that does nothing else meanwhile. Once there
        is nothing else to do, a straggler gets a copy on an idle worker and the first answer counts, so doing a task
        twice must be harmless. Workers join whenever they become ready. `Dispatch` has the states of a call.
        """
        return Dispatch(self._workers, self._attempts, methods, next_task).outcomes()


class SerialWorkers:
    """The only worker of a serial pool, in this process. A call runs when its future is waited for."""

    def __init__(self, host: WorkerHost) -> None:
        self._host = host
        self._calls: dict[int, tuple[str, Any, float]] = {}
        self._last = 0

    def ready(self) -> Mapping[int, WorkerGroup]:
        return {0: WorkerGroup()}

    def submit(self, worker: int, method: str, task: Any, pause: float) -> int:
        self._last += 1
        self._calls[self._last] = (method, task, pause)
        return self._last

    def wait(self, futures: Sequence[int], seconds: float) -> tuple[int, Attempt]:
        return futures[0], self._host.call(*self._calls.pop(futures[0]))


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
        yield Pool(SerialWorkers(host), attempts)
        return
    policy = (lambda _: [WorkerGroup(workers)]) if isinstance(workers, int) else workers
    with actors(factory, policy, address) as remote:
        yield Pool(remote, attempts)
