"""The work of a run: mosaics and land cover of all blocks that are due, by a pool of workers, side by side."""

import time as clock
from collections import Counter
from collections.abc import Callable
from typing import Any

import icechunk

from cluster import Ended, Finished, Listener, Outcome, Pool, Started
from pipeline.errors import RunError
from pipeline.execution.commit import Committer, Progress
from pipeline.execution.metrics import Meters
from pipeline.execution.queue import Feed
from pipeline.geometry.grid import BlockId
from pipeline.planning.blocks import BlockPlan
from pipeline.planning.plan import Plan
from pipeline.planning.totals import Survey

STAGES = ("segment", "mosaic")
HOPELESS = 32
"""So many blocks that fail one after the other end a run: it is not the blocks."""


def work(
    plan: Plan,
    survey: Survey,
    crew: Pool,
    repository: icechunk.Repository,
    time: int,
    progress: Progress,
    guard: Callable[[], None],
    listener: Listener | None = None,
) -> None:
    """Does what is due. A block that fails to the last attempt is set aside, and the others are done.

    Raises RunError if some failed, after the others are committed, and what `guard` raises.
    """
    tell: Listener = listener or (lambda event: None)

    def due(block: BlockPlan) -> bool:
        """What was due before, and what now sees a mosaic that lacks a scene."""
        if block.landcover_due or not progress.lost:
            return block.landcover_due
        return plan.fingerprints(block.block, progress.lost)[1] != block.landcover

    def committed(stage: str, block: BlockId) -> None:
        if stage == "mosaic":
            feed.made(block)

    feed = Feed(plan.blocks(), plan.blocks_of.seen_by, due)
    committer = Committer(repository, plan, time, progress, guard, feed.frees, committed)
    given: dict[tuple[str, BlockId], BlockPlan] = {}

    def take(stage: str) -> Any:
        block = feed.mosaic() if stage == "mosaic" else feed.segment()
        if block is None and stage == "segment":
            committer.hurry(idle=not given)
            block = feed.segment()
        if block is None:
            return None
        given[stage, block.block] = block
        return committer.task(block)

    begun = clock.monotonic()
    meters = Meters(plan, crew, feed)
    failures = _Failures(survey)
    counts = Counter(dict.fromkeys(STAGES, 0))
    tell(Started("mosaic", survey.to_mosaic))
    tell(Started("segment", survey.to_segment))
    try:
        for outcome in crew.run(STAGES, take):
            block = given.pop((outcome.method, outcome.task.block))
            if outcome.error is None:
                counts[outcome.method] += 1
                committer.add(outcome.method, block, outcome.result)
            elif outcome.method == "mosaic":
                feed.failed(block.block)
            tell(Finished(outcome.method, outcome))
            meters.note(outcome)
            failures.note(outcome)
            if failures.hopeless:
                break
        committer.commit()
    finally:
        meters.tell()
        for stage in reversed(STAGES):
            tell(Ended(stage, counts[stage], failures.count[stage], clock.monotonic() - begun))
    failures.check(feed.held_back)


class _Failures:
    def __init__(self, survey: Survey) -> None:
        self.survey = survey
        self.count: Counter[str] = Counter()
        self.first: tuple[str, BlockId, str] | None = None
        self.running = 0

    @property
    def hopeless(self) -> bool:
        return self.running >= HOPELESS

    def note(self, outcome: Outcome) -> None:
        self.running = 0 if outcome.error is None else self.running + 1
        if outcome.error is not None:
            self.count[outcome.method] += 1
            self.first = self.first or (outcome.method, outcome.task.block, outcome.error)

    def check(self, held_back: int) -> None:
        """Raises RunError if there are any."""
        if self.first is None:
            return
        stage, block, error = self.first
        of = self.survey.to_mosaic if stage == "mosaic" else self.survey.to_segment
        rest = f", which {held_back} more wait for" if held_back else ""
        ended = f"; ended, since {HOPELESS} failed one after the other" if self.hopeless else ""
        raise RunError(
            f"{self.count[stage]} of {of} blocks failed to {stage}{rest}, the first at block {block}: {error}{ended}; "
            "the others are kept, run again after mending the cause"
        )
