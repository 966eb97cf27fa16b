"""The true area of pixels."""

import numpy as np
from pyproj import CRS

from pipeline.geometry.grid import LONLAT, Grid, transformer

EQUAL_AREA = 1e-6
"""How far, relatively, the area of a pixel may be from the square of its sides on an equal-area grid."""


def pixel_centres(grid: Grid, row_N: np.ndarray, col_N: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Longitude and latitude, in degrees, of the centres of pixels."""
    x_N, y_N = (col_N + 0.5) * grid.resolution, -(row_N + 0.5) * grid.resolution
    lon_N, lat_N = transformer(grid.crs, LONLAT).transform(x_N, y_N)
    return lon_N, lat_N


def pixel_areas(grid: Grid, row_N: np.ndarray, col_N: np.ndarray) -> np.ndarray:
    """Area in m2 of pixels on the ellipsoid of the grid's CRS, as geodesic polygons of their corners.

    Exactly the square of the resolution where the two agree as on an equal-area grid.
    """
    crs = CRS(grid.crs)
    geod, lonlat = crs.get_geod(), crs.geodetic_crs
    assert geod is not None and lonlat is not None
    x_N4, y_N4 = (col_N[:, None] + [0, 1, 1, 0]) * grid.resolution, (row_N[:, None] + [0, 0, 1, 1]) * -grid.resolution
    lon_N4, lat_N4 = transformer(grid.crs, lonlat.to_wkt()).transform(x_N4, y_N4)
    corners = zip(lon_N4, lat_N4, strict=True)
    area_N = np.array([abs(geod.polygon_area_perimeter(lon_4, lat_4)[0]) for lon_4, lat_4 in corners])
    square = grid.resolution**2
    return np.where(np.abs(area_N / square - 1) < EQUAL_AREA, square, area_N)
