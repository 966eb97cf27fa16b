"""The plans of an update with a change model: to ask it, to audit it, and to map what goes on.

The first two work on a branch of their own, `screen-ID`, where every block that is asked gets its new mosaic. The third
works on the branch of the run, which gets new mosaics of what goes on alone. So the mosaic in the cube is the one that
each map was made from, and all maps are those of the mosaics in the cube, as if all had been mapped at once.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field, fields, replace
from functools import cached_property
from typing import Any

import numpy as np

from pipeline.change.outcome import Outcome
from pipeline.change.parts import WHOLE, ground_of
from pipeline.change.questions import Questions
from pipeline.change.records import read_record
from pipeline.cube import versions
from pipeline.cube.block_runs import SCREENED
from pipeline.cube.records import Records
from pipeline.cube.schema import period_index
from pipeline.geometry.grid import BlockId, Window
from pipeline.planning.blocks import NOTHING_LOST, BlockPlan, Blocks, Lost, fingerprint
from pipeline.planning.plan import Plan

CHANGED, SAME, NEW = "changed", "same", "new"


@dataclass(frozen=True)
class ScreenPlan(Plan):
    """Makes the new mosaics of the blocks that are asked or go on, and asks the change model."""

    questions: Questions = field(kw_only=True)

    @cached_property
    def run(self) -> str:
        return self.questions.id

    @property
    def branch(self) -> str:
        return f"{versions.SCREEN}{self.run}"

    @cached_property
    def blocks_of(self) -> Blocks:
        """With the reach of the change model, not that of the map."""
        return replace(self.make_blocks(), reach=self.questions.halo)

    def blocks(self) -> Iterator[BlockPlan]:
        asked_YX, going_YX = self.questions.asked_YX, self.questions.going_YX
        screened_YX = self._screened()
        for block in self.blocks_of.plans(self._records(self.branch), None):
            slot = self.extent.slot(block.block)
            asked = bool(asked_YX[slot])
            yield replace(
                block,
                landcover=block.mosaic,
                mosaic_due=block.mosaic_due and (asked or going_YX[slot] > 0),
                landcover_due=asked and screened_YX[slot] != block.mosaic,
                kind=CHANGED if asked or going_YX[slot] else SAME,
            )

    def _screened(self) -> np.ndarray:
        """Fingerprints of the mosaics that the change model has been asked about on this branch, (by, bx)."""
        group = None if self.cube is None else self.cube.branch_group(self.branch)
        if group is None:
            return np.zeros(self.extent.block_range.shape, np.uint64)
        return read_record(group, SCREENED, time_on(group, self))

    def fingerprints(self, block: BlockId, lost: Lost = NOTHING_LOST) -> tuple[int, int]:
        """Of the mosaic without what was lost, and of the mosaic that was planned."""
        return self.blocks_of.fingerprints(block, lost)[0], int(
            self.questions.wanted_mosaic_YX[self.extent.slot(block)]
        )


@dataclass(frozen=True)
class AuditPlan(ScreenPlan):
    """Maps a sample of the blocks that would be skipped, from the new mosaics of all."""

    sample: frozenset[BlockId] = field(kw_only=True)

    @cached_property
    def blocks_of(self) -> Blocks:
        return self.make_blocks()

    def blocks(self) -> Iterator[BlockPlan]:
        for block in self.blocks_of.plans(self._records(self.branch), None):
            audited = block.block in self.sample
            yield replace(block, mosaic_due=False, landcover_due=audited and block.landcover_due, kind=SAME)

    def fingerprints(self, block: BlockId, lost: Lost = NOTHING_LOST) -> tuple[int, int]:
        return self.blocks_of.fingerprints(block)


@dataclass(frozen=True)
class GatedPlan(Plan):
    """Maps the parts of blocks that go on and what sees their mosaics, and keeps all else.

    All (by, bx). outcome: of each block. parts: those of its new mosaic that it gets if it goes on. made_mosaic: the
    fingerprint of its new mosaic.
    """

    questions: Questions = field(kw_only=True)
    outcome_YX: np.ndarray = field(kw_only=True)
    parts_YX: np.ndarray = field(kw_only=True)
    made_mosaic_YX: np.ndarray = field(kw_only=True)

    @cached_property
    def run(self) -> str:
        return self.questions.id

    @cached_property
    def goes_on_YX(self) -> np.ndarray:
        return going_on(self.outcome_YX)

    @cached_property
    def whole_YX(self) -> np.ndarray:
        """The blocks that go on as a whole."""
        return self.goes_on_YX & (self.parts_YX == WHOLE)

    @cached_property
    def mosaic_YX(self) -> np.ndarray:
        """Fingerprints of the mosaics that the cube will have."""
        mosaic_YX = np.where(self.goes_on_YX, self.made_mosaic_YX, self.questions.mosaic_YX)
        for slot in zip(*np.nonzero(self.goes_on_YX & ~self.whole_YX), strict=True):
            known = (of[slot].tobytes() for of in (self.questions.mosaic_YX, mosaic_YX, self.parts_YX))
            mosaic_YX[slot] = fingerprint(*known)
        return mosaic_YX

    @cached_property
    def replaced_YX(self) -> np.ndarray:
        """The blocks whose mosaics are replaced, in part or as a whole."""
        return self.goes_on_YX & (self.mosaic_YX != self.questions.mosaic_YX)

    @cached_property
    def due_YX(self) -> np.ndarray:
        """The blocks to map: those that go on, and, where they see it, those that see ground that is replaced."""
        due_YX = self.goes_on_YX.copy()
        for block in self._blocks(self.replaced_YX):
            ground = self._ground(block)
            for other in self.blocks_of.seen_by(block):
                due_YX[self.extent.slot(other)] |= bool(self._sees(other, ground))
        return due_YX & (self.questions.wanted_mosaic_YX > 0)

    @property
    def decided(self) -> bool:
        """Whether anything is to be recorded: a period is new, or of some block something was decided."""
        undecided_YX = np.isin(self.outcome_YX, (Outcome.NOT_ASKED, Outcome.UNREADABLE))
        return self.questions.reference.carries or not undecided_YX.all()

    def blocks(self) -> Iterator[BlockPlan]:
        return self.compared(self._records(self.branch) or self._records(versions.MAIN))

    def compared(self, done: Records | None) -> Iterator[BlockPlan]:
        """Every block in order; its new mosaic is due if `done` does not have it, and its land cover likewise."""
        old_YX = self.questions.landcover_YX
        for block in self.blocks_of.plans(None, None):
            slot = self.extent.slot(block.block)
            mosaic, landcover = self.fingerprints(block.block)
            had_mosaic, had_landcover = done.fingerprints(block.block) if done else (0, 0)
            due = bool(self.due_YX[slot])
            yield replace(
                block,
                mosaic=mosaic,
                landcover=landcover,
                mosaic_due=mosaic != had_mosaic,
                landcover_due=due and landcover != had_landcover,
                kind=(CHANGED if old_YX[slot] else NEW) if due else SAME,
                ground=self.ground_near(block.block) if due else (),
            )

    def ground_near(self, block: BlockId) -> tuple[Window, ...]:
        """The ground with a new mosaic that a block sees which does not go on as a whole.

        The rest of its map is that of what it sees: one that was never mapped, or otherwise than now, goes on as one.
        """
        if self.whole_YX[self.extent.slot(block)]:
            return ()
        replaced = (other for other in self.blocks_of.seen_by(block) if self.replaced_YX[self.extent.slot(other)])
        return tuple(window for other in replaced for window in self._sees(block, self._ground(other)))

    def _ground(self, block: BlockId) -> list[Window]:
        """Where the mosaic of a block is replaced."""
        covered, parts = self.extent.covered(block), int(self.parts_YX[self.extent.slot(block)])
        return [window & covered for window in ground_of(parts, self.extent.grid.block_window(block))]

    def _sees(self, block: BlockId, ground: list[Window]) -> list[Window]:
        seen = self.extent.covered(block).pad(self.blocks_of.reach)
        return [window for window in ground if not (window & seen).empty]

    def fingerprints(self, block: BlockId, lost: Lost = NOTHING_LOST) -> tuple[int, int]:
        """Of a fresh run where all mosaics that the block sees are those of one; else of these mosaics."""
        slot = self.extent.slot(block)
        mosaic = int(self.mosaic_YX[slot])
        if not self.due_YX[slot]:
            return mosaic, int(self.questions.landcover_YX[slot])
        seen = [self.extent.slot(other) for other in self.blocks_of.seen_by(block)]
        if all(self.mosaic_YX[at] == self.questions.wanted_mosaic_YX[at] for at in seen):
            return mosaic, int(self.questions.wanted_landcover_YX[slot])
        mosaics = np.array([self.mosaic_YX[at] for at in seen]).tobytes()
        return mosaic, fingerprint(self.blocks_of.landcover_by, b"%d %d" % block, mosaics)

    def copies_landcover(self, block: BlockId) -> bool:
        """Whether a block is taken over with its map, not with its mosaic alone: into a new period."""
        return self.questions.reference.carries and not self.whole_YX[self.extent.slot(block)]

    def _blocks(self, mask_YX: np.ndarray) -> list[BlockId]:
        top, left = self.extent.block_range.y0, self.extent.block_range.x0
        return [(y + top, x + left) for y, x in np.argwhere(mask_YX).tolist()]


def going_on(outcome_YX: np.ndarray) -> np.ndarray:
    """Where blocks go on by their outcome."""
    return np.isin(outcome_YX, [outcome for outcome in Outcome if outcome.goes_on])


def of_plan(plan: Plan) -> dict[str, Any]:
    """The fields of a plan, to make one of the above from it."""
    return {each.name: getattr(plan, each.name) for each in fields(Plan)}


def time_on(group: Any, plan: Plan) -> int:
    """Index along time of a plan's period on its branch."""
    time = period_index(group, plan.region.period[0])
    assert time is not None, "the branch has its period"
    return time
