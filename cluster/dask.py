"""Small results of many ids, gathered by Dask."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, TypeVar

from cluster.errors import PoolError

T = TypeVar("T")
R = TypeVar("R")

PARTS_PER_WORKER = 32
CONNECT_SECONDS = 30


def gather(
    function: Callable[[T], R],
    ids: Sequence[T],
    workers: int = 2,
    address: str | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> list[R]:
    """`[function(id) for id in ids]`, done by `workers` threads here or by the Dask cluster at `address`.

    Ids and results must be small. Ids go in parts, so the graph stays small however many there are. `progress` is told
    how many of how many are done. The first exception of the function is raised; PoolError if no Dask answers.
    """
    if workers < 1:
        raise PoolError(f"{workers} workers were asked for, but it must be 1 or more")
    size = max(1, len(ids) // (workers * PARTS_PER_WORKER))
    parts = {f"part-{start}": ids[start : start + size] for start in range(0, len(ids), size)}
    done = 0

    def report(key: str, *_: Any) -> None:
        nonlocal done
        done += len(parts[key])
        if progress is not None:
            progress(done, len(ids))

    calls = {key: partial(_each, function, part) for key, part in parts.items()}
    results = _threads(calls, workers, report) if address is None else _distributed(calls, address, report)
    return [result for key in parts for result in results[key]]


def _each(function: Callable[[T], R], part: Sequence[T]) -> list[R]:
    return [function(id) for id in part]


def _threads(calls: Mapping[str, Callable[[], Any]], workers: int, report: Callable[..., None]) -> dict[str, Any]:
    import dask
    from dask.callbacks import Callback

    tasks = [dask.delayed(call, pure=False)(dask_key_name=key) for key, call in calls.items()]
    with Callback(posttask=report):
        return dict(zip(calls, dask.compute(*tasks, scheduler="threads", num_workers=workers), strict=True))


def _distributed(calls: Mapping[str, Callable[[], Any]], address: str, report: Callable[..., None]) -> dict[str, Any]:
    from distributed import Client, as_completed

    try:
        client = Client(address, timeout=CONNECT_SECONDS)
    except (OSError, ValueError) as error:
        raise PoolError(f"no Dask scheduler answers at {address!r}: check the address, or leave it out") from error
    with client:
        futures = {client.submit(call, pure=False): key for key, call in calls.items()}
        results = {}
        for future in as_completed(futures):
            results[futures[future]] = future.result()
            report(futures[future])
        return results
