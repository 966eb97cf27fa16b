"""The worker of a run: takes a block's task, writes its whole shards, and returns a small result."""

import pickle
import threading
import time as clock
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from typing import TypeVar

import numpy as np
import torch

from catalogs import Scene
from idgbr.change import ChangePipeline
from idgbr.coarse import NetworkCode
from idgbr.pipeline import IDGBRPipeline
from pipeline.change.layer import Layer, seen_changes
from pipeline.change.records import read_alerts
from pipeline.change.score import patch_pixels, percent_of
from pipeline.change.verdict import verdict
from pipeline.change.views import Views, better_views
from pipeline.config.model import model_at
from pipeline.config.region import Region
from pipeline.cube import store
from pipeline.cube.checked_store import session_group
from pipeline.cube.cube import Cube
from pipeline.cube.schema import CHANGES, MAP_ARRAYS, MOSAIC_ARRAYS, pixel_maps
from pipeline.errors import RunError
from pipeline.execution.copy import copy_block
from pipeline.execution.task import BlockResult, Task, run_folder
from pipeline.geometry.area_mask import area_mask
from pipeline.geometry.grid import BlockId, Window
from pipeline.mosaic.block import READERS, mosaic_block
from pipeline.mosaic.params import mosaic_params
from pipeline.scenes.choose import choose_scenes
from pipeline.scenes.decisions import read_decisions
from pipeline.scenes.item_list import read_items
from pipeline.segment.batching import BatchingDevice
from pipeline.segment.block import parts_that_see, segment
from pipeline.storage.location import Location, storage_errors

Model = TypeVar("Model", IDGBRPipeline, ChangePipeline)


class Worker:
    """Makes mosaics and segmentations of a region; its methods may be called from several threads at once.

    `signatures` as in `catalogs.access.Access`.

    The model, the scenes and the cube are loaded at their first use and kept.
    """

    def __init__(
        self,
        region: Region,
        run: str,
        model_digest: str,
        bands: Sequence[str],
        signatures: Mapping[str, str] | None = None,
        change_digest: str = "",
        code: NetworkCode | None = None,
    ) -> None:
        self.code = code
        self.change_digest = change_digest
        self.region, self.run, self.model_digest, self.bands = region, run, model_digest, tuple(bands)
        self.access = replace(region.access, signatures=signatures or {})
        self._load = threading.RLock()

    @property
    def device(self) -> BatchingDevice:
        """The model on the device. Raises RunError if it is not the one that was planned with."""
        with self._load:
            return self._device

    @cached_property
    def _device(self) -> BatchingDevice:
        assert self.region.model is not None, "a run has a model"
        with model_at(self.region.model) as folder:
            model = IDGBRPipeline.from_pretrained(folder, code=self.code)
        return BatchingDevice(_checked_model(model, self.region.model, self.model_digest))

    @property
    def change_model(self) -> ChangePipeline:
        """Raises RunError if it is not the one that was planned with."""
        with self._load:
            return self._change_model

    @cached_property
    def _change_model(self) -> ChangePipeline:
        assert self.region.change is not None, "only an update with a change model asks it"
        with model_at(self.region.change.model) as folder:
            model = ChangePipeline.from_pretrained(folder)
        return _checked_model(model, self.region.change.model, self.change_digest)

    @property
    def scenes(self) -> dict[str, Scene]:
        with self._load:
            return self._scenes

    @cached_property
    def _scenes(self) -> dict[str, Scene]:
        files, folder = self.cube.files, run_folder(self.run)
        items = read_items(files, f"{folder}/scenes.parquet")
        decisions = read_decisions(files, f"{folder}/offsets.json")
        chosen = choose_scenes(self.region, items, self.bands, decisions)
        return {scene.id: scene for scene in chosen.scenes}

    @property
    def cube(self) -> Cube:
        with self._load:
            return self._cube

    @cached_property
    def _cube(self) -> Cube:
        return Cube.open(self.region.cube)

    def mosaic(self, task: Task) -> BlockResult:
        extent = self.region.extent
        stopwatch = _Stopwatch()
        result = mosaic_block(
            extent.grid,
            extent.covered(task.block),
            [self.scenes[name] for name in task.scenes],
            self.bands,
            mosaic_params(self.region),
            list(self.scenes.values()),
            extent.area,
            threads=READERS,
            access=self.access,
        )
        stopwatch.lap("composite")
        fork = pickle.loads(task.fork)
        with storage_errors(self.cube.location):
            group = session_group(fork)
            store.write_block(group, "mosaic", task.time, extent, task.block, result.mosaic_BHW)
            for name in MOSAIC_ARRAYS[1:]:
                store.write_block(group, name, task.time, extent, task.block, getattr(result, f"{name}_HW"))
        stopwatch.lap("write")
        return BlockResult(
            task.block,
            fork,
            result.lost,
            self._median_clear(result.observations_HW, task.block),
            bool(result.observations_HW.any()),
            stopwatch.laps,
        )

    def _median_clear(self, observations_HW: np.ndarray, block: BlockId) -> int:
        """Clear observations that at least half of the block's pixels in the region have."""
        extent = self.region.extent
        if extent.area is not None:
            observations_HW = observations_HW[area_mask(extent.area, extent.grid, extent.covered(block))]
        return int(np.percentile(observations_HW, 50, method="lower")) if observations_HW.size else 0

    def screen(self, task: Task) -> BlockResult:
        """Asks the change model about a block, its new mosaic against that of the source.

        What it sees is written to the change layer of the branch, upon what the source has for the same period.
        """
        assert task.source is not None, "a block is screened against a map"
        extent, model, change = self.region.extent, self.change_model, self.region.change
        assert change is not None, "only an update with a change model screens"
        stopwatch = _Stopwatch()
        window = extent.covered(task.block)
        seen = window.pad(model.halo)
        rows = [self.bands.index(band) for band in model.bands]
        with storage_errors(self.cube.location):
            before_CHW, after_CHW = (
                store.read_window(store.array(self.cube.group(snapshot=at), "mosaic"), time, extent, seen)[rows]
                for at, time in ((task.source.snapshot, task.source.time), (task.snapshot, task.time))
            )
        stopwatch.lap("read")
        part, inner = (window.y0, window.x0, window.y1, window.x1), window.slices((seen.y0, seen.x0))
        probability_HW = model(before_CHW, after_CHW, (seen.y0, seen.x0), part).probability_HW
        stopwatch.lap("device")
        with storage_errors(self.cube.location):
            last_clear = store.array(self.cube.group(snapshot=task.snapshot), "last_clear")
            day_HW = store.read_window(last_clear, task.time, extent, window)
            source = self.cube.group(snapshot=task.source.snapshot)
            alerts = read_alerts(source, task.source.time, extent.slot(task.block))
        dates = before_CHW[:, *inner], after_CHW[:, *inner]
        percent_HW, (known_HW, seen_HW) = percent_of(probability_HW, *dates), (date_CHW.any(0) for date_CHW in dates)
        found, changed_HW = verdict(
            percent_HW,
            np.asarray(known_HW),
            np.asarray(seen_HW),
            day_HW,
            alerts,
            self._better_views(task) if change.better else 0,
            change,
            patch_pixels(change.min_area, extent.grid.resolution),
            window,
            extent.grid.block_window(task.block),
        )
        stopwatch.lap("judge")
        fork = pickle.loads(task.fork)
        with storage_errors(self.cube.location):
            layer = seen_changes(percent_HW, changed_HW, day_HW, self._change_layer(task))
            for name, value_HW in zip(CHANGES, layer, strict=True):
                store.write_block(session_group(fork), name, task.time, extent, task.block, value_HW)
        stopwatch.lap("write")
        return BlockResult(task.block, fork, {}, 0, True, stopwatch.laps, verdict=found)

    def _better_views(self, task: Task) -> int:
        """See `better_views`: of the new mosaic of a block against that of the source."""
        assert task.source is not None, "a block is screened against a map"
        extent, params = self.region.extent, mosaic_params(self.region)
        window, found = extent.covered(task.block), []
        with storage_errors(self.cube.location):
            for at, time in ((task.source.snapshot, task.source.time), (task.snapshot, task.time)):
                group = self.cube.group(snapshot=at)
                found.append(
                    Views(*(store.read_window(store.array(group, n), time, extent, window) for n in MOSAIC_ARRAYS[1:]))
                )
        before, after = found
        return better_views(before, after, params.day_of_year if params.method == "best" else None)

    def _change_layer(self, task: Task) -> Layer:
        """What the source knows of a block in the task's period."""
        assert task.source is not None, "a block is screened against a map"
        window = self.region.extent.covered(task.block)
        group = self.cube.group(snapshot=task.source.snapshot)
        if task.source.time != task.time or CHANGES[0] not in pixel_maps(group):
            return np.zeros(window.shape, np.uint8), np.zeros(window.shape, np.uint16)
        change_HW, day_HW = (
            store.read_window(store.array(group, name), task.time, self.region.extent, window) for name in CHANGES
        )
        return change_HW, day_HW

    def copy(self, task: Task) -> BlockResult:
        """See `copy_block`."""
        stopwatch, fork = _Stopwatch(), pickle.loads(task.fork)
        with storage_errors(self.cube.location):
            state, clear, observations_HW = copy_block(self.cube, session_group(fork), self.region.extent, task)
        if observations_HW is not None:
            clear = self._median_clear(observations_HW, task.block)
        stopwatch.lap("copy")
        return BlockResult(task.block, fork, {}, clear, True, stopwatch.laps, copied=state)

    def segment(self, task: Task) -> BlockResult:
        extent = self.region.extent
        stopwatch = _Stopwatch()

        def read_mosaic(window: Window) -> np.ndarray:
            with storage_errors(self.cube.location):
                mosaic = store.array(self.cube.group(snapshot=task.snapshot), "mosaic")
                mosaic_BHW = store.read_window(mosaic, task.time, extent, window)
            stopwatch.lap("read")
            return mosaic_BHW

        device_seconds: list[float] = []
        window = extent.covered(task.block)
        parts = parts_that_see(self.device.model.settings, window, task.ground) if task.ground else [window]
        maps = self._maps(task, window)
        for part in parts:
            labels = segment(self.device, read_mosaic, part, device_seconds.append)
            for name, map_HW in maps.items():
                map_HW[part.slices((window.y0, window.x0))] = getattr(labels, f"{name}_HW")
            stopwatch.lap("infer")
        fork = pickle.loads(task.fork)
        with storage_errors(self.cube.location):
            group = session_group(fork)
            for name, map_HW in maps.items():
                store.write_block(group, name, task.time, extent, task.block, map_HW)
        stopwatch.lap("write")
        seconds = stopwatch.laps | {"device": sum(device_seconds)}
        return BlockResult(task.block, fork, {}, 0, bool(maps["landcover"].any()), seconds)

    def _maps(self, task: Task, window: Window) -> dict[str, np.ndarray]:
        """What a block has of its map already, where only a part of it is mapped again."""
        if not task.ground:
            return {name: np.zeros(window.shape, np.uint8) for name in MAP_ARRAYS}
        with storage_errors(self.cube.location):
            group = self.cube.group(snapshot=task.snapshot)
            arrays = {name: store.array(group, name) for name in MAP_ARRAYS}
            return {n: store.read_window(each, task.time, self.region.extent, window) for n, each in arrays.items()}


def _checked_model(model: Model, place: Location, digest: str) -> Model:
    if model.digest != digest:
        raise RunError(f"the model in {place} has changed since the run was planned; run again")
    return model.to("cuda" if torch.cuda.is_available() else "cpu")


class _Stopwatch:
    def __init__(self) -> None:
        self.laps: dict[str, float] = {}
        self._last = clock.perf_counter()

    def lap(self, name: str) -> None:
        now = clock.perf_counter()
        self.laps[name] = self.laps.get(name, 0.0) + now - self._last
        self._last = now
