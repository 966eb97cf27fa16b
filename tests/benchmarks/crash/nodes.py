"""A Ray cluster of this machine that loses nodes: loopback only, guarded by a token, a temp folder of its own."""

import os
import secrets
import signal
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil

import pipeline

NODES = 3
HEAD = {"num_cpus": 0, "include_dashboard": False, "memory": 2 * 2**30, "object_store_memory": 80 * 2**20}
NODE = {"num_cpus": 1, "memory": 8 * 2**30, "object_store_memory": 80 * 2**20}
SETTINGS = {
    "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0",
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_AUTH_MODE": "token",
    "RAY_health_check_initial_delay_ms": "1000",
    "RAY_health_check_period_ms": "1000",
    "RAY_health_check_timeout_ms": "5000",
    "RAY_health_check_failure_threshold": "3",
    "RAY_gcs_rpc_server_reconnect_timeout_s": "10",
}


def guard() -> None:
    """What Ray reads when it is first imported, here and in every process started from here."""
    code = str(Path(pipeline.__file__).parents[1])
    os.environ.update(SETTINGS, PYTHONPATH=code, RAY_AUTH_TOKEN=secrets.token_hex(32))


@dataclass
class Nodes:
    """A head without CPUs and NODES nodes of one CPU each."""

    cluster: Any = None
    nodes: list[Any] = field(default_factory=list)

    @property
    def address(self) -> str:
        return str(self.cluster.gcs_address)

    def start(self) -> None:
        from ray.cluster_utils import Cluster

        self.cluster = Cluster(shutdown_at_exit=False)
        self.cluster.add_node(**HEAD, node_ip_address="127.0.0.1")
        self.mend()

    def mend(self) -> None:
        """A new node for every one that was lost; a new cluster where the head was."""
        if not _alive(self.cluster.head_node):
            self.end()
            self.start()
            return
        for node in [node for node in self.nodes if not _alive(node)]:
            self._clear(node)
            self.nodes.remove(node)
        while len(self.nodes) < NODES:
            self.nodes.append(self.cluster.add_node(**NODE, node_ip_address="127.0.0.1"))

    def end(self) -> None:
        for node in [*self.nodes, self.cluster.head_node]:
            self._clear(node)
        self.nodes.clear()

    def _clear(self, node: Any) -> None:
        kill(processes(node))
        node.kill_all_processes(check_alive=False, allow_graceful=False, wait=True)


@contextmanager
def running() -> Iterator[Nodes]:
    with tempfile.TemporaryDirectory(prefix="ray-", ignore_cleanup_errors=True) as folder:
        os.environ["RAY_TMPDIR"] = folder
        nodes = Nodes()
        nodes.start()
        try:
            yield nodes
        finally:
            nodes.end()


def workers(nodes: Nodes) -> list[psutil.Process]:
    """The processes of a run's actors."""
    found = []
    for node in nodes.nodes:
        for process in processes(node):
            with suppress(psutil.Error):
                names = (process.name(), " ".join(process.cmdline()))
                if any(name.startswith("ray::WorkerHost") for name in names):
                    found.append(process)
    return found


def raylet(node: Any) -> psutil.Process:
    (started,) = node.all_processes["raylet"]
    return psutil.Process(started.process.pid)


def processes(node: Any) -> list[psutil.Process]:
    """All of a node: what was started for it, and what that started."""
    found = []
    for started in _started(node):
        with suppress(psutil.Error):
            root = psutil.Process(started.process.pid)
            found += [root, *root.children(recursive=True)]
    return found


def kill(found: list[psutil.Process]) -> None:
    for process in found:
        with suppress(psutil.Error):
            process.send_signal(signal.SIGKILL)


def _alive(node: Any) -> bool:
    return all(started.process.poll() is None for started in _started(node))


def _started(node: Any) -> list[Any]:
    return [started for of_kind in node.all_processes.values() for started in of_kind]
