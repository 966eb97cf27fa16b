"""Decide a scene's reflectance offset by its darkest pixels and files, where its item leaves it in doubt."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from math import isclose

import numpy as np

from catalogs import Scene
from catalogs.access import Access
from pipeline.raster.level import Part, Raster, averaged, pixel_metres
from pipeline.raster.read import inspect, read_part
from pipeline.raster.retry import ReadError
from pipeline.raster.scaling import own_offset
from pipeline.scenes.decisions import OffsetDecision

METRES = 320
"""Pixel size of the overview that is read."""
DARKEST_PERCENT = 0.5
MIN_PIXELS = 1_000
DARK = (-0.02, 0.06)
"""Reflectance of the darkest half percent in the darkest band. Shade, water and dense forest are darker than 0.06 in
some band of nearly any scene, and no correction leaves many pixels below -0.02. The offsets of Sentinel-2 lie 0.1
apart, more than this range is wide, so that two of them never fit."""
WHOLE_PIXELS, MOST_PIXELS = 2**24, 2**32
"""Pixels of a raster without overviews that are read as they are, and those that are read as means of cells."""
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
        evidence = readers.map(lambda scene: _read_evidence(scene, access), scenes)
        for number, (scene, shown) in enumerate(zip(scenes, evidence, strict=True), start=1):
            if shown is not None:
                decisions[scene.digest] = _decide_offset(scene, shown)
            if progress is not None:
                progress(number)
    return decisions


@dataclass(frozen=True)
class _Evidence:
    """`dark`: DN below which the darkest half percent of the darkest band lies, or why there is none, in words.
    `declared`: the offset that the files themselves declare, None if they declare none or several."""

    dark: float | str
    declared: float | None


def _decide_offset(scene: Scene, shown: _Evidence) -> OffsetDecision:
    """By the pixels, where exactly one offset makes the darkest of them dark.

    Where they cannot tell, the files decide if what they declare is the second kind of fact and agrees with the first.
    """
    assert scene.doubt is not None, "only a doubtful scene needs a decision"
    doubt, dark, scale = scene.doubt, shown.dark, scene.bands[0].scale
    cause = f"{doubt.sentence} ({doubt.name})"
    files = "" if shown.declared is None else f"; its files declare {shown.declared:g}"
    fitting: tuple[float, ...] = ()
    if isinstance(dark, str):
        pixels = f"its pixels cannot tell: {dark}"
    else:
        fitting = tuple(offset for offset in doubt.offsets if DARK[0] <= dark * scale + offset <= DARK[1])
        pixels = (
            f"its pixels cannot tell: the darkest have DN {dark:g}, which fits {'none' if not fitting else 'several'} "
            f"of the offsets {', '.join(f'{o:g}' for o in doubt.offsets)}"
        )
    if len(fitting) == 1:
        return OffsetDecision(
            fitting[0], f"{cause}; its darkest pixels have DN {dark:g}: offset {fitting[0]:g} is applied{files}"
        )
    likeliest = doubt.offsets[0]
    if (
        doubt.name == "offset-single"
        and shown.declared is not None
        and isclose(shown.declared, likeliest, abs_tol=1e-6)
    ):
        return OffsetDecision(likeliest, f"{cause}, and {pixels}{files} too: offset {likeliest:g} is applied")
    return OffsetDecision(None, f"{cause}, and {pixels}{files}")


def _read_evidence(scene: Scene, access: Access) -> _Evidence | None:
    """What the pixels and tags of a scene's files show; None if the scene cannot be read.

    Pixels next to no data are left out: an averaged overview may mix them with it.
    """
    darkest, declared, blank = [], set(), None
    for asset in scene.bands:
        try:
            raster = _coarse(inspect(asset.href, METRES, access, asset.checksum))
            declared.add(own_offset(asset, raster.scaling))
            dn_HW = read_part(asset.href, raster, Part((0, raster.height), (0, raster.width)), access)
        except ReadError:
            return None
        valid_N = dn_HW[~_grow(dn_HW == asset.nodata)]
        if len(valid_N) < MIN_PIXELS:
            blank = blank or f"only {len(valid_N)} pixels of {asset.role} have data"
        else:
            darkest.append(float(np.percentile(valid_N, DARKEST_PERCENT)))
    return _Evidence(blank or min(darkest), declared.pop() if len(declared) == 1 else None)


def _coarse(raster: Raster) -> Raster:
    """The raster, or cells of it where it is large and has no overviews. Raises ReadError beyond MOST_PIXELS."""
    pixels = raster.height * raster.width
    if pixels <= WHOLE_PIXELS or raster.overview is not None or raster.factor > 1:
        return raster
    if pixels > MOST_PIXELS:
        raise ReadError(f"a raster of {pixels:.2g} pixels without overviews is too large to be looked at whole")
    return averaged(raster, max(int(METRES / max(pixel_metres(raster))), 1))


def _grow(mask_HW: np.ndarray) -> np.ndarray:
    """True where a pixel or one of its eight neighbours is."""
    rows_HW = mask_HW.copy()
    rows_HW[1:] |= mask_HW[:-1]
    rows_HW[:-1] |= mask_HW[1:]
    grown_HW = rows_HW.copy()
    grown_HW[:, 1:] |= rows_HW[:, :-1]
    grown_HW[:, :-1] |= rows_HW[:, 1:]
    return grown_HW
