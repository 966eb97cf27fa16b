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


def test_pixels_of_many_arrays_are_theirs_and_a_chunk_is_read_once():
    rng, kept = np.random.default_rng(3), {}
    mosaic_TBHW = rng.integers(0, 9000, (2, 3, 100, 90), np.uint16)
    class_THW = rng.integers(0, 9, (2, 100, 90), np.uint8)
    group = zarr.create_group(kept)
    mosaic = group.create_array("mosaic", data=mosaic_TBHW, chunks=(1, 1, 64, 64))
    landcover = group.create_array("landcover", data=class_THW, chunks=(1, 32, 32))
    chunks = Chunks(10**6)
    for row, col in ((99, 89), (0, 0), (63, 64), (70, 70)):
        found_TB, found_T = chunks.pixels("v", [(mosaic, (row, col)), (landcover, (row, col))])
        assert (found_TB == mosaic_TBHW[..., row, col]).all()
        assert (found_T == class_THW[..., row, col]).all()
    mosaic[...] = landcover[...] = 0
    found_TB, found_T = chunks.pixels("v", [(mosaic, (98, 88)), (landcover, (98, 88))])
    assert (found_TB == mosaic_TBHW[..., 98, 88]).all()
    assert (found_T == class_THW[..., 98, 88]).all()
    assert not chunks.pixels("another", [(landcover, (98, 88))])[0].any()


def test_pixels_keep_no_more_than_may_be():
    source = zarr.create_array({}, data=np.arange(1, 10_001, dtype=np.uint16).reshape(100, 100), chunks=(10, 10))
    chunks = Chunks(1000)
    assert [int(chunks.pixels("v", [(source, (row, row))])[0]) for row in range(100)] == list(range(1, 10_001, 101))
    assert 0 < chunks._bytes <= 1000
