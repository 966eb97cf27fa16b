"""Ray sessions: start Ray or connect to one, notice that it is gone, and leave it again."""

import logging
import os
import secrets
import socket
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

from cluster.errors import PoolError, PoolLost
from cluster.ray_local import exception_line, keep_sigterm, logs_folder, remove_session, start_errors, start_ray

ANSWER_SECONDS = 10
CHECK_SECONDS = 2
HEAD_TIMEOUT = "RAY_gcs_rpc_server_reconnect_timeout_s"


def check_address(address: str) -> None:
    """Raises PoolError for what is no address of `cluster.pool`. Whether a Ray answers there is not asked."""
    if address not in ("none", "local", "auto"):
        _host_and_port(address, "address")


@contextmanager
def connect(address: str, workers: int) -> Iterator[None]:
    """Ray for the time of the block; a Ray that this process already uses is used and stays.

    "local" starts a Ray for at least `workers` CPUs that listens on 127.0.0.1 only and requires a token; its logs stay
    if the block raises. "auto" is the Ray that RAY_ADDRESS names, if it does. Raises PoolError for what is no address,
    and PoolLost if Ray cannot be started, if none answers, or if it is gone at the end of the block.
    """
    if address == "local":
        secure_environment()
    else:
        named = os.environ.get("RAY_ADDRESS") if address == "auto" else None
        address = named or address
        _check_reachable(address, "RAY_ADDRESS" if named else "address")
    import ray

    if ray.is_initialized():
        yield
        return
    quiet: dict[str, Any] = {"logging_level": logging.ERROR, "log_to_driver": False}
    if not address.startswith("ray://"):
        quiet["job_config"] = _blind_job()
    session = None
    if address == "local":
        session = start_ray(max(workers, os.cpu_count() or 1), **quiet)
    else:
        try:
            with keep_sigterm():
                ray.init(address, **quiet)
        except Exception as error:
            raise _unreachable(address, error) from error
    connection = Connection(address)
    try:
        yield
    finally:
        # Shutting down after the head is gone would block until Ray ends this process.
        if not connection.is_alive():
            raise connection.error
        ray.shutdown()
    if session is not None:
        remove_session(session)


def _blind_job() -> Any:
    """A Ray job whose workers do not import from the folder where this process runs, which may hold a pipeline.py.

    Ray puts that folder first on the import path of workers, unless the job has a folder of its own.
    """
    from ray.job_config import JobConfig

    class BlindJob(JobConfig):
        def _runtime_env_has_working_dir(self) -> bool:
            return True

    return BlindJob()


class Connection:
    """This process's connection to a Ray: whether its head answers, and whether the node of this process is alive."""

    def __init__(self, address: str) -> None:
        import ray

        # A Ray client (ray://) has neither address nor node; Ray itself raises when its server is gone.
        context = None if address.startswith("ray://") else ray.get_runtime_context()
        self._head = None if context is None else urlsplit(f"//{context.gcs_address}")
        self._node = None if context is None else context.get_node_id()
        self._logs = logs_folder() if address == "local" else None
        self._errors_before = start_errors(self._logs) if self._logs else ""
        # Ray ends this process without our message after HEAD_TIMEOUT seconds without its head: be earlier.
        self._timeout = 0.6 * float(os.environ.get(HEAD_TIMEOUT, 60))
        self._last_check = self._last_answer = time.monotonic()
        self.error = PoolLost(
            f"the Ray at {address} was lost, its head or the node that this process had joined; what is committed is "
            "kept, run again when it is back"
        )

    def is_alive(self) -> bool:
        """Whether the head accepts a connection."""
        if self._head is None:
            return True
        try:
            socket.create_connection((self._head.hostname, self._head.port or 0), timeout=ANSWER_SECONDS).close()
        except OSError:
            return False
        return True

    def check_starts(self) -> None:
        """Raises PoolError if a process of a worker could not start. (The logs of a cluster's nodes are not here.)"""
        if self._logs is None:
            return
        if reason := exception_line(start_errors(self._logs).removeprefix(self._errors_before)):
            raise PoolError(
                f"a worker cannot be built: its process does not start ({reason:.300}); mend that and run again"
            )

    def check(self) -> None:
        """Raises PoolLost if the head or the node is gone; looks at most every CHECK_SECONDS."""
        import ray

        if self._head is None or time.monotonic() - self._last_check < CHECK_SECONDS:
            return
        if self.is_alive():
            self._last_answer = time.monotonic()
            if any(node["NodeID"] == self._node and not node["Alive"] for node in ray.nodes()):
                raise self.error
        elif time.monotonic() - self._last_answer > self._timeout:
            raise self.error
        self._last_check = time.monotonic()


def _check_reachable(address: str, name: str) -> None:
    # Ray itself would wait for minutes.
    if address == "auto":
        return
    place = _host_and_port(address, name)
    try:
        socket.create_connection(place, timeout=ANSWER_SECONDS).close()
    except (OSError, ValueError) as error:  # a host that cannot be a name is a UnicodeError
        raise _unreachable(address, error) from error


def _host_and_port(address: str, name: str) -> tuple[str, int]:
    try:
        parts = urlsplit(address if "://" in address else f"//{address}")
        host, port = parts.hostname, parts.port
    except ValueError:
        host = port = None
    if host is None or port is None:
        others = "none, local, auto, " if name == "address" else "auto, "
        raise PoolError(f"{name} is {address!r}, but it must be {others}ray://host:port or host:port")
    return host, port


def _unreachable(address: str, error: Exception) -> PoolLost:
    reason = " ".join(str(error).split())
    return PoolLost(
        f"no Ray answers at address {address!r}: give local to start one, none to do without ({reason:.200})"
    )


def secure_environment() -> None:
    """Sets the environment so that a Ray which this process starts listens on loopback only and requires a token.

    Ray reads its environment when it is first imported; after that this changes nothing.
    """
    if "ray" in sys.modules:
        return
    os.environ.setdefault("RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER", "0")
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    if os.environ.setdefault("RAY_AUTH_MODE", "token") == "token" and "RAY_AUTH_TOKEN_PATH" not in os.environ:
        os.environ.setdefault("RAY_AUTH_TOKEN", secrets.token_hex(32))
