"""The grid. All coordinates derive from integers, never from the bounds of data.

Pixel (row, col) covers x in [col, col + 1) * resolution and y in (-(row + 1), -row] * resolution: rows count
southwards, the top of row 0 lies on y = 0 of the CRS, and row and col may be negative.
"""

import math
import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache

from pyproj import CRS, Transformer
from pyproj.exceptions import CRSError

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
DEFINED = re.compile(r"[:=\[]")
"""In a CRS of an authority's code, a PROJ string, WKT or PROJJSON, but not in a title."""

BlockId = tuple[int, int]
"""(iy, ix): row and column of a block, in blocks from the CRS's origin."""


@lru_cache(maxsize=64)
def transformer(source: str, target: str) -> Transformer:
    """Converts (x, y) or (lon, lat) pairs from one CRS to another."""
    return Transformer.from_crs(source, target, always_xy=True)


def projected_crs(name: str) -> str:
    """The CRS of a named grid, or `name` itself; its code (EPSG:32633) where it is a title that only PROJ knows.

    Raises UserError unless it is a projected CRS of two axes in metres.
    """
    try:
        crs = CRS.from_user_input(NAMED.get(name, name))
    except CRSError:
        allowed = ", ".join(NAMED)
        raise UserError(f"no known CRS; use one of {allowed}, or a projected CRS such as EPSG:32633") from None
    if not crs.is_projected or crs.axis_info[0].unit_name != "metre":
        raise UserError(f"{crs.name} is not in metres; use a projected CRS such as EPSG:3035")
    if len(crs.axis_info) > 2:
        raise UserError(f"{crs.name} has heights; use a projected CRS without them, such as EPSG:32633")
    authority = None if DEFINED.search(name) else crs.to_authority(min_confidence=100)
    return NAMED.get(name) or (":".join(authority) if authority else name)


@dataclass(frozen=True)
class Window:
    """A half-open rectangle of absolute pixels: rows y0..y1, columns x0..x1."""

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

    def __or__(self, other: "Window") -> "Window":
        """The smallest window that holds both."""
        return Window(min(self.y0, other.y0), min(self.x0, other.x0), max(self.y1, other.y1), max(self.x1, other.x1))

    def slices(self, origin: tuple[int, int]) -> tuple[slice, slice]:
        """(rows, columns) of this window in an array whose first pixel is `origin` (row, col)."""
        row, col = origin
        return slice(self.y0 - row, self.y1 - row), slice(self.x0 - col, self.x1 - col)


def merged(windows: Iterable[Window]) -> list[Window]:
    """Windows that hold the same pixels: two are made one where that has no more pixels than they have together."""
    done = list[Window]()
    for window in windows:
        while near := next((each for each in done if _pixels(each | window) <= _pixels(each) + _pixels(window)), None):
            done.remove(near)
            window |= near
        done.append(window)
    return done


def _pixels(window: Window) -> int:
    rows, cols = window.shape
    return rows * cols


@dataclass(frozen=True)
class Grid:
    """`crs` (projected, in metres), `resolution` in metres per pixel, `block` in pixels per side."""

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

    def lonlat_bounds(self, window: Window) -> tuple[float, float, float, float]:
        """(west, south, east, north) in degrees; west > east across the antimeridian."""
        to_lonlat = transformer(self.crs, LONLAT)
        west, south, east, north = to_lonlat.transform_bounds(*self.bounds(window), densify_pts=21)
        return west, south, east, north

    def window_of(self, lonlat_bounds: tuple[float, float, float, float]) -> Window:
        """The smallest window that contains (west, south, east, north), in degrees.

        West > east means across the antimeridian. Raises UserError where the CRS cannot show the bounds, or is cut by
        the antimeridian within them.
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
        """The smallest window that contains (left, bottom, right, top), in the grid's CRS.

        Raises UserError, which names them `what`, if they are not finite.
        """
        left, bottom, right, top = bounds
        if not all(map(math.isfinite, bounds)):
            raise UserError(f"{what} cannot be shown in {self.crs}; choose a grid.crs made for that place")
        r = self.resolution
        return Window(math.floor(-top / r), math.floor(left / r), math.ceil(-bottom / r), math.ceil(right / r))

    def check_whole_at_antimeridian(self, south: float, north: float) -> None:
        """Raises UserError if the CRS puts 180 degrees east and west at different places between two latitudes."""
        to_grid = transformer(LONLAT, self.crs)
        for lat in (south, (south + north) / 2, north):
            east, west = (to_grid.transform(lon, lat) for lon in (180.0, -180.0))
            if not math.dist(east, west) < self.resolution:
                raise UserError(
                    f"the region crosses the antimeridian, where {self.crs} is cut; make two regions of it, or choose "
                    "a grid.crs that is whole there, such as EPSG:3832 or a UTM zone"
                )

    def pixel_of(self, lon: float, lat: float) -> tuple[int, int]:
        """(row, col) of the pixel that contains a point. Raises UserError where the CRS cannot show it."""
        x, y = transformer(LONLAT, self.crs).transform(lon, lat)
        if not (math.isfinite(x) and math.isfinite(y)):
            raise UserError(
                f"point {lon:g},{lat:g} cannot be shown in {self.crs}; give a longitude and latitude in degrees"
            )
        return math.floor(-y / self.resolution), math.floor(x / self.resolution)
