"""The audit of an update: maps a sample of what it skips, and compares old and new maps of that and of what changed."""

from collections import Counter
from collections.abc import Callable
from functools import partial

import numpy as np
import zarr

from cluster import Event, Finished, Listener, Pool, gather
from pipeline.change.audit import Judged, differences, draw_audit
from pipeline.change.parts import WHOLE, mask_of, share_of
from pipeline.change.plans import AuditPlan, GatedPlan, ScreenPlan, of_plan
from pipeline.change.questions import Questions
from pipeline.change.score import PERCENT, patch_pixels
from pipeline.cube import store
from pipeline.cube.cube import Cube
from pipeline.execution.commit import Committer
from pipeline.execution.schedule import Scheduler
from pipeline.execution.task import Source, Work
from pipeline.geometry.extent import Extent
from pipeline.geometry.grid import BlockId
from pipeline.planning.plan import Plan
from pipeline.planning.totals import Totals, block_totals

Hire = Callable[[Plan, Totals], Pool]
"""Gives the workers of a run; they are hired for what is first due, and stay."""


def reference_of(questions: Questions) -> Source:
    return Source(questions.reference.snapshot, questions.reference.time)


def judged_blocks(
    cube: Cube, plan: GatedPlan, detected_YX: np.ndarray, score_YX: np.ndarray, new: Source
) -> list[Judged]:
    """The blocks that changed by the change model, their new map compared with the one before.

    detected: the parts of each block that changed by it, which are compared: the audit has judged the others, 0 of a
    block that did not. score: in percent.
    """
    blocks = [block for block in plan.extent.blocks() if detected_YX[plan.extent.slot(block)]]
    parts = [int(detected_YX[plan.extent.slot(block)]) for block in blocks]
    found = _differences(cube, plan, reference_of(plan.questions), new, blocks, parts)
    return [Judged(b, int(score_YX[plan.extent.slot(b)]), *km2, 0.0) for b, km2 in zip(blocks, found, strict=True)]


def audit_skipped(
    cube: Cube,
    asking: ScreenPlan,
    time: int,
    skipped_YX: np.ndarray,
    score_YX: np.ndarray,
    parts_YX: np.ndarray,
    hire: Hire,
    listener: Listener | None,
    work: Work,
) -> tuple[list[Judged], list[int], float]:
    """Maps a sample of the blocks that would be skipped, at least in part, and compares; adds to `work`.

    score: of what would be skipped. parts: what would not. Returns the judged blocks, the size of each stratum, and the
    device's seconds.
    """
    questions, extent = asking.questions, asking.extent
    skipped = [b for b in extent.blocks() if skipped_YX[extent.slot(b)]]
    score_N = np.array([score_YX[extent.slot(block)] for block in skipped], int)
    threshold, seed = round(questions.settings.threshold * PERCENT), int(questions.id, 16)
    stratum_N, taken_N = draw_audit(score_N, questions.settings.audit, threshold, seed)
    sizes = np.bincount(stratum_N, minlength=1).tolist()
    numbers = np.flatnonzero(taken_N).tolist()
    if not numbers:
        return [], sizes, 0.0
    sample = [skipped[number] for number in numbers]
    audit = AuditPlan(**of_plan(asking), questions=questions, sample=frozenset(sample))
    totals, seconds = block_totals(audit), dict[BlockId, float]()

    def listen(event: Event) -> None:
        if isinstance(event, Finished) and event.outcome.error is None and event.stage == "segment":
            seconds[event.outcome.task.block] = event.outcome.result.seconds["device"]
        if listener is not None:
            listener(event)

    done = Work()
    if totals.due:
        done = Scheduler(audit, totals, hire(audit, totals), Committer(cube, audit, time), listen).run()
        done.blocks = Counter(audit=done.blocks["segment"])
        work += done
    mean = sum(seconds.values()) / max(len(seconds), 1)
    new = Source(str(cube.repository.lookup_branch(asking.branch)), time)
    others = [WHOLE & ~int(parts_YX[extent.slot(block)]) for block in sample]
    found = _differences(cube, asking, reference_of(questions), new, sample, others)
    taken_S = np.bincount(stratum_N[taken_N], minlength=len(sizes)).tolist()
    judged = [
        Judged(block, score, *km2, seconds.get(block, mean) * share_of(other), s, sizes[s], taken_S[s])
        for block, score, km2, other, s in zip(
            sample, score_N[taken_N].tolist(), found, others, stratum_N[taken_N].tolist(), strict=True
        )
    ]
    return judged, sizes, done.seconds["segment.device"]


def _differences(
    cube: Cube, plan: Plan, old: Source, new: Source, blocks: list[BlockId], parts: list[int]
) -> list[tuple[float, float]]:
    """Changed and flickering km2 from one map to another, in the given parts of each block."""
    settings = plan.region.change
    assert settings is not None, "only an update with a change model compares"
    resolution = plan.extent.grid.resolution
    maps = [(cube.group(snapshot=of.snapshot), of.time) for of in (old, new)]
    arrays = [(store.array(group, name), time) for name in ("landcover", "confidence") for group, time in maps]
    count = partial(_count, plan.extent, arrays, patch_pixels(settings.min_area, resolution))
    km2 = resolution**2 / 1e6
    counted = gather(count, list(zip(blocks, parts, strict=True)))
    return [(changed * km2, flicker * km2) for changed, flicker in counted]


def _count(
    extent: Extent, arrays: list[tuple[zarr.Array, int]], pixels: int, of: tuple[BlockId, int]
) -> tuple[int, int]:
    block, parts = of
    window = extent.covered(block)
    counted_HW = mask_of(parts, window, extent.grid.block_window(block))
    old_HW, new_HW, old_confidence_HW, new_confidence_HW = (
        store.read_window(source, time, extent, window) for source, time in arrays
    )
    new_HW = np.where(counted_HW, new_HW, old_HW)
    return differences(old_HW, new_HW, old_confidence_HW, new_confidence_HW, pixels)
