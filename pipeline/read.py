"""Windowed reads of one raster, at the overview that the grid's resolution asks for."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from typing import TypeVar

import numpy as np
import rasterio
from rasterio.errors import RasterioIOError
from rasterio.windows import Window

ENVIRONMENT = {
    "GDAL_DISABLE_READDIR_ON_OPEN": "EMPTY_DIR",
    "GDAL_HTTP_MAX_RETRY": 3,
    "GDAL_HTTP_RETRY_DELAY": 1,
    "GDAL_HTTP_TIMEOUT": 60,
    "GDAL_NUM_THREADS": 1,
    "VSI_CACHE": True,
}
ATTEMPTS = 3
DRIVERS = ("GTiff", "JP2OpenJPEG")
"""Formats that hold pixels themselves; others, such as VRT, may name any file."""

Looked = TypeVar("Looked")


class ReadError(RuntimeError):
    """A raster that cannot be read after all attempts."""


@dataclass(frozen=True)
class Raster:
    """Where a raster's pixels lie: x = left + col * resolution, y = top - row * resolution."""

    crs: str
    left: float
    top: float
    resolution: float
    height: int
    width: int
    overview: int | None


@dataclass(frozen=True)
class Part:
    """Rows and columns of a raster, half open."""

    rows: tuple[int, int]
    cols: tuple[int, int]


@contextmanager
def _opened(href: str, overview: int | None = None) -> Iterator[rasterio.DatasetReader]:
    level = {} if overview is None else {"overview_level": overview}
    with rasterio.Env(**_environment(href)), rasterio.open(href, **level) as source:
        if source.driver not in DRIVERS:
            raise ReadError(f"{href} is of format {source.driver}; allowed are {', '.join(DRIVERS)}")
        yield source


@lru_cache(maxsize=4096)
def inspect(href: str, resolution: float) -> Raster:
    """The level of a raster that is just fine enough for pixels of `resolution` metres. Raises ReadError."""

    def look() -> Raster:
        with _opened(href) as source:
            factors = [f for f in source.overviews(1) if f * source.res[0] <= resolution]
            overview = len(factors) - 1 if factors else None
        with _opened(href, overview) as source:
            t = source.transform
            if source.crs is None or t.b or t.d or t.a <= 0 or not np.isclose(t.a, -t.e):
                raise ReadError(f"{href} has no north-up georeference with square pixels")
            return Raster(source.crs.to_string(), t.c, t.f, t.a, source.height, source.width, overview)

    return _retried(href, look)


def read(href: str, raster: Raster, part: Part) -> np.ndarray:
    """Band 1 of a part that lies inside the raster. Raises ReadError."""

    def look() -> np.ndarray:
        with _opened(href, raster.overview) as source:
            return source.read(1, window=Window.from_slices(part.rows, part.cols))

    return _retried(href, look)


def _retried(href: str, look: Callable[[], Looked]) -> Looked:
    """What `look` gives, in three attempts."""
    attempt = 1
    while True:
        try:
            return look()
        except RasterioIOError as error:
            if attempt == ATTEMPTS:
                raise ReadError(f"{href}: {error}") from error
            time.sleep(0.1 * 2**attempt)
            attempt += 1


def _environment(href: str) -> dict[str, object]:
    """Local rasters may keep their georeference in a side file, so their folder is looked at."""
    remote = href.startswith(("http://", "https://", "s3://"))
    return ENVIRONMENT if remote else {k: v for k, v in ENVIRONMENT.items() if k != "GDAL_DISABLE_READDIR_ON_OPEN"}
