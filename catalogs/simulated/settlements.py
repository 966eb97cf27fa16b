"""Towns and villages of streets, houses and gardens, and the roads between them."""

from dataclasses import dataclass

import numpy as np
import shapely
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import minimum_spanning_tree
from scipy.spatial import Delaunay

from catalogs.simulated.classes import BUILT, GRASS, TREE
from catalogs.simulated.noise import Bounds, smooth_field
from catalogs.simulated.shapes import Shapes, Warp

KM2_PER_TOWN, TOWN_METRES = 45.0, (480.0, 1150.0)
KM2_PER_VILLAGE, VILLAGE_METRES = 6.0, (120.0, 330.0)
CORE, HOUSES, WORKS, PARK = range(4)
STREET_METRES = 4.5
HOUSE_METRES = 19.0
GARDEN_GAP_METRES = 17.0

BUILDINGS, GARDENS = 44, 18
PATCH_CODES = np.array([BUILT, TREE] + [BUILT] * BUILDINGS + [GRASS] * GARDENS, dtype=np.uint8)
STREET_PATCH, CROWN_PATCH, BUILDING_PATCH, GARDEN_PATCH = 0, 1, 2, 2 + BUILDINGS


@dataclass(frozen=True)
class Town:
    """A settlement: centre and radius in metres, direction of its streets in radians."""

    x: float
    y: float
    radius: float
    angle: float


def towns(rng: np.random.Generator, bounds: Bounds) -> list[Town]:
    """Towns and villages, none within twice its own radius of a larger one."""
    west, south, east, north = bounds
    km2 = (east - west) * (north - south) / 1e6
    radii = [rng.uniform(*TOWN_METRES) for _ in range(max(1, round(km2 / KM2_PER_TOWN)))]
    radii += [rng.uniform(*VILLAGE_METRES) for _ in range(max(3, round(km2 / KM2_PER_VILLAGE)))]
    settlements: list[Town] = []
    for radius in radii:
        for _ in range(20):
            x, y = rng.uniform((west, south), (east, north))
            if all(np.hypot(x - other.x, y - other.y) > other.radius + 2 * radius + 300 for other in settlements):
                settlements.append(Town(float(x), float(y), radius, rng.uniform(0, np.pi / 2)))
                break
    return settlements


def town_patches(
    rng: np.random.Generator, town: Town, x_X: NDArray[np.float64], y_Y: NDArray[np.float64]
) -> NDArray[np.int32]:
    """Patch of every point of a grid, as an index into `PATCH_CODES`; -1 outside the town."""
    reach = 1.6 * town.radius
    around = town.x - reach, town.y - reach, town.x + reach, town.y + reach
    east_X, north_Y = (x_X - town.x).astype(np.float32), (y_Y - town.y).astype(np.float32)
    away_YX = np.hypot(east_X, north_Y[:, None]) / np.float32(town.radius)
    limit_YX = 1 + 0.28 * smooth_field(rng, around, town.radius / 4, octaves=3).on(x_X, y_Y)
    outside_YX = away_YX > limit_YX

    cos, sin = np.float32(np.cos(town.angle)), np.float32(np.sin(town.angle))
    u_YX = cos * east_X + sin * north_Y[:, None] + 22 * smooth_field(rng, around, 260.0).on(x_X, y_Y)
    v_YX = cos * north_Y[:, None] - sin * east_X + 22 * smooth_field(rng, around, 260.0).on(x_X, y_Y)
    u_cuts, v_cuts = _cuts(rng, 1.7 * reach, 75, 150), _cuts(rng, 1.7 * reach, 60, 105)
    i_YX, u_edge_YX = _within(u_cuts, u_YX)
    j_YX, v_edge_YX = _within(v_cuts, v_YX)
    edge_YX = np.minimum(u_edge_YX, v_edge_YX)

    kind_IJ = _kinds(rng, u_cuts, v_cuts, town.radius)
    number_IJ = rng.permutation(kind_IJ.size).reshape(kind_IJ.shape)
    kind_YX, number_YX = kind_IJ[i_YX, j_YX], number_IJ[i_YX, j_YX]
    gap_YX = np.floor((u_YX + v_YX) / GARDEN_GAP_METRES).astype(np.int64) * 2654435761 % 2**32 % 7 < 1
    houses_YX = (edge_YX < HOUSE_METRES) & ~gap_YX
    built_YX = np.select(
        [kind_YX == CORE, kind_YX == HOUSES, kind_YX == WORKS], [edge_YX < 42, houses_YX, edge_YX > 0], False
    )
    crowns_YX = smooth_field(rng, around, 9.0).on(x_X, y_Y) > np.where(kind_YX == PARK, 0.1, 1.0)

    patch_YX = np.where(crowns_YX, CROWN_PATCH, GARDEN_PATCH + number_YX % GARDENS)
    patch_YX = np.where(built_YX, BUILDING_PATCH + number_YX % BUILDINGS, patch_YX)
    patch_YX = np.where(edge_YX < STREET_METRES, STREET_PATCH, patch_YX)
    return np.where(outside_YX, -1, patch_YX).astype(np.int32)


def roads(rng: np.random.Generator, settlements: list[Town], warp: Warp) -> Shapes:
    """Roads of 6 to 14 m width that connect all settlements, and some further ones that close loops."""
    site_T2 = np.array([(town.x, town.y) for town in settlements])
    corners = Delaunay(site_T2).simplices
    pair_E2 = np.unique(np.sort(np.concatenate([corners[:, [0, 1]], corners[:, [1, 2]], corners[:, [0, 2]]])), axis=0)
    length_E = np.hypot(*(site_T2[pair_E2[:, 0]] - site_T2[pair_E2[:, 1]]).T)
    size = len(settlements)
    tree = minimum_spanning_tree(coo_array((length_E, tuple(pair_E2.T)), shape=(size, size)))
    tree_edges = set(zip(*(axis.tolist() for axis in tree.nonzero()), strict=True))
    short_E = length_E < np.quantile(length_E, 0.6)
    selected_E = np.array([tuple(pair) in tree_edges for pair in pair_E2.tolist()]) | (
        short_E & (rng.random(len(pair_E2)) < 0.35)
    )
    line_R = warp(shapely.linestrings(site_T2[pair_E2[selected_E]]))
    road_R = shapely.buffer(line_R, rng.uniform(3, 7, len(line_R)), quad_segs=2)
    return Shapes(road_R, np.arange(len(road_R)), np.full(len(road_R), BUILT, np.uint8))


def lanes(rng: np.random.Generator, estates: NDArray[np.object_]) -> Shapes:
    """Paved farm lanes, 6 m wide, about some of the estates."""
    chosen = estates[rng.random(len(estates)) < 0.12]
    lane_L = shapely.buffer(shapely.boundary(chosen), 3.0, quad_segs=1)
    return Shapes(lane_L, np.arange(len(lane_L)), np.full(len(lane_L), BUILT, np.uint8))


def _cuts(rng: np.random.Generator, reach: float, low: float, high: float) -> NDArray[np.float32]:
    widths = rng.uniform(low, high, int(2 * reach / low) + 2)
    return (-reach + np.cumsum(widths) - widths[0]).astype(np.float32)


def _within(cuts: NDArray[np.float32], value_YX: NDArray[np.float32]) -> tuple[NDArray[np.intp], NDArray[np.float32]]:
    """The interval each value lies in, and its distance to the interval's nearer end."""
    index_YX = np.clip(np.searchsorted(cuts, value_YX, side="right") - 1, 0, len(cuts) - 2)
    return index_YX, np.minimum(value_YX - cuts[index_YX], cuts[index_YX + 1] - value_YX)


def _kinds(
    rng: np.random.Generator, u_cuts: NDArray[np.float32], v_cuts: NDArray[np.float32], radius: float
) -> NDArray[np.intp]:
    """The kind of each block of houses: mostly core near the centre, houses further out, works at the rim."""
    away_IJ = np.hypot((u_cuts[:-1] + u_cuts[1:])[:, None] / 2, (v_cuts[:-1] + v_cuts[1:]) / 2) / radius
    draw_IJ = rng.random(away_IJ.shape)
    core_IJ = 0.75 * np.exp(-((away_IJ / 0.55) ** 2))
    works_IJ = 0.16 * (away_IJ > 0.6)
    return np.select([draw_IJ < core_IJ, draw_IJ < core_IJ + works_IJ, draw_IJ > 0.9], [CORE, WORKS, PARK], HOUSES)
