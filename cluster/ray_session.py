"""Starting a Ray or joining one, leaving it again, and noticing that it is gone."""

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

ANSWER_SECONDS = 10
LOOK_SECONDS = 2
HEAD_TIMEOUT = "RAY_gcs_rpc_server_reconnect_timeout_s"
STORE_BYTES = 128 * 2**20


@contextmanager
def connect(address: str, workers: int) -> Iterator[None]:
    """Ray for the time of the block: what was started or joined here is left again, one already in use stays.

    "local" starts one that listens on 127.0.0.1 only, guarded by a token. PoolError when there is none to join.
    """
    if address == "local":
        secure_environment()
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
    joined = Connection(address)
    try:
        yield
    finally:
        # Leaving a Ray whose head is gone would wait until Ray ends this process.
        if not joined.answers():
            raise joined.lost
        ray.shutdown()


class Connection:
    """The Ray that this process joined: whether its head still answers, and the node this process goes through."""

    def __init__(self, address: str) -> None:
        import ray

        # A client (ray://) has neither, and is told by Ray itself.
        context = None if address.startswith("ray://") else ray.get_runtime_context()
        self._head = None if context is None else urlsplit(f"//{context.gcs_address}")
        self._node = None if context is None else context.get_node_id()
        # Ray ends this process, with no sentence of ours, after so long without its head.
        self._patience = 0.6 * float(os.environ.get(HEAD_TIMEOUT, 60))
        self._looked = self._answered = time.monotonic()
        self.lost = PoolLost(
            f"the Ray at {address} was lost, its head or the node that this process had joined; what is committed is "
            "kept, run again when it is back"
        )

    def answers(self) -> bool:
        """Whether the head answers at once."""
        if self._head is None:
            return True
        try:
            socket.create_connection((self._head.hostname, self._head.port or 0), timeout=ANSWER_SECONDS).close()
        except OSError:
            return False
        return True

    def check(self) -> None:
        """Looks every few seconds. Raises PoolLost."""
        import ray

        if self._head is None or time.monotonic() - self._looked < LOOK_SECONDS:
            return
        if self.answers():
            self._answered = time.monotonic()
            if any(node["NodeID"] == self._node and not node["Alive"] for node in ray.nodes()):
                raise self.lost
        elif time.monotonic() - self._answered > self._patience:
            raise self.lost
        self._looked = time.monotonic()


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


def _unanswered(address: str, error: Exception) -> PoolLost:
    reason = " ".join(str(error).split())
    return PoolLost(
        f"no Ray answers at address {address!r}: give local to start one, none to do without ({reason:.200})"
    )


def secure_environment() -> None:
    """Makes a Ray that this process will start listen on this machine only, and ask for a token.

    Ray reads its environment when it is first imported; where it already is, what the process was started with stands.
    """
    if "ray" in sys.modules:
        return
    os.environ.setdefault("RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER", "0")
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    if os.environ.setdefault("RAY_AUTH_MODE", "token") == "token" and "RAY_AUTH_TOKEN_PATH" not in os.environ:
        os.environ.setdefault("RAY_AUTH_TOKEN", secrets.token_hex(32))
