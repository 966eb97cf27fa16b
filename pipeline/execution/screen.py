"""The part of an update before it maps: new mosaics on a branch of its own, the change model, the audit, the outcomes.

Whatever is killed, the same update goes on with what its branch has. The branch is deleted when the update is
published, or by the next update; no version has it in its history.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np

from cluster import Listener
from pipeline.change.alerts import without
from pipeline.change.audit import Judged
from pipeline.change.outcome import Outcome
from pipeline.change.parts import WHOLE
from pipeline.change.plans import GatedPlan, ScreenPlan, going_on, of_plan
from pipeline.change.questions import Questions
from pipeline.change.records import (
    ALERTS,
    BETTER,
    OUTCOME,
    PART_ALERT_DAYS,
    PART_ALERTS,
    PARTS,
    REST,
    SCORE,
    prepare_records,
    read_record,
    write_records,
)
from pipeline.change.score import PERCENT, patch_pixels
from pipeline.cube import store, versions
from pipeline.cube.block_runs import RUN, SCREENED
from pipeline.cube.checked_store import session_group
from pipeline.cube.create import add_change_layer, add_period
from pipeline.cube.cube import Cube
from pipeline.cube.run_progress import write_due
from pipeline.cube.schema import DEGRADED
from pipeline.execution.commit import Committer
from pipeline.execution.inputs import write_inputs
from pipeline.execution.schedule import Scheduler
from pipeline.execution.screen_audit import Hire, audit_skipped, reference_of
from pipeline.execution.task import Source, Work
from pipeline.geometry.grid import BlockId
from pipeline.planning.plan import Plan
from pipeline.planning.totals import Totals, block_totals


@dataclass(frozen=True)
class Screening:
    """What came of it. plan: what is left to map. source: where blocks are copied from. records: to write, (by, bx).

    detected: the parts of each block that changed by the change model, 0 where none did. judged: the blocks of the
    audit. sizes: skipped blocks of each of its strata. made: totals of the mosaics made. work: of the workers;
    audit_seconds: of their device, for the audit.
    """

    plan: GatedPlan
    source: Callable[[BlockId], Source]
    records: Mapping[str, np.ndarray]
    detected_YX: np.ndarray
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
        kept = _kept_all(plan, questions)
        return Screening(kept, lambda block: reference_of(questions), {RUN: questions.run_YX}, kept.parts_YX)
    write_inputs(cube, asking)
    versions.start_branch(cube, asking.branch)
    time = _prepare(cube, asking)
    totals, work = block_totals(asking), Work()
    write_due(cube, asking.run, totals.to_mosaic, 0)
    if totals.due:
        committer = Committer(cube, asking, time, lambda block: reference_of(questions))
        work += Scheduler(asking, totals, hire(asking, totals), committer, listener, ("mosaic", "screen")).run()
    group = cube.group(branch=asking.branch)
    made_YX, state_YX = (np.asarray(store.array(group, f"blocks/{name}")[time]) for name in ("mosaic", "state"))
    score_YX, better_YX, changed_YX, rest_YX = (read_record(group, name, time) for name in (SCORE, BETTER, PARTS, REST))
    poorer_YX = (state_YX == DEGRADED) & ~_gains(cube, asking, time, made_YX)
    outcome_YX = decide(questions, poorer_YX, score_YX, better_YX, changed_YX)
    detected_YX = np.where(outcome_YX == Outcome.CHANGED, changed_YX, np.uint64(0))
    parts_YX = np.where(going_on(outcome_YX) & (detected_YX == 0), np.uint64(WHOLE), detected_YX)
    skipped_score_YX = np.where(outcome_YX == Outcome.CHANGED, rest_YX, score_YX)
    awaits_YX = skipped_score_YX >= round(questions.settings.threshold * PERCENT)
    skipped_YX = (outcome_YX == Outcome.SCREENED_OUT) | ((parts_YX > 0) & (parts_YX < WHOLE) & ~awaits_YX)
    judged, sizes, audit_seconds = audit_skipped(
        cube, asking, time, skipped_YX, skipped_score_YX, parts_YX, hire, listener, work
    )
    pixels = patch_pixels(questions.settings.min_area, plan.extent.grid.resolution)
    for each in judged:
        if round(each.changed_km2 * 1e6 / plan.extent.grid.resolution**2) >= pixels:
            outcome_YX[plan.extent.slot(each.block)] = Outcome.FOUND_BY_AUDIT
            parts_YX[plan.extent.slot(each.block)] = WHOLE
    gated = GatedPlan(
        **of_plan(plan), questions=questions, outcome_YX=outcome_YX, parts_YX=parts_YX, made_mosaic_YX=made_YX
    )
    kept_YX = np.isin(outcome_YX, (Outcome.SCREENED_OUT, Outcome.AWAITS_VIEWS))
    records = {
        SCREENED: np.select(
            [kept_YX | (gated.goes_on_YX & ~gated.whole_YX), gated.whole_YX],
            [questions.wanted_mosaic_YX, np.uint64(0)],
            questions.screened_YX,
        ),
        SCORE: score_YX,
        PARTS: np.where(outcome_YX > 0, parts_YX, changed_YX),
        REST: rest_YX,
        BETTER: better_YX,
        RUN: np.select(
            [gated.whole_YX, gated.goes_on_YX], [np.uint64(int(gated.run, 16)), np.uint64(0)], questions.run_YX
        ),
        OUTCOME: np.where(outcome_YX > 0, outcome_YX, read_record(group, OUTCOME, time)),
    }
    seen_YX = questions.asked_YX & (state_YX != DEGRADED)
    for name, known_YXP in (
        (PART_ALERTS, questions.part_alerts_YXP),
        (PART_ALERT_DAYS, questions.part_alert_days_YXP),
    ):
        now_YXP = np.where(seen_YX[..., None], read_record(group, name, time), known_YXP)
        records[name] = without(now_YXP, parts_YX)
    records[ALERTS] = records[PART_ALERTS].max(-1)
    snapshot = str(cube.repository.lookup_branch(asking.branch))

    def source(block: BlockId) -> Source:
        slot, kept = plan.extent.slot(block), reference_of(questions)
        if not gated.goes_on_YX[slot]:
            return kept
        return Source(snapshot, time, int(parts_YX[slot]), None if gated.whole_YX[slot] else kept)

    return Screening(gated, source, records, detected_YX, judged, sizes, totals, work, audit_seconds)


def decide(
    questions: Questions,
    poorer_YX: np.ndarray,
    score_YX: np.ndarray,
    better_YX: np.ndarray,
    parts_YX: np.ndarray,
) -> np.ndarray:
    """The outcome of each block before an audit.

    poorer: whether the mosaic that was made lacks a scene without which the block stays as it is; score, better: in
    percent; parts: those that have changed for certain.
    """
    settings, asked_YX, going_YX = questions.settings, questions.asked_YX, questions.going_YX
    readable_YX = asked_YX & ~poorer_YX
    seen_YX = readable_YX & (score_YX >= round(settings.threshold * PERCENT))
    better_views_YX = readable_YX & (settings.better > 0) & (better_YX >= round(settings.better * PERCENT))
    return np.select(
        [
            poorer_YX & (asked_YX | (going_YX == Outcome.DEGRADED)),
            going_YX > 0,
            readable_YX & (parts_YX > 0),
            seen_YX,
            better_views_YX,
            readable_YX,
        ],
        [
            np.uint8(Outcome.UNREADABLE),
            going_YX,
            np.uint8(Outcome.CHANGED),
            np.uint8(Outcome.AWAITS_VIEWS),
            np.uint8(Outcome.BETTER_VIEWS),
            np.uint8(Outcome.SCREENED_OUT),
        ],
        np.uint8(Outcome.NOT_ASKED),
    )


def _gains(cube: Cube, asking: ScreenPlan, time: int, made_YX: np.ndarray) -> np.ndarray:
    """Whether blocks that lacked a scene have another mosaic now, of which no pixel has fewer clear views, (by, bx)."""
    questions, extent = asking.questions, asking.extent
    gains_YX = (questions.going_YX == Outcome.DEGRADED) & (made_YX != questions.mosaic_YX)
    groups = cube.group(snapshot=questions.reference.snapshot), cube.group(branch=asking.branch)
    views = [store.array(group, "observations") for group in groups]
    for block in [block for block in extent.blocks() if gains_YX[extent.slot(block)]]:
        before_HW, now_HW = (
            store.read_window(each, at, extent, extent.covered(block))
            for each, at in zip(views, (questions.reference.time, time), strict=True)
        )
        gains_YX[extent.slot(block)] = (now_HW >= before_HW).all()
    return gains_YX


def drop_screens(cube: Cube, but: str | None = None) -> None:
    """Deletes the branches of other updates."""
    for branch in sorted(cube.repository.list_branches()):
        if branch.startswith(versions.SCREEN) and branch != but:
            versions.delete_branch(cube, branch)


def _kept_all(plan: Plan, questions: Questions) -> GatedPlan:
    shape = questions.asked_YX.shape
    return GatedPlan(
        **of_plan(plan),
        questions=questions,
        outcome_YX=np.zeros(shape, np.uint8),
        parts_YX=np.zeros(shape, np.uint64),
        made_mosaic_YX=questions.wanted_mosaic_YX,
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
