"""The service on a socket, until the process is stopped."""

import math
import socket
import sys
from collections.abc import Sequence
from contextlib import closing
from functools import partial
from typing import Any

import uvicorn

from pipeline.cube import versions
from pipeline.cube.cube import Cube
from pipeline.errors import RunError
from pipeline.serve.app import create_app
from pipeline.serve.server import Limits
from pipeline.serve.timed_protocol import TimedProtocol

BACKLOG = 512


def listen(
    cube: Cube, host: str = "127.0.0.1", port: int = 8000, origins: Sequence[str] = (), threads: int | None = None
) -> None:
    """Serves a cube until the process is stopped; port 0: any that is free.

    Raises UserError where nothing is published yet and for an origin that no browser sends, and RunError where the
    address cannot be had.
    """
    versions.resolve(cube)
    limits = Limits() if threads is None else Limits(threads=threads)
    with closing(bind(host, port)) as bound:
        server = http_server(cube, origins, limits)
        at = f"[{host}]" if ":" in host else host
        print(f"serving {cube.location} at http://{at}:{bound.getsockname()[1]}/; Ctrl-C ends it", file=sys.stderr)
        server.run(sockets=[bound])


def http_server(cube: Cube, origins: Sequence[str], limits: Limits) -> uvicorn.Server:
    """The service, for a socket that is bound. More connections than the limit are refused with 503."""
    protocol: Any = partial(TimedProtocol, head=limits.head, answer=limits.exchange)
    config = uvicorn.Config(
        create_app(cube, origins, limits),
        http=protocol,
        ws="none",
        log_level="error",
        access_log=False,
        server_header=False,
        limit_concurrency=limits.connections,
        timeout_keep_alive=math.ceil(limits.head),
        timeout_graceful_shutdown=5,
    )
    return uvicorn.Server(config)


def bind(host: str, port: int) -> socket.socket:
    bound = None
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        bound = socket.socket(family, kind, protocol)
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind(address)
        bound.listen(BACKLOG)
    except OSError as error:
        if bound is not None:
            bound.close()
        reason = error.strerror or str(error)
        raise RunError(
            f"cannot listen at {host!r:.100}, port {port} ({reason}); give another --host or --port"
        ) from None
    return bound
