"""What all routes of the service share, and the headers of their answers."""

import os
from collections.abc import Callable
from dataclasses import dataclass, field
from importlib.metadata import version

from fastapi import Request, Response

from pipeline.cube.cube import Cube
from pipeline.serve.chunks import Chunks
from pipeline.serve.maps import Maps
from pipeline.serve.workers import Workers

CACHE_BYTES = 256 * 2**20
YEAR = 31_536_000
CODE = version("idgbr")


@dataclass(frozen=True)
class Limits:
    """threads: that work, by default one a core. queue: requests that may wait for them. seconds: the longest that an
    answer may take. body: bytes of a request. vertices: of a polygon. cache: bytes of decoded chunks in memory.
    head, upload: seconds in which the head and the body of a request must have come; a connection is idle no longer
    than `head`. exchange: seconds in which a request must have been read, and its answer taken. connections: clients
    at a time."""

    threads: int = field(default_factory=lambda: max(2, os.cpu_count() or 2))
    queue: int = 128
    seconds: float = 20.0
    body: int = 2 * 2**20
    vertices: int = 20_000
    cache: int = CACHE_BYTES
    head: float = 15.0
    upload: float = 15.0
    exchange: float = 60.0
    connections: int = 512


@dataclass(frozen=True)
class Server:
    """An open cube with what is kept in memory of it, and the threads that read it."""

    maps: Maps
    chunks: Chunks
    workers: Workers
    limits: Limits

    @staticmethod
    def of(cube: Cube, limits: Limits) -> "Server":
        return Server(Maps(cube), Chunks(limits.cache), Workers(limits.threads, limits.queue, limits.seconds), limits)

    async def answer(
        self, request: Request, media: str, make: Callable[..., str | bytes], *named: str | None
    ) -> Response:
        """What a function makes of the snapshots of versions (None: the newest), or 304 where the client has it.

        What is said of a snapshot never changes, so a client that names it may keep the answer for good.
        """
        known = [self.maps.known(name) for name in named]
        if None in known:
            known = list(await self.workers.run(lambda: [self.maps.version(name) for name in named]))
        snapshots = [str(snapshot) for snapshot in known]
        tag = f'"{"-".join(snapshots)}-{CODE}"'
        fixed = all(name == snapshot for name, snapshot in zip(named, snapshots, strict=True))
        headers = {
            "ETag": tag,
            "Cache-Control": f"public, max-age={YEAR}, immutable" if fixed else "public, no-cache",
        }
        if tag in request.headers.get("if-none-match", ""):
            return Response(status_code=304, headers=headers)
        content = await self.workers.run(make, *snapshots)
        return Response(content, media_type=media, headers=headers)
