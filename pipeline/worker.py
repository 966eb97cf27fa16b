"""What one worker process does for a run: ids come in, whole shards are written, small reports go out."""

import pickle
import time as clock
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import icechunk
import numpy as np
import zarr

from catalogs import Scene, scenelist
from idgbr.pipeline import IDGBRPipeline
from pipeline import store
from pipeline.config import Region
from pipeline.errors import RunError
from pipeline.footprint import inside
from pipeline.grid import BlockId, Window
from pipeline.mosaic import READERS, Composite, composite, making
from pipeline.scenes import choose, read_decisions
from pipeline.segment import segment


@dataclass(frozen=True)
class Task:
    """A block to do: `fork` is the driver's session, forked and pickled; `snapshot` holds the mosaic that `segment`
    reads."""

    block: BlockId
    scenes: tuple[str, ...]
    time: int
    fork: bytes
    snapshot: str = ""


@dataclass(frozen=True)
class Done:
    """A finished block: the fork with its changes, scenes that were lost and why, the clear observations of its median
    pixel (of a mosaic), whether anything was seen, seconds of each step."""

    block: BlockId
    fork: icechunk.ForkSession
    lost: dict[str, str]
    clear: int
    seen: bool
    seconds: dict[str, float]


def run_folder(cube: Path, run: str) -> Path:
    """Where a run keeps its region, its scenes and its report."""
    return cube / "runs" / run


class Worker:
    def __init__(self, region: Region, run: str, model_digest: str) -> None:
        self.region, self.run, self.model_digest = region, run, model_digest

    @cached_property
    def model(self) -> IDGBRPipeline:
        import torch

        model = IDGBRPipeline.from_pretrained(self.region.model)
        if model.digest != self.model_digest:
            raise RunError(f"the model in {self.region.model} has changed since the run was planned; run again")
        return model.to("cuda" if torch.cuda.is_available() else "cpu")

    @cached_property
    def scenes(self) -> dict[str, Scene]:
        folder = run_folder(self.region.cube, self.run)
        listed, decisions = scenelist.read(folder / "scenes.parquet"), read_decisions(folder / "offsets.json")
        chosen = choose(self.region, listed, tuple(self.model.settings.bands), decisions)
        return {scene.id: scene for scene in chosen.kept}

    def mosaic(self, task: Task) -> Done:
        extent = self.region.extent
        watch = _Watch()
        result = composite(
            extent.grid,
            extent.covered(task.block),
            [self.scenes[name] for name in task.scenes],
            self.model.settings.bands,
            making(self.region),
            list(self.scenes.values()),
            extent.area,
            threads=READERS,
            access=self.region.access,
        )
        watch.lap("composite")
        fork = pickle.loads(task.fork)
        group = zarr.open_group(fork.store)
        store.write_block(group, "mosaic", task.time, extent, task.block, result.mosaic_BHW)
        for name in ("observations", "first_clear", "last_clear"):
            store.write_block(group, name, task.time, extent, task.block, getattr(result, f"{name}_HW"))
        watch.lap("write")
        return Done(
            task.block,
            fork,
            result.lost,
            self._median_clear(result, task.block),
            bool(result.observations_HW.any()),
            watch.laps,
        )

    def _median_clear(self, result: Composite, block: BlockId) -> int:
        """Clear observations that at least half of the block's pixels in the region have."""
        extent, observations_HW = self.region.extent, result.observations_HW
        if extent.area is not None:
            observations_HW = observations_HW[inside(extent.area, extent.grid, extent.covered(block))]
        return int(np.percentile(observations_HW, 50, method="lower")) if observations_HW.size else 0

    def segment(self, task: Task) -> Done:
        extent = self.region.extent
        watch = _Watch()
        mosaic = store.array(store.reader(store.repository(self.region.cube), snapshot=task.snapshot), "mosaic")

        def read_mosaic(window: Window) -> np.ndarray:
            return store.read_window(mosaic, task.time, extent, window)

        labels = segment(self.model, read_mosaic, extent.covered(task.block))
        watch.lap("infer")
        fork = pickle.loads(task.fork)
        group = zarr.open_group(fork.store)
        for name in ("landcover", "coarse", "confidence", "refined"):
            store.write_block(group, name, task.time, extent, task.block, getattr(labels, f"{name}_HW"))
        watch.lap("write")
        return Done(task.block, fork, {}, 0, bool(labels.landcover_HW.any()), watch.laps)


class _Watch:
    def __init__(self) -> None:
        self.laps: dict[str, float] = {}
        self._last = clock.perf_counter()

    def lap(self, name: str) -> None:
        now = clock.perf_counter()
        self.laps[name] = now - self._last
        self._last = now
