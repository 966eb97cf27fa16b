"""The areal scale of a projection: on a grid that is not equal-area, each pixel has an area of its own."""

import numpy as np

from pipeline.geometry.extent import Extent
from pipeline.geometry.grid import Grid, Window
from pipeline.geometry.pixel_area import EQUAL_AREA, pixel_areas

STEP = 64
"""Pixels between the places where the scale of the projection is computed; bilinear between them."""
PROBES = 5


def is_equal_area(extent: Extent) -> bool:
    """Whether the CRS shows all places of an extent at their true area, within one millionth."""
    w = extent.window
    y_N, x_N = np.linspace(w.y0, w.y1, PROBES), np.linspace(w.x0, w.x1, PROBES)
    return bool((abs(_scale(extent.grid, *np.meshgrid(y_N, x_N)) - 1) < EQUAL_AREA).all())


def pixel_hectares(grid: Grid, window: Window) -> np.ndarray:
    """The area on the ellipsoid of each pixel of a window, float64 HW: its area in the CRS by the areal scale there."""
    (y_N, row_H), (x_N, col_W) = (
        (np.arange(start, stop + STEP, STEP), (np.arange(stop - start) + 0.5) / STEP)
        for start, stop in ((window.y0, window.y1), (window.x0, window.x1))
    )
    node_YX = grid.resolution**2 / 1e4 / _scale(grid, *np.meshgrid(y_N, x_N, indexing="ij"))
    return _between(_between(node_YX, row_H).T, col_W).T


def _between(node_NM: np.ndarray, at_H: np.ndarray) -> np.ndarray:
    """Values between nodes, linear along the first axis."""
    before_H = at_H.astype(int)
    part_H1 = (at_H - before_H)[:, None]
    return node_NM[before_H] * (1 - part_H1) + node_NM[before_H + 1] * part_H1


def _scale(grid: Grid, y: np.ndarray, x: np.ndarray) -> np.ndarray:
    """Area in the CRS by area on the ellipsoid, at pixel corners."""
    area_N = pixel_areas(grid, y.ravel() - 0.5, x.ravel() - 0.5)
    return (grid.resolution**2 / area_N).reshape(y.shape)
