"""The one committer: merges what workers bring back, and commits it with its fingerprints."""

import pickle
import time as clock
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

import icechunk
import numpy as np
import zarr

from pipeline.cube import store
from pipeline.cube.schema import DEGRADED, EMPTY, MAPPED
from pipeline.execution.task import Done, Task
from pipeline.geometry.grid import BlockId
from pipeline.planning.blocks import BlockPlan
from pipeline.planning.plan import Plan

BUSY = 0.2
"""Of its time that a driver may spend on commits, while workers have other work."""

SELDOM_SECONDS = 60.0


@dataclass
class Progress:
    """What a run has done so far.

    Blocks of each stage, clock seconds of each part, workers' seconds of each step, and the scenes that blocks lost,
    with why.
    """

    done: Counter[str] = field(default_factory=Counter)
    seconds: dict[str, float] = field(default_factory=dict)
    work: Counter[str] = field(default_factory=Counter)
    lost: dict[BlockId, dict[str, str]] = field(default_factory=dict)


@dataclass
class Committer:
    """What is committed is finished; what is not is done again.

    `guard` is called before each commit, and raises if this run may not write any more. `frees` tells whether land
    cover could be made if the mosaics of these blocks could be read. `committed` is told of each block of a stage that
    can be read from now on.
    """

    repository: icechunk.Repository
    plan: Plan
    time: int
    progress: Progress
    guard: Callable[[], None]
    frees: Callable[[set[BlockId]], bool]
    committed: Callable[[str, BlockId], None]
    _waiting: list[tuple[str, BlockPlan, Done]] = field(default_factory=list)

    def __post_init__(self) -> None:
        session = self.repository.writable_session(self.plan.branch)
        self._fork, self._snapshot = pickle.dumps(session.fork()), str(session.snapshot_id)
        self._last, self._took = clock.monotonic(), 0.0

    def task(self, block: BlockPlan) -> Task:
        """What a worker is told of a block; it reads what is committed by now."""
        return Task(block.block, block.scenes, self.time, self._fork, self._snapshot)

    def add(self, stage: str, block: BlockPlan, done: Done) -> None:
        """Takes in a finished block, and commits when there are enough of them, unless that takes too much of the
        driver's time."""
        self._waiting.append((stage, block, done))
        old = clock.monotonic() - self._last > SELDOM_SECONDS
        if old or (len(self._waiting) >= self.plan.region.commit_every and self._rested):
            self.commit()

    def hurry(self, idle: bool) -> None:
        """Commits mosaics if nothing else is under way, or if that frees land cover and commits do not take too much
        of the driver's time."""
        mosaics = {plan.block for stage, plan, _ in self._waiting if stage == "mosaic"}
        if mosaics and (idle or (self._rested and self.frees(mosaics))):
            self.commit()

    @property
    def _rested(self) -> bool:
        return self._took < BUSY * (clock.monotonic() - self._last)

    def commit(self) -> None:
        """Commits all that was taken in. Raises what `guard` raises."""
        if not self._waiting:
            return
        begun = clock.monotonic()
        self.guard()
        for stage, _, done in self._waiting:
            self.progress.done[stage] += 1
            self.progress.work.update({f"{stage}.{step}": seconds for step, seconds in done.seconds.items()})
            if stage == "mosaic" and done.lost:
                self.progress.lost[done.block] = done.lost
        session = self.repository.writable_session(self.plan.branch)
        session.merge(*(done.fork for _, _, done in self._waiting))
        group = zarr.open_group(session.store)
        for stage, record in (("mosaic", self._mosaics), ("segment", self._landcovers)):
            if of_stage := [(block, done) for each, block, done in self._waiting if each == stage]:
                record(group, of_stage)
        made = ", ".join(f"{n} {stage}" for stage, n in Counter(stage for stage, _, _ in self._waiting).items())
        self._snapshot = str(session.commit(made))
        self._last = clock.monotonic()
        self._took = self._last - begun
        finished, self._waiting = self._waiting, []
        for stage, block, _ in finished:
            self.committed(stage, block.block)

    def _mosaics(self, group: zarr.Group, made: list[tuple[BlockPlan, Done]]) -> None:
        states = [DEGRADED if done.lost else MAPPED if done.seen else EMPTY for _, done in made]
        self._record(group, "state", made, states)
        self._record(group, "clear", made, [done.clear for _, done in made])
        self._record(group, "mosaic", made, [self._fingerprints(block)[0] for block, _ in made])

    def _landcovers(self, group: zarr.Group, made: list[tuple[BlockPlan, Done]]) -> None:
        self._record(group, "landcover", made, [self._fingerprints(block)[1] for block, _ in made])

    def _fingerprints(self, block: BlockPlan) -> tuple[int, int]:
        lost = self.progress.lost
        return self.plan.fingerprints(block.block, lost) if lost else (block.mosaic, block.landcover)

    def _record(self, group: zarr.Group, name: str, made: list[tuple[BlockPlan, Done]], values: list[int]) -> None:
        into = store.array(group, f"blocks/{name}")
        rows, cols = np.array([self.plan.extent.slot(done.block) for _, done in made]).T
        into.vindex[np.full(len(made), self.time), rows, cols] = np.array(values, into.dtype)
