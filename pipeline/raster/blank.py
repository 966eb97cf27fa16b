"""Whether a raster holds no data at all."""

from functools import lru_cache

from catalogs.access import ANYWHERE, Access
from pipeline.raster.level import Part
from pipeline.raster.read import inspect, read_part

METRES = 320.0
"""Pixel size of the level that is looked at."""
STRIP_PIXELS = 2**22


@lru_cache(maxsize=4096)
def is_blank(href: str, access: Access = ANYWHERE) -> bool:
    """Whether all pixels of a raster's coarse level are 0. Reads it in strips, up to the first with data.

    Raises ReadError.
    """
    raster = inspect(href, METRES, access)
    rows = max(STRIP_PIXELS // (raster.width * raster.factor**2), 1)
    return not any(
        read_part(href, raster, Part((top, min(top + rows, raster.height)), (0, raster.width)), access).any()
        for top in range(0, raster.height, rows)
    )
