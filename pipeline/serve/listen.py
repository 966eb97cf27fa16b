"""The service on a socket, until the process is stopped."""

import socket
import sys
from collections.abc import Sequence
from contextlib import closing

import uvicorn

from pipeline.cube import versions
from pipeline.cube.cube import Cube
from pipeline.errors import RunError
from pipeline.serve.app import create_app
from pipeline.serve.server import Limits

CONNECTIONS = 512
"""Clients at a time; more are refused with 503."""


def listen(
    cube: Cube, host: str = "127.0.0.1", port: int = 8000, origins: Sequence[str] = (), threads: int | None = None
) -> None:
    """Serves a cube until the process is stopped; port 0: any that is free.

    Raises UserError where nothing is published yet, and RunError where the address cannot be had.
    """
    versions.resolve(cube)
    limits = Limits() if threads is None else Limits(threads=threads)
    config = uvicorn.Config(
        create_app(cube, origins, limits),
        log_level="warning",
        access_log=False,
        server_header=False,
        limit_concurrency=CONNECTIONS,
        timeout_keep_alive=15,
        timeout_graceful_shutdown=5,
    )
    with closing(_bind(host, port)) as bound:
        at = f"[{host}]" if ":" in host else host
        print(f"serving {cube.location} at http://{at}:{bound.getsockname()[1]}/; Ctrl-C ends it", file=sys.stderr)
        uvicorn.Server(config).run(sockets=[bound])


def _bind(host: str, port: int) -> socket.socket:
    bound = None
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        bound = socket.socket(family, kind, protocol)
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind(address)
        bound.listen(CONNECTIONS)
    except OSError as error:
        if bound is not None:
            bound.close()
        reason = error.strerror or str(error)
        raise RunError(
            f"cannot listen at {host!r:.100}, port {port} ({reason}); give another --host or --port"
        ) from None
    return bound
