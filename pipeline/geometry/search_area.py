"""The area to search for scenes."""

from functools import lru_cache

import numpy as np
import shapely
from shapely.geometry.base import BaseGeometry

from catalogs.area import split_at_antimeridian
from pipeline.geometry.extent import Extent
from pipeline.geometry.grid import LONLAT, transformer


@lru_cache(maxsize=16)
def search_area(extent: Extent, area: BaseGeometry) -> BaseGeometry:
    """The union of `area` and the extent's whole window, in longitude and latitude.

    The window, a rectangle of the grid, reaches beyond bounds given in degrees. Only `area` where it is wider than 180
    degrees without being split at the antimeridian, or where the window has no longitudes and latitudes.
    """
    west, _, east, _ = area.bounds
    across = isinstance(area, shapely.MultiPolygon)
    left, bottom, right, top = extent.grid.bounds(extent.window)
    outline = shapely.segmentize(shapely.box(left, bottom, right, top), max(right - left, top - bottom) / 64)
    to_lonlat = transformer(extent.grid.crs, LONLAT)
    lonlat_N2 = np.stack(to_lonlat.transform(*shapely.get_coordinates(outline).T), axis=1)
    if (east - west > 180 and not across) or not np.isfinite(lonlat_N2).all():
        return area
    mapped = shapely.make_valid(
        split_at_antimeridian(shapely.Polygon(lonlat_N2)), method="structure", keep_collapsed=False
    )
    return shapely.union(mapped, area)
