"""The scheduler of a run: which stage of which block runs next, and when finished blocks are committed."""

import time as clock
from collections import Counter

from cluster import Ended, Finished, Listener, Outcome, Pool, Started
from pipeline.errors import RunError
from pipeline.execution.commit import Committer, FinishedBlock
from pipeline.execution.metrics import RunMetrics
from pipeline.execution.queue import BlockQueue
from pipeline.execution.task import Task, Work
from pipeline.geometry.grid import BlockId
from pipeline.planning.blocks import BlockPlan
from pipeline.planning.plan import Plan
from pipeline.planning.totals import Totals

STAGES = ("mosaic", "segment")
"""Of a run: what a block needs first, and what is done once all blocks that it sees have that."""

COMMIT_SHARE = 0.2
"""Maximum share of the driver's time spent committing while workers have other work."""

MAX_COMMIT_DELAY = 60.0
"""Seconds after a commit from which the next finished block is committed at once."""

MAX_CONSECUTIVE_FAILURES = 32
"""A run is aborted after so many consecutive failed blocks: the fault is systemic, not the blocks'."""


class Scheduler:
    """Runs what is due of a plan in a pool and commits it. Owns the queue and the finished blocks to be committed.

    `stages`: the methods of the workers that stand for mosaic and segment below; the second only with `segments`. A
    free worker is offered the second first. States of one stage of a block that is due:

    | state     | waits for                          | next state | on failure                    | if the driver dies |
    |-----------|------------------------------------|------------|-------------------------------|--------------------|
    | queued    | mosaic: its turn; segment: commits | running    | a mosaic that it sees failed: | queued again       |
    |           | of all mosaics that it sees        |            | held back                     |                    |
    | running   | a worker; the pool retries it      | finished   | failed, after the last        | queued again       |
    |           |                                    |            | attempt                       |                    |
    | finished  | the next commit                    | committed  | the commit raises: the run    | queued again       |
    |           |                                    |            | ends, done again by the next  |                    |
    | committed | nothing                            |            |                               | stays committed    |
    | failed    | the next run; others go on         |            |                               | queued again       |
    | held back | the next run; others go on         |            |                               | queued again       |

    Finished blocks are committed when there are `commit_every` of them, unless commits would take more than
    COMMIT_SHARE of the driver's time, and at the latest MAX_COMMIT_DELAY after the last commit. Finished mosaics are
    committed early if that makes a block ready for segmentation, or if no other block runs. A mosaic that lacks scenes
    which could not be read is committed as degraded.
    """

    def __init__(
        self,
        plan: Plan,
        totals: Totals,
        pool: Pool,
        committer: Committer,
        listener: Listener | None = None,
        stages: tuple[str, str] = STAGES,
        segments: bool = True,
    ) -> None:
        self._first, self._second = stages
        self._segments = segments
        self._plan, self._pool, self._committer = plan, pool, committer
        self._emit: Listener = listener or (lambda event: None)
        self._due = {self._first: totals.to_mosaic, self._second: totals.to_segment if segments else 0}
        self._queue = BlockQueue(plan.blocks(), plan.blocks_of.seen_by, segments)
        self._running: dict[tuple[str, BlockId], BlockPlan] = {}
        self._finished: list[FinishedBlock] = []
        self._failures = _Failures()
        self._work = Work()
        self._commit_ended, self._commit_seconds = clock.monotonic(), 0.0

    def run(self) -> Work:
        """Does all that is due. Raises RunError if blocks failed, after the others are committed, or if some were never
        given out, and what a commit raises."""
        begun = clock.monotonic()
        metrics = RunMetrics(self._plan, self._pool, self._due)
        counts: Counter[str] = Counter()
        for stage in self._due:
            self._emit(Started(stage, self._due[stage]))
        try:
            for outcome in self._pool.run((self._second, self._first), self._next_task):
                counts[outcome.method] += outcome.error is None
                self._take_in(outcome)
                self._emit(Finished(outcome.method, outcome))
                metrics.record(outcome, self._queue.ready)
                if self._failures.consecutive >= MAX_CONSECUTIVE_FAILURES:
                    break
            self._commit()
        finally:
            metrics.emit(self._queue.ready)
            for stage in self._due:
                failed = self._failures.count[stage]
                self._emit(Ended(stage, counts[stage], failed, clock.monotonic() - begun))
        self._failures.check(self._due, self._queue.held_back)
        for stage, due in self._due.items():
            if counts[stage] < due:
                raise RunError(
                    f"the run ended with {counts[stage]} of {due} blocks done ({stage}) and none failed, which is a "
                    "fault of this system: report it; what is done is kept, run the same again to go on"
                )
        return self._work

    def _next_task(self, stage: str) -> Task | None:
        block = self._queue.next_mosaic() if stage == self._first else self._next_segmentation()
        if block is None:
            return None
        self._running[stage, block.block] = block
        return self._committer.task(block)

    def _next_segmentation(self) -> BlockPlan | None:
        if not self._segments:
            return None
        block = self._next_due()
        if block is None:
            self._flush_mosaics()
            block = self._next_due()
        return block

    def _next_due(self) -> BlockPlan | None:
        """The next ready block whose land cover is due, also because it sees a mosaic that has become degraded."""
        while block := self._queue.next_segmentation():
            if block.landcover_due or self._plan.fingerprints(block.block, self._work.lost)[1] != block.landcover:
                return block
        return None

    def _take_in(self, outcome: Outcome) -> None:
        block = self._running.pop((outcome.method, outcome.task.block))
        self._failures.add(outcome)
        if outcome.error is None:
            self._finished.append(FinishedBlock(outcome.method, block, outcome.result))
            late = clock.monotonic() - self._commit_ended > MAX_COMMIT_DELAY
            enough = len(self._finished) >= self._plan.region.commit_every
            if late or (enough and self._within_budget):
                self._commit()
        elif outcome.method == self._first:
            self._queue.mosaic_failed(block.block)

    def _flush_mosaics(self) -> None:
        """Commits if there are mosaics that a block waits for, or if no other block runs."""
        mosaics = {finished.plan.block for finished in self._finished if finished.stage == self._first}
        if mosaics and (not self._running or (self._within_budget and self._queue.unblocks(mosaics))):
            self._commit()

    @property
    def _within_budget(self) -> bool:
        return self._commit_seconds < COMMIT_SHARE * (clock.monotonic() - self._commit_ended)

    def _commit(self) -> None:
        if not self._finished:
            return
        begun = clock.monotonic()
        for finished in self._finished:
            self._work.add(finished.stage, finished.result)
        self._committer.commit(self._finished, self._work.lost)
        self._commit_ended = clock.monotonic()
        self._commit_seconds = self._commit_ended - begun
        for finished in self._finished:
            if finished.stage == self._first:
                self._queue.mosaic_committed(finished.plan.block, degraded=bool(finished.result.lost))
        self._finished = []


class _Failures:
    """Failed blocks: how many of each stage, how many consecutive ones by now, and the first."""

    def __init__(self) -> None:
        self.count: Counter[str] = Counter()
        self.consecutive = 0
        self._first: Outcome | None = None

    def add(self, outcome: Outcome) -> None:
        self.consecutive = 0 if outcome.error is None else self.consecutive + 1
        if outcome.error is not None:
            self.count[outcome.method] += 1
            self._first = self._first or outcome

    def check(self, due: dict[str, int], held_back: int) -> None:
        """Raises RunError if there are any."""
        if self._first is None:
            return
        stage = self._first.method
        waiting = f", which {held_back} more wait for" if held_back else ""
        aborted = self.consecutive >= MAX_CONSECUTIVE_FAILURES
        end = f"; aborted after {MAX_CONSECUTIVE_FAILURES} consecutive failures" if aborted else ""
        raise RunError(
            f"{self.count[stage]} of {due[stage]} blocks failed to {stage}{waiting}, the first at block "
            f"{self._first.task.block}: {self._first.error}{end}; the others are kept, run again after mending the "
            "cause"
        )
