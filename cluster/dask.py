"""Small results of many ids, gathered by Dask."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, TypeVar

from cluster.errors import PoolError

T = TypeVar("T")
R = TypeVar("R")

CHUNKS_PER_WORKER = 32
CONNECT_SECONDS = 30


def gather(
    function: Callable[[T], R],
    ids: Sequence[T],
    workers: int = 2,
    address: str | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> list[R]:
    """`[function(id) for id in ids]`, by `workers` threads of this process or by the Dask cluster at `address`.

    Ids and results must be small. Ids are sent in chunks, so the graph stays small for any number of them. `progress`
    is called with (number done, total). Raises the first exception of the function, and PoolError if no Dask scheduler
    answers.
    """
    if workers < 1:
        raise PoolError(f"{workers} workers were asked for, but it must be 1 or more")
    size = max(1, len(ids) // (workers * CHUNKS_PER_WORKER))
    chunks = {f"chunk-{start}": ids[start : start + size] for start in range(0, len(ids), size)}
    done = 0

    def count(key: str, *_: Any) -> None:
        nonlocal done
        done += len(chunks[key])
        if progress is not None:
            progress(done, len(ids))

    calls = {key: partial(_apply, function, chunk) for key, chunk in chunks.items()}
    results = _in_threads(calls, workers, count) if address is None else _distributed(calls, address, count)
    return [result for key in chunks for result in results[key]]


def _apply(function: Callable[[T], R], chunk: Sequence[T]) -> list[R]:
    return [function(id) for id in chunk]


def _in_threads(calls: Mapping[str, Callable[[], Any]], workers: int, count: Callable[..., None]) -> dict[str, Any]:
    import dask
    from dask.callbacks import Callback

    tasks = [dask.delayed(call, pure=False)(dask_key_name=key) for key, call in calls.items()]
    with Callback(posttask=count):
        return dict(zip(calls, dask.compute(*tasks, scheduler="threads", num_workers=workers), strict=True))


def _distributed(calls: Mapping[str, Callable[[], Any]], address: str, count: Callable[..., None]) -> dict[str, Any]:
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
            count(futures[future])
        return results
