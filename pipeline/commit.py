"""The one committer: sends blocks to the workers, merges what comes back, and commits it with its fingerprints."""

import pickle
import time as clock
from collections import Counter
from dataclasses import dataclass, field

import icechunk
import numpy as np
import zarr

from cluster import Listener, Pool, watch
from pipeline import store
from pipeline.errors import RunError
from pipeline.grid import BlockId
from pipeline.layout import DEGRADED, EMPTY, MAPPED
from pipeline.planner import BlockPlan, Plan
from pipeline.worker import Done, Task


@dataclass
class Progress:
    """What a run has done so far.

    Blocks and clock seconds of each stage, workers' seconds of each step, and the scenes that blocks lost, with why.
    """

    done: Counter[str] = field(default_factory=Counter)
    seconds: dict[str, float] = field(default_factory=dict)
    work: Counter[str] = field(default_factory=Counter)
    lost: dict[BlockId, dict[str, str]] = field(default_factory=dict)


@dataclass(frozen=True)
class Committer:
    """What is committed is finished; what is not is done again."""

    repository: icechunk.Repository
    plan: Plan
    time: int
    progress: Progress
    listener: Listener | None

    def stage(self, name: str, crew: Pool, blocks: list[BlockPlan]) -> None:
        """Runs "mosaic" or "segment" over blocks. Raises RunError if some failed, after the others are committed."""
        begun = clock.perf_counter()
        session = self.repository.writable_session(self.plan.branch)
        fork, snapshot = pickle.dumps(session.fork()), str(session.snapshot_id)
        tasks = (Task(block.block, block.scenes, self.time, fork, snapshot) for block in blocks)
        waiting: list[Done] = []
        failed: dict[BlockId, str] = {}
        for outcome in watch(name, len(blocks), crew.map(name, tasks), self.listener):
            if outcome.error:
                failed[outcome.task.block] = outcome.error
                continue
            waiting.append(outcome.result)
            if len(waiting) == self.plan.region.commit_every:
                self._commit(name, waiting)
                waiting = []
        if waiting:
            self._commit(name, waiting)
        self.progress.seconds[name] = clock.perf_counter() - begun
        if failed:
            block, error = next(iter(failed.items()))
            raise RunError(
                f"{len(failed)} of {len(blocks)} blocks failed to {name}, the first at block {block}: {error}; "
                "the others are kept, run again after mending the cause"
            )

    def _commit(self, name: str, finished: list[Done]) -> None:
        self.progress.done[name] += len(finished)
        for done in finished:
            self.progress.work.update({f"{name}.{step}": seconds for step, seconds in done.seconds.items()})
            if done.lost:
                self.progress.lost[done.block] = done.lost
        session = self.repository.writable_session(self.plan.branch)
        session.merge(*(done.fork for done in finished))
        group = zarr.open_group(session.store)
        rows, cols = np.array([self.plan.extent.slot(done.block) for done in finished]).T
        at = (np.full(len(finished), self.time), rows, cols)
        which = 0 if name == "mosaic" else 1
        fingerprints = [self.plan.fingerprints(done.block, self.progress.lost)[which] for done in finished]
        store.array(group, ("blocks/mosaic", "blocks/landcover")[which]).vindex[at] = np.array(fingerprints, np.uint64)
        if name == "mosaic":
            states = [DEGRADED if done.lost else MAPPED if done.seen else EMPTY for done in finished]
            store.array(group, "blocks/state").vindex[at] = np.array(states, np.uint8)
            store.array(group, "blocks/clear").vindex[at] = np.array([done.clear for done in finished], np.uint8)
        session.commit(f"{name}: {len(finished)} blocks")
