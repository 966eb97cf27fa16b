import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy import ndimage

from idgbr import metrics
from idgbr.errors import InputError

MASKS = hnp.arrays(bool, hnp.array_shapes(min_dims=2, max_dims=2, max_side=14), elements=st.booleans())
SPARSE = hnp.arrays(
    bool, st.tuples(st.integers(1, 40), st.integers(1, 40)), elements=st.just(True), fill=st.just(False)
)


@settings(deadline=None, max_examples=200)
@given(MASKS | SPARSE)
def test_the_nearest_pixel_is_the_one_that_scipy_finds_ties_included(mask):
    if not mask.any():
        with pytest.raises(InputError, match="nearest"):
            metrics.nearest(mask)
        return
    expected = ndimage.distance_transform_edt(~mask, return_distances=False, return_indices=True)
    assert np.array_equal(metrics.nearest(mask), expected)


@pytest.mark.parametrize("density", [0.0005, 0.01, 0.2])
def test_the_nearest_pixel_of_a_large_mask_is_the_one_that_scipy_finds(density):
    mask = np.random.default_rng(3).random((230, 310)) < density
    expected = ndimage.distance_transform_edt(~mask, return_distances=False, return_indices=True)
    assert np.array_equal(metrics.nearest(mask), expected)


def test_of_equally_near_pixels_the_left_and_then_the_upper_is_taken():
    sides = np.array([[True, False, True]])
    assert [place[0, 1] for place in metrics.nearest(sides)] == [0, 0]
    assert [place[1, 0] for place in metrics.nearest(sides.T)] == [0, 0]


@settings(deadline=None)
@given(MASKS | SPARSE, st.integers(0, 6))
def test_distances_within_reach_are_exact_and_cut_off_beyond(mask, reach):
    beyond = (reach + 1) ** 2
    exact = np.rint(ndimage.distance_transform_edt(~mask) ** 2) if mask.any() else np.full(mask.shape, np.inf)
    found = metrics.squared_distance(mask, reach)
    assert np.array_equal(found <= reach**2, exact <= reach**2)
    assert np.array_equal(found, np.minimum(exact, beyond))
