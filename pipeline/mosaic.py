"""One block's cloud-free composite: read each scene's window, warp it, mask it, take the median."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from catalogs import Scene
from pipeline import warp
from pipeline.footprint import on_ground
from pipeline.grid import Grid, Window
from pipeline.read import ReadError, inspect, read

REFLECTANCE = 10_000
UNSEEN = np.uint16(65_535)
STACK_BYTES = 512 * 2**20


@dataclass(frozen=True)
class Composite:
    """`mosaic_BHW`: median surface reflectance x 10,000 (0 = never seen clear); `observations_HW`: clear views;
    `lost`: scenes that could not be read, with why."""

    mosaic_BHW: np.ndarray
    observations_HW: np.ndarray
    lost: dict[str, str]


@warp.one_thread()
def composite(grid: Grid, window: Window, scenes: Sequence[Scene], bands: Sequence[str]) -> Composite:
    """The median over clear views of `scenes` (given in their total order) in `window`.

    Works in strips of rows so that the stack of all scenes stays below 512 MiB. A scene that cannot be read anywhere in
    the window is left out of all of it.
    """
    lost: dict[str, str] = {}
    while True:
        readable = [scene for scene in scenes if scene.id not in lost]
        mosaic_BHW, observations_HW, unreadable = _pass(grid, window, readable, bands)
        if not unreadable:
            return Composite(mosaic_BHW, observations_HW, lost)
        lost |= unreadable


def _pass(
    grid: Grid, window: Window, scenes: Sequence[Scene], bands: Sequence[str]
) -> tuple[np.ndarray, np.ndarray, dict[str, str]]:
    """One go over all strips; the scenes that failed in it, and why, are to be left out of the next."""
    height, width = window.shape
    mosaic_BHW = np.zeros((len(bands), height, width), np.uint16)
    observations_HW = np.zeros((height, width), np.uint8)
    unreadable: dict[str, str] = {}
    rows = max(1, STACK_BYTES // max(1, len(scenes) * len(bands) * width * mosaic_BHW.itemsize))
    for start in range(0, height, rows):
        stop = min(start + rows, height)
        strip = Window(window.y0 + start, window.x0, window.y0 + stop, window.x1)
        views = []
        for scene in scenes:
            try:
                view = clear_view(grid, strip, scene, bands)
            except ReadError as error:
                unreadable[scene.id] = str(error)
                continue
            if view is not None:
                views.append(view)
        if views:
            mosaic_BHW[:, start:stop], observations_HW[start:stop] = median(np.stack(views))
    return mosaic_BHW, observations_HW, unreadable


def clear_view(grid: Grid, window: Window, scene: Scene, bands: Sequence[str]) -> np.ndarray | None:
    """A scene's reflectance x 10,000 on the grid, uint16 BHW, 65535 where it is not clear; None if it does not
    reach the window.

    Raises ReadError.
    """
    raster = inspect(scene.mask.href, grid.resolution)
    part = warp.footprint(grid, window, raster)
    if part is None:
        return None
    mask_HW = warp.nearest(grid, window, raster, part, read(scene.mask.href, raster, part))
    clear_HW = np.isin(mask_HW, scene.clear) & on_ground(scene, grid, window)
    if not clear_HW.any():
        return None
    view_BHW = np.empty((len(bands), *window.shape), np.uint16)
    assets = [scene.band(role) for role in bands]
    rasters = [inspect(asset.href, grid.resolution) for asset in assets]
    for raster in dict.fromkeys(rasters):
        part = warp.footprint(grid, window, raster)
        if part is None:
            return None
        which = [i for i, other in enumerate(rasters) if other == raster]
        source_BHW = np.stack([read(assets[i].href, raster, part) for i in which])
        value_BHW, valid_HW = warp.bilinear(grid, window, raster, part, source_BHW)
        clear_HW &= valid_HW
        for i, value_HW in zip(which, value_BHW, strict=True):
            value_HW *= np.float32(assets[i].scale * REFLECTANCE)
            value_HW += np.float32(assets[i].offset * REFLECTANCE + 0.5)
            view_BHW[i] = np.floor(value_HW).clip(1, UNSEEN - 1)
    view_BHW[:, ~clear_HW] = UNSEEN
    return view_BHW


def median(view_NBHW: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(median_BHW uint16, 0 where nothing is clear; count_HW uint8) of uint16 views in which 65535 is not clear.

    An even count takes the mean of the middle two, half rounded up. Sorts in place by an odd-even transposition
    network, whole arrays at a time; the unclear sort to the end.
    """
    count_HW = (view_NBHW[:, 0] != UNSEEN).sum(0)
    n = len(view_NBHW)
    for turn in range(n):
        for i in range(turn % 2, n - 1, 2):
            low = np.minimum(view_NBHW[i], view_NBHW[i + 1])
            np.maximum(view_NBHW[i], view_NBHW[i + 1], out=view_NBHW[i + 1])
            view_NBHW[i] = low
    middle = np.broadcast_to(count_HW, view_NBHW.shape[1:])
    lower = np.take_along_axis(view_NBHW, np.maximum(middle - 1, 0)[None] // 2, 0)[0].astype(np.uint32)
    upper = np.take_along_axis(view_NBHW, middle[None] // 2, 0)[0]
    median_BHW = np.where(count_HW > 0, (lower + upper + 1) // 2, 0).astype(np.uint16)
    return median_BHW, np.minimum(count_HW, 255).astype(np.uint8)
