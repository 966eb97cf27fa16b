"""Distances against scipy's, and the same in any crop that holds what lies within reach."""

import numpy as np
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy.ndimage import distance_transform_edt

from pipeline.mosaic.distance import distance

MASKS = st.integers(1, 40).flatmap(
    lambda width: hnp.arrays(
        bool, st.tuples(st.integers(1, 40), st.just(width)), elements=st.sampled_from([False] * 9 + [True])
    )
)


def found(masked_HW, reach):
    return distance(torch.from_numpy(np.ascontiguousarray(masked_HW)), reach).numpy()


@settings(deadline=None)
@given(MASKS, st.integers(0, 45))
def test_squared_distances_are_scipys_within_reach_and_one_value_beyond(masked_HW, reach):
    beyond = (reach + 1) ** 2
    expected_HW = np.full(masked_HW.shape, beyond)
    if masked_HW.any():
        expected_HW = np.rint(distance_transform_edt(~masked_HW) ** 2)
    within_HW = expected_HW <= reach**2
    found_HW = found(masked_HW, reach)
    assert (found_HW[within_HW] == expected_HW[within_HW]).all()
    assert (found_HW[~within_HW] > reach**2).all()
    assert found_HW.max() <= beyond


@settings(deadline=None)
@given(MASKS, st.integers(1, 6), st.integers(0, 39), st.integers(0, 39), st.integers(1, 20), st.integers(1, 20))
def test_a_crop_with_all_that_is_within_reach_gives_the_same(masked_HW, reach, y, x, height, width):
    y0, x0 = y % masked_HW.shape[0], x % masked_HW.shape[1]
    whole_HW = found(masked_HW, reach)[y0 : y0 + height, x0 : x0 + width]
    top, left = max(y0 - reach, 0), max(x0 - reach, 0)
    crop_HW = found(masked_HW[top : y0 + height + reach, left : x0 + width + reach], reach)
    inner_HW = crop_HW[y0 - top :, x0 - left :][: whole_HW.shape[0], : whole_HW.shape[1]]
    assert (inner_HW == whole_HW).all()


def test_where_nothing_is_masked_all_is_beyond_reach():
    assert (found(np.zeros((3, 4), bool), 7) == 64).all()


def test_a_single_pixel_reaches_as_far_as_asked():
    masked_HW = np.zeros((9, 9), bool)
    masked_HW[4, 4] = True
    y, x = np.mgrid[-4:5, -4:5]
    assert (found(masked_HW, 8) == y**2 + x**2).all()
