"""The parts of a block: what a change marks, their pixels, and the windows that hold them."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.change.parts import MARGIN, SIDE, WHOLE, changed_parts, ground_of, mask_of, share_of
from pipeline.geometry.grid import Window

BLOCK = Window(512, -256, 768, 0)
STEP = 256 // SIDE
parts_of_a_block = st.integers(0, WHOLE)


def shown(*changes, window=BLOCK):
    """Percent of a window with changes of 90 %; each is (rows, columns) of the block."""
    percent_BB = np.zeros(BLOCK.shape, np.uint8)
    for rows, cols in changes:
        percent_BB[slice(*rows), slice(*cols)] = 90
    return percent_BB[window.slices((BLOCK.y0, BLOCK.x0))]


def test_a_change_marks_the_parts_that_it_or_its_margin_touches_and_no_others():
    rows, cols = (100, 110), (30, 40)
    parts = changed_parts(shown((rows, cols)), 0.5, 100, BLOCK, BLOCK)
    expected_HW = np.zeros(BLOCK.shape, bool)
    for top in range(0, 256, STEP):
        for left in range(0, 256, STEP):
            tall = top < rows[1] + MARGIN and top + STEP > rows[0] - MARGIN
            wide = left < cols[1] + MARGIN and left + STEP > cols[0] - MARGIN
            expected_HW[top : top + STEP, left : left + STEP] = tall and wide
    assert np.array_equal(mask_of(parts, 256), expected_HW)
    assert share_of(parts) == expected_HW.mean()


@pytest.mark.parametrize(("threshold", "pixels"), [(0.91, 1), (0.5, 101)])
def test_what_is_less_sure_than_the_threshold_or_smaller_than_a_patch_marks_nothing(threshold, pixels):
    assert changed_parts(shown(((100, 110), (30, 40))), threshold, pixels, BLOCK, BLOCK) == 0


def test_a_change_of_all_that_the_region_has_of_a_block_is_one_of_the_whole_block():
    window = Window(512, -256, 700, -100)
    percent_HW = shown(((0, 256), (0, 256)), window=window)
    assert changed_parts(percent_HW, 0.5, 1, window, BLOCK) == WHOLE
    percent_HW[:100, :100] = 0
    assert changed_parts(percent_HW, 0.5, 1, window, BLOCK) not in (0, WHOLE)


@given(parts_of_a_block)
def test_the_ground_of_parts_lies_in_the_block_and_holds_all_their_pixels(parts):
    held_HW = np.zeros(BLOCK.shape, bool)
    for window in ground_of(parts, BLOCK):
        assert window & BLOCK == window
        held_HW[window.slices((BLOCK.y0, BLOCK.x0))] = True
    assert held_HW[mask_of(parts, 256)].all()
    assert held_HW.any() == (parts > 0)


def test_pieces_that_lie_apart_have_windows_of_their_own():
    first, last = 1, 1 << (SIDE * SIDE - 1)
    assert ground_of(first | last, BLOCK) == [
        Window(512, -256, 512 + STEP, -256 + STEP),
        Window(768 - STEP, -STEP, 768, 0),
    ]
    assert ground_of(WHOLE, BLOCK) == [BLOCK]
