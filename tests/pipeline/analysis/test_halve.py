"""Halving of classes by majority and of numbers by mean."""

import math
from collections import Counter

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from pipeline.analysis.halve import majority, mean


@given(
    hnp.arrays(
        np.uint8, hnp.array_shapes(min_dims=2, max_dims=2, max_side=9), elements=st.sampled_from([0, 10, 30, 255])
    )
)
def test_majority_of_two_by_two_pixels_ties_to_the_lowest_code_and_skips_no_data(code_HW):
    found = majority(code_HW)
    for (y, x), value in np.ndenumerate(found):
        votes = Counter(int(v) for v in code_HW[2 * y : 2 * y + 2, 2 * x : 2 * x + 2].ravel() if v)
        expected = min(votes, key=lambda code: (-votes[code], code)) if votes else 0
        assert value == expected
    assert found.shape == tuple(-(-side // 2) for side in code_HW.shape)


@given(hnp.arrays(np.uint8, hnp.array_shapes(min_dims=2, max_dims=2, max_side=9), elements=st.integers(0, 255)))
def test_mean_of_two_by_two_pixels_skips_no_data_and_rounds_halves_up(percent_HW):
    found = mean(percent_HW)
    for (y, x), value in np.ndenumerate(found):
        known = [int(v) for v in percent_HW[2 * y : 2 * y + 2, 2 * x : 2 * x + 2].ravel() if v]
        assert value == (math.floor(sum(known) / len(known) + 0.5) if known else 0)
    assert found.shape == tuple(-(-side // 2) for side in percent_HW.shape)
