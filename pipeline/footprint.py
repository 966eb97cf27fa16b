"""The ground on which a scene counts, on the grid: what is chosen by it is also cut by it.

Were a scene chosen by its footprint but used wherever its raster has pixels, a small block outside the footprint would
lack what a larger block has, and the map would depend on the cut.
"""

from functools import lru_cache

import numpy as np
import shapely
from shapely.geometry.base import BaseGeometry

from catalogs import Scene
from pipeline.grid import LONLAT, Grid, Window, transformer

EARTH_RADIUS = 6_371_000.0


@lru_cache(maxsize=4096)
def ground(scene: Scene, crs: str) -> BaseGeometry:
    """A scene's footprint in a grid's CRS.

    It is widened by as much as the straight lines of degrees between its corners can bow away from the raster's edge:
    length squared / (4 R), 475 m for a tile of 110 km, against 269 m measured.
    """
    to_grid = transformer(LONLAT, crs)

    def project(lonlat_N2: np.ndarray) -> np.ndarray:
        return np.stack(to_grid.transform(lonlat_N2[:, 0], lonlat_N2[:, 1]), axis=1)

    projected = shapely.transform(shapely.segmentize(scene.footprint, 0.05), project)
    left, bottom, right, top = projected.bounds
    widened = projected.buffer(max(right - left, top - bottom) ** 2 / (4 * EARTH_RADIUS))
    shapely.prepare(widened)
    return widened


def on_ground(scene: Scene, grid: Grid, window: Window) -> np.ndarray:
    """Which pixel centres of a window lie on a scene's ground, bool HW."""
    area = ground(scene, grid.crs)
    if area.contains(shapely.box(*grid.bounds(window))):
        return np.ones(window.shape, bool)
    x = (np.arange(window.x0, window.x1) + 0.5) * grid.resolution
    y = -(np.arange(window.y0, window.y1) + 0.5) * grid.resolution
    return np.asarray(shapely.contains_xy(area, *np.meshgrid(x, y)))
