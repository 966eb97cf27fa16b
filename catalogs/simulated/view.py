"""A landscape on the pixel grid of a tile: the mixture of patches in each pixel, and its coordinates."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from pyproj import Transformer
from scipy.sparse import csr_array

from catalogs.simulated.landscape import CRS, Landscape
from catalogs.simulated.noise import Field, smooth_field, stream
from catalogs.simulated.tiles import PIXEL_METRES, Tile

LATTICE_METRES = 320.0
SIDE = 4


@dataclass(frozen=True)
class View:
    """`mix` (pixels, patches): weights of patches in each 10 m pixel. `x_HW`, `y_HW`: EPSG:3035 coordinates at 20 m.

    `texture_HW` (deviation about 1) and `drift_HW` (about 1): permanent differences in brightness at 10 m.
    """

    tile: Tile
    mix: csr_array
    x_HW: NDArray[np.float64]
    y_HW: NDArray[np.float64]
    texture_HW: NDArray[np.float32]
    drift_HW: NDArray[np.float32]


def view(seed: int, land: Landscape, tile: Tile) -> View:
    """The landscape as the tile's grid cuts it, each 10 m pixel from 4 x 4 nearest 2.5 m patches."""
    x_field, y_field = _land_coordinates(land, tile)
    west, south, east, north = tile.bounds
    fine = PIXEL_METRES / SIDE
    x_X, y_Y = np.arange(west + fine / 2, east, fine), np.arange(north - fine / 2, south, -fine)
    width = tile.shape[1]
    parts, step = [], 64 * SIDE
    for top in range(0, len(y_Y), step):
        column_YX = (x_field.on(x_X, y_Y[top : top + step]) / land.transform.a).astype(np.intp)
        row_YX = (y_field.on(x_X, y_Y[top : top + step]) / land.transform.a).astype(np.intp)
        patch_YX = land.patch_YX[row_YX, column_YX]
        parts.append(patch_YX.reshape(-1, SIDE, width, SIDE).transpose(0, 2, 1, 3).reshape(-1, SIDE * SIDE))
    origin_x, origin_y = land.bounds[0], land.bounds[3]
    x_20, y_20 = np.arange(west + 10, east, 20.0), np.arange(north - 10, south, -20.0)
    x_10, y_10 = np.arange(west + 5, east, 10.0), np.arange(north - 5, south, -10.0)
    x_HW, y_HW = origin_x + x_field.on(x_10, y_10), origin_y - y_field.on(x_10, y_10)
    grain, clumps, drift = _brightness(seed, land)
    return View(
        tile=tile,
        mix=_mixture(np.concatenate(parts), len(land.class_of_patch)),
        x_HW=origin_x + x_field.on(x_20, y_20).astype(np.float64),
        y_HW=origin_y - y_field.on(x_20, y_20).astype(np.float64),
        texture_HW=1.2 * grain.at(x_HW, y_HW) + 0.6 * clumps.at(x_HW, y_HW),
        drift_HW=1 + 0.05 * drift.at(x_HW, y_HW),
    )


def _land_coordinates(land: Landscape, tile: Tile) -> tuple[Field, Field]:
    """Metres east and south of the landscape's north-western corner, as fields over the tile."""
    west, south, east, north = tile.bounds
    x_X = np.arange(west, east + LATTICE_METRES, LATTICE_METRES)
    y_Y = np.arange(north, south - LATTICE_METRES, -LATTICE_METRES)
    to_land = Transformer.from_crs(f"EPSG:{tile.epsg}", CRS, always_xy=True)
    x_YX, y_YX = to_land.transform(*np.meshgrid(x_X, y_Y))
    return (
        Field((x_YX - land.bounds[0]).astype(np.float32), west, north, LATTICE_METRES),
        Field((land.bounds[3] - y_YX).astype(np.float32), west, north, LATTICE_METRES),
    )


def _mixture(patch_NS: NDArray[np.uint16], patches: int) -> csr_array:
    """Pure pixels hold one weight, mixed ones as many as there are samples."""
    samples = patch_NS.shape[1]
    pure_N = (patch_NS == patch_NS[:, :1]).all(axis=1)
    count_N = np.where(pure_N, 1, samples)
    distinct_NS = ~pure_N[:, None] | (np.arange(samples) == 0)
    ends_N = np.concatenate([[0], np.cumsum(count_N)])
    weight = np.repeat((1 / count_N).astype(np.float32), count_N)
    return csr_array((weight, patch_NS[distinct_NS].astype(np.int32), ends_N), shape=(len(patch_NS), patches))


def _brightness(seed: int, land: Landscape) -> tuple[Field, Field, Field]:
    west, south, east, north = land.bounds
    shape = int((north - south) / PIXEL_METRES), int((east - west) / PIXEL_METRES)
    white_YX = stream(seed, "grain").standard_normal(shape, dtype=np.float32)
    grain = Field(white_YX, west + PIXEL_METRES / 2, north - PIXEL_METRES / 2, PIXEL_METRES)
    clumps = smooth_field(stream(seed, "clumps"), land.bounds, 25.0)
    return grain, clumps, smooth_field(stream(seed, "drift"), land.bounds, 3000.0)
