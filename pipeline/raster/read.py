"""Windowed reads of one raster, at the overview that the grid's resolution asks for, from a disk or a network.

A read gives the right pixels or raises ReadError: GDAL gives no pixels of a body that broke off or does not decode.
"""

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import rasterio
from rasterio.windows import Window

from catalogs.access import ANYWHERE, Access, GdalSource, is_below, redact
from pipeline.raster import retry
from pipeline.raster.retry import ReadError

__all__ = ["ENVIRONMENT", "OPEN_REQUESTS", "Part", "Raster", "ReadError", "inspect", "read_part"]

DRIVERS = ("GTiff", "JP2OpenJPEG")
"""Formats that hold pixels themselves; others, such as VRT, may name any file."""
OPEN_REQUESTS = 32
"""So many requests are open at once in a process, at most: one for each row of tiles of the reads under way."""
CACHE_BYTES = 256 * 2**20
"""Of GDAL's blocks, in a process; its own choice is 5 % of the machine's memory, for each of its processes."""
ENVIRONMENT: dict[str, object] = {
    "GDAL_DISABLE_READDIR_ON_OPEN": "EMPTY_DIR",
    "GDAL_HTTP_CONNECTTIMEOUT": 10,
    "GDAL_HTTP_LOW_SPEED_LIMIT": 1024,
    "GDAL_HTTP_LOW_SPEED_TIME": 30,
    "GDAL_HTTP_MERGE_CONSECUTIVE_RANGES": "YES",
    "GDAL_HTTP_MULTIRANGE": "YES",
    "GDAL_HTTP_TIMEOUT": 120,
    "GDAL_INGESTED_BYTES_AT_OPEN": 32_768,
    "VSI_CACHE": "NO",
}
"""Of reads over a network. One request for a header of up to 32 KiB (10980 px in tiles of 512 take 12 KiB), then one
for each run of adjacent tiles. VSI_CACHE would hand on what a broken-off body left in it."""


@dataclass(frozen=True)
class Raster:
    """Where a raster's pixels lie: x = left + col * resolution, y = top - row * resolution * tall.

    An overview of a raster whose sides halve unevenly has pixels that are not quite square.
    """

    crs: str
    left: float
    top: float
    resolution: float
    height: int
    width: int
    overview: int | None
    tall: float = 1.0


@dataclass(frozen=True)
class Part:
    """Rows and columns of a raster, half open."""

    rows: tuple[int, int]
    cols: tuple[int, int]


@lru_cache(maxsize=4096)
def inspect(href: str, resolution: float, access: Access = ANYWHERE) -> Raster:
    """The level of a raster that is just fine enough for pixels of `resolution` metres. Raises ReadError."""

    def look(where: GdalSource, cached: bool) -> Raster:
        with _opened(href, where, access, cached) as source:
            factors = [f for f in source.overviews(1) if f * source.res[0] <= resolution]
            overview = len(factors) - 1 if factors else None
        with _opened(href, where, access, cached, overview) as source:
            return _raster(href, source, overview)

    return retry.with_retries(href, access, look)


def read_part(href: str, raster: Raster, part: Part, access: Access = ANYWHERE) -> np.ndarray:
    """Band 1 of a part that lies inside the raster. Raises ReadError."""

    def look(where: GdalSource, cached: bool) -> np.ndarray:
        with _opened(href, where, access, cached, raster.overview) as source:
            if _raster(href, source, raster.overview) != raster:
                raise ReadError(f"{redact(href)} has changed since it was first looked at; run again")
            height, width = (stop - start for start, stop in (part.rows, part.cols))
            value_HW = np.empty((height, width), source.dtypes[0])
            for rows, requests in _strips(source, part) if where.remote else [(part.rows, 0)]:
                inside = slice(rows[0] - part.rows[0], rows[1] - part.rows[0])
                with _requests(requests):
                    source.read(1, window=Window.from_slices(rows, part.cols), out=value_HW[inside])
            return value_HW

    return retry.with_retries(href, access, look)


def _strips(source: rasterio.DatasetReader, part: Part) -> Iterator[tuple[tuple[int, int], int]]:
    """Rows that `OPEN_REQUESTS` requests give at once, and how many they take: each row of tiles is a run of bytes of
    its own, a raster in strips is one."""
    tall, wide = source.block_shapes[0]
    if wide >= source.width:
        yield part.rows, 1
        return
    step = tall * OPEN_REQUESTS
    for top in range(part.rows[0] - part.rows[0] % tall, part.rows[1], step):
        rows = max(top, part.rows[0]), min(top + step, part.rows[1])
        yield rows, (rows[1] - 1) // tall - rows[0] // tall + 1


def _raster(href: str, source: rasterio.DatasetReader, overview: int | None) -> Raster:
    t = source.transform
    if source.crs is None or t.b or t.d or t.a <= 0 or not 0.9 < -t.e / t.a < 1.1:
        raise ReadError(f"{redact(href)} has no north-up georeference with pixels that are nearly square")
    return Raster(source.crs.to_string(), t.c, t.f, t.a, source.height, source.width, overview, -t.e / t.a)


@contextmanager
def _opened(
    href: str, where: GdalSource, access: Access, cached: bool, overview: int | None = None
) -> Iterator[rasterio.DatasetReader]:
    """The raster, opened by and for this thread. Local rasters may keep their georeference in a side file."""
    level = {} if overview is None else {"overview_level": overview}
    remote = {
        **ENVIRONMENT,
        **where.options,
        "GDAL_HTTP_MAX_RETRY": retry.RETRY_LIMITS.requests,
        "GDAL_HTTP_RETRY_DELAY": retry.RETRY_LIMITS.delay,
        "CPL_VSIL_CURL_NON_CACHED": "" if cached else "/vsicurl/:/vsis3/",
    }
    with rasterio.Env(GDAL_NUM_THREADS=1, GDAL_CACHEMAX=CACHE_BYTES, **(remote if where.remote else {})):
        with _requests(int(where.remote)):
            source = rasterio.DatasetReader(where.name, driver=list(DRIVERS), **level)
        with source:
            if where.remote and source.tags(ns="OVERVIEWS"):
                raise ReadError(f"{redact(href)} names another file as its overviews, which is not allowed")
            if not where.remote and not all(is_below(name, access.allowed_paths) for name in source.files):
                raise ReadError(f"{href} names a file outside the folders that may be read")
            yield source


_room = threading.Condition()
_open_requests = 0


@contextmanager
def _requests(count: int) -> Iterator[None]:
    """Waits until so many further requests may be open, and holds them; at most `OPEN_REQUESTS`."""
    global _open_requests
    with _room:
        _room.wait_for(lambda: _open_requests + count <= OPEN_REQUESTS)
        _open_requests += count
    try:
        yield
    finally:
        with _room:
            _open_requests -= count
            _room.notify_all()


def _without_token(record: logging.LogRecord) -> bool:
    """Hides tokens; a request that failed and is tried again is no warning."""
    record.msg, record.args = redact(record.getMessage()), ()
    if "failed with response_code" in record.msg:
        record.levelno, record.levelname = logging.DEBUG, "DEBUG"
    return True


for _name in ("rasterio", "rasterio._base", "rasterio._env", "rasterio._err", "rasterio._io", "rasterio.env"):
    logging.getLogger(_name).addFilter(_without_token)
