"""Which pixels of a window lie in an area."""

from threading import Lock

import numpy as np
import shapely
from shapely.geometry.base import BaseGeometry

from pipeline.geometry.grid import Grid, Window

CELL = 64
"""Pixels per side of the cells that are tested as a whole."""
_geos_lock = Lock()
"""GEOS's prepared geometries are not thread-safe (libgeos/geos#825)."""


def area_mask(area: BaseGeometry, grid: Grid, window: Window) -> np.ndarray:
    """True where the pixel centre lies in `area` (in the grid's CRS), bool HW.

    Cells of 64 x 64 pixels wholly inside or outside are decided at once; other cells pixel by pixel.
    """
    with _geos_lock:
        shapely.prepare(area)
        return _area_mask(area, grid, window)


def _area_mask(area: BaseGeometry, grid: Grid, window: Window) -> np.ndarray:
    if window.empty or shapely.contains_properly(area, shapely.box(*grid.bounds(window))):
        return np.ones(window.shape, bool)
    mask_HW = np.zeros(window.shape, bool)
    y_N, x_N = (np.arange(start, stop, CELL) for start, stop in ((window.y0, window.y1), (window.x0, window.x1)))
    cells = [
        Window(int(y), int(x), min(int(y) + CELL, window.y1), min(int(x) + CELL, window.x1)) for y in y_N for x in x_N
    ]
    boxes = shapely.box(*np.array([grid.bounds(cell) for cell in cells]).T)
    for cell, whole, partial in zip(
        cells, shapely.contains_properly(area, boxes), shapely.intersects(area, boxes), strict=True
    ):
        if whole:
            mask_HW[cell.slices((window.y0, window.x0))] = True
        elif partial:
            x = (np.arange(cell.x0, cell.x1) + 0.5) * grid.resolution
            y = -(np.arange(cell.y0, cell.y1) + 0.5) * grid.resolution
            mask_HW[cell.slices((window.y0, window.x0))] = shapely.contains_xy(area, *np.meshgrid(x, y))
    return mask_HW
