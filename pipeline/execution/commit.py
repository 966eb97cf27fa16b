"""Commits of a run: the workers' changes and the records of their blocks, in one Icechunk commit."""

import pickle
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import zarr

from pipeline.change.records import write_alerts
from pipeline.cube import store
from pipeline.cube.checked_store import session_group
from pipeline.cube.cube import Cube
from pipeline.cube.schema import DEGRADED, EMPTY, MAPPED
from pipeline.execution.task import BlockResult, Source, Task
from pipeline.geometry.grid import BlockId
from pipeline.planning.blocks import BlockPlan, Lost
from pipeline.planning.plan import Plan


@dataclass(frozen=True)
class FinishedBlock:
    """A stage of a block that a worker has done and that is not committed yet."""

    stage: str
    plan: BlockPlan
    result: BlockResult


class Committer:
    """Writes to the branch of a run; `time` is the index of its period.

    `source`: what blocks are screened against or copied from. `copies_landcover`: which take their map over too.

    A commit holds the shards of its blocks together with their fingerprints: what is committed is finished, and what is
    not committed is done again by the next run.
    """

    def __init__(
        self,
        cube: Cube,
        plan: Plan,
        time: int,
        source: Callable[[BlockId], Source] | None = None,
        copies_landcover: Callable[[BlockId], bool] = lambda block: False,
    ) -> None:
        self._cube, self._plan, self._time = cube, plan, time
        self._source, self._copies_landcover = source, copies_landcover
        session = cube.repository.writable_session(plan.branch)
        self._fork, self._snapshot = pickle.dumps(session.fork()), str(session.snapshot_id)

    def task(self, block: BlockPlan) -> Task:
        """The task of a block; its worker reads what is committed by now."""
        source = None if self._source is None else self._source(block.block)
        with_landcover = self._copies_landcover(block.block)
        place = self._time, self._fork, self._snapshot
        return Task(block.block, block.scenes, *place, source, with_landcover, block.ground)

    def commit(self, blocks: Sequence[FinishedBlock], lost: Lost) -> None:
        """Commits finished blocks; `lost` are the scenes that this run could not read, those of `blocks` included.

        Raises RunError if this run does not hold the cube any more.
        """
        session = self._cube.repository.writable_session(self._plan.branch)
        session.merge(*(block.result.fork for block in blocks))
        group = session_group(session)
        if mosaics := [block for block in blocks if block.stage in ("mosaic", "copy")]:
            self._record(group, "state", mosaics, [_state(block.result) for block in mosaics])
            self._record(group, "clear", mosaics, [block.result.clear for block in mosaics])
            self._record(group, "mosaic", mosaics, [self._fingerprints(block, lost)[0] for block in mosaics])
        kept = [each for each in mosaics if each.stage == "copy" and not each.plan.landcover_due]
        taken_over = [each for each in kept if self._copies_landcover(each.plan.block)]
        if mapped := [block for block in blocks if block.stage == "segment"] + taken_over:
            self._record(group, "landcover", mapped, [self._fingerprints(block, lost)[1] for block in mapped])
        if screened := [block for block in blocks if block.stage == "screen"]:
            self._record(group, "screened", screened, [block.plan.mosaic for block in screened])
            self._record_verdicts(group, screened)
        counts = Counter(block.stage for block in blocks)
        self._snapshot = self._cube.commit(session, ", ".join(f"{count} {stage}" for stage, count in counts.items()))

    def _fingerprints(self, block: FinishedBlock, lost: Lost) -> tuple[int, int]:
        plan = block.plan
        return self._plan.fingerprints(plan.block, lost) if lost else (plan.mosaic, plan.landcover)

    def _record(self, group: zarr.Group, name: str, blocks: Sequence[FinishedBlock], values: list[int]) -> None:
        record = store.array(group, f"blocks/{name}")
        rows, cols = np.array([self._plan.extent.slot(block.plan.block) for block in blocks]).T
        record.vindex[np.full(len(blocks), self._time), rows, cols] = np.array(values, record.dtype)

    def _record_verdicts(self, group: zarr.Group, screened: Sequence[FinishedBlock]) -> None:
        verdicts = [block.result.verdict for block in screened]
        for name in ("score", "better", "parts", "rest"):
            self._record(group, name, screened, [getattr(verdict, name) for verdict in verdicts])
        for block, verdict in zip(screened, verdicts, strict=True):
            assert verdict is not None, "a screening ends with a verdict"
            write_alerts(group, self._time, self._plan.extent.slot(block.plan.block), verdict.alerts)


def _state(result: BlockResult) -> int:
    if result.copied is not None:
        return result.copied
    return DEGRADED if result.lost else MAPPED if result.observed else EMPTY
