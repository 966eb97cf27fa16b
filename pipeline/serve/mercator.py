"""Where the pixels of Web Mercator tiles (EPSG:3857, XYZ) lie on a grid."""

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from pipeline.errors import UserError
from pipeline.geometry.extent import Extent
from pipeline.geometry.grid import transformer

SIDE = 256
DEEPEST = 24
MERCATOR = "EPSG:3857"
HALF = math.pi * 6378137.0
"""Half the circumference of the equator, in metres of EPSG:3857."""
STEP = 32
TOLERANCE = 0.01
"""Pixels by which positions between nodes may be wrong; nodes are moved closer until they are not."""


@dataclass(frozen=True)
class Tile:
    """An XYZ tile: zoom, column from the west, row from the north."""

    z: int
    x: int
    y: int

    def __post_init__(self) -> None:
        if not 0 <= self.z <= DEEPEST:
            raise UserError(f"zoom is {self.z}; give 0 to {DEEPEST}")
        if not (0 <= self.x < 2**self.z and 0 <= self.y < 2**self.z):
            raise UserError(
                f"tile is {self.z}/{self.x}/{self.y}; x and y go from 0 to {2**self.z - 1} at zoom {self.z}"
            )

    @property
    def metres(self) -> float:
        """Of EPSG:3857, a pixel."""
        return 2 * HALF / 2**self.z / SIDE

    def edges(self, step: int) -> tuple[np.ndarray, np.ndarray]:
        """x and y in EPSG:3857 of every `step`-th line between pixels, the outer edges among them."""
        at_N = np.arange(0, SIDE + 1, step) * self.metres
        width = 2 * HALF / 2**self.z
        return self.x * width - HALF + at_N, HALF - self.y * width - at_N


@dataclass(frozen=True)
class Positions:
    """Of the centre of each pixel of a tile in the pixels of a grid, from its origin; float64 HW, NaN where none.

    scale: pixels of the grid that one of the tile covers, along the longer way.
    """

    row_HW: np.ndarray
    col_HW: np.ndarray
    scale: float


def positions(tile: Tile, extent: Extent, bounds: tuple[float, float, float, float]) -> Positions | None:
    """Where the pixels of a tile lie on the grid; None if all are outside `bounds` (degrees)."""
    inside_H, inside_W = _inside(tile, bounds)
    if not (inside_H.any() and inside_W.any()):
        return None
    step = STEP
    fine = _nodes(tile, extent, step // 2)
    while step > 1 and not _is_smooth(fine, tile):
        step //= 2
        fine = _nodes(tile, extent, step // 2) if step > 1 else _centres(tile, extent)
    row_HW, col_HW = fine if step == 1 else (_between(node_YX) for node_YX in fine)
    outside_HW = ~(inside_H[:, None] & inside_W)
    row_HW[outside_HW] = col_HW[outside_HW] = np.nan
    if not (np.isfinite(row_HW) & np.isfinite(col_HW)).any():
        return None
    scale = max(_stride(row_HW, col_HW), _stride(row_HW.T, col_HW.T))
    return Positions(row_HW, col_HW, scale or _ground(tile, bounds) / extent.grid.resolution)


def _inside(tile: Tile, bounds: tuple[float, float, float, float]) -> tuple[np.ndarray, np.ndarray]:
    """Which rows and columns of a tile lie within bounds, and a little around them."""
    west, south, east, north = bounds
    width = (east - west) % 360 or 360.0
    pad = max(width, north - south) / 100
    x_N, y_N = tile.edges(1)
    lon_W = (x_N[:-1] + tile.metres / 2) / HALF * 180
    lat_H = np.degrees(np.arctan(np.sinh((y_N[:-1] - tile.metres / 2) / HALF * math.pi)))
    return (lat_H > south - pad) & (lat_H < north + pad), (lon_W - west + pad) % 360 < width + 2 * pad


def _stride(row_HW: np.ndarray, col_HW: np.ndarray) -> float:
    """Median distance of neighbours along the first axis, 0 where there are none; of one line in eight."""
    step_HW = np.hypot(np.diff(row_HW[:, ::8], axis=0), np.diff(col_HW[:, ::8], axis=0))
    step_N = step_HW[np.isfinite(step_HW)]
    return float(np.median(step_N)) if len(step_N) else 0.0


def _ground(tile: Tile, bounds: tuple[float, float, float, float]) -> float:
    """Metres on the ground of a pixel of a tile, halfway between south and north."""
    _, south, _, north = bounds
    return tile.metres * math.cos(math.radians((south + north) / 2))


def _place(x_N: np.ndarray, y_N: np.ndarray, extent: Extent) -> tuple[np.ndarray, np.ndarray]:
    easting, northing = transformer(MERCATOR, extent.grid.crs).transform(*np.meshgrid(x_N, y_N))
    resolution, (row, col) = extent.grid.resolution, extent.origin
    with np.errstate(invalid="ignore"):
        return -northing / resolution - row, easting / resolution - col


def _nodes(tile: Tile, extent: Extent, step: int) -> tuple[np.ndarray, np.ndarray]:
    return _place(*tile.edges(step), extent)


def _centres(tile: Tile, extent: Extent) -> tuple[np.ndarray, np.ndarray]:
    x_N, y_N = tile.edges(1)
    return _place(x_N[:-1] + tile.metres / 2, y_N[:-1] - tile.metres / 2, extent)


def _is_smooth(fine: tuple[np.ndarray, np.ndarray], tile: Tile) -> bool:
    """Whether every other node says where those between them lie."""
    error = 0.0
    for node_YX in fine:
        if not np.isfinite(node_YX).all():
            return False
        across = (node_YX[:, :-2:2] + node_YX[:, 2::2]) / 2 - node_YX[:, 1::2]
        down = (node_YX[:-2:2] + node_YX[2::2]) / 2 - node_YX[1::2]
        error = max(error, abs(across).max(), abs(down).max())
    step = SIDE // (len(fine[0]) - 1)
    pixel = max(np.hypot(*(np.diff(node_YX, axis=axis).max() for node_YX in fine)) for axis in (0, 1)) / step
    return bool(error < TOLERANCE * pixel)


@lru_cache(maxsize=16)
def _weights(nodes: int) -> np.ndarray:
    """Of each node in each pixel centre along one side of a tile, (SIDE, nodes)."""
    at_N = (np.arange(SIDE) + 0.5) * (nodes - 1) / SIDE
    return np.maximum(1 - abs(at_N[:, None] - np.arange(nodes)), 0)


def _between(node_YX: np.ndarray) -> np.ndarray:
    """Positions of the pixels between nodes. By einsum: for so little work the threads of BLAS cost 20 times it."""
    weight_HY, weight_WX = (_weights(length) for length in node_YX.shape)
    return np.einsum("hx,wx->hw", np.einsum("hy,yx->hx", weight_HY, node_YX), weight_WX)


def tile_at(z: int, lon: float, lat: float) -> Tile:
    """The tile of a zoom that holds a point in degrees; of one beyond the map's edge, the tile at the edge."""
    x = (lon + 180) / 360 * 2**z
    lat = min(max(lat, -89.9), 89.9)
    y = (1 - math.asinh(math.tan(math.radians(lat))) / math.pi) / 2 * 2**z
    column, row = (min(max(math.floor(at), 0), 2**z - 1) for at in (x, y))
    return Tile(z, column, row)
