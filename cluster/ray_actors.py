"""Workers as Ray actors."""

import os
import sys
import sysconfig
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cluster.errors import PoolError, PoolLost
from cluster.ray_session import Connection, connect
from cluster.types import POLL_SECONDS, GroupPolicy, WorkerGroup
from cluster.worker_host import Attempt, WorkerHost, check_built, failed_attempt

START_SECONDS = 600
JOIN_SECONDS = 10
BUILD_ATTEMPTS = 3
"""Times that the process of one worker may be lost before the worker is built."""


@contextmanager
def actors(factory: Callable[[], Any], policy: GroupPolicy, address: str) -> Iterator["Actors"]:
    """The workers of a pool for the time of the block."""
    machine = {"CPU": os.cpu_count() or 1}
    with connect(address, sum(group.workers for group in policy(machine))):
        import ray

        available = ray.cluster_resources()
        groups = policy(available)
        if address == "local":
            _check_resources(groups, available)
        sources = source_folders() if address == "local" else []
        machines = [int(node["Resources"].get("CPU", 0)) for node in ray.nodes() if node["Alive"]]
        workers = Actors(factory, groups, machines, sources, Connection(address))
        try:
            workers.wait_until_ready()
            yield workers
        finally:
            workers.end()


def _check_resources(groups: Sequence[WorkerGroup], available: Mapping[str, float]) -> None:
    """Raises PoolError if the groups take more than this machine has. (A cluster may grow.)"""
    workers = sum(group.workers for group in groups)
    for name, attribute in (("CPU", "cpus"), ("GPU", "gpus"), ("memory", "memory")):
        needed, has = sum(group.workers * getattr(group, attribute) for group in groups), available.get(name, 0)
        if needed > has:
            raise PoolError(
                f"{workers} workers were asked for, which take {needed:g} of {name}, but Ray has {has:g} on this "
                "machine: ask for less"
            )


def threads(workers: int, machines: Sequence[int]) -> int:
    """Threads of each worker: its share of the CPUs of all machines, and no more than one machine has. At least 1."""
    return max(1, min(sum(machines) // workers, max(machines, default=1)))


@dataclass
class _Member:
    """A worker: its actor, and the future of building it, None once it is built; `lost`: the actors lost before."""

    group: WorkerGroup
    actor: Any
    build: Any
    lost: int = 0


class Actors:
    """One Ray actor per worker, all requested at once: Ray and its autoscaler place them when they can.

    A worker whose process is lost is replaced by a new one, which Ray may place elsewhere. Ray's own restarts and
    retries are not used: they would not tell which of a worker's calls killed it. A future is a worker's number and a
    Ray reference. machines: the CPUs of each.
    """

    def __init__(
        self,
        factory: Callable[[], Any],
        groups: Sequence[WorkerGroup],
        machines: Sequence[int],
        sources: list[str],
        connection: Connection,
    ) -> None:
        self._factory, self._sources, self._connection = factory, sources, connection
        self._threads = threads(sum(group.workers for group in groups), machines)
        self._members = [self._start(group) for group in groups for _ in range(group.workers)]
        self._last_ready = time.monotonic()

    def _start(self, group: WorkerGroup, lost: int = 0) -> _Member:
        import ray

        environment = {"OMP_NUM_THREADS": str(self._threads)}
        if self._sources:
            environment["PYTHONPATH"] = os.pathsep.join(self._sources)
        remote: Any = ray.remote
        actor = remote(concurrency_groups=dict(group.concurrency_groups))(WorkerHost)
        options = actor.options(
            num_cpus=group.cpus,
            num_gpus=group.gpus,
            memory=group.memory or None,
            scheduling_strategy="SPREAD",
            runtime_env={"env_vars": environment},
        )
        host = options.remote(self._factory, group.memory_headroom)
        return _Member(group, host, host.build.remote(), lost)

    def wait_until_ready(self) -> None:
        """Waits for one worker of every group, and up to JOIN_SECONDS for all of them."""
        begun = time.monotonic()
        while True:
            self.update_ready(POLL_SECONDS)
            waited = time.monotonic() - begun
            missing = [member for member in self._members if member.build is not None]
            ready_groups = {id(member.group) for member in self._members if member.build is None}
            every_group = ready_groups == {id(member.group) for member in self._members}
            if not missing or (every_group and waited > JOIN_SECONDS):
                return
            if waited > START_SECONDS:
                raise PoolLost(
                    f"{len(missing)} of {len(self._members)} workers were not ready after {START_SECONDS} s: the Ray "
                    "cluster has no room for them, or cannot start them; see Ray's logs and run again"
                )

    def ready(self) -> Mapping[int, WorkerGroup]:
        return {worker: member.group for worker, member in enumerate(self._members) if member.build is None}

    def update_ready(self, seconds: float) -> None:
        """Waits up to `seconds` for the workers that are being built, and marks as ready those that are.

        Raises PoolError if one cannot be built or its process does not start, PoolLost if the cluster is gone or has
        had none for START_SECONDS.
        """
        import ray

        self._connection.check()
        self._check_waiting()
        builds = {member.build: worker for worker, member in enumerate(self._members) if member.build is not None}
        done, _ = ray.wait(list(builds), num_returns=len(builds), timeout=seconds) if builds else ([], [])
        for build in done:
            worker = builds[build]
            try:
                check_built([ray.get(build)])
                self._members[worker].build = None
            except ray.exceptions.RayTaskError as error:
                check_built([failed_attempt(error.cause or error)])
            except ray.exceptions.RayError as error:
                lost = self._members[worker].lost + 1
                if getattr(error, "actor_init_failed", False):  # no process of this job could do better
                    check_built([Attempt(error=_last_line(error), traceback=str(error))])
                if lost >= BUILD_ATTEMPTS or isinstance(error, ray.exceptions.RuntimeEnvSetupError):
                    line = " ".join(str(error).split())
                    raise PoolError(
                        f"a worker cannot be built: its process was lost {lost} times before it was ({line:.300})"
                    ) from error
                self._replace(worker, lost)

    def _check_waiting(self) -> None:
        now = time.monotonic()
        if all(member.build is not None for member in self._members):
            self._connection.check_starts()
            if now - self._last_ready > START_SECONDS + POLL_SECONDS:
                raise PoolLost(
                    f"none of {len(self._members)} workers was ready for {START_SECONDS} s: the Ray cluster has no "
                    "room for them, or cannot start them; what is committed is kept, see Ray's logs and run again"
                )
        else:
            self._last_ready = now

    def _replace(self, worker: int, lost: int = 0) -> None:
        import ray

        member = self._members[worker]
        ray.kill(member.actor)
        self._members[worker] = self._start(member.group, lost)

    def submit(self, worker: int, method: str, task: Any, pause: float) -> tuple[int, Any]:
        member = self._members[worker]
        call = member.actor.call
        if method in member.group.concurrency_groups:
            call = call.options(concurrency_group=method)
        return worker, call.remote(method, task, pause)

    def wait(self, futures: Sequence[tuple[int, Any]], seconds: float) -> tuple[tuple[int, Any], Attempt] | None:
        import ray

        self.update_ready(0 if futures else seconds)
        if not futures:
            return None
        references = {reference: worker for worker, reference in futures}
        done, _ = ray.wait(list(references), num_returns=1, timeout=seconds)
        if not done:
            return None
        (reference,) = done
        worker = references[reference]
        try:
            return (worker, reference), ray.get(reference)
        except ray.exceptions.RayTaskError as error:
            return (worker, reference), failed_attempt(error.cause or error)
        except ray.exceptions.RayError as error:
            self._replace(worker)
            line = f"WorkerDied: the process of worker {worker} was lost while it did this ({type(error).__name__})"
            return (worker, reference), Attempt(error=line, traceback=str(error), died=True)

    def end(self) -> None:
        import ray

        # Killing an actor that Ray is about to place can leak its resources, so the actors not yet placed go first.
        for member in sorted(self._members, key=lambda member: member.build is None):
            ray.kill(member.actor)


def _last_line(error: Exception) -> str:
    return str(error).strip().splitlines()[-1].strip()


def source_folders() -> list[str]:
    """Folders on this process's import path that are not part of the Python installation."""
    installed = [Path(sysconfig.get_path(name)).resolve() for name in ("stdlib", "platstdlib", "purelib", "platlib")]
    folders = [Path(entry or ".").resolve() for entry in sys.path]
    return [
        str(folder)
        for folder in dict.fromkeys(folders)
        if folder.is_dir() and not any(folder.is_relative_to(place) for place in installed)
    ]
