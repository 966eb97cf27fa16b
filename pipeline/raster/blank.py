"""Whether a raster holds no data at all."""

from functools import lru_cache

from catalogs.access import ANYWHERE, Access, redact
from pipeline.raster.coding import Coding
from pipeline.raster.level import Part
from pipeline.raster.read import inspect, read_part
from pipeline.raster.retry import ReadError

METRES = 320.0
"""Pixel size of the level that is looked at."""
STRIP_PIXELS = 2**22
MOST_PIXELS = 2**28
"""More than a band of any satellite's tile has at full resolution; a sparse file may claim to have any number."""


@lru_cache(maxsize=4096)
def is_blank(href: str, access: Access = ANYWHERE, band: int = 1, coding: Coding | None = None) -> bool:
    """Whether all numbers of a band's coarse level are 0. Reads it in strips, up to the first with data.

    Raises ReadError, also where the first MOST_PIXELS are 0 and there are more.
    """
    raster = inspect(href, METRES, access, None, band, 0 if coding is None else coding.nodata)
    row_pixels = raster.width * raster.factor**2
    rows = max(STRIP_PIXELS // row_pixels, 1)
    for top in range(0, raster.height, rows):
        if top * row_pixels >= MOST_PIXELS:
            raise ReadError(
                f"{redact(href)} has no data in its first {MOST_PIXELS:,} pixels, and no more are looked at; write it "
                "with overviews"
            )
        part = Part((top, min(top + rows, raster.height)), (0, raster.width))
        if read_part(href, raster, part, access, band=band, coding=coding).any():
            return False
    return True
