"""Metrics of a run for the Ray dashboard and Prometheus."""

import time as clock
from collections import Counter
from collections.abc import Mapping

from cluster import Gauges, Outcome, Pool
from pipeline.planning.plan import Plan

EMIT_SECONDS = 2.0
DESCRIPTIONS = {
    "idgbr_blocks_done": "blocks that a stage of this run has done",
    "idgbr_blocks_due": "blocks that were due for a stage when this run began",
    "idgbr_blocks_degraded": "blocks of this run that lack a scene which could not be read",
    "idgbr_km2_per_hour": "land cover made by this run, by wall-clock time",
    "idgbr_device_busy_share": "share of the time that the devices of this run's workers computed",
    "idgbr_queue_depth": "blocks that are ready for a stage and wait for a worker",
}


class RunMetrics:
    """Labelled with the region and the run. due: blocks by stage."""

    def __init__(self, plan: Plan, pool: Pool, due: Mapping[str, int]) -> None:
        self._plan, self._pool, self._due = plan, pool, due
        self._gauges = Gauges(DESCRIPTIONS, {"region": plan.region.name, "run": plan.run})
        self._begun = self._emitted = clock.monotonic()
        self._blocks: Counter[str] = Counter()
        self._km2 = self._device_seconds = 0.0
        self._degraded = 0

    def record(self, outcome: Outcome, ready: Mapping[str, int]) -> None:
        """Counts a block that was done; emits every few seconds. `ready`: blocks that are ready, by stage."""
        if outcome.error is not None:
            return
        self._blocks[outcome.method] += 1
        if outcome.method == "mosaic":
            self._degraded += bool(outcome.result.lost)
        elif outcome.method == "segment":
            rows, cols = self._plan.extent.covered(outcome.task.block).shape
            self._km2 += rows * cols * self._plan.extent.grid.resolution**2 / 1e6
            self._device_seconds += outcome.result.seconds["device"]
        if clock.monotonic() - self._emitted > EMIT_SECONDS:
            self.emit(ready)

    def emit(self, ready: Mapping[str, int]) -> None:
        self._emitted = clock.monotonic()
        seconds = max(self._emitted - self._begun, 1e-9)
        for stage, blocks in self._due.items():
            self._gauges.set("idgbr_blocks_due", blocks, stage)
        for stage, blocks in self._blocks.items():
            self._gauges.set("idgbr_blocks_done", blocks, stage)
        for stage, blocks in ready.items():
            self._gauges.set("idgbr_queue_depth", blocks, stage)
        devices = max(self._pool.workers_for("segment"), 1)
        self._gauges.set("idgbr_blocks_degraded", self._degraded)
        self._gauges.set("idgbr_km2_per_hour", self._km2 / seconds * 3600)
        self._gauges.set("idgbr_device_busy_share", self._device_seconds / seconds / devices)
