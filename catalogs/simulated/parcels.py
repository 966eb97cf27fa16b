"""Farmland: estates cut into rows of oriented strips, with hedgerows between."""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import shapely
from numpy.typing import NDArray

from catalogs.simulated.classes import BARE, CROP, GRASS, TREE
from catalogs.simulated.noise import Bounds, Field, smooth_field
from catalogs.simulated.shapes import Geometries, Shapes, Warp, bend, one_patch_each

ESTATE_METRES = 850.0
ROW_METRES = (220.0, 620.0)
STRIP_METRES = (35.0, 260.0)
BARE_SHARE = 0.05
SMALLEST_M2 = 80.0


@dataclass(frozen=True)
class Farmland:
    """Parcels that tile the land, the row of strips each lies in, and the hedgerows on their borders."""

    parcels: Shapes
    row: NDArray[np.intp]
    hedges: Shapes
    estates: Geometries


def farmland(rng: np.random.Generator, bounds: Bounds, wetness: Field, warp: Warp) -> Farmland:
    """Farmland over `bounds`; the wetter (0 is usual), the more of it is meadow."""
    estates = _estates(rng, bounds)
    angle_E = rng.uniform(0, np.pi, len(estates))
    cuts_N4, estate_N, row_N = _strips(rng, estates)
    parcel_N = shapely.intersection(
        _to_map(np.asarray(shapely.box(*cuts_N4.T)), estate_N, estates, angle_E),
        estates[estate_N],
    )
    large_N = shapely.area(parcel_N) > SMALLEST_M2
    cuts_N4, estate_N, row_N, parcel_N = cuts_N4[large_N], estate_N[large_N], row_N[large_N], parcel_N[large_N]
    centre_N = shapely.centroid(parcel_N)
    x_N, y_N = shapely.get_x(centre_N), shapely.get_y(centre_N)
    side_N = np.asarray(shapely.linestrings(cuts_N4[:, [0, 1, 0, 3]].reshape(-1, 2, 2)))
    side_N = shapely.intersection(_to_map(side_N, estate_N, estates, angle_E), estates[estate_N])
    return Farmland(
        one_patch_each(warp(parcel_N), _use(rng, wetness.at(x_N, y_N))),
        np.unique(row_N, return_inverse=True)[1],
        _hedges(rng, warp(side_N), smooth_field(rng, bounds, 1800.0).at(x_N, y_N)),
        warp(estates),
    )


def _estates(rng: np.random.Generator, bounds: Bounds) -> Geometries:
    west, south, east, north = bounds
    x_X = np.arange(west - 2 * ESTATE_METRES, east + 2 * ESTATE_METRES, ESTATE_METRES)
    y_Y = np.arange(south - 2 * ESTATE_METRES, north + 2 * ESTATE_METRES, ESTATE_METRES)
    site_N2 = np.stack(np.meshgrid(x_X, y_Y), axis=-1).reshape(-1, 2)
    site_N2 = site_N2 + rng.uniform(-0.48, 0.48, site_N2.shape) * ESTATE_METRES
    cell_N = shapely.get_parts(shapely.voronoi_polygons(shapely.multipoints(site_N2)))
    return cell_N[shapely.intersects(cell_N, shapely.box(*bounds).buffer(ESTATE_METRES / 2))]


def _strips(
    rng: np.random.Generator, estates: Geometries
) -> tuple[NDArray[np.float64], NDArray[np.intp], NDArray[np.intp]]:
    """Rectangles (u0, v0, u1, v1) about each estate's centre, the estate and the row of each."""
    cuts: list[NDArray[np.float64]] = []
    estate: list[NDArray[np.intp]] = []
    row: list[NDArray[np.intp]] = []
    reach_E = shapely.minimum_bounding_radius(estates) * 1.3
    for index, reach in enumerate(reach_E):
        usual = np.clip(rng.lognormal(np.log(105), 0.45), *STRIP_METRES)
        v_V = _ticks(rng, reach, *ROW_METRES)
        for v0, v1 in pairwise(v_V):
            u_U = _ticks(rng, reach, 0.55 * usual, 1.6 * usual)
            ones_U = np.ones(len(u_U) - 1)
            cuts.append(np.stack([u_U[:-1], v0 * ones_U, u_U[1:], v1 * ones_U], axis=1))
            estate.append(np.full(len(ones_U), index))
            row.append(np.full(len(ones_U), len(row)))
    return np.concatenate(cuts), np.concatenate(estate), np.concatenate(row)


def _ticks(rng: np.random.Generator, reach: float, low: float, high: float) -> NDArray[np.float64]:
    count = int(2 * reach / low) + 2
    tick_T = -reach + np.concatenate([[0.0], np.cumsum(rng.uniform(low, high, count))])
    return tick_T[: int(np.searchsorted(tick_T, reach)) + 1]


def _to_map(
    geometry_N: Geometries, estate_N: NDArray[np.intp], estates: Geometries, angle_E: NDArray[np.float64]
) -> Geometries:
    """Geometries in the frame of their estate, rotated and moved to map coordinates."""
    uv_C2, owner_C = shapely.get_coordinates(geometry_N, return_index=True)
    estate_C = estate_N[owner_C]
    centre_E = shapely.centroid(estates)
    cos_C, sin_C = np.cos(angle_E)[estate_C], np.sin(angle_E)[estate_C]
    u_C, v_C = uv_C2.T
    x_C = shapely.get_x(centre_E)[estate_C] + cos_C * u_C - sin_C * v_C
    y_C = shapely.get_y(centre_E)[estate_C] + sin_C * u_C + cos_C * v_C
    return shapely.set_coordinates(geometry_N.copy(), np.stack([x_C, y_C], axis=1))


def _use(rng: np.random.Generator, wetness_N: NDArray[np.float32]) -> NDArray[np.uint8]:
    meadow_N = rng.random(len(wetness_N)) < np.clip(0.24 + 0.2 * wetness_N, 0.04, 0.9)
    bare_N = rng.random(len(wetness_N)) < BARE_SHARE
    return np.where(bare_N, BARE, np.where(meadow_N, GRASS, CROP)).astype(np.uint8)


def _hedges(rng: np.random.Generator, side_N: Geometries, bocage_N: NDArray[np.float32]) -> Shapes:
    selected_N = (rng.random(len(side_N)) < np.clip(0.03 + 0.10 * bocage_N, 0, 1)) & (shapely.length(side_N) > 60)
    line_H = side_N[selected_N]
    hedge_H = shapely.buffer(line_H, rng.uniform(2.5, 7.5, len(line_H)), cap_style="flat", quad_segs=1)
    return Shapes(hedge_H, np.arange(len(hedge_H)) // 8, np.full(len(hedge_H) // 8 + 1, TREE, np.uint8))


def copses(rng: np.random.Generator, bounds: Bounds) -> Shapes:
    """Ragged clumps of trees, 15 to 70 m in radius, two to a square kilometre."""
    west, south, east, north = bounds
    count = round(2 * (east - west) * (north - south) / 1e6)
    clump_N = shapely.buffer(
        shapely.points(rng.uniform((west, south), (east, north), (count, 2))), rng.uniform(15, 70, count), quad_segs=4
    )
    return one_patch_each(bend(rng, bounds, 45.0, 16.0, octaves=2)(clump_N), np.full(count, TREE, np.uint8))
