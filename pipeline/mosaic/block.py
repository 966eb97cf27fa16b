"""One block's cloud-free composite: look at it pass by pass, and reduce the views to one picture."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from itertools import chain
from typing import TypeVar

import numpy as np
import torch
from shapely.geometry.base import BaseGeometry

from catalogs import Scene
from catalogs.access import ANYWHERE, Access
from pipeline.config.region import Region
from pipeline.errors import UserError
from pipeline.geometry.grid import Grid, Window
from pipeline.mosaic.composite import METHODS, STACKED, BestParams, MapRows, PassView
from pipeline.mosaic.fuse import SAMPLE_CACHE_BYTES, SampleCache, ViewParams, view_pass
from pipeline.raster.gdal import CACHE_BYTES
from pipeline.raster.strips import one_thread
from pipeline.scenes.passes import Pass, group_passes

STACK_BYTES = 2**30
ANY_DAY = 196
FINEST = 10.0
READERS = 4
"""Passes that a worker reads, decodes and warps side by side: while some wait for a network, others compute."""

Thing = TypeVar("Thing")
Done = TypeVar("Done")


@dataclass(frozen=True)
class MosaicParams:
    """How a mosaic is made: `method` of composite.METHODS, `resampling` of resample.METHODS, and the day of the year
    that `best` prefers."""

    method: str = "median"
    resampling: str = "bilinear"
    day_of_year: int = ANY_DAY


def mosaic_params(region: Region) -> MosaicParams:
    """How a region's mosaics are made."""
    best = region.mosaic.method == "best"
    return MosaicParams(region.mosaic.method, region.mosaic.resampling, region.day_of_year if best else ANY_DAY)


@dataclass(frozen=True)
class BlockMosaic:
    """A block's mosaic and what it was made from.

    `mosaic_BHW`: surface reflectance x 10,000, uint16 (0 = never seen clear). `observations_HW`: how many passes were
    clear, uint8. `first_clear_HW`, `last_clear_HW`: days since 1970-01-01 of the first and the last of them, uint16
    (0 = none). `lost`: scenes that could not be read, with why.
    """

    mosaic_BHW: np.ndarray
    observations_HW: np.ndarray
    first_clear_HW: np.ndarray
    last_clear_HW: np.ndarray
    lost: dict[str, str]


def mosaic_block(
    grid: Grid,
    window: Window,
    scenes: Sequence[Scene],
    bands: Sequence[str],
    params: MosaicParams = MosaicParams(),
    among: Sequence[Scene] = (),
    area: BaseGeometry | None = None,
    threads: int = 1,
    device: str = "cpu",
    access: Access = ANYWHERE,
) -> BlockMosaic:
    """The composite of the clear views of `scenes` in `window`, within `area`.

    The tiles of one pass are one view: they show the same ground at the same moment. `among` is the whole choice of
    scenes that these are the window's part of: the day and the order of a pass are those of all its tiles. Views are
    held one by one, or all at once in strips of rows below 1 GiB where the method needs them together. A scene that
    cannot be read anywhere in the window is left out of all of it, and so is one in doubt about its values. Raises
    UserError where `best` has no blue or red to tell haze by.
    """
    if params.method == "best" and not {"blue", "red"} <= set(bands):
        raise UserError(f"best tells haze by blue and red, but the bands are {', '.join(bands)}; choose another method")
    look = ViewParams(grid, window, tuple(bands), params.resampling, area, params.method == "best", device, access)
    lost = {
        scene.id: f"{scene.doubt.sentence} ({scene.doubt.name}), and nothing has settled it"
        for scene in scenes
        if scene.doubt is not None
    }
    with one_thread(), ThreadPoolExecutor(threads, initializer=torch.set_num_threads, initargs=(1,)) as pool:
        while True:
            passes = group_passes([scene for scene in scenes if scene.id not in lost], among)
            block = _Block(look)
            for strip in _memory_strips(window, len(passes), len(bands), params.method):
                views = _views(replace(look, window=strip), passes, pool, threads, block.lost)
                block.add(strip, views, params, pool.map)
            if not block.lost:
                return BlockMosaic(block.mosaic_BHW, block.observations_HW, block.first_HW, block.last_HW, lost)
            lost |= block.lost


class _Block:
    """A block's arrays, filled strip by strip."""

    def __init__(self, look: ViewParams) -> None:
        self.look = look
        self.mosaic_BHW = np.zeros((len(look.bands), *look.window.shape), np.uint16)
        self.observations_HW = np.zeros(look.window.shape, np.uint8)
        self.first_HW, self.last_HW = (np.zeros(look.window.shape, np.uint16) for _ in range(2))
        self.lost: dict[str, str] = {}

    def add(self, strip: Window, views: Iterator[PassView], params: MosaicParams, run: MapRows) -> None:
        first = next(views, None)
        if first is None:
            return
        rows = strip.slices((self.look.window.y0, self.look.window.x0))[0]
        bands = self.look.bands
        wanted = BestParams(params.day_of_year, bands.index("blue"), bands.index("red")) if self.look.clouds else None
        result_BHW = METHODS[params.method](self._counted(chain([first], views), rows), wanted, run)
        self.mosaic_BHW[:, rows] = result_BHW.cpu().numpy().view(np.uint16)

    def _counted(self, views: Iterable[PassView], rows: slice) -> Iterator[PassView]:
        observations_HW, first_HW, last_HW = self.observations_HW[rows], self.first_HW[rows], self.last_HW[rows]
        for seen in views:
            clear_HW = seen.clear_HW.cpu().numpy()
            np.add(observations_HW, 1, out=observations_HW, where=clear_HW & (observations_HW < 255))
            np.copyto(first_HW, seen.day, where=clear_HW & (first_HW == 0))
            np.copyto(last_HW, seen.day, where=clear_HW)
            yield seen


def _views(
    look: ViewParams, passes: Sequence[Pass], pool: ThreadPoolExecutor, threads: int, lost: dict[str, str]
) -> Iterator[PassView]:
    """The passes' views in order; what could not be read is added to `lost`."""
    for seen, unreadable in _map_ahead(pool, partial(view_pass, SampleCache(look)), passes, threads + 1):
        lost |= unreadable
        if seen is not None:
            yield seen


def _map_ahead(
    pool: ThreadPoolExecutor, work: Callable[[Thing], Done], things: Iterable[Thing], most: int
) -> Iterator[Done]:
    """What `work` gives of each thing, in order, with at most so many under way or waiting."""
    waiting: deque[Future[Done]] = deque()
    for thing in things:
        waiting.append(pool.submit(work, thing))
        if len(waiting) == most:
            yield waiting.popleft().result()
    while waiting:
        yield waiting.popleft().result()


def mosaic_bytes(grid: Grid, passes: int, bands: int, params: MosaicParams, threads: int) -> int:
    """Bytes that a block may take at most while its mosaic is made, the interpreter's own memory left aside.

    Views in hand; parts being read, a fifth longer and wider than the block and twice while they are copied, of sources
    of 10 m or coarser that have overviews by twos; where their pixels fall; the results; GDAL's cache.
    """
    pixels = grid.block**2
    view = pixels * bands * 2
    held = min(passes * view, max(STACK_BYTES, view)) if params.method in STACKED else 3 * view
    finer = min(max(grid.resolution / FINEST, 1), 2)
    part = int(pixels * (1.2 * finer) ** 2) * bands * 2 * 2
    places = SAMPLE_CACHE_BYTES + threads * pixels * 24
    return held + threads * (view + part) + places + pixels * (bands * 2 + 5) + CACHE_BYTES


def _memory_strips(window: Window, views: int, bands: int, method: str) -> Iterator[Window]:
    """The window in strips of so many rows that all their views fit into STACK_BYTES, if the method stacks them."""
    height, width = window.shape
    rows = height
    if method in STACKED:
        rows = max(1, min(height, STACK_BYTES // max(1, views * bands * width * 2)))
    for y in range(window.y0, window.y1, rows):
        yield Window(y, window.x0, min(y + rows, window.y1), window.x1)
