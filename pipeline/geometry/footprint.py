"""The ground on which a scene counts, on the grid: what is chosen by it is also cut by it.

Were a scene chosen by its footprint but used wherever its raster has pixels, a small block outside the footprint would
lack what a larger block has, and the map would depend on the cut.
"""

from functools import lru_cache
from threading import Lock

import numpy as np
import shapely
from shapely.geometry.base import BaseGeometry

from catalogs import Scene
from pipeline.geometry.grid import LONLAT, Grid, Window, transformer

EARTH_RADIUS = 6_371_000.0
CELL = 64
_prepared = Lock()
"""GEOS' prepared geometries are for one thread at a time (libgeos/geos#825)."""


@lru_cache(maxsize=4096)
def grid_footprint(scene: Scene, crs: str) -> BaseGeometry:
    """A scene's footprint in a grid's CRS.

    It is widened by as much as the straight lines of degrees between its corners can bow away from the raster's edge:
    length squared / (4 R), 475 m for a tile of 110 km, against 269 m measured.
    """
    return shapely.union_all([_widen(part) for part in shapely.get_parts(project(scene.footprint, crs))])


def project(area: BaseGeometry, crs: str) -> BaseGeometry:
    """A geometry of longitudes and latitudes in a grid's CRS, its lines of degrees followed to 0.05 degrees."""
    to_grid = transformer(LONLAT, crs)

    def project(lonlat_N2: np.ndarray) -> np.ndarray:
        return np.stack(to_grid.transform(lonlat_N2[:, 0], lonlat_N2[:, 1]), axis=1)

    return shapely.transform(shapely.segmentize(area, 0.05), project)


def _widen(part: BaseGeometry) -> BaseGeometry:
    left, bottom, right, top = part.bounds
    return part.buffer(max(right - left, top - bottom) ** 2 / (4 * EARTH_RADIUS))


def area_mask(area: BaseGeometry, grid: Grid, window: Window) -> np.ndarray:
    """Which pixel centres of a window lie in an area of the grid's CRS, bool HW.

    Cells of 64 pixels wholly inside or outside are known at once; only the pixels of the others are looked at.
    """
    with _prepared:
        shapely.prepare(area)
        return _area_mask(area, grid, window)


def _area_mask(area: BaseGeometry, grid: Grid, window: Window) -> np.ndarray:
    if window.empty or shapely.contains_properly(area, shapely.box(*grid.bounds(window))):
        return np.ones(window.shape, bool)
    inside_HW = np.zeros(window.shape, bool)
    y_N, x_N = (np.arange(start, stop, CELL) for start, stop in ((window.y0, window.y1), (window.x0, window.x1)))
    cells = [
        Window(int(y), int(x), min(int(y) + CELL, window.y1), min(int(x) + CELL, window.x1)) for y in y_N for x in x_N
    ]
    boxes = shapely.box(*np.array([grid.bounds(cell) for cell in cells]).T)
    for cell, whole, touched in zip(
        cells, shapely.contains_properly(area, boxes), shapely.intersects(area, boxes), strict=True
    ):
        if whole:
            inside_HW[cell.slices((window.y0, window.x0))] = True
        elif touched:
            x = (np.arange(cell.x0, cell.x1) + 0.5) * grid.resolution
            y = -(np.arange(cell.y0, cell.y1) + 0.5) * grid.resolution
            inside_HW[cell.slices((window.y0, window.x0))] = shapely.contains_xy(area, *np.meshgrid(x, y))
    return inside_HW
