"""Means of squares of pixels, and the bound on what is kept."""

import numpy as np
import pytest
import zarr

from pipeline.serve.chunks import Chunks, averaged


@pytest.mark.parametrize("side", [1, 2, 4, 16])
def test_a_mean_is_of_the_pixels_that_have_a_value_and_squares_may_be_cut(side):
    value_HW = np.random.default_rng(1).choice(np.array([0, 0, 3, 7000, 65535], np.uint16), (48, 37))
    mean_HW = averaged(value_HW, side)
    assert mean_HW.shape == (48 // side, -(-37 // side))
    for (y, x), mean in np.ndenumerate(mean_HW):
        square = value_HW[y * side : (y + 1) * side, x * side : (x + 1) * side].astype(int)
        there = square[square > 0]
        assert mean == (there.sum() // len(there) if len(there) else 0)


def test_a_window_of_means_is_that_of_the_whole_array_and_no_more_is_kept_than_may_be():
    value_THW = np.random.default_rng(2).integers(1, 9000, (1, 200, 150), np.uint16)
    source = zarr.create_array({}, data=value_THW, chunks=(1, 64, 64))
    chunks = Chunks(2000)
    window_HW, corner = chunks.read("v", source, 0, (70, 199), (10, 140), side=4)
    assert corner == (64, 0)
    assert (window_HW == averaged(value_THW[0, 64:], 4)).all()
    assert 0 < chunks._bytes <= 2000
