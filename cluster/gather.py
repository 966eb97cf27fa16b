"""Small results of many ids, gathered by threads or by Dask."""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from functools import partial
from typing import Any, Protocol, TypeVar

from cluster.dask import current_client
from cluster.errors import PoolError

T = TypeVar("T")
R = TypeVar("R")

MOST_IDS = 64
"""Ids of a part: it is done again as a whole where its worker is lost, and progress is told part by part."""
PARTS_PER_THREAD = 32
IN_FLIGHT = 3
"""Parts that are submitted at a time, for each thread of the workers."""


class Calls(Protocol):
    """Calls that run elsewhere, `threads` at a time. `wait` returns those of the futures that are done, one or more."""

    @property
    def threads(self) -> int: ...

    def submit(self, call: Callable[[], Any]) -> Any: ...

    def wait(self, futures: Sequence[Any]) -> Sequence[Any]: ...

    def result(self, future: Any) -> Any: ...

    def cancel(self, futures: Sequence[Any]) -> None: ...


def gather(
    function: Callable[[T], R],
    ids: Sequence[T],
    workers: int = 2,
    progress: Callable[[int, int], None] | None = None,
) -> list[R]:
    """`[function(id) for id in ids]`, by the Dask cluster of `dask_client` or else by `workers` threads here.

    Ids and results must be small. Parts of at most MOST_IDS ids are submitted as others end, so that a scheduler holds
    IN_FLIGHT of them for each thread, for any number of ids. The part of a lost worker is done again, so `function`
    must give the same for an id each time. `progress` is called with (number done, total). Raises the first exception
    of the function, and PoolLost if the scheduler or all workers are gone.
    """
    if workers < 1:
        raise PoolError(f"{workers} workers were asked for, but it must be 1 or more")
    results: list[Any] = [None] * len(ids)
    done = 0
    with _calls(workers) as calls:
        parts = iter(parts_of(len(ids), calls.threads))
        running: dict[Any, slice] = {}
        try:
            while True:
                while len(running) < IN_FLIGHT * calls.threads and (part := next(parts, None)):
                    running[calls.submit(partial(_apply, function, ids[part]))] = part
                if not running:
                    return results
                for future in calls.wait(list(running)):
                    part = running.pop(future)
                    results[part] = calls.result(future)
                    done += len(results[part])
                    if progress is not None:
                        progress(done, len(ids))
        finally:
            calls.cancel(list(running))


def parts_of(count: int, threads: int) -> list[slice]:
    """The parts of `count` ids for so many threads: PARTS_PER_THREAD for each, or more where MOST_IDS asks for it."""
    size = min(max(1, count // (threads * PARTS_PER_THREAD)), MOST_IDS)
    return [slice(start, start + size) for start in range(0, count, size)]


def _apply(function: Callable[[T], R], part: Sequence[T]) -> list[R]:
    return [function(id) for id in part]


@contextmanager
def _calls(workers: int) -> Iterator[Calls]:
    client = current_client()
    if client is not None:
        yield client
        return
    with ThreadPoolExecutor(workers) as executor:
        yield _Threads(executor, workers)


class _Threads:
    def __init__(self, executor: ThreadPoolExecutor, threads: int) -> None:
        self._executor, self.threads = executor, threads

    def submit(self, call: Callable[[], Any]) -> "Future[Any]":
        return self._executor.submit(call)

    def wait(self, futures: Sequence["Future[Any]"]) -> Sequence["Future[Any]"]:
        return list(wait(futures, return_when=FIRST_COMPLETED).done)

    def result(self, future: "Future[Any]") -> Any:
        return future.result()

    def cancel(self, futures: Sequence["Future[Any]"]) -> None:
        for future in futures:
            future.cancel()
