"""GDAL's settings, and how a raster is opened."""

import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import rasterio
from rasterio.enums import Interleaving

from catalogs.access import Access, GdalSource, is_below, redact
from pipeline.raster import open_requests, retry
from pipeline.raster.lost_tags import refuse_lost_tags
from pipeline.raster.retry import ReadError
from pipeline.raster.side_files import check_side_files

DRIVERS = ("GTiff", "JP2OpenJPEG")
"""Formats that contain their pixels. Others, such as VRT, may name any file."""
CACHE_BYTES = 256 * 2**20
"""GDAL's block cache per process; its default is 5 % of the machine's memory in each process."""
TILE_BYTES = 64 * 2**20
"""Bytes of a tile or strip of all bands that are decoded together, at most: the cache holds four of them."""
CREDENTIALS = ("GDAL_HTTP_BEARER", "GDAL_HTTP_COOKIE", "GDAL_HTTP_HEADERS", "GDAL_HTTP_USERPWD")
"""Not taken from the environment: GDAL would send them to every host that an item names or a server redirects to."""
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
"""For remote reads. One request gets a header of up to 32 KiB (10980 px in tiles of 512 px need 12 KiB), then one
request each run of adjacent tiles. VSI_CACHE would serve what an interrupted response left in it."""


@contextmanager
def open_raster(
    href: str, source: GdalSource, access: Access, cached: bool, overview: int | None = None
) -> Iterator[rasterio.DatasetReader]:
    """Opens a raster at full resolution or at an overview (index from 0), for this thread.

    `cached`: GDAL may use its cache of responses. Local rasters may have their georeference in a side file. Raises
    ReadError where the raster names files that may not be read, and where its tiles take more than TILE_BYTES; what
    rasterio raises, also where it would only warn that the raster's place or no data value cannot be read.
    """
    level = {} if overview is None else {"overview_level": overview}
    remote = {
        **ENVIRONMENT,
        **{name: "" for name in CREDENTIALS if name in os.environ},
        **source.options,
        "GDAL_HTTP_MAX_RETRY": retry.RETRY_LIMITS.requests,
        "GDAL_HTTP_RETRY_DELAY": retry.RETRY_LIMITS.delay,
        "CPL_VSIL_CURL_NON_CACHED": "" if cached else "/vsicurl/:/vsis3/",
    }
    if not source.remote:
        check_side_files(source.name, access)
    with rasterio.Env(GDAL_NUM_THREADS=1, GDAL_CACHEMAX=CACHE_BYTES, **(remote if source.remote else {})):
        with open_requests.reserve(int(source.remote)), refuse_lost_tags():
            dataset = rasterio.DatasetReader(source.name, driver=list(DRIVERS), **level)
        with dataset:
            if dataset.tags(ns="OVERVIEWS"):
                raise ReadError(f"{redact(href)} names another file as its overviews, which is not allowed")
            if not source.remote and not all(is_below(name, access.allowed_paths) for name in dataset.files):
                raise ReadError(f"{href} names a file outside the folders that may be read")
            _check_tiles(href, dataset)
            yield dataset


def _check_tiles(href: str, dataset: rasterio.DatasetReader) -> None:
    (height, width), itemsize = dataset.block_shapes[0], np.dtype(dataset.dtypes[0]).itemsize
    bands = 1 if dataset.interleaving == Interleaving.band else dataset.count
    size = height * width * itemsize * bands
    if size > TILE_BYTES:
        raise ReadError(
            f"{redact(href)} is stored in tiles of {width} x {height} pixels, which take {size / 2**20:,.0f} MiB each; "
            f"at most {TILE_BYTES // 2**20} MiB are read at once: write it with tiles of 512 pixels"
        )


def _redact_record(record: logging.LogRecord) -> bool:
    """Removes tokens from a log record, and lowers failed requests, which are retried, to DEBUG."""
    record.msg, record.args = redact(record.getMessage()), ()
    if "failed with response_code" in record.msg:
        record.levelno, record.levelname = logging.DEBUG, "DEBUG"
    return True


for _name in ("rasterio", "rasterio._base", "rasterio._env", "rasterio._err", "rasterio._io", "rasterio.env"):
    logging.getLogger(_name).addFilter(_redact_record)
