"""Reflectance x 10000 of each patch of land on a day, in B02, B03, B04, B08."""

from datetime import date

import numpy as np
from numpy.typing import NDArray

from catalogs.simulated.classes import BARE, BUILT, CROP, GRASS, TREE, WATER
from catalogs.simulated.noise import stream

BANDS = ("B02", "B03", "B04", "B08")

SOIL = np.array([680, 950, 1250, 2000.0])
GREEN_CROP = np.array([370, 680, 400, 4200.0])
RIPE_CROP = np.array([720, 1060, 1320, 2750.0])
STUBBLE = np.array([900, 1200, 1500, 2750.0])
BLOOM = np.array([450, 1250, 1150, 4100.0])
FRESH_GRASS = np.array([400, 700, 480, 3500.0])
DRY_GRASS = np.array([640, 940, 980, 2800.0])
CUT_GRASS = np.array([620, 950, 900, 2500.0])
STANDS = np.array([[190, 350, 220, 2200], [250, 460, 290, 3500], [220, 400, 250, 2850.0]])
GROUNDS = np.array([[1150, 1500, 1950, 2650], [800, 1100, 1500, 2250], [1350, 1650, 1950, 2450.0]])
FABRICS = np.array([[900, 1000, 1080, 1550], [1000, 1180, 1450, 2100], [1700, 1850, 2000, 2600.0]])
WATERS = np.array([[300, 350, 250, 150], [430, 560, 450, 260], [280, 470, 320, 420.0]])

# Days of the year: half green, half ripe, harvest; and the share of fields. Wheat, barley, rape, maize, beet.
CROP_DAYS = np.array([[90, 186, 208], [85, 168, 190], [78, 178, 200], [166, 262, 282], [150, 275, 295.0]])
CROP_SHARE = np.array([0.32, 0.15, 0.13, 0.28, 0.12])
RAPE, RAPE_BLOOM_DAYS = 2, (112, 138)

TEXTURE = {TREE: 0.13, GRASS: 0.05, CROP: 0.045, BUILT: 0.24, BARE: 0.07, WATER: 0.03}
SPREAD = {TREE: 0.12, GRASS: 0.11, CROP: 0.10, BUILT: 0.17, BARE: 0.13, WATER: 0.12}


def patch_texture(class_P: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Texture of each patch at 10 m: deviation relative to its reflectance."""
    return _by_code(TEXTURE)[class_P]


def patch_reflectance(
    seed: int, class_P: NDArray[np.uint8], day: date, layer: str = "patches", season: int = 0
) -> NDArray[np.float32]:
    """Reflectance (patches, 4) on a day: a patch keeps its kind and colour and changes with the season.

    Fields bear a crop of their own in every `season`, and all plants are some days earlier or later in it. Patches of
    different `layer` share nothing. Means lie where Sentinel-2 L2A has these classes in Central Europe and overlap
    between classes.
    """
    rng = stream(seed, layer)
    count = len(class_P)
    kind_P, mixture_P = rng.random(count), rng.random(count)
    shift_P = rng.normal(0, 7, count)
    bright_P = rng.standard_normal((count, 1)) + 0.45 * rng.standard_normal((count, 4))
    today_P = stream(seed, layer, day.isoformat()).standard_normal((count, 1))
    if season:
        sown = stream(seed, layer, "season", season)
        kind_P = np.where(class_P == CROP, sown.random(count), kind_P)
        shift_P += stream(seed, "weather", season).normal(0, 6) + sown.normal(0, 4, count)

    reflectance_PB = np.empty((count, 4))
    day_P = day.timetuple().tm_yday - shift_P
    for code, colour in {TREE: _tree, GRASS: _grass, CROP: _crop, BUILT: _built, BARE: _bare, WATER: _water}.items():
        of_PB = class_P == code
        reflectance_PB[of_PB] = colour(day_P[of_PB], kind_P[of_PB], mixture_P[of_PB])
    spread_P1 = _by_code(SPREAD)[class_P][:, None]
    return (reflectance_PB * np.exp(spread_P1 * (bright_P + 0.35 * today_P))).astype(np.float32)


def _tree(day_P: NDArray, kind_P: NDArray, mixture_P: NDArray) -> NDArray[np.float64]:
    return _pick(STANDS, kind_P) * (1 - 0.0006 * np.abs(day_P - 160))[:, None]


def _grass(day_P: NDArray, kind_P: NDArray, mixture_P: NDArray) -> NDArray[np.float64]:
    dry_P1 = np.clip(0.6 * kind_P + 0.002 * (day_P - 160), 0, 1)[:, None]
    standing_PB = FRESH_GRASS + dry_P1 * (DRY_GRASS - FRESH_GRASS)
    mown_P1 = np.zeros((len(day_P), 1))
    for first in (135, 182, 227):
        since_P = day_P - first - 25 * (mixture_P - 0.5)
        mown_P1[:, 0] += (since_P > 0) * np.exp(-np.maximum(since_P, 0) / 12)
    return standing_PB + np.minimum(mown_P1, 1) * (CUT_GRASS - standing_PB)


def _crop(day_P: NDArray, kind_P: NDArray, mixture_P: NDArray) -> NDArray[np.float64]:
    sort_P = np.searchsorted(np.cumsum(CROP_SHARE)[:-1], kind_P)
    green_P, ripe_P, harvest_P = CROP_DAYS[sort_P].T
    grown_P, aged_P, cut_P = _after(day_P, green_P, 8), _after(day_P, ripe_P, 5), _after(day_P, harvest_P, 2)
    weight_4P = np.stack([1 - grown_P, grown_P * (1 - aged_P), aged_P * (1 - cut_P), cut_P])
    colour_PB = (weight_4P / weight_4P.sum(axis=0)).T @ np.stack([SOIL, GREEN_CROP, RIPE_CROP, STUBBLE])
    begin, end = RAPE_BLOOM_DAYS
    bloom_P1 = ((sort_P == RAPE) * _after(day_P, begin, 3) * (1 - _after(day_P, end, 3)))[:, None]
    return colour_PB + bloom_P1 * (BLOOM - colour_PB)


def _built(day_P: NDArray, kind_P: NDArray, mixture_P: NDArray) -> NDArray[np.float64]:
    return _with_green(_pick(FABRICS, kind_P), 0.22 * mixture_P)


def _bare(day_P: NDArray, kind_P: NDArray, mixture_P: NDArray) -> NDArray[np.float64]:
    return _with_green(_pick(GROUNDS, kind_P), 0.15 * mixture_P)


def _water(day_P: NDArray, kind_P: NDArray, mixture_P: NDArray) -> NDArray[np.float64]:
    return _pick(WATERS, kind_P)


def _with_green(colour_PB: NDArray[np.float64], share_P: NDArray[np.float64]) -> NDArray[np.float64]:
    return colour_PB + share_P[:, None] * (FRESH_GRASS - colour_PB)


def _pick(colour_KB: NDArray[np.float64], kind_P: NDArray[np.float64]) -> NDArray[np.float64]:
    return colour_KB[(kind_P * len(colour_KB)).astype(np.intp)]


def _after(day_P: NDArray[np.float64], turn_P: NDArray[np.float64] | float, days: float) -> NDArray[np.float64]:
    """0 long before the day `turn_P`, 1 long after it."""
    return 1 / (1 + np.exp((turn_P - day_P) / days))


def _by_code(value: dict[int, float]) -> NDArray[np.float32]:
    table = np.zeros(256, np.float32)
    table[list(value)] = list(value.values())
    return table
