"""What a run tells the Ray dashboard while it works."""

import time as clock
from collections import Counter

from cluster import Gauges, Outcome, Pool
from pipeline.execution.queue import Feed
from pipeline.planning.plan import Plan

EVERY_SECONDS = 2.0
DESCRIPTIONS = {
    "idgbr_blocks_done": "blocks that a stage of this run has done",
    "idgbr_blocks_degraded": "blocks of this run that lack a scene which could not be read",
    "idgbr_km2_per_hour": "land cover made by this run, on the clock",
    "idgbr_device_busy_share": "share of the time that the devices of this run's workers computed",
    "idgbr_queue_depth": "blocks that wait for a stage and could be given out",
}


class Meters:
    def __init__(self, plan: Plan, crew: Pool, feed: Feed) -> None:
        self.plan, self.crew, self.feed = plan, crew, feed
        self.gauges = Gauges(DESCRIPTIONS)
        self.begun = self.told = clock.monotonic()
        self.done: Counter[str] = Counter()
        self.km2 = self.device_seconds = 0.0
        self.degraded = 0

    def note(self, outcome: Outcome) -> None:
        """Counts a finished block, and tells every few seconds."""
        if outcome.error is not None:
            return
        self.done[outcome.method] += 1
        if outcome.method == "mosaic":
            self.degraded += bool(outcome.result.lost)
        else:
            rows, cols = self.plan.extent.covered(outcome.task.block).shape
            self.km2 += rows * cols * self.plan.extent.grid.resolution**2 / 1e6
            self.device_seconds += outcome.result.seconds["device"]
        if clock.monotonic() - self.told > EVERY_SECONDS:
            self.tell()

    def tell(self) -> None:
        self.told = clock.monotonic()
        seconds = max(self.told - self.begun, 1e-9)
        for stage, blocks in self.done.items():
            self.gauges.set("idgbr_blocks_done", blocks, stage)
        for stage, blocks in self.feed.waiting.items():
            self.gauges.set("idgbr_queue_depth", blocks, stage)
        devices = max(self.crew.count("segment"), 1)
        self.gauges.set("idgbr_blocks_degraded", self.degraded)
        self.gauges.set("idgbr_km2_per_hour", self.km2 / seconds * 3600)
        self.gauges.set("idgbr_device_busy_share", self.device_seconds / seconds / devices)
