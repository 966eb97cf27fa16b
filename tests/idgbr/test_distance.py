"""Distances against scipy's, and the same in any crop that holds what lies within reach."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy.ndimage import distance_transform_edt

from idgbr.distance import squared_distance

MASKS = st.integers(1, 40).flatmap(
    lambda width: hnp.arrays(
        bool, st.tuples(st.integers(1, 40), st.just(width)), elements=st.sampled_from([False] * 9 + [True])
    )
)


@settings(deadline=None)
@given(MASKS, st.integers(0, 45))
def test_squared_distances_are_scipys_within_reach_and_one_value_beyond(mask_HW, reach):
    exact_HW = np.rint(distance_transform_edt(~mask_HW) ** 2) if mask_HW.any() else np.full(mask_HW.shape, np.inf)
    distance_HW = squared_distance(mask_HW, reach)
    assert np.array_equal(distance_HW <= reach**2, exact_HW <= reach**2)
    assert np.array_equal(distance_HW, np.minimum(exact_HW, (reach + 1) ** 2))


@settings(deadline=None)
@given(MASKS, st.integers(1, 6), st.integers(0, 39), st.integers(0, 39), st.integers(1, 20), st.integers(1, 20))
def test_a_crop_with_all_that_is_within_reach_gives_the_same(mask_HW, reach, y, x, height, width):
    y0, x0 = y % mask_HW.shape[0], x % mask_HW.shape[1]
    whole_HW = squared_distance(mask_HW, reach)[y0 : y0 + height, x0 : x0 + width]
    top, left = max(y0 - reach, 0), max(x0 - reach, 0)
    crop_HW = squared_distance(mask_HW[top : y0 + height + reach, left : x0 + width + reach], reach)
    inner_HW = crop_HW[y0 - top :, x0 - left :][: whole_HW.shape[0], : whole_HW.shape[1]]
    assert (inner_HW == whole_HW).all()


@pytest.mark.parametrize("reach", [126, 127, 250])
def test_distances_are_exact_from_the_smallest_to_the_widest_integers_over_several_bands(reach):
    mask_HW = np.zeros((500, 700), bool)
    mask_HW[[3, 250, 251, 499], [5, 40, 300, 120]] = True
    exact_HW = np.rint(distance_transform_edt(~mask_HW) ** 2)
    assert (exact_HW > (reach + 1) ** 2).any()
    assert np.array_equal(squared_distance(mask_HW, reach), np.minimum(exact_HW, (reach + 1) ** 2))


def test_where_no_pixel_is_true_all_is_beyond_reach():
    assert (squared_distance(np.zeros((3, 4), bool), 7) == 64).all()


def test_a_single_pixel_reaches_as_far_as_asked():
    mask_HW = np.zeros((9, 9), bool)
    mask_HW[4, 4] = True
    y, x = np.mgrid[-4:5, -4:5]
    assert (squared_distance(mask_HW, 8) == y**2 + x**2).all()


@settings(deadline=None, max_examples=40)
@given(MASKS, st.integers(0, 20), st.sampled_from([0.5, 1.75, 2.0]))
def test_pixels_that_are_not_square_are_as_far_as_they_are_tall(mask_HW, reach, tall):
    exact_HW = np.full(mask_HW.shape, np.inf)
    if mask_HW.any():
        exact_HW = distance_transform_edt(~mask_HW, sampling=(tall, 1)) ** 2
    told_HW = np.where(exact_HW <= reach**2 + 1e-9, exact_HW, (reach + 1) ** 2)
    assert np.allclose(squared_distance(mask_HW, reach, tall), told_HW)
