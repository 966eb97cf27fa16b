"""Decide a scene's reflectance offset by its darkest pixels, where its metadata leave it in doubt."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from catalogs import Scene
from catalogs.access import Access
from pipeline.raster.read import Part, inspect, read_part
from pipeline.raster.retry import ReadError
from pipeline.scenes.decisions import OffsetDecision

METRES = 320
"""Pixel size of the overview that is read."""
DARKEST_PERCENT = 0.5
MIN_PIXELS = 1_000
DARK = (-0.02, 0.06)
"""Reflectance of the darkest half percent in the darkest band. Shade, water and dense forest are darker than 0.06 in
some band of nearly any scene, and no correction leaves many pixels below -0.02. The offsets of Sentinel-2 lie 0.1
apart, more than this range is wide, so that two of them never fit."""
READERS = 4
"""Scenes read at a time."""


def decide_offsets(
    scenes: Sequence[Scene], access: Access, progress: Callable[[int], None] | None = None
) -> dict[str, OffsetDecision]:
    """The decisions for doubtful scenes, by scene digest. `progress` is called with the number of scenes read.

    Scenes that cannot be read have no decision: they keep their doubt, and their blocks are degraded.
    """
    decisions: dict[str, OffsetDecision] = {}
    with ThreadPoolExecutor(READERS) as readers:
        darkest = readers.map(lambda scene: _darkest(scene, access), scenes)
        for number, (scene, dark) in enumerate(zip(scenes, darkest, strict=True), start=1):
            if dark is not None:
                decisions[scene.digest] = _decide_offset(scene, dark)
            if progress is not None:
                progress(number)
    return decisions


def _decide_offset(scene: Scene, dark: float | str) -> OffsetDecision:
    assert scene.doubt is not None, "only a doubtful scene needs a decision"
    doubt, scale = scene.doubt, scene.bands[0].scale
    if isinstance(dark, str):
        return OffsetDecision(None, f"{doubt.sentence} ({doubt.name}), and its pixels cannot tell: {dark}")
    fitting = [offset for offset in doubt.offsets if DARK[0] <= dark * scale + offset <= DARK[1]]
    if len(fitting) != 1:
        return OffsetDecision(
            None,
            f"{doubt.sentence} ({doubt.name}), and its pixels cannot tell: the darkest have DN {dark:g}, which fits "
            f"{'none' if not fitting else 'several'} of the offsets {', '.join(f'{o:g}' for o in doubt.offsets)}",
        )
    return OffsetDecision(
        fitting[0],
        f"{doubt.sentence} ({doubt.name}); its darkest pixels have DN {dark:g}: offset {fitting[0]:g} is applied",
    )


def _darkest(scene: Scene, access: Access) -> float | str | None:
    """DN below which the darkest half percent of the darkest band lies, or why there is none, in words.

    None if the scene cannot be read. Pixels next to no data are left out: an averaged overview may mix them with it.
    """
    darkest = []
    for asset in scene.bands:
        try:
            raster = inspect(asset.href, METRES, access)
            dn_HW = read_part(asset.href, raster, Part((0, raster.height), (0, raster.width)), access)
        except ReadError:
            return None
        valid_N = dn_HW[~_grow(dn_HW == asset.nodata)]
        if len(valid_N) < MIN_PIXELS:
            return f"only {len(valid_N)} pixels of {asset.role} have data"
        darkest.append(float(np.percentile(valid_N, DARKEST_PERCENT)))
    return min(darkest)


def _grow(mask_HW: np.ndarray) -> np.ndarray:
    """True where a pixel or one of its eight neighbours is."""
    rows_HW = mask_HW.copy()
    rows_HW[1:] |= mask_HW[:-1]
    rows_HW[:-1] |= mask_HW[1:]
    grown_HW = rows_HW.copy()
    grown_HW[:, 1:] |= rows_HW[:, :-1]
    grown_HW[:, :-1] |= rows_HW[:, 1:]
    return grown_HW
