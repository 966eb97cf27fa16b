"""The parts of a block: what a change marks, their pixels, and the windows that hold them."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from pipeline.change.parts import (
    MARGIN,
    SIDE,
    WHOLE,
    changed_parts,
    ground_of,
    mask_of,
    parts_mask,
    share_of,
    split,
    spread,
)
from pipeline.geometry.grid import Window

BLOCK = Window(512, -256, 768, 0)
STEP = 256 // SIDE
parts_of_a_block = st.integers(0, WHOLE)


def changed(rows, cols, window=BLOCK):
    """The pixels of a window that have changed, those of some rows and columns of the block."""
    changed_BB = np.zeros(BLOCK.shape, bool)
    changed_BB[slice(*rows), slice(*cols)] = True
    return changed_BB[window.slices((BLOCK.y0, BLOCK.x0))]


def test_a_change_marks_the_parts_that_it_or_its_margin_touches_and_no_others():
    rows, cols = (100, 110), (30, 40)
    parts = changed_parts(changed(rows, cols), BLOCK, BLOCK)
    expected_HW = np.zeros(BLOCK.shape, bool)
    for top in range(0, 256, STEP):
        for left in range(0, 256, STEP):
            tall = top < rows[1] + MARGIN and top + STEP > rows[0] - MARGIN
            wide = left < cols[1] + MARGIN and left + STEP > cols[0] - MARGIN
            expected_HW[top : top + STEP, left : left + STEP] = tall and wide
    assert np.array_equal(mask_of(parts, BLOCK, BLOCK), expected_HW)
    assert share_of(parts) == expected_HW.mean()
    part = Window(600, -200, 650, -100)
    assert np.array_equal(mask_of(parts, part, BLOCK), expected_HW[part.slices((BLOCK.y0, BLOCK.x0))])


def test_a_change_of_all_that_the_region_has_of_a_block_is_one_of_the_whole_block_and_none_of_no_part():
    window = Window(512, -256, 700, -100)
    assert changed_parts(changed((0, 256), (0, 256), window), window, BLOCK) == WHOLE
    assert changed_parts(changed((0, 256), (120, 256), window), window, BLOCK) not in (0, WHOLE)
    assert changed_parts(changed((0, 0), (0, 0), window), window, BLOCK) == 0


def test_the_bits_count_parts_row_by_row_from_the_lowest():
    assert np.flatnonzero(parts_mask(1 | 1 << 9)).tolist() == [0, 9]
    assert np.argwhere(mask_of(1 << 9, BLOCK, BLOCK))[0].tolist() == [STEP, STEP]
    assert parts_mask(np.array([[WHOLE, 0]], np.uint64)).sum(-1).tolist() == [[64, 0]]


def test_pixels_are_split_by_parts_and_values_of_parts_spread_over_their_pixels():
    window = Window(520, -200, 700, -100)
    value_88 = np.arange(1, 65, dtype=np.uint8).reshape(SIDE, SIDE)
    spread_HW = spread(value_88, window, BLOCK)
    assert spread_HW.shape == window.shape
    assert spread_HW[0, 0] == value_88[0, 56 // STEP]
    inside_88 = split(np.ones(window.shape, bool), window, BLOCK).any((1, 3))
    assert np.array_equal(split(spread_HW, window, BLOCK).max((1, 3)), np.where(inside_88, value_88, 0))


@given(parts_of_a_block)
def test_the_ground_of_parts_lies_in_the_block_and_holds_all_their_pixels(parts):
    held_HW = np.zeros(BLOCK.shape, bool)
    for window in ground_of(parts, BLOCK):
        assert window & BLOCK == window
        held_HW[window.slices((BLOCK.y0, BLOCK.x0))] = True
    assert held_HW[mask_of(parts, BLOCK, BLOCK)].all()
    assert held_HW.any() == (parts > 0)


def test_pieces_that_lie_apart_have_windows_of_their_own():
    first, last = 1, 1 << (SIDE * SIDE - 1)
    assert ground_of(first | last, BLOCK) == [
        Window(512, -256, 512 + STEP, -256 + STEP),
        Window(768 - STEP, -STEP, 768, 0),
    ]
    assert ground_of(WHOLE, BLOCK) == [BLOCK]
