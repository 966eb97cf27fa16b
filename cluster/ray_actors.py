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
from cluster.types import WATCH_SECONDS, GroupPolicy, WorkerGroup
from cluster.worker_host import Attempt, WorkerHost, check_built, failure

START_SECONDS = 600
JOIN_SECONDS = 10


@contextmanager
def actors(factory: Callable[[], Any], groups: GroupPolicy, address: str) -> Iterator["Actors"]:
    """The workers of a pool; ended with the block."""
    machine = {"CPU": os.cpu_count() or 1}
    with connect(address, sum(group.workers for group in groups(machine))):
        import ray

        there = ray.cluster_resources()
        asked = groups(there)
        if address == "local":
            _check_room(asked, there)
        sources = source_folders() if address == "local" else []
        remote = Actors(factory, asked, int(there.get("CPU", 1)), sources, Connection(address))
        try:
            remote.wait_until_some_are_ready()
            yield remote
        finally:
            remote.end()


def _check_room(groups: Sequence[WorkerGroup], there: Mapping[str, float]) -> None:
    """Raises PoolError for more than this machine will ever have; a cluster may grow."""
    workers = sum(group.workers for group in groups)
    for name, asked in (("CPU", "cpus"), ("GPU", "gpus"), ("memory", "memory")):
        needed, has = sum(group.workers * getattr(group, asked) for group in groups), there.get(name, 0)
        if needed > has:
            raise PoolError(
                f"{workers} workers were asked for, which take {needed:g} of {name}, but Ray has {has:g} on this "
                "machine: ask for less"
            )


@dataclass
class _Member:
    """A worker: its actor, and the call that builds it, None once it is built."""

    group: WorkerGroup
    actor: Any
    built: Any


class Actors:
    """One Ray actor per worker, all asked for at once: Ray, and its autoscaler, make room for them when they can.

    A worker whose process is lost is replaced by a new one, which Ray may place elsewhere. Ray's own restarts and
    retries are not used: they would not tell which of a worker's calls killed it.
    """

    def __init__(
        self,
        factory: Callable[[], Any],
        groups: Sequence[WorkerGroup],
        cpus: int,
        sources: list[str],
        joined: Connection,
    ) -> None:
        self._factory, self._sources, self._joined = factory, sources, joined
        self._threads = max(1, cpus // sum(group.workers for group in groups))
        self._members = [self._new(group) for group in groups for _ in range(group.workers)]

    def _new(self, group: WorkerGroup) -> _Member:
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
        return _Member(group, host, host.build.remote())

    def wait_until_some_are_ready(self) -> None:
        """Waits for a worker of every group, and a little longer for the others."""
        begun = time.monotonic()
        while True:
            self._welcome(WATCH_SECONDS)
            waited = time.monotonic() - begun
            missing = [member for member in self._members if member.built is not None]
            there = {id(member.group) for member in self._members if member.built is None}
            every = there == {id(member.group) for member in self._members}
            if not missing or (every and waited > JOIN_SECONDS):
                return
            if waited > START_SECONDS:
                raise PoolLost(
                    f"{len(missing)} of {len(self._members)} workers were not ready after {START_SECONDS} s: the Ray "
                    "cluster has no room for them"
                )

    def ready(self) -> Mapping[int, WorkerGroup]:
        return {worker: member.group for worker, member in enumerate(self._members) if member.built is None}

    def _welcome(self, seconds: float) -> None:
        """Those workers that are built by now. PoolError if one cannot be, PoolLost if the cluster is gone."""
        import ray

        self._joined.check()
        joining = {member.built: worker for worker, member in enumerate(self._members) if member.built is not None}
        done, _ = ray.wait(list(joining), num_returns=len(joining), timeout=seconds) if joining else ([], [])
        for built in done:
            worker = joining[built]
            try:
                check_built([ray.get(built)])
                self._members[worker].built = None
            except ray.exceptions.RayTaskError as error:
                check_built([failure(error.cause or error)])
            except ray.exceptions.RayError:
                self._replace(worker)

    def _replace(self, worker: int) -> None:
        import ray

        member = self._members[worker]
        ray.kill(member.actor)
        self._members[worker] = self._new(member.group)

    def submit(self, worker: int, method: str, task: Any, pause: float) -> tuple[int, Any]:
        member = self._members[worker]
        call = member.actor.call
        if method in member.group.concurrency_groups:
            call = call.options(concurrency_group=method)
        return worker, call.remote(method, task, pause)

    def finished(self, tickets: Sequence[tuple[int, Any]], seconds: float) -> tuple[tuple[int, Any], Attempt] | None:
        import ray

        self._welcome(0 if tickets else seconds)
        if not tickets:
            return None
        references = {reference: worker for worker, reference in tickets}
        done, _ = ray.wait(list(references), num_returns=1, timeout=seconds)
        if not done:
            return None
        (reference,) = done
        worker = references[reference]
        try:
            return (worker, reference), ray.get(reference)
        except ray.exceptions.RayTaskError as error:
            return (worker, reference), failure(error.cause or error)
        except ray.exceptions.RayError as error:
            self._replace(worker)
            lost = f"WorkerDied: the process of worker {worker} was lost while it did this ({type(error).__name__})"
            return (worker, reference), Attempt(error=lost, traceback=str(error), died=True)

    def end(self) -> None:
        import ray

        # An actor that is killed while Ray makes room for it can leave that room taken: first those that wait for room.
        for member in sorted(self._members, key=lambda member: member.built is None):
            ray.kill(member.actor)


def source_folders() -> list[str]:
    """Folders this process imports from that are not of the Python installation."""
    installed = [Path(sysconfig.get_path(name)).resolve() for name in ("stdlib", "platstdlib", "purelib", "platlib")]
    folders = [Path(entry or ".").resolve() for entry in sys.path]
    return [
        str(folder)
        for folder in dict.fromkeys(folders)
        if folder.is_dir() and not any(folder.is_relative_to(place) for place in installed)
    ]
