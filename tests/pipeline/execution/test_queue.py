"""The order in which blocks are given out, whatever the order in which they are finished."""

from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.execution.queue import BlockQueue
from pipeline.planning.blocks import BlockPlan


def block_plan(block, mosaic_due=True, landcover_due=True):
    return BlockPlan(block, (), 1, 1, 1, mosaic_due, landcover_due, "new")


def neighbours(rows, cols):
    def seen_by(block):
        y, x = block
        ys, xs = range(max(y - 1, 0), min(y + 2, rows)), range(max(x - 1, 0), min(x + 2, cols))
        return list(product(ys, xs))

    return seen_by


def worked_off(plans, seen_by, choose, fails=frozenset()):
    """Gives out all there is, and finishes it in the order that `choose` (a number from how many) says."""
    queue = BlockQueue(iter(plans), seen_by)
    running, made, mosaics, landcovers = [], set(), [], []
    while True:
        while len(running) < 4:
            if (plan := queue.next_segmentation()) is not None:
                open_before = [b for b in seen_by(plan.block) if b in due_mosaics(plans) and b not in made]
                assert open_before == []
                running.append(("segment", plan.block))
            elif (plan := queue.next_mosaic()) is not None:
                running.append(("mosaic", plan.block))
            else:
                break
        if not running:
            return mosaics, landcovers, queue
        stage, block = running.pop(choose(len(running)))
        if stage == "segment":
            landcovers.append(block)
        elif block in fails:
            queue.mosaic_failed(block)
        else:
            mosaics.append(block)
            made.add(block)
            queue.mosaic_committed(block)


def due_mosaics(plans):
    return {plan.block for plan in plans if plan.mosaic_due}


@st.composite
def cases(draw):
    rows, cols = draw(st.integers(1, 6)), draw(st.integers(1, 6))
    there = [block for block in product(range(rows), range(cols)) if draw(st.booleans())]
    plans = [block_plan(block, draw(st.booleans()), draw(st.booleans())) for block in there]
    due = sorted(due_mosaics(plans))
    fails = frozenset(draw(st.sets(st.sampled_from(due), max_size=2))) if due else frozenset()
    return rows, cols, plans, fails, draw(st.randoms(use_true_random=False))


@given(cases())
def test_every_due_block_is_given_out_once_and_land_cover_after_all_mosaics_it_sees(case):
    rows, cols, plans, fails, random = case
    seen_by = neighbours(rows, cols)
    mosaics, landcovers, queue = worked_off(plans, seen_by, random.randrange, fails)
    assert sorted(mosaics) == sorted(due_mosaics(plans) - fails)
    held_back = {plan.block for plan in plans if fails & set(seen_by(plan.block))}
    expected = {plan.block for plan in plans if plan.landcover_due} - held_back
    assert sorted(landcovers) == sorted(expected)
    assert queue.held_back == len(held_back)


def test_mosaics_free_land_cover_when_it_waits_for_no_others():
    queue = BlockQueue(map(block_plan, product(range(3), range(2))), neighbours(3, 2))
    given = [queue.next_mosaic().block for _ in range(4)]
    assert given == [(0, 0), (0, 1), (1, 0), (1, 1)]
    assert not queue.unblocks(set(given[:3]))
    assert queue.unblocks(set(given))
    assert queue.next_segmentation() is None
    for block in given:
        queue.mosaic_committed(block)
    assert queue.next_segmentation().block == (0, 0)
    assert not queue.unblocks({queue.next_mosaic().block})


def test_the_first_land_cover_of_a_wide_map_waits_for_the_mosaics_that_it_sees_alone():
    queue = BlockQueue(map(block_plan, product(range(3), range(100))), neighbours(3, 100))
    for block in ((0, 0), (0, 1), (1, 0), (1, 1)):
        assert queue.next_mosaic().block == block
        queue.mosaic_committed(block)
    assert queue.next_segmentation().block == (0, 0)
    assert [queue.next_mosaic().block for _ in range(4)] == [(0, 2), (1, 2), (0, 3), (1, 3)]


@pytest.mark.parametrize(("mosaic_due", "landcover_due"), [(True, True), (False, True), (True, False), (False, False)])
def test_what_is_held_does_not_grow_with_the_number_of_rows(mosaic_due, landcover_due, monkeypatch):
    monkeypatch.setattr("pipeline.execution.queue.MAX_READY", 16)
    held = {}
    for rows in (10, 400):
        plans = (block_plan(block, mosaic_due, landcover_due) for block in product(range(rows), range(5)))
        queue = BlockQueue(plans, neighbours(rows, 5))
        most = done = 0
        while True:
            mosaic, landcover = queue.next_mosaic(), queue.next_segmentation()
            if mosaic is None and landcover is None:
                break
            done += 1
            if mosaic is not None:
                queue.mosaic_committed(mosaic.block)
            parts = [value for value in vars(queue).values() if hasattr(value, "__len__")]
            most = max(most, sum(len(part) for part in parts))
        held[rows] = most
    assert held[400] == held[10] or held[400] <= 64


@pytest.mark.parametrize("drawn_before", [False, True])
def test_blocks_that_see_a_mosaic_which_became_degraded_are_given_out_whether_due_or_not(drawn_before):
    """(0, 0) is made again and lacks a scene now; of the others only those next to it may need another map."""
    plans = [block_plan((0, x), mosaic_due=x == 0, landcover_due=False) for x in range(5)]
    queue = BlockQueue(iter(plans), neighbours(1, 5))
    assert queue.next_mosaic().block == (0, 0)
    if drawn_before:
        assert queue.next_mosaic() is None
    assert queue.next_segmentation() is None
    queue.mosaic_committed((0, 0), degraded=True)
    assert [queue.next_segmentation().block for _ in range(2)] == [(0, 0), (0, 1)]
    assert queue.next_segmentation() is None
