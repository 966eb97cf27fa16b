"""The extent of a region on a grid."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any

import numpy as np
import shapely
from shapely.geometry.base import BaseGeometry

from pipeline.errors import UserError
from pipeline.geometry.area_mask import area_mask
from pipeline.geometry.footprint import project
from pipeline.geometry.grid import BlockId, Grid, Window


@dataclass(frozen=True)
class Extent:
    """A region on a grid: its pixel window, the blocks that intersect it, and arrays that hold these blocks whole.

    `area`: the part of the window that belongs to the region, in the grid's CRS; None = all of it.
    """

    grid: Grid
    window: Window
    area: BaseGeometry | None = None

    @cached_property
    def block_range(self) -> Window:
        """Block indices (iy, ix) as a half-open rectangle."""
        b, w = self.grid.block, self.window
        return Window(w.y0 // b, w.x0 // b, -(-w.y1 // b), -(-w.x1 // b))

    def blocks(self) -> Iterator[BlockId]:
        """Every block that intersects the region, row by row: the order of every plan."""
        return ((iy, ix) for iy, ix_N in self.rows() for ix in ix_N.tolist())

    def rows(self) -> Iterator[tuple[int, np.ndarray]]:
        """For each row of blocks, iy and the ix of the blocks that intersect the region."""
        r = self.block_range
        for iy in range(r.y0, r.y1):
            ix_N = np.arange(r.x0, r.x1)
            yield iy, ix_N[self._intersects(self.boxes(iy, ix_N))]

    def _intersects(self, box_N: np.ndarray) -> np.ndarray:
        nonempty_N = ~shapely.is_empty(box_N)
        if self.area is None:
            return nonempty_N
        shapely.prepare(self.area)
        return nonempty_N & shapely.intersects(self.area, box_N)

    def boxes(self, iy: int, ix_N: np.ndarray, pad: int = 0) -> np.ndarray:
        """Boxes in the grid's CRS of the blocks `ix_N` of row `iy`, grown by `pad` pixels and cut to the window.

        An empty polygon where nothing is left.
        """
        b, w, r = self.grid.block, self.window, self.grid.resolution
        top, bottom = max(iy * b - pad, w.y0), min((iy + 1) * b + pad, w.y1)
        left_N, right_N = np.maximum(ix_N * b - pad, w.x0), np.minimum((ix_N + 1) * b + pad, w.x1)
        box_N: Any = shapely.box(left_N * r, -bottom * r, right_N * r, -top * r)
        box_N[(left_N >= right_N) | (top >= bottom)] = shapely.Polygon()
        return box_N

    def covered(self, block: BlockId) -> Window:
        """The part of a block that lies in the region's window."""
        return self.grid.block_window(block) & self.window

    def has_pixels(self, block: BlockId) -> bool:
        """Whether the centre of a pixel of a block lies in the region, which the block may touch without one."""
        return self.area is None or bool(area_mask(self.area, self.grid, self.covered(block)).any())

    def slot(self, block: BlockId) -> BlockId:
        """Index of a block in arrays that hold one value per block."""
        return block[0] - self.block_range.y0, block[1] - self.block_range.x0

    @property
    def origin(self) -> tuple[int, int]:
        """Absolute (row, col) of the first pixel of the arrays: the corner of a block."""
        return self.block_range.y0 * self.grid.block, self.block_range.x0 * self.grid.block

    @property
    def shape(self) -> tuple[int, int]:
        """(rows, columns) of the arrays: whole blocks."""
        rows, cols = self.block_range.shape
        return rows * self.grid.block, cols * self.grid.block


@lru_cache(maxsize=16)
def extent_of(grid: Grid, bounds: tuple[float, float, float, float] | None, area: BaseGeometry) -> Extent:
    """The extent of `bounds` (west, south, east, north in degrees), or of `area` (degrees) where bounds are None.

    Raises UserError where the grid's CRS cannot show it, or is cut by the antimeridian within it, or where no pixel's
    centre lies in it.
    """
    if bounds is not None:
        return Extent(grid, grid.window_of(bounds))
    west, south, east, north = area.bounds
    if west == -180 and east == 180:
        grid.check_whole_at_antimeridian(south, north)
    grid_area = shapely.make_valid(project(area, grid.crs))
    extent = Extent(grid, grid.window_around(grid_area.bounds, "the polygon"), grid_area)
    if not any(map(extent.has_pixels, extent.blocks())):
        raise UserError(
            f"the polygon holds the centre of no pixel of {grid.resolution:g} m; give a larger one, or a smaller "
            "'grid.resolution'"
        )
    return extent
