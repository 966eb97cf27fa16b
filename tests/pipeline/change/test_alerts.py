"""Counts of the views that show a change, part by part, and the changes that they confirm."""

import numpy as np

from pipeline.change.alerts import Alerts, confirmed, count_views, without
from pipeline.change.parts import SIDE
from pipeline.geometry.grid import Window

BLOCK = Window(0, 256, 256, 512)
NONE = Alerts(np.zeros((SIDE, SIDE), np.uint8), np.zeros((SIDE, SIDE), np.uint16))


def patches(*places, side=4):
    changed_HW = np.zeros(BLOCK.shape, bool)
    for y, x in places:
        changed_HW[y : y + side, x : x + side] = True
    return changed_HW


def views(*seen, pixels=16):
    """Alerts after views of (changed pixels, day of all pixels or of each)."""
    alerts = NONE
    for changed_HW, day in seen:
        alerts = count_views(changed_HW, np.broadcast_to(day, BLOCK.shape), pixels, BLOCK, BLOCK, alerts)
    return alerts


def counts(alerts):
    return {(y, x): int(alerts.count_88[y, x]) for y, x in np.argwhere(alerts.count_88).tolist()}


def test_views_are_counted_where_they_show_a_change_and_one_that_shows_none_there_starts_anew():
    first, other = patches((4, 4)), patches((200, 100))
    assert counts(views((first, 10), (first, 20), (first | other, 30))) == {(0, 0): 3, (6, 3): 1}
    assert counts(views((first | other, 10), (first, 20))) == {(0, 0): 2}
    assert views((first | other, 10), (first, 20)).day_88[0, 0] == 20
    assert views((first | other, 10), (first, 20)).day_88[6, 3] == 0


def test_a_view_counts_where_a_whole_patch_lies_on_pixels_seen_since_the_view_before():
    first = patches((4, 4))
    day_HW = np.full(BLOCK.shape, 10)
    day_HW[4:8, 4:7] = 20
    half = views((first, 10), (first, day_HW))
    assert (counts(half), half.day_88[0, 0]) == ({(0, 0): 1}, 10)
    assert counts(views((first, 10), (first, day_HW), pixels=12)) == {(0, 0): 2}
    elsewhere_HW = np.full(BLOCK.shape, 10)
    elsewhere_HW[100:] = 30
    assert counts(views((first, 10), (first, elsewhere_HW))) == {(0, 0): 1}


def test_two_changes_of_one_block_do_not_confirm_each_other():
    first, other = patches((4, 4)), patches((200, 100))
    alerts = views((first, 10), (other, 20))
    assert not confirmed(other, alerts, 1, BLOCK, BLOCK).any()
    alerts = views((first, 10), (first | other, 20))
    assert np.array_equal(confirmed(first | other, alerts, 1, BLOCK, BLOCK), first)
    assert np.array_equal(confirmed(first | other, alerts, 0, BLOCK, BLOCK), first | other)


def test_a_change_is_confirmed_as_a_whole_where_any_part_has_it():
    wide = patches((28, 28), side=8)
    small = patches((28, 28))
    alerts = views((small, 10), (wide, 20))
    assert counts(alerts) == {(0, 0): 2, (0, 1): 1, (1, 0): 1, (1, 1): 1}
    assert np.array_equal(confirmed(wide, alerts, 1, BLOCK, BLOCK), wide)


def test_no_count_overflows():
    most = Alerts(np.full((SIDE, SIDE), 255, np.uint8), NONE.day_88)
    again = count_views(patches((4, 4)), np.full(BLOCK.shape, 9), 16, BLOCK, BLOCK, most)
    assert counts(again) == {(0, 0): 255}


def test_parts_whose_map_knows_the_change_are_forgotten():
    alerts_YXP = np.arange(1, 129, dtype=np.uint16).reshape(1, 2, 64)
    left = without(alerts_YXP, np.array([[0b101, 0]], np.uint64))
    assert left.dtype == np.uint16
    assert left[0, 0, :4].tolist() == [0, 2, 0, 4]
    assert (left[0, 0, 3:] == alerts_YXP[0, 0, 3:]).all()
    assert (left[0, 1] == alerts_YXP[0, 1]).all()
