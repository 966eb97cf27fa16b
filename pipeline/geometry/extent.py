"""The part of a grid that is mapped."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any

import numpy as np
import shapely
from shapely.geometry.base import BaseGeometry

from catalogs.area import split_at_antimeridian
from pipeline.geometry.footprint import project
from pipeline.geometry.grid import LONLAT, BlockId, Grid, Window, transformer


@dataclass(frozen=True)
class Extent:
    """A region on a grid: its window, the blocks that touch it, and the arrays that hold these blocks whole.

    `area`, in the grid's CRS, is what of the window belongs to the region; None for all of it.
    """

    grid: Grid
    window: Window
    area: BaseGeometry | None = None

    @cached_property
    def block_range(self) -> Window:
        """The blocks as a rectangle of block indices."""
        b, w = self.grid.block, self.window
        return Window(w.y0 // b, w.x0 // b, -(-w.y1 // b), -(-w.x1 // b))

    def blocks(self) -> Iterator[BlockId]:
        """Every block that touches the region, row by row: the order of every plan."""
        return ((iy, ix) for iy, ix_N in self.rows() for ix in ix_N.tolist())

    def rows(self) -> Iterator[tuple[int, np.ndarray]]:
        """Row by row iy and the ix of its blocks that touch the region."""
        r = self.block_range
        for iy in range(r.y0, r.y1):
            ix_N = np.arange(r.x0, r.x1)
            yield iy, ix_N[self._touched(self.boxes(iy, ix_N))]

    def _touched(self, box_N: np.ndarray) -> np.ndarray:
        inside_N = ~shapely.is_empty(box_N)
        if self.area is None:
            return inside_N
        shapely.prepare(self.area)
        return inside_N & shapely.intersects(self.area, box_N)

    def boxes(self, iy: int, ix_N: np.ndarray, pad: int = 0) -> np.ndarray:
        """The part in the region's window of each block of a row, grown by `pad` pixels, as boxes of the CRS."""
        b, w, r = self.grid.block, self.window, self.grid.resolution
        top, bottom = max(iy * b - pad, w.y0), min((iy + 1) * b + pad, w.y1)
        left_N, right_N = np.maximum(ix_N * b - pad, w.x0), np.minimum((ix_N + 1) * b + pad, w.x1)
        box_N: Any = shapely.box(left_N * r, -bottom * r, right_N * r, -top * r)
        box_N[(left_N >= right_N) | (top >= bottom)] = shapely.Polygon()
        return box_N

    def covered(self, block: BlockId) -> Window:
        """The part of a block that lies in the region."""
        return self.grid.block_window(block) & self.window

    def slot(self, block: BlockId) -> BlockId:
        """Where a block's record lies in arrays of one value a block."""
        return block[0] - self.block_range.y0, block[1] - self.block_range.x0

    @property
    def origin(self) -> tuple[int, int]:
        """Absolute (row, col) of the arrays' first pixel: a corner of a block."""
        return self.block_range.y0 * self.grid.block, self.block_range.x0 * self.grid.block

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns of the arrays: whole blocks."""
        rows, cols = self.block_range.shape
        return rows * self.grid.block, cols * self.grid.block


@lru_cache(maxsize=16)
def extent_of(grid: Grid, bounds: tuple[float, float, float, float] | None, area: BaseGeometry) -> Extent:
    if bounds is not None:
        return Extent(grid, grid.window_of(bounds))
    west, south, east, north = area.bounds
    if west == -180 and east == 180:
        grid.check_whole_at_antimeridian(south, north)
    shown = shapely.make_valid(project(area, grid.crs))
    return Extent(grid, grid.window_around(shown.bounds, "the polygon"), shown)


@lru_cache(maxsize=16)
def search_area(extent: Extent, area: BaseGeometry) -> BaseGeometry:
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
