"""Make the mosaic of one block: view its passes one by one and composite the views."""

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
from catalogs.items.provider import REFLECTANCE
from pipeline.errors import UserError
from pipeline.geometry.grid import Grid, Window
from pipeline.mosaic.best import BestParams
from pipeline.mosaic.composite import METHODS
from pipeline.mosaic.fuse import ViewParams, view_pass
from pipeline.mosaic.memory import memory_strips
from pipeline.mosaic.params import DEFAULT, MosaicParams
from pipeline.mosaic.sample_cache import SampleCache
from pipeline.mosaic.stack import MapRows
from pipeline.mosaic.view import PassView
from pipeline.raster.strips import one_thread
from pipeline.scenes.passes import Pass, group_passes

READERS = 4
"""Passes that a worker reads, decodes and warps at a time: while some wait for the network, others compute."""

Item = TypeVar("Item")
Result = TypeVar("Result")


@dataclass(frozen=True)
class BlockMosaic:
    """The mosaic of a block and what it was made from.

    `mosaic_BHW`: surface reflectance x 10,000, uint16 (0 = never clear). `observations_HW`: number of clear passes,
    uint8, at most 255. `first_clear_HW`, `last_clear_HW`: days since 1970-01-01 of the first and the last of them,
    uint16 (0 = none). `lost`: why scenes could not be used, by scene id.
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
    params: MosaicParams = DEFAULT,
    selection: Sequence[Scene] = (),
    area: BaseGeometry | None = None,
    threads: int = 1,
    device: str = "cpu",
    access: Access = ANYWHERE,
) -> BlockMosaic:
    """The mosaic of the clear views of `scenes` in `window`, within `area` (in the grid's CRS).

    The scenes of one pass give one view: they show the ground at the same moment. `selection`: all scenes of the run,
    which set the day and the order of each pass (see `group_passes`). Views are held one at a time, or all at once in
    strips of at most 1 GiB where the method needs them so. A scene that cannot be read anywhere in the window is left
    out of all of it, and so is one whose offset is in doubt. Raises UserError where `best` lacks blue or red of
    reflectance.
    """
    best = best_params(scenes, bands, params) if params.method == "best" else None
    view_params = ViewParams(grid, window, tuple(bands), params.resampling, area, best is not None, device, access)
    lost = {
        scene.id: f"{scene.doubt.sentence} ({scene.doubt.name}), and its offset is undecided"
        for scene in scenes
        if scene.doubt is not None
    }
    with one_thread(), ThreadPoolExecutor(threads, initializer=torch.set_num_threads, initargs=(1,)) as pool:
        while True:
            passes = group_passes([scene for scene in scenes if scene.id not in lost], selection)
            arrays = _Arrays(view_params)
            for strip in memory_strips(window, len(passes), len(bands), params.method):
                views = _views(replace(view_params, window=strip), passes, pool, threads, arrays.lost)
                arrays.fill(strip, views, params.method, best, pool.map)
            if not arrays.lost:
                return BlockMosaic(arrays.mosaic_BHW, arrays.observations_HW, arrays.first_HW, arrays.last_HW, lost)
            lost |= arrays.lost


def best_params(scenes: Sequence[Scene], bands: Sequence[str], params: MosaicParams) -> BestParams:
    """Those of `best`: haze is told by blue and red of reflectance. Raises UserError where they are not there."""
    if not scenes or scenes[0].bands[0].unit != REFLECTANCE:
        return BestParams(params.day_of_year, None)
    if not {"blue", "red"} <= set(bands):
        raise UserError(
            "mosaic.method best tells haze by the bands blue and red, but the bands are "
            f"{', '.join(bands)}; choose another method"
        )
    return BestParams(params.day_of_year, (bands.index("blue"), bands.index("red")))


class _Arrays:
    """The arrays of a block, filled strip by strip. `lost`: why scenes could not be read, by scene id."""

    def __init__(self, view_params: ViewParams) -> None:
        self.view_params = view_params
        shape = view_params.window.shape
        self.mosaic_BHW = np.zeros((len(view_params.bands), *shape), np.uint16)
        self.observations_HW = np.zeros(shape, np.uint8)
        self.first_HW, self.last_HW = (np.zeros(shape, np.uint16) for _ in range(2))
        self.lost: dict[str, str] = {}

    def fill(
        self, strip: Window, views: Iterator[PassView], method: str, best: BestParams | None, map_rows: MapRows
    ) -> None:
        first = next(views, None)
        if first is None:
            return
        window = self.view_params.window
        rows = strip.slices((window.y0, window.x0))[0]
        result_BHW = METHODS[method](self._count(chain([first], views), rows), best, map_rows)
        self.mosaic_BHW[:, rows] = result_BHW.cpu().numpy().view(np.uint16)

    def _count(self, views: Iterable[PassView], rows: slice) -> Iterator[PassView]:
        """Passes the views on, and counts their clear pixels in the rows of a strip."""
        observations_HW, first_HW, last_HW = self.observations_HW[rows], self.first_HW[rows], self.last_HW[rows]
        for view in views:
            clear_HW = view.clear_HW.cpu().numpy()
            np.add(observations_HW, 1, out=observations_HW, where=clear_HW & (observations_HW < 255))
            np.copyto(first_HW, view.day, where=clear_HW & (first_HW == 0))
            np.copyto(last_HW, view.day, where=clear_HW)
            yield view


def _views(
    view_params: ViewParams, passes: Sequence[Pass], pool: ThreadPoolExecutor, threads: int, lost: dict[str, str]
) -> Iterator[PassView]:
    """The views of passes in order. Scenes that cannot be read are added to `lost`."""
    cache = SampleCache(view_params.grid, view_params.device)
    for view, unreadable in _map_ahead(pool, partial(view_pass, view_params, cache), passes, threads + 1):
        lost |= unreadable
        if view is not None:
            yield view


def _map_ahead(
    pool: ThreadPoolExecutor, function: Callable[[Item], Result], items: Iterable[Item], limit: int
) -> Iterator[Result]:
    """Maps in order, with at most `limit` items submitted but not yet yielded."""
    futures: deque[Future[Result]] = deque()
    for item in items:
        futures.append(pool.submit(function, item))
        if len(futures) == limit:
            yield futures.popleft().result()
    while futures:
        yield futures.popleft().result()
