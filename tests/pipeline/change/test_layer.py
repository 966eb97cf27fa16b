"""The change layer: what a new mosaic shows replaces what was seen before, and nothing else does."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from pipeline.change.layer import seen_changes

SHAPE = 9, 11
PERCENT = hnp.arrays(np.uint8, SHAPE, elements=st.integers(0, 100))


@given(PERCENT, hnp.arrays(bool, SHAPE), PERCENT)
def test_pixels_that_have_changed_get_percent_and_day_and_all_others_keep_theirs(percent_HW, seen_HW, old_HW):
    day_HW = (20_000 + np.arange(99).reshape(SHAPE)).astype(np.uint16)
    before = old_HW, (old_HW * np.uint16(100)).astype(np.uint16)
    change_HW, change_day_HW = seen_changes(percent_HW, seen_HW, day_HW, before)
    for y, x in np.ndindex(SHAPE):
        expected = (percent_HW[y, x], day_HW[y, x]) if seen_HW[y, x] else (before[0][y, x], before[1][y, x])
        assert (change_HW[y, x], change_day_HW[y, x]) == expected
    assert (change_HW.dtype, change_day_HW.dtype) == (np.uint8, np.uint16)
