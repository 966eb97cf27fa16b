import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy import ndimage

from idgbr.inference.band import band, margin

LABELS = hnp.arrays(np.uint8, st.tuples(st.integers(1, 12), st.integers(1, 12)), elements=st.integers(0, 3))


@given(LABELS, st.integers(0, 5))
def test_band_holds_the_pixels_near_another_label(label_HW, radius):
    expected_HW = np.zeros(label_HW.shape, bool)
    for code in np.unique(label_HW):
        if (label_HW != code).any():
            distance_HW = ndimage.distance_transform_cdt(label_HW == code, "chessboard")
            expected_HW |= (label_HW == code) & (distance_HW <= radius)
    assert np.array_equal(band(label_HW, np.ones(label_HW.shape), radius, 0.5), expected_HW)


def test_band_holds_unsure_pixels_far_from_any_boundary():
    margin_HW = np.full((5, 5), 0.9)
    margin_HW[2, 3] = 0.2
    expected_HW = margin_HW == 0.2
    assert np.array_equal(band(np.ones((5, 5), np.uint8), margin_HW, 3, 0.5), expected_HW)


def test_margin_is_between_the_two_likeliest_classes():
    probability_KHW = np.array([0.2, 0.5, 0.3])[:, None, None]
    assert margin(probability_KHW).item() == pytest.approx(0.2)
