"""Water: a meandering river, brooks that reach it, lakes and the gravel around some of them."""

import numpy as np
import shapely
from numpy.typing import NDArray

from catalogs.simulated.classes import BARE, WATER
from catalogs.simulated.noise import Bounds, Field, smooth_field
from catalogs.simulated.shapes import Geometries, Shapes, bend, one_patch_each

STEP_METRES = 20.0
RIVER_METRES = (40.0, 120.0)
BROOK_METRES = (4.0, 15.0)
KM2_PER_BROOK = 5.0
LAKE_SHARE = 0.026
LAKE_METRES = (60.0, 480.0)
LAKE_TRIES_PER_KM2 = 4


def river_line(rng: np.random.Generator, bounds: Bounds) -> NDArray[np.float64]:
    """Centre line (N, 2) of a river through the region: a sine-generated curve (Langbein and Leopold 1966)."""
    west, south, east, north = bounds
    size = max(east - west, north - south)
    steps = int(4 * size / STEP_METRES)
    slow_4N = [_along(rng, steps, scale) for scale in (4000.0, 2500.0, 1500.0, 6000.0)]
    length_N = 1700 * np.exp(0.25 * slow_4N[0])
    swing_N = np.radians(np.clip(62 + 16 * slow_4N[1], 25, 88))
    phase_N = np.cumsum(2 * np.pi * STEP_METRES / length_N)
    course = rng.uniform(-0.5, 0.5) + np.pi * rng.integers(2)
    heading_N = course + 0.18 * slow_4N[2] + 0.3 * slow_4N[3] + swing_N * np.sin(phase_N)
    xy_N2 = np.cumsum(STEP_METRES * np.stack([np.cos(heading_N), np.sin(heading_N)], axis=1), axis=0)
    middle = (west + east) / 2, (south + north) / 2
    return xy_N2 - xy_N2[steps // 2] + middle + rng.uniform(-0.12, 0.12, 2) * size


def river(rng: np.random.Generator, line_N2: NDArray[np.float64]) -> Shapes:
    """The river about its centre line, 40 to 120 m wide."""
    low, high = RIVER_METRES
    width_N = np.clip(75.0 + 18 * _along(rng, len(line_N2), 900.0).astype(np.float64), low, high)
    return _ribbon(line_N2, width_N, 150)


def brooks(rng: np.random.Generator, bounds: Bounds, river_N2: NDArray[np.float64]) -> list[Shapes]:
    """Brooks that join the river or a brook nearer to it, 4 m wide at the source and up to 15 m at the mouth."""
    west, south, east, north = bounds
    count = max(2, round((east - west) * (north - south) / 1e6 / KM2_PER_BROOK))
    across, along = smooth_field(rng, bounds, 220.0, octaves=3), smooth_field(rng, bounds, 220.0, octaves=3)
    source_B2 = rng.uniform((west, south), (east, north), (count, 2))
    away_B = shapely.distance(shapely.points(source_B2), shapely.linestrings(river_N2))
    water_N2 = river_N2
    courses = []
    for source_2 in source_B2[np.argsort(away_B)]:
        mouth_2 = water_N2[np.argmin(np.hypot(*(water_N2 - source_2).T))]
        steps = int(np.hypot(*(mouth_2 - source_2)) / STEP_METRES) + 2
        way_N = np.linspace(0, 1, steps)
        line_N2 = source_2 + way_N[:, None] * (mouth_2 - source_2)
        sway_N2 = np.stack([across.at(*line_N2.T), along.at(*line_N2.T)], axis=1)
        line_N2 = line_N2 + 110 * sway_N2 * np.minimum(1, 6 * (1 - way_N))[:, None]
        low, high = BROOK_METRES
        courses.append(_ribbon(line_N2, low + (rng.uniform(7, high) - low) * way_N, steps))
        water_N2 = np.concatenate([water_N2, line_N2[steps // 5 :]])
    return courses


def lakes(rng: np.random.Generator, bounds: Bounds, dry: Geometries) -> tuple[Shapes, Shapes]:
    """Bare shores of gravel pits, and lakes away from the `dry` geometries that cover `LAKE_SHARE` of the area."""
    west, south, east, north = bounds
    area_m2 = (east - west) * (north - south)
    obstacles = shapely.STRtree(dry)
    lake, filled_m2 = [], 0.0
    for _ in range(int(LAKE_TRIES_PER_KM2 * area_m2 / 1e6)):
        radius = float(np.exp(rng.uniform(*np.log(LAKE_METRES))))
        site = shapely.buffer(shapely.Point(rng.uniform((west, south), (east, north))), radius)
        if filled_m2 < LAKE_SHARE * area_m2 and not len(obstacles.query(site, "dwithin", 150.0)):
            lake.append(site)
            filled_m2 += np.pi * radius**2
    lake_L = np.array(lake, dtype=np.object_)
    ragged = bend(rng, bounds, 150.0, 60.0, octaves=3)
    shore_L = shapely.buffer(lake_L, rng.uniform(25, 70, len(lake_L)))[rng.random(len(lake_L)) < 0.3]
    return (
        one_patch_each(ragged(shore_L), np.full(len(shore_L), BARE, np.uint8)),
        one_patch_each(ragged(lake_L), np.full(len(lake_L), WATER, np.uint8)),
    )


def wetness(rng: np.random.Generator, bounds: Bounds, river_N2: NDArray[np.float64]) -> Field:
    """Wetness of the land: above 0 in the river's plain, of deviation 1 elsewhere."""
    noise = smooth_field(rng, bounds, 1500.0, octaves=2)
    rows, columns = noise.value_YX.shape
    x_X, y_Y = noise.west + noise.spacing * np.arange(columns), noise.north - noise.spacing * np.arange(rows)
    cell_NYX = np.stack(np.meshgrid(x_X, y_Y), axis=-1)
    line = shapely.linestrings(river_N2)
    away_YX = shapely.distance(shapely.points(cell_NYX), line)
    return Field(
        (noise.value_YX + 2.5 * np.exp(-away_YX / 350)).astype(np.float32), noise.west, noise.north, noise.spacing
    )


def _ribbon(line_N2: NDArray[np.float64], width_N: NDArray[np.float64], per_patch: int) -> Shapes:
    """A line of varying width as one polygon per step, `per_patch` steps to a patch."""
    step_S = shapely.linestrings(np.stack([line_N2[:-1], line_N2[1:]], axis=1))
    ribbon_S = shapely.buffer(step_S, width_N[1:] / 2, quad_segs=4)
    patch_S = np.arange(len(ribbon_S)) // per_patch
    return Shapes(ribbon_S, patch_S, np.full(int(patch_S[-1]) + 1, WATER, np.uint8))


def _along(rng: np.random.Generator, steps: int, scale: float) -> NDArray[np.float32]:
    field = smooth_field(rng, (0, 0, steps * STEP_METRES, scale), scale)
    return field.at(np.arange(steps) * STEP_METRES, np.zeros(steps))
