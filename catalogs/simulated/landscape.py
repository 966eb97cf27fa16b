"""A simulated Central European landscape: patches of land and their classes."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import shapely
from affine import Affine
from numpy.typing import NDArray

from catalogs.simulated.canvas import BAND_ROWS, Canvas, LandscapeError, patch_transform
from catalogs.simulated.classes import GRASS, TREE, WORLDCOVER
from catalogs.simulated.noise import Bounds, smooth_field, stream
from catalogs.simulated.parcels import copses, farmland
from catalogs.simulated.settlements import lanes, roads, towns
from catalogs.simulated.shapes import bend
from catalogs.simulated.water import brooks, lakes, river, river_line, wetness

CRS = "EPSG:3035"
TRUTH_METRES = 10
FOREST_SHARE = 0.26
MARGIN_METRES = 600.0
THREADS = 2
"""That help with what is painted later."""


@dataclass(frozen=True)
class Landscape:
    """`patch_YX` (uint16, 2.5 m, north up, EPSG:3035) and the WorldCover code of each patch; bounds in metres.

    The last `later` patches are those of a history, and `season` is the number of calendar years since it began.
    """

    patch_YX: NDArray[np.uint16]
    class_of_patch: NDArray[np.uint8]
    bounds: Bounds
    later: int = 0
    season: int = 0

    @property
    def transform(self) -> Affine:
        return patch_transform(self.bounds)


def landscape(seed: int, bounds: Bounds) -> Landscape:
    """The landscape of `seed` over `bounds` (min_x, min_y, max_x, max_y; EPSG:3035, multiples of 10 m).

    Raises LandscapeError for bounds off the 10 m grid or too large for 16-bit patch ids.
    """
    west, south, east, north = check_bounds(bounds)
    wide = west - MARGIN_METRES, south - MARGIN_METRES, east + MARGIN_METRES, north + MARGIN_METRES
    canvas = Canvas(bounds, ground=GRASS)
    settlements = towns(stream(seed, "towns"), wide)
    with ThreadPoolExecutor(THREADS) as pool:  # numpy, scipy and shapely let other threads work
        clumps = pool.submit(copses, stream(seed, "copses"), wide)
        streams = [stream(seed, "town", number) for number in range(len(settlements))]
        quarters = pool.map(canvas.lay_out, streams, settlements)

        course_N2 = river_line(stream(seed, "river"), wide)
        fields = bend(stream(seed, "fields"), wide, 260.0, 90.0, everywhere=False)
        land = farmland(stream(seed, "farmland"), wide, wetness(stream(seed, "wetness"), wide, course_N2), fields)
        forest = smooth_field(stream(seed, "forest"), wide, 520.0, octaves=5, persistence=0.62)
        road = roads(stream(seed, "roads"), settlements, bend(stream(seed, "bends"), wide, 600.0, 110.0))
        town_N = [shapely.Point(town.x, town.y).buffer(town.radius) for town in settlements]
        shore, lake = lakes(stream(seed, "lakes"), wide, np.concatenate([road.geometry, town_N]))

        canvas.paint(land.parcels)
        stand_P = np.concatenate([[0], land.row])
        canvas.overgrow(forest, float(np.quantile(forest.value_YX, 1 - FOREST_SHARE)), stand_P, TREE)
        canvas.paint(clumps.result(), land.hedges, lanes(stream(seed, "lanes"), land.estates))
        for quarter in quarters:
            canvas.settle(quarter)
        canvas.paint(
            shore,
            lake,
            *brooks(stream(seed, "brooks"), wide, course_N2),
            river(stream(seed, "width"), course_N2),
            road,
        )
    return Landscape(canvas.patch_YX, canvas.code_P, bounds)


def check_bounds(bounds: Bounds) -> Bounds:
    """The bounds, if they are (min_x, min_y, max_x, max_y) in multiples of 10 m; else raises LandscapeError."""
    west, south, east, north = bounds
    if any(edge % TRUTH_METRES for edge in bounds) or east <= west or north <= south:
        raise LandscapeError(
            f"bounds {bounds} do not fit: give (min_x, min_y, max_x, max_y) as multiples of {TRUTH_METRES} m."
        )
    return bounds


def truth(land: Landscape, resolution: float = TRUTH_METRES) -> NDArray[np.uint8]:
    """Label map (WorldCover codes): the class that covers most of each `resolution` m pixel, ties to the lowest code.

    Raises LandscapeError unless `resolution` is a multiple of 2.5 m that divides the bounds.
    """
    patch_metres = land.transform.a
    size = int(resolution / patch_metres)
    height, width = land.patch_YX.shape
    if size * patch_metres != resolution or size < 1 or height % size or width % size:
        raise LandscapeError(
            f"resolution {resolution} m does not divide the landscape: give a multiple of {patch_metres} m that does."
        )
    code_C = np.array(sorted(item["code"] for item in WORLDCOVER), np.uint8)
    class_P = np.searchsorted(code_C, land.class_of_patch).astype(np.uint8)
    label_YX = np.empty((height // size, width // size), np.uint8)
    step = max(1, BAND_ROWS // size)
    for top in range(0, len(label_YX), step):
        class_YX = class_P[land.patch_YX[top * size : (top + step) * size]]
        count_CYX = np.stack([_count_in_blocks(class_YX == c, size) for c in range(len(code_C))])
        label_YX[top : top + step] = code_C[count_CYX.argmax(axis=0)]
    return label_YX


def _count_in_blocks(mask_YX: NDArray[np.bool_], size: int) -> NDArray[np.uint32]:
    """True pixels in each block of `size` x `size`: rows first, then every size-th column of their sums."""
    row_YX = mask_YX.reshape(-1, size, mask_YX.shape[1]).sum(axis=1, dtype=np.uint32)
    return np.add.reduce([row_YX[:, column::size] for column in range(size)])
