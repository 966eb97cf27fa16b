"""What the darkest pixels of a scene say where its metadata leave its offset in doubt."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np

from catalogs import Scene
from catalogs.access import Access
from pipeline.raster.read import Part, ReadError, inspect, read_part

METRES = 320
DARKEST_PERCENT = 0.5
FEWEST = 1_000
DARK = (-0.02, 0.06)
"""Reflectance of the darkest half percent in the darkest band. Shade, water and dense forest are darker than 0.06 in
some band of nearly any scene, and no correction leaves many pixels below -0.02. The offsets of Sentinel-2 lie 0.1
apart, more than this range is wide, so that never two of them fit."""
READERS = 4


@dataclass(frozen=True)
class OffsetDecision:
    """The reflectance offset that a scene's pixels decide for, or None if for none, and why in one sentence."""

    offset: float | None
    why: str


def decide_offsets(
    scenes: Sequence[Scene], access: Access, decided: Callable[[int], None] | None = None
) -> dict[str, OffsetDecision]:
    """By digest, what the pixels of doubtful scenes decide, read at their coarsest useful overview.

    Nothing is decided of a scene that cannot be read: it keeps its doubt, and its blocks are degraded.
    """
    decisions: dict[str, OffsetDecision] = {}
    with ThreadPoolExecutor(READERS) as readers:
        darkest = readers.map(lambda scene: _darkest(scene, access), scenes)
        for number, (scene, dark) in enumerate(zip(scenes, darkest, strict=True), start=1):
            if dark is not None:
                decisions[scene.digest] = _decide_offset(scene, dark)
            if decided is not None:
                decided(number)
    return decisions


def _decide_offset(scene: Scene, dark: float | str) -> OffsetDecision:
    assert scene.doubt is not None, "only doubts can be settled"
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
    """DN of the darkest half percent in the darkest band, or why there is none; None if the scene cannot be read.

    Pixels beside no data do not count: in an averaged overview they may be mixed with it.
    """
    darkest = []
    for asset in scene.bands:
        try:
            raster = inspect(asset.href, METRES, access)
            dn_HW = read_part(asset.href, raster, Part((0, raster.height), (0, raster.width)), access)
        except ReadError:
            return None
        bare_HW = dn_HW == asset.nodata
        valid_N = dn_HW[~_beside(bare_HW)]
        if len(valid_N) < FEWEST:
            return f"only {len(valid_N)} pixels of {asset.role} have data"
        darkest.append(float(np.percentile(valid_N, DARKEST_PERCENT)))
    return min(darkest)


def _beside(bare_HW: np.ndarray) -> np.ndarray:
    """Pixels that are bare or touch one that is, corners included."""
    rows_HW = bare_HW.copy()
    rows_HW[1:] |= bare_HW[:-1]
    rows_HW[:-1] |= bare_HW[1:]
    both_HW = rows_HW.copy()
    both_HW[:, 1:] |= rows_HW[:, :-1]
    both_HW[:, :-1] |= rows_HW[:, 1:]
    return both_HW
