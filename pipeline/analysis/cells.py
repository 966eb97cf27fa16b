"""The grid of a reduction: cells of whole pixels, in tiles of cells, one chunk of the result each."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import zarr

from pipeline.cube.store import read_window
from pipeline.geometry.extent import Extent
from pipeline.geometry.grid import Window

Tile = tuple[int, int]
"""Row and column of a tile in a result."""


@dataclass(frozen=True)
class Cells:
    """The cells of `pixels` x `pixels` pixels that cover a region, in tiles of `side` x `side` cells.

    Cells count from the origin of the CRS, as pixels and blocks do: those of neighbouring regions fit together, and at
    the border of a region they reach beyond it.
    """

    extent: Extent
    pixels: int
    side: int

    @property
    def window(self) -> Window:
        """The cells of the result, in cells from the CRS's origin."""
        w, n = self.extent.window, self.pixels
        return Window(w.y0 // n, w.x0 // n, -(-w.y1 // n), -(-w.x1 // n))

    def tiles(self) -> list[Tile]:
        rows, cols = (-(-length // self.side) for length in self.window.shape)
        return [(y, x) for y in range(rows) for x in range(cols)]

    def of(self, tile: Tile) -> Window:
        """The cells of a tile."""
        y, x = self.window.y0 + tile[0] * self.side, self.window.x0 + tile[1] * self.side
        return Window(y, x, y + self.side, x + self.side) & self.window

    def pixels_of(self, cells: Window) -> Window:
        """The pixels of some cells."""
        n = self.pixels
        return Window(cells.y0 * n, cells.x0 * n, cells.y1 * n, cells.x1 * n)


def split(window: Window, side: int) -> Iterator[Window]:
    """A window in squares of at most `side` a side."""
    for y in range(window.y0, window.y1, side):
        for x in range(window.x0, window.x1, side):
            yield Window(y, x, y + side, x + side) & window


def class_counts(source: zarr.Array, time: int, cells: Cells, part: Window, codes: list[int]) -> np.ndarray:
    """Pixels of each class in each cell of `part`, (class, rows, columns) int64; reads about a block at a time."""
    block, n = cells.extent.grid.block, cells.pixels
    count_KYX = np.zeros((len(codes), *part.shape), np.int64)
    for some in split(part, max(1, block // n)):
        target_KYX = count_KYX[:, *some.slices((part.y0, part.x0))]
        if n > block:
            for window in split(cells.pixels_of(some) & cells.extent.window, block):
                code_HW = read_window(source, time, cells.extent, window)
                target_KYX += np.array([np.count_nonzero(code_HW == code) for code in codes])[:, None, None]
            continue
        code_HW = read_window(source, time, cells.extent, cells.pixels_of(some))
        code_YHXW = code_HW.reshape(some.shape[0], n, some.shape[1], n)
        for k, code in enumerate(codes):
            target_KYX[k] = (code_YHXW == code).sum((1, 3))
    return count_KYX
