"""exactextract as a reference, in a process of its own: it has ended by a segmentation fault in that of the tests."""

from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from functools import lru_cache
from multiprocessing import get_context

import numpy as np
import shapely

TRIES = 3


def exact_coverage(value_HW, bounds, crs, shapes):
    """Of each shape the values of its pixels, and how much it covers of each. bounds: west, south, east, north."""
    asked = np.asarray(value_HW), bounds, crs, shapely.to_wkb(shapes)
    for _ in range(TRIES):
        try:
            return _process().submit(_coverage, *asked).result()
        except BrokenProcessPool:
            _process.cache_clear()
    raise RuntimeError(f"exactextract ended its process {TRIES} times for {[shape.wkt for shape in shapes]}")


@lru_cache(maxsize=1)
def _process():
    return ProcessPoolExecutor(1, mp_context=get_context("spawn"))


def _coverage(value_HW, bounds, crs, shapes):
    import geopandas
    from exactextract import exact_extract
    from exactextract.raster import NumPyRasterSource
    from pyproj import CRS

    source = NumPyRasterSource(value_HW, *bounds, srs_wkt=CRS(crs).to_wkt())
    frame = geopandas.GeoDataFrame(geometry=shapely.from_wkb(shapes), crs=crs)
    table = exact_extract(source, frame, ["values", "coverage"], output="pandas")
    return list(zip(table["values"], table["coverage"], strict=True))
