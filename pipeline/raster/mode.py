"""The class that most of a pixel of the grid shows, of a map with pixels of any size and in any CRS."""

from collections.abc import Callable
from math import ceil

import numpy as np

from pipeline.geometry.grid import Grid, Window
from pipeline.raster.level import Part, Raster, pixel_metres
from pipeline.raster.resample import nearest
from pipeline.raster.source import SourcePixels
from pipeline.raster.warp import sample_points

MOST_POINTS = 64
"""Along a side of a pixel."""
POINTS_AT_ONCE = 2**22


def mode(grid: Grid, window: Window, raster: Raster, read: Callable[[Part], np.ndarray]) -> np.ndarray:
    """The class code at most points of each pixel of a window, uint8 HW; 0 = no class.

    A pixel is looked at in n x n points, at least one for each pixel of the map along a side; where the map's pixels
    are larger than the grid's, that is the map's pixel at the centre. Of codes at equally many points, no class comes
    first, then the smaller code. read: class codes of a part of the map, HW of whole numbers in 0..255.
    """
    n = min(max(1, ceil(grid.resolution / min(pixel_metres(raster)) - 1e-6)), MOST_POINTS)
    fine = Grid(grid.crs, grid.resolution / n, grid.block * n)
    result_HW = np.zeros(window.shape, np.uint8)
    step = max(1, POINTS_AT_ONCE // (n * n * max(window.shape[1], 1)))
    for top in range(window.y0, window.y1, step):
        rows = Window(top, window.x0, min(top + step, window.y1), window.x1)
        points = Window(rows.y0 * n, rows.x0 * n, rows.y1 * n, rows.x1 * n)
        at = sample_points(fine, points, raster)
        if at is not None:
            source = SourcePixels.of([read(at.part).astype(np.uint16)])
            code_HW = nearest(at, source, slice(None))[0][0].numpy().astype(np.uint8)
            result_HW[rows.y0 - window.y0 : rows.y1 - window.y0] = most_frequent(code_HW, n)
    return result_HW


def most_frequent(code_HW: np.ndarray, n: int) -> np.ndarray:
    """The most frequent code of each n x n cells; of equally frequent ones the smallest."""
    if n == 1:
        return code_HW
    height, width = (side // n for side in code_HW.shape)
    cell_HnWn = code_HW.reshape(height, n, width, n)
    best_HW, most_HW = np.zeros((height, width), code_HW.dtype), np.full((height, width), -1)
    for code in np.unique(code_HW):
        count_HW = (cell_HnWn == code).sum((1, 3))
        better_HW = count_HW > most_HW
        best_HW[better_HW], most_HW[better_HW] = code, count_HW[better_HW]
    return best_HW
