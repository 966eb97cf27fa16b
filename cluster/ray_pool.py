"""Workers as Ray actors."""

import logging
import os
import secrets
import socket
import sys
import sysconfig
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from cluster.errors import PoolError
from cluster.host import Attempt, Host, check_built, failure

START_SECONDS = 600
ANSWER_SECONDS = 10
STORE_BYTES = 128 * 2**20


@contextmanager
def connected(address: str, workers: int) -> Iterator[None]:
    """Ray for the time of the block: what was started or joined here is left again, one already in use stays.

    "local" starts one that listens on 127.0.0.1 only, guarded by a token. PoolError when there is none to join.
    """
    if address == "local":
        _guard()
    else:
        address = os.environ.get("RAY_ADDRESS", address) if address == "auto" else address
        _check_answers(address)
    import ray

    if ray.is_initialized():
        yield
        return
    quiet: dict[str, Any] = {"logging_level": logging.ERROR, "log_to_driver": False}
    if address == "local":
        cpus = max(workers, os.cpu_count() or 1)
        ray.init("local", num_cpus=cpus, include_dashboard=False, object_store_memory=STORE_BYTES, **quiet)
    else:
        try:
            ray.init(address, **quiet)
        except (ConnectionError, RuntimeError, ValueError) as error:
            raise _unanswered(address, error) from error
    try:
        yield
    finally:
        ray.shutdown()


@contextmanager
def actors(factory: Callable[[], Any], workers: int, address: str, device: str | None) -> Iterator["Actors"]:
    """The workers of a pool, built and ready; ended with the block."""
    with connected(address, workers):
        remote = Actors(factory, workers, device, sources=source_folders() if address == "local" else [])
        try:
            remote.wait_until_built()
            yield remote
        finally:
            remote.end()


class Actors:
    """One Ray actor per worker. A worker whose process is lost is replaced by a new one."""

    def __init__(self, factory: Callable[[], Any], workers: int, device: str | None, sources: list[str]) -> None:
        import ray

        resources = ray.cluster_resources()
        cpus, gpus = int(resources.get("CPU", 0)), int(resources.get("GPU", 0))
        if device == "cuda" and gpus == 0:
            raise PoolError("device is cuda, but the Ray cluster has no GPU: give cpu, or add machines with GPUs")
        on_gpu = gpus > 0 and device != "cpu"
        self.count = min(workers, gpus) if on_gpu else workers
        if self.count > cpus:
            raise PoolError(f"{self.count} workers were asked for, but the Ray cluster has {cpus} CPUs: ask for fewer")
        environment = {"OMP_NUM_THREADS": str(max(1, cpus // self.count))}
        if sources:
            environment["PYTHONPATH"] = os.pathsep.join(sources)
        actor: Any = ray.remote(Host)
        self._actor = actor.options(
            num_cpus=1,
            num_gpus=1 if on_gpu else 0,
            scheduling_strategy="SPREAD",
            runtime_env={"env_vars": environment},
        )
        self._factory = factory
        self._actors = [self._actor.remote(factory) for _ in range(self.count)]

    def wait_until_built(self) -> None:
        import ray

        try:
            check_built(ray.get([actor.build.remote() for actor in self._actors], timeout=START_SECONDS))
        except ray.exceptions.GetTimeoutError:
            raise PoolError(
                f"{self.count} workers were not ready after {START_SECONDS} s: the Ray cluster has no room for them"
            ) from None
        except ray.exceptions.RayError as error:
            check_built([failure(error)])

    def submit(self, worker: int, method: str, task: Any, pause: float) -> tuple[int, Any]:
        return worker, self._actors[worker].call.remote(method, task, pause)

    def finished(self, tickets: Sequence[tuple[int, Any]]) -> tuple[tuple[int, Any], Attempt]:
        import ray

        references = {reference: worker for worker, reference in tickets}
        (reference, *_), _ = ray.wait(list(references), num_returns=1)
        worker = references[reference]
        try:
            return (worker, reference), ray.get(reference)
        except ray.exceptions.RayTaskError as error:
            return (worker, reference), failure(error.cause or error)
        except ray.exceptions.RayError as error:
            ray.kill(self._actors[worker])
            self._actors[worker] = self._actor.remote(self._factory)
            lost = f"WorkerDied: the process of worker {worker} was lost while it did this ({type(error).__name__})"
            return (worker, reference), Attempt(error=lost, traceback=str(error), died=True)

    def end(self) -> None:
        import ray

        for actor in self._actors:
            ray.kill(actor)


def _check_answers(address: str) -> None:
    # Ray itself waits for minutes where nobody answers.
    if address == "auto":
        return
    try:
        parts = urlsplit(address if "://" in address else f"//{address}")
        host, port = parts.hostname, parts.port
    except ValueError:
        host = port = None
    if host is None or port is None:
        raise PoolError(f"address is {address!r}, but it must be none, local, auto, ray://host:port or host:port")
    try:
        socket.create_connection((host, port), timeout=ANSWER_SECONDS).close()
    except OSError as error:
        raise _unanswered(address, error) from error


def _unanswered(address: str, error: Exception) -> PoolError:
    reason = " ".join(str(error).split())
    return PoolError(
        f"no Ray answers at address {address!r}: give local to start one, none to do without ({reason:.200})"
    )


def _guard() -> None:
    # Ray listens on all of the machine's addresses unless this says otherwise, and reads it when it is first imported.
    os.environ.setdefault("RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER", "0")
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    if os.environ.setdefault("RAY_AUTH_MODE", "token") == "token" and "RAY_AUTH_TOKEN_PATH" not in os.environ:
        os.environ.setdefault("RAY_AUTH_TOKEN", secrets.token_hex(32))


def source_folders() -> list[str]:
    """Folders this process imports from that are not of the Python installation."""
    installed = [Path(sysconfig.get_path(name)).resolve() for name in ("stdlib", "platstdlib", "purelib", "platlib")]
    folders = [Path(entry or ".").resolve() for entry in sys.path]
    return [
        str(folder)
        for folder in dict.fromkeys(folders)
        if folder.is_dir() and not any(folder.is_relative_to(place) for place in installed)
    ]
