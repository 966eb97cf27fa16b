"""The Dask cluster by which `gather` works: processes of this machine, or the workers of a scheduler."""

import logging
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

from cluster.errors import PoolError, PoolLost

if TYPE_CHECKING:
    from distributed import Client, Future

THREADS, PROCESSES = "threads", "processes"
CONNECT_SECONDS = 30.0
WORKER_SECONDS = 60.0
"""Time in which a first worker must come, or another one in place of the last."""
POLL_SECONDS = 1.0
CLOSE_SECONDS = 5.0

_current: "ContextVar[DaskClient | None]" = ContextVar("dask_client", default=None)


def check_address(address: str) -> str:
    """`address`. Raises PoolError unless it is "threads", "processes" or looks like the address of a scheduler."""
    if address not in (THREADS, PROCESSES) and "://" not in address:
        raise PoolError(
            f"dask is {address!r:.80}, but it must be {THREADS}, {PROCESSES} or the address of a Dask scheduler, such "
            "as tcp://host:8786"
        )
    return address


def current_client() -> "DaskClient | None":
    """The client of the innermost `dask_client` around the caller; None means threads of this process."""
    return _current.get()


@contextmanager
def dask_client(address: str, workers: int = 2) -> Iterator["DaskClient | None"]:
    """Every `gather` in the block works where `address` says; yields None for threads.

    "threads": in this process. "processes": in `workers` processes of this machine, which end with the block; they
    import the main module of this one, as multiprocessing's spawn does. Else by the workers of the Dask scheduler at
    that address; Dask's own configuration says how to authenticate (TLS). Raises PoolError for another address, and
    PoolLost if no scheduler answers, or it has no worker.
    """
    with ExitStack() as stack:
        client = None
        if check_address(address) != THREADS:
            at = stack.enter_context(_local_cluster(workers)) if address == PROCESSES else address
            client = stack.enter_context(_connect(at))
        stack.enter_context(use(client))
        yield client


@contextmanager
def use(client: "DaskClient | None") -> Iterator[None]:
    """Every `gather` in the block works by a client that is connected already, or by threads."""
    token = _current.set(client)
    try:
        yield
    finally:
        _current.reset(token)


@contextmanager
def _local_cluster(workers: int) -> Iterator[str]:
    from distributed import LocalCluster

    # What Dask logs of a worker that is lost is told by what `gather` raises, if it matters.
    quiet = {"silence_logs": logging.CRITICAL, "dashboard_address": "127.0.0.1:0"}
    cluster = LocalCluster(n_workers=workers, threads_per_worker=1, host="127.0.0.1", **quiet)
    try:
        yield str(cluster.scheduler_address)
    finally:
        with suppress(AssertionError):  # Dask asserts that a process has started, also one that it was about to
            cluster.close()


@contextmanager
def _connect(address: str) -> Iterator["DaskClient"]:
    try:
        client = _client(address)
    except (OSError, ValueError) as error:
        raise PoolLost(f"no Dask scheduler answers at {address!r}: check the address, or leave it out") from error
    except (TypeError, ImportError, RuntimeError) as error:  # what a transport lacks: certificates, a library
        reason = " ".join(str(error).split())
        raise PoolError(
            f"Dask cannot connect to {address!r} ({reason:.200}): set what {address.partition(':')[0]} needs in Dask's "
            "configuration, such as distributed.comm.tls, or give an address of tcp"
        ) from error
    try:
        connected = DaskClient(client, address)
        connected.check_workers()
        yield connected
    finally:
        client.close(CLOSE_SECONDS)


def _client(address: str) -> "Client":
    from distributed import Client

    class ClosingClient(Client):
        """Is closed where it cannot start: Dask's would be when Python ends, which waits a minute and fails."""

        def start(self, **options: Any) -> None:
            try:
                super().start(**options)
            except BaseException:
                self.close(CLOSE_SECONDS)
                raise

    return ClosingClient(address, timeout=CONNECT_SECONDS, set_as_default=False)


class DaskClient:
    """Calls by the workers of a Dask scheduler, `threads` at a time; see `gather.Calls`."""

    def __init__(self, client: "Client", address: str) -> None:
        self._client, self._address = client, address
        self._threads, self._asked = 0, 0.0
        self._last_worker = time.monotonic()

    @property
    def threads(self) -> int:
        """Threads of all workers, as of POLL_SECONDS ago at most; at least 1."""
        if time.monotonic() - self._asked > POLL_SECONDS:
            self._count_threads()
        return max(1, self._threads)

    def _count_threads(self) -> None:
        try:
            self._threads = sum(self._client.nthreads().values())
        except (OSError, ValueError) as error:
            raise self._lost() from error
        self._asked = time.monotonic()
        if self._threads:
            self._last_worker = self._asked

    def on_every_worker(self, function: Callable[..., Any], *arguments: Any) -> dict[str, Any]:
        """By address of a worker, what it returns or the exception that it raises."""
        try:
            return dict(self._client.run(function, *arguments, on_error="return"))
        except (OSError, ValueError) as error:
            raise self._lost() from error

    def check_workers(self) -> None:
        """Waits for a worker; raises PoolLost if there is none for WORKER_SECONDS."""
        self._count_threads()
        while not self._threads:
            if time.monotonic() - self._last_worker > WORKER_SECONDS:
                raise PoolLost(
                    f"the Dask scheduler at {self._address!r} has no worker; what is committed is kept, start workers "
                    f"(dask worker {self._address}) and run again"
                )
            time.sleep(POLL_SECONDS)
            self._count_threads()

    def submit(self, call: Callable[[], Any]) -> "Future[Any]":
        return self._client.submit(call, pure=False)

    def wait(self, futures: Sequence["Future[Any]"]) -> Sequence["Future[Any]"]:
        from distributed import CancelledError, wait

        while True:
            try:
                with self._client.as_current():
                    return list(wait(futures, POLL_SECONDS, return_when="FIRST_COMPLETED").done)
            except TimeoutError:
                self.check_workers()
            except CancelledError as error:
                raise self._lost() from error

    def result(self, future: "Future[Any]") -> Any:
        from distributed import CancelledError, KilledWorker

        try:
            return future.result()
        except CancelledError as error:
            raise self._lost() from error
        except KilledWorker as error:
            raise PoolLost(
                f"{error.last_worker.address} and other Dask workers were lost, each while it did the same part; give "
                "them more memory, or fewer threads"
            ) from error
        except ModuleNotFoundError as error:
            raise PoolError(
                f"a Dask worker of {self._address!r} lacks the module {error.name}; install there what is here"
            ) from error

    def cancel(self, futures: Sequence["Future[Any]"]) -> None:
        self._client.cancel(list(futures))

    def _lost(self) -> PoolLost:
        return PoolLost(
            f"the Dask scheduler at {self._address!r} was lost; what is committed is kept, run again when it is back"
        )
