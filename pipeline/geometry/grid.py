"""The grid: every coordinate derives from integers, never from data bounds.

Pixel (row, col) of a grid covers x in [col, col + 1) * resolution and y in (-(row + 1), -row] * resolution,
so rows grow southwards, row 0 hangs from the CRS's origin and row and col may be negative.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any

import numpy as np
import shapely
from pyproj import CRS, Transformer
from pyproj.exceptions import CRSError
from shapely.geometry.base import BaseGeometry

from pipeline.errors import UserError

NAMED = {
    "europe": "EPSG:3035",
    "conterminous-us": "EPSG:5070",
    "africa": "ESRI:102022",
    "south-america": "ESRI:102033",
    "australia": "EPSG:3577",
    "global": "EPSG:6933",
}
LONLAT = "EPSG:4326"

BlockId = tuple[int, int]


@lru_cache(maxsize=64)
def transformer(source: str, target: str) -> Transformer:
    return Transformer.from_crs(source, target, always_xy=True)


def projected_crs(name: str) -> str:
    """The CRS of a named grid, or `name` itself if it is a projected CRS in metres. Raises UserError."""
    try:
        crs = CRS.from_user_input(NAMED.get(name, name))
    except CRSError:
        allowed = ", ".join(NAMED)
        raise UserError(f"no known CRS; use one of {allowed}, or a projected CRS such as EPSG:32633") from None
    if not crs.is_projected or crs.axis_info[0].unit_name != "metre":
        raise UserError(f"{crs.name} does not count in metres; use a projected CRS such as EPSG:3035")
    return NAMED.get(name, name)


@dataclass(frozen=True)
class Window:
    """A rectangle of absolute pixels, half open: rows y0..y1, columns x0..x1."""

    y0: int
    x0: int
    y1: int
    x1: int

    @property
    def shape(self) -> tuple[int, int]:
        return max(self.y1 - self.y0, 0), max(self.x1 - self.x0, 0)

    @property
    def empty(self) -> bool:
        return 0 in self.shape

    def pad(self, pixels: int) -> "Window":
        return Window(self.y0 - pixels, self.x0 - pixels, self.y1 + pixels, self.x1 + pixels)

    def __and__(self, other: "Window") -> "Window":
        return Window(max(self.y0, other.y0), max(self.x0, other.x0), min(self.y1, other.y1), min(self.x1, other.x1))

    def slices(self, origin: tuple[int, int]) -> tuple[slice, slice]:
        """Where this window lies in an array whose first pixel is `origin` (row, col)."""
        row, col = origin
        return slice(self.y0 - row, self.y1 - row), slice(self.x0 - col, self.x1 - col)


@dataclass(frozen=True)
class Grid:
    """CRS, metres per pixel, and pixels per side of a block."""

    crs: str
    resolution: float
    block: int

    def block_window(self, block: BlockId) -> Window:
        iy, ix = block
        return Window(iy * self.block, ix * self.block, (iy + 1) * self.block, (ix + 1) * self.block)

    def bounds(self, window: Window) -> tuple[float, float, float, float]:
        """(left, bottom, right, top) in the grid's CRS."""
        r = self.resolution
        return window.x0 * r, -window.y1 * r, window.x1 * r, -window.y0 * r

    def window_of(self, lonlat_bounds: tuple[float, float, float, float]) -> Window:
        """The smallest window that holds west, south, east, north (degrees; west > east across the antimeridian).

        Raises UserError where the CRS cannot show them, or is cut between them.
        """
        west, south, east, north = lonlat_bounds
        if west <= east:
            return self._window_of(lonlat_bounds)
        self.check_whole_at_antimeridian(south, north)
        halves = [(west, south, 180.0, north), (-180.0, south, east, north)]
        a, b = (self._window_of(half) for half in halves if half[0] < half[2])
        return Window(min(a.y0, b.y0), min(a.x0, b.x0), max(a.y1, b.y1), max(a.x1, b.x1))

    def _window_of(self, lonlat_bounds: tuple[float, float, float, float]) -> Window:
        to_grid = transformer(LONLAT, self.crs)
        return self.window_around(to_grid.transform_bounds(*lonlat_bounds, densify_pts=21), lonlat_bounds)

    def window_around(self, bounds: tuple[float, float, float, float], what: object) -> Window:
        """The smallest window that holds left, bottom, right, top of the grid's CRS. UserError, about `what`, if they
        are not finite."""
        left, bottom, right, top = bounds
        if not all(map(math.isfinite, bounds)):
            raise UserError(f"{what} cannot be shown in {self.crs}; choose a grid.crs made for that place")
        r = self.resolution
        return Window(math.floor(-top / r), math.floor(left / r), math.ceil(-bottom / r), math.ceil(right / r))

    def check_whole_at_antimeridian(self, south: float, north: float) -> None:
        """Raises UserError if the CRS shows 180 degrees east and west at different places between two latitudes."""
        to_grid = transformer(LONLAT, self.crs)
        for lat in (south, (south + north) / 2, north):
            east, west = (to_grid.transform(lon, lat) for lon in (180.0, -180.0))
            if not math.dist(east, west) < self.resolution:
                raise UserError(
                    f"the region crosses the antimeridian, where {self.crs} is cut; make two regions of it, or choose "
                    "a grid.crs that is whole there, such as EPSG:3832 or a UTM zone"
                )

    def pixel_of(self, lon: float, lat: float) -> tuple[int, int]:
        """(row, col) of the pixel that holds a point. Raises UserError where the CRS cannot show it."""
        x, y = transformer(LONLAT, self.crs).transform(lon, lat)
        if not (math.isfinite(x) and math.isfinite(y)):
            raise UserError(
                f"point {lon:g},{lat:g} cannot be shown in {self.crs}; give a longitude and latitude in degrees"
            )
        return math.floor(-y / self.resolution), math.floor(x / self.resolution)


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
