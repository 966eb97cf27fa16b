"""The part of an update before it maps: new mosaics on a branch of its own, the change model, the audit, the outcomes.

Whatever is killed, the same update goes on with what its branch has. The branch is deleted when the update is
published, or by the next update; no version has it in its history.
"""

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial

import numpy as np
import zarr

from cluster import Event, Finished, Listener, Pool, gather
from pipeline.change.audit import Judged, differences, draw_audit
from pipeline.change.outcome import Outcome
from pipeline.change.plans import AuditPlan, GatedPlan, ScreenPlan, of_plan
from pipeline.change.questions import Questions
from pipeline.change.records import (
    ALERT_DAY,
    ALERTS,
    BETTER,
    OUTCOME,
    SCORE,
    SCREENED,
    prepare_records,
    read_record,
    write_records,
)
from pipeline.change.score import PERCENT, patch_pixels
from pipeline.cube import store, versions
from pipeline.cube.checked_store import session_group
from pipeline.cube.create import add_change_layer, add_period
from pipeline.cube.cube import Cube
from pipeline.cube.schema import DEGRADED
from pipeline.execution.commit import Committer
from pipeline.execution.inputs import write_inputs
from pipeline.execution.schedule import Scheduler
from pipeline.execution.task import Source, Work
from pipeline.geometry.extent import Extent
from pipeline.geometry.grid import BlockId
from pipeline.planning.plan import Plan
from pipeline.planning.totals import Totals, block_totals

SCREENS = "screen-"

Hire = Callable[[Plan, Totals], Pool]
"""Gives the workers of a run; they are hired for what is first due, and stay."""


@dataclass(frozen=True)
class Screening:
    """What came of it. plan: what is left to map. source: where blocks are copied from. records: to write, (by, bx).

    judged: the blocks of the audit. sizes: skipped blocks of each of its strata. made: totals of the mosaics made.
    work: of the workers; audit_seconds: of their device, for the audit.
    """

    plan: GatedPlan
    source: Callable[[BlockId], Source]
    records: Mapping[str, np.ndarray]
    judged: list[Judged] = field(default_factory=list)
    sizes: list[int] = field(default_factory=list)
    made: Totals = field(default_factory=Totals)
    work: Work = field(default_factory=Work)
    audit_seconds: float = 0.0

    def write(self, cube: Cube, time: int) -> None:
        """Writes the records to the branch of the plan."""
        session = cube.repository.writable_session(self.plan.branch)
        group = session_group(session)
        prepare_records(group)
        add_change_layer(group, self.plan.layout)
        made_by = [self.plan.run, self.plan.questions.inputs]
        write_records(group, time, self.records, str(self.plan.region.period[0]), made_by)
        if session.has_uncommitted_changes:
            cube.commit(session, "outcomes")


def screen(cube: Cube, plan: Plan, questions: Questions, hire: Hire, listener: Listener | None = None) -> Screening:
    """Decides which blocks of an update go on. Raises what `Scheduler.run` raises."""
    asking = ScreenPlan(**of_plan(plan), questions=questions)
    drop_screens(cube, but=asking.branch)
    if not questions.any:
        return Screening(_kept_all(plan, questions), lambda block: _reference(questions), {})
    write_inputs(cube, asking)
    versions.start_branch(cube, asking.branch)
    time = _prepare(cube, asking)
    totals, work = block_totals(asking), Work()
    if totals.due:
        committer = Committer(cube, asking, time, lambda block: _reference(questions))
        work += Scheduler(asking, totals, hire(asking, totals), committer, listener, ("mosaic", "screen")).run()
    group = cube.group(branch=asking.branch)
    made_YX, state_YX = (np.asarray(store.array(group, f"blocks/{name}")[time]) for name in ("mosaic", "state"))
    score_YX, better_YX, shown_YX = (read_record(group, name, time) for name in (SCORE, BETTER, ALERT_DAY))
    outcome_YX, alerts_YX = decide(questions, made_YX, state_YX == DEGRADED, score_YX, better_YX, shown_YX)
    judged, sizes, audit_seconds = _audit(cube, asking, time, outcome_YX, score_YX, hire, listener, work)
    pixels = patch_pixels(questions.settings.min_area, plan.extent.grid.resolution)
    for each in judged:
        if round(each.changed_km2 * 1e6 / plan.extent.grid.resolution**2) >= pixels:
            outcome_YX[plan.extent.slot(each.block)] = Outcome.FOUND_BY_AUDIT
    gated = GatedPlan(**of_plan(plan), questions=questions, outcome_YX=outcome_YX, made_mosaic_YX=made_YX)
    kept_YX = np.isin(outcome_YX, (Outcome.SCREENED_OUT, Outcome.AWAITS_VIEWS))
    records = {
        SCREENED: np.select(
            [kept_YX, gated.goes_on_YX], [questions.wanted_mosaic_YX, np.uint64(0)], questions.screened_YX
        ),
        SCORE: score_YX,
        BETTER: better_YX,
        OUTCOME: np.where(outcome_YX > 0, outcome_YX, read_record(group, OUTCOME, time)),
        ALERTS: np.where(gated.goes_on_YX, np.uint8(0), alerts_YX),
        ALERT_DAY: np.select(
            [gated.goes_on_YX | (alerts_YX == 0), outcome_YX == Outcome.AWAITS_VIEWS],
            [np.uint16(0), shown_YX],
            questions.alert_day_YX,
        ),
    }
    snapshot = str(cube.repository.lookup_branch(asking.branch))

    def source(block: BlockId) -> Source:
        new = gated.goes_on_YX[plan.extent.slot(block)]
        return Source(snapshot, time) if new else _reference(questions)

    return Screening(gated, source, records, judged, sizes, totals, work, audit_seconds)


def decide(
    questions: Questions,
    made_YX: np.ndarray,
    degraded_YX: np.ndarray,
    score_YX: np.ndarray,
    better_YX: np.ndarray,
    alert_day_YX: np.ndarray,
) -> tuple[np.ndarray, np.ndarray]:
    """The outcome of each block before an audit, and its alerts.

    made: fingerprints of the mosaics made; degraded: whether one lacks a scene; score, better: in percent; alert_day:
    see `score.alert_day`.
    """
    settings, asked_YX, going_YX = questions.settings, questions.asked_YX, questions.going_YX
    readable_YX = asked_YX & ~degraded_YX
    seen_YX = readable_YX & (score_YX >= round(settings.threshold * PERCENT))
    better_views_YX = readable_YX & (settings.better > 0) & (better_YX >= round(settings.better * PERCENT))
    newly_YX = alert_day_YX > questions.alert_day_YX
    counted_YX = np.minimum(questions.alerts_YX.astype(int) + newly_YX, 255).astype(np.uint8)
    alerts_YX = np.select([seen_YX, readable_YX], [counted_YX, np.uint8(0)], questions.alerts_YX)
    outcome_YX = np.select(
        [
            (going_YX == Outcome.DEGRADED) & degraded_YX & (made_YX == questions.mosaic_YX),
            going_YX > 0,
            asked_YX & degraded_YX,
            seen_YX & (alerts_YX > settings.confirm),
            seen_YX,
            better_views_YX,
            readable_YX,
        ],
        [
            np.uint8(Outcome.UNREADABLE),
            going_YX,
            np.uint8(Outcome.UNREADABLE),
            np.uint8(Outcome.CHANGED),
            np.uint8(Outcome.AWAITS_VIEWS),
            np.uint8(Outcome.BETTER_VIEWS),
            np.uint8(Outcome.SCREENED_OUT),
        ],
        np.uint8(Outcome.NOT_ASKED),
    )
    return outcome_YX, alerts_YX


def judged_blocks(cube: Cube, screening: Screening, snapshot: str, time: int) -> list[Judged]:
    """The blocks that changed by the change model, their new map at a snapshot compared with the one before."""
    plan, questions = screening.plan, screening.plan.questions
    blocks = [b for b in plan.extent.blocks() if plan.outcome_YX[plan.extent.slot(b)] == Outcome.CHANGED]
    score_YX = screening.records[SCORE]
    found = _differences(cube, plan, _reference(questions), Source(snapshot, time), blocks)
    return [Judged(b, int(score_YX[plan.extent.slot(b)]), *km2, 0.0) for b, km2 in zip(blocks, found, strict=True)]


def drop_screens(cube: Cube, but: str | None = None) -> None:
    """Deletes the branches of other updates."""
    for branch in sorted(cube.repository.list_branches()):
        if branch.startswith(SCREENS) and branch != but:
            versions.delete_branch(cube, branch)


def _reference(questions: Questions) -> Source:
    return Source(questions.reference.snapshot, questions.reference.time)


def _kept_all(plan: Plan, questions: Questions) -> GatedPlan:
    outcome_YX = np.zeros(questions.asked_YX.shape, np.uint8)
    return GatedPlan(
        **of_plan(plan), questions=questions, outcome_YX=outcome_YX, made_mosaic_YX=questions.wanted_mosaic_YX
    )


def _prepare(cube: Cube, plan: Plan) -> int:
    session = cube.repository.writable_session(plan.branch)
    group = session_group(session)
    time = add_period(group, plan.layout, plan.region.period)
    prepare_records(group)
    add_change_layer(group, plan.layout)
    if session.has_uncommitted_changes:
        cube.commit(session, "arrays")
    return time


def _audit(
    cube: Cube,
    asking: ScreenPlan,
    time: int,
    outcome_YX: np.ndarray,
    score_YX: np.ndarray,
    hire: Hire,
    listener: Listener | None,
    work: Work,
) -> tuple[list[Judged], list[int], float]:
    """Maps a sample of the blocks that would be skipped and compares; adds to `work`.

    Returns the judged blocks, the size of each stratum, and the device's seconds.
    """
    questions, extent = asking.questions, asking.extent
    skipped = [b for b in extent.blocks() if outcome_YX[extent.slot(b)] == Outcome.SCREENED_OUT]
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
    found = _differences(cube, asking, _reference(questions), new, sample)
    taken_S = np.bincount(stratum_N[taken_N], minlength=len(sizes)).tolist()
    judged = [
        Judged(block, int(score), *km2, seconds.get(block, mean), int(s), sizes[s], taken_S[s])
        for block, score, km2, s in zip(
            sample, score_N[taken_N].tolist(), found, stratum_N[taken_N].tolist(), strict=True
        )
    ]
    return judged, sizes, done.seconds["segment.device"]


def _differences(cube: Cube, plan: Plan, old: Source, new: Source, blocks: list[BlockId]) -> list[tuple[float, float]]:
    """Changed and flickering km2 of blocks from one map to another."""
    settings = plan.region.change
    assert settings is not None, "only an update with a change model compares"
    resolution = plan.extent.grid.resolution
    maps = [(cube.group(snapshot=of.snapshot), of.time) for of in (old, new)]
    arrays = [(store.array(group, name), time) for name in ("landcover", "confidence") for group, time in maps]
    count = partial(_count, plan.extent, arrays, patch_pixels(settings.min_area, resolution))
    km2 = resolution**2 / 1e6
    return [(changed * km2, flicker * km2) for changed, flicker in gather(count, blocks)]


def _count(extent: Extent, arrays: list[tuple[zarr.Array, int]], pixels: int, block: BlockId) -> tuple[int, int]:
    window = extent.covered(block)
    old_HW, new_HW, old_confidence_HW, new_confidence_HW = (
        store.read_window(source, time, extent, window) for source, time in arrays
    )
    return differences(old_HW, new_HW, old_confidence_HW, new_confidence_HW, pixels)
