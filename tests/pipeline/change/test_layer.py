"""The change layer: what a new mosaic shows replaces what was seen before, and nothing else does."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy import ndimage

from pipeline.change.layer import seen_changes
from pipeline.change.score import EIGHT

SHAPE = 9, 11
PERCENT = hnp.arrays(np.uint8, SHAPE, elements=st.integers(0, 100))


@given(PERCENT, hnp.arrays(bool, SHAPE), PERCENT, st.integers(1, 100), st.integers(1, 12))
def test_pixels_of_large_patches_on_known_ground_get_percent_and_day_and_all_others_keep_theirs(
    percent_HW, known_HW, old_HW, threshold, pixels
):
    day_HW = (20_000 + np.arange(99).reshape(SHAPE)).astype(np.uint16)
    before = old_HW, (old_HW * np.uint16(100)).astype(np.uint16)
    change_HW, change_day_HW = seen_changes(percent_HW, known_HW, day_HW, threshold / 100, pixels, before)
    label_HW, _ = ndimage.label(percent_HW >= threshold, EIGHT)
    for y, x in np.ndindex(SHAPE):
        seen = label_HW[y, x] and known_HW[y, x] and (label_HW == label_HW[y, x]).sum() >= pixels
        expected = (percent_HW[y, x], day_HW[y, x]) if seen else (before[0][y, x], before[1][y, x])
        assert (change_HW[y, x], change_day_HW[y, x]) == expected
    assert (change_HW.dtype, change_day_HW.dtype) == (np.uint8, np.uint16)


def test_ground_that_is_seen_for_the_first_time_has_not_changed():
    percent_HW, zero_HW = np.full(SHAPE, 100, np.uint8), np.zeros(SHAPE, np.uint16)
    known_HW = np.zeros(SHAPE, bool)
    change_HW, day_HW = seen_changes(percent_HW, known_HW, zero_HW + 7, 0.5, 1, (zero_HW.astype(np.uint8), zero_HW))
    assert not change_HW.any()
    assert not day_HW.any()
