"""The order in which blocks are given out, whatever the order in which they are finished."""

from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.execution import queue as feeding
from pipeline.execution.queue import Feed
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
    feed = Feed(iter(plans), seen_by, lambda plan: plan.landcover_due)
    under_way, made, mosaics, landcovers = [], set(), [], []
    while True:
        while len(under_way) < 4:
            if (plan := feed.segment()) is not None:
                open_before = [b for b in seen_by(plan.block) if b in due_mosaics(plans) and b not in made]
                assert open_before == []
                under_way.append(("segment", plan.block))
            elif (plan := feed.mosaic()) is not None:
                under_way.append(("mosaic", plan.block))
            else:
                break
        if not under_way:
            return mosaics, landcovers, feed
        stage, block = under_way.pop(choose(len(under_way)))
        if stage == "segment":
            landcovers.append(block)
        elif block in fails:
            feed.failed(block)
        else:
            mosaics.append(block)
            made.add(block)
            feed.made(block)


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
    mosaics, landcovers, feed = worked_off(plans, seen_by, random.randrange, fails)
    assert sorted(mosaics) == sorted(due_mosaics(plans) - fails)
    held_back = {plan.block for plan in plans if fails & set(seen_by(plan.block))}
    expected = {plan.block for plan in plans if plan.landcover_due} - held_back
    assert sorted(landcovers) == sorted(expected)
    assert feed.held_back == len(held_back)


def test_mosaics_free_land_cover_when_it_waits_for_no_others():
    feed = Feed(map(block_plan, product(range(3), range(2))), neighbours(3, 2), lambda plan: plan.landcover_due)
    given = [feed.mosaic().block for _ in range(4)]
    assert given == [(0, 0), (0, 1), (1, 0), (1, 1)]
    assert not feed.frees(set(given[:3]))
    assert feed.frees(set(given))
    assert feed.segment() is None
    for block in given:
        feed.made(block)
    assert feed.segment().block == (0, 0)
    assert not feed.frees({feed.mosaic().block})


def test_the_first_land_cover_of_a_wide_map_waits_for_the_mosaics_that_it_sees_alone():
    feed = Feed(map(block_plan, product(range(3), range(100))), neighbours(3, 100), lambda plan: plan.landcover_due)
    for block in ((0, 0), (0, 1), (1, 0), (1, 1)):
        assert feed.mosaic().block == block
        feed.made(block)
    assert feed.segment().block == (0, 0)
    assert [feed.mosaic().block for _ in range(4)] == [(0, 2), (1, 2), (0, 3), (1, 3)]


@pytest.mark.parametrize(("mosaic_due", "landcover_due"), [(True, True), (False, True), (True, False), (False, False)])
def test_what_is_held_does_not_grow_with_the_number_of_rows(mosaic_due, landcover_due, monkeypatch):
    monkeypatch.setattr(feeding, "MOST", 16)
    held = {}
    for rows in (10, 400):
        plans = (block_plan(block, mosaic_due, landcover_due) for block in product(range(rows), range(5)))
        feed = Feed(plans, neighbours(rows, 5), lambda plan: plan.landcover_due)
        most = done = 0
        while True:
            mosaic, landcover = feed.mosaic(), feed.segment()
            if mosaic is None and landcover is None:
                break
            done += 1
            if mosaic is not None:
                feed.made(mosaic.block)
            parts = (feed._arrived, feed._unneeded, feed._mosaics, feed._open, feed._behind, feed._lacking, feed._ready)
            most = max(most, sum(len(part) for part in parts))
        held[rows] = most
    assert held[400] == held[10] or held[400] <= 64
