import numpy as np
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy import ndimage

from idgbr.inference.band import band

LABELS = hnp.arrays(np.uint8, st.tuples(st.integers(1, 12), st.integers(1, 12)), elements=st.integers(0, 3))


@given(LABELS, st.integers(0, 5))
def test_band_holds_the_pixels_near_another_label(label_HW, radius):
    expected_HW = np.zeros(label_HW.shape, bool)
    for code in np.unique(label_HW):
        if (label_HW != code).any():
            distance_HW = ndimage.distance_transform_cdt(label_HW == code, "chessboard")
            expected_HW |= (label_HW == code) & (distance_HW <= radius)
    band_HW = band(torch.from_numpy(label_HW), torch.ones(label_HW.shape), radius, 0.5)
    assert np.array_equal(band_HW.numpy(), expected_HW)


def test_band_holds_unsure_pixels_far_from_any_boundary():
    margin_HW = torch.full((5, 5), 0.9)
    margin_HW[2, 3] = 0.2
    assert torch.equal(band(torch.ones(5, 5, dtype=torch.uint8), margin_HW, 3, 0.5), margin_HW == 0.2)
