"""What an update maps and keeps, and the fingerprints of that: block by block, without a cube.

`questions.py` and `preview.py` are tested with a cube, by updates: tests/pipeline/execution/test_screen.py.
"""

from dataclasses import fields

import numpy as np
import pytest
from change_questions import questions

from pipeline.change.outcome import Outcome
from pipeline.change.parts import WHOLE, ground_of
from pipeline.change.plans import GatedPlan
from pipeline.change.questions import Reference
from pipeline.geometry.extent import Extent
from pipeline.geometry.grid import Grid, Window
from pipeline.planning.blocks import Blocks
from pipeline.planning.plan import Plan

EXTENT = Extent(Grid("EPSG:3035", 10, 256), Window(0, 0, 256, 1024))
KEPT, CHANGED, NONE, UNREADABLE = Outcome.SCREENED_OUT, Outcome.CHANGED, Outcome.NOT_ASKED, Outcome.UNREADABLE


def gated(*outcomes, parts=(WHOLE,) * 4, **changes):
    """An update that sees 100 pixels around a block: each sees its neighbours alone. parts: those that have changed."""
    outcome_YX, parts_YX = np.array([outcomes], np.uint8), np.array([parts], np.uint64)
    asked = questions(**changes)
    unset = dict.fromkeys(each.name for each in fields(Plan))
    made = {"outcome_YX": outcome_YX, "parts_YX": parts_YX, "made_mosaic_YX": asked.wanted_mosaic_YX}
    plan = GatedPlan(**unset, questions=asked, **made)
    plan.__dict__.update(extent=EXTENT, blocks_of=Blocks(EXTENT, [], 100, b"m", b"l"))
    return plan


def blocks(plan):
    """(fingerprints, land cover due) of each block."""
    return [(*plan.fingerprints((0, x)), bool(plan.due_YX[0, x])) for x in range(4)]


def test_a_changed_block_and_those_that_see_its_mosaic_are_mapped_and_the_others_keep_their_fingerprints():
    mosaics, landcovers, due = zip(*blocks(gated(CHANGED, KEPT, KEPT, NONE)), strict=True)
    assert mosaics == (2, 1, 1, 1)
    assert due == (True, True, False, False)
    assert landcovers[2:] == (1, 1)
    assert len({*landcovers[:2], 1, 2}) == 4


def test_of_a_block_that_stays_only_what_sees_replaced_mosaics_is_mapped_again():
    plan = gated(CHANGED, KEPT, CHANGED, NONE)
    first, third = (EXTENT.covered((0, x)) for x in (0, 2))
    assert [block.ground for block in plan.compared(None)] == [(), (first, third), (), (third,)]
    assert [block.ground for block in gated(KEPT, KEPT, KEPT, NONE).compared(None)] == [()] * 4


def test_a_block_that_has_changed_in_a_part_is_mapped_where_that_is_seen_and_so_are_those_that_see_it():
    left, right = 1, 1 << 7
    for parts, due in ((left, [True, True, False, False]), (right, [False, True, True, False])):
        plan = gated(KEPT, CHANGED, KEPT, KEPT, parts=(0, parts, 0, 0))
        assert plan.due_YX.tolist() == [due]
        (ground,) = ground_of(parts, EXTENT.covered((0, 1)))
        assert [block.ground for block in plan.compared(None)] == [(ground,) if each else () for each in due]


def test_the_mosaic_of_which_a_part_is_new_is_neither_the_old_nor_the_new_one_nor_that_of_other_parts():
    mosaics = [gated(KEPT, CHANGED, KEPT, KEPT, parts=(0, parts, 0, 0)).mosaic_YX for parts in (1, 2, WHOLE)]
    assert len({1, *(int(mosaic_YX[0, 1]) for mosaic_YX in mosaics)}) == 4
    assert mosaics[2][0, 1] == 2
    for mosaic_YX in mosaics:
        assert mosaic_YX[0, [0, 2, 3]].tolist() == [1, 1, 1]


def test_a_block_that_sees_only_new_mosaics_has_the_fingerprint_of_a_fresh_run():
    landcovers = [block[1] for block in blocks(gated(CHANGED, CHANGED, CHANGED, KEPT))]
    assert landcovers[:2] == [2, 2]
    assert 2 not in landcovers[2:]
    assert [block[1] for block in blocks(gated(CHANGED, CHANGED, CHANGED, CHANGED))] == [2, 2, 2, 2]


def test_the_fingerprint_tells_which_mosaics_are_seen():
    first, second = (
        blocks(gated(*outcomes))[1][1] for outcomes in ((CHANGED, KEPT, KEPT, NONE), (KEPT, KEPT, CHANGED, NONE))
    )
    assert first != second


def test_a_block_that_goes_on_with_the_mosaic_that_it_has_leaves_its_neighbours_alone():
    same = np.array([[1, 2, 2, 2]], np.uint64)
    plan = gated(Outcome.OTHER_INPUTS, KEPT, KEPT, KEPT, wanted_mosaic_YX=same)
    assert plan.due_YX.tolist() == [[True, False, False, False]]


@pytest.mark.parametrize(
    ("outcomes", "decided"),
    [((NONE,) * 4, False), ((NONE, UNREADABLE, NONE, NONE), False), ((NONE, UNREADABLE, KEPT, NONE), True)],
)
def test_an_update_that_decided_of_no_block_has_nothing_to_record(outcomes, decided):
    assert gated(*outcomes).decided == decided


def test_into_a_new_period_kept_blocks_are_taken_over_with_their_maps():
    old = questions().reference
    plan = gated(CHANGED, KEPT, KEPT, KEPT, reference=Reference(old.snapshot, 0, old.start, carries=True))
    assert [plan.copies_landcover((0, x)) for x in range(4)] == [False, True, True, True]
    partly = gated(CHANGED, KEPT, KEPT, KEPT, parts=(1, 0, 0, 0), reference=plan.questions.reference)
    assert partly.copies_landcover((0, 0))
    assert not any(gated(CHANGED, KEPT, KEPT, KEPT).copies_landcover((0, x)) for x in range(4))
    assert gated(NONE, NONE, NONE, NONE, reference=plan.questions.reference).decided
