import errno
from dataclasses import replace

import numpy as np
import pytest
import zarr
from made_versions import LAYOUT, SUMMER

from pipeline.cube.create import add_period
from pipeline.cube.store import array, read_window, write_block, write_errors
from pipeline.errors import RunError
from pipeline.geometry.grid import Window

# 300 x 600 pixels in 2 x 3 blocks of 256, with 100 rows and 50 columns before the region.
LAYOUT = replace(LAYOUT, extent=replace(LAYOUT.extent, window=Window(100, 50, 400, 650)))
EXTENT = LAYOUT.extent


@pytest.fixture
def group():
    group = zarr.group()
    add_period(group, LAYOUT, SUMMER)
    return group


def test_blocks_that_are_written_are_read_in_any_window(group):
    rng = np.random.default_rng(0)
    whole_HW = np.zeros(EXTENT.shape, np.uint8)
    rows, cols = EXTENT.window.slices(EXTENT.origin)
    whole_HW[rows, cols] = rng.integers(1, 255, EXTENT.window.shape)
    for block in EXTENT.blocks():
        covered = EXTENT.covered(block)
        write_block(group, "landcover", 0, EXTENT, block, whole_HW[covered.slices(EXTENT.origin)])
    landcover = array(group, "landcover")
    assert (landcover[0] == whole_HW).all()
    for window in (EXTENT.window, Window(120, 60, 130, 300), Window(255, 255, 257, 257)):
        assert (read_window(landcover, 0, EXTENT, window) == whole_HW[window.slices(EXTENT.origin)]).all()


def test_outside_the_region_a_window_is_zero(group):
    landcover = array(group, "landcover")
    landcover[:] = 7
    found_HW = read_window(landcover, 0, EXTENT, Window(90, 40, 110, 60))
    assert found_HW.shape == (20, 20)
    assert (found_HW[10:, 10:] == 7).all()
    assert found_HW.sum() == 7 * 100
    assert not read_window(landcover, 0, EXTENT, Window(0, 0, 10, 10)).any()


def test_a_block_of_several_bands_is_written_as_one_shard(group):
    covered = EXTENT.covered((0, 0))
    write_block(group, "mosaic", 0, EXTENT, (0, 0), np.full((1, *covered.shape), 500, np.uint16))
    mosaic = array(group, "mosaic")
    assert mosaic.shards == (1, 1, 256, 256)
    assert int((mosaic[0, 0] == 500).sum()) == 156 * 206
    assert (mosaic[0, 0, 100:256, 50:256] == 500).all()


def test_a_group_is_no_array(group):
    group["0"].create_group("more")
    with pytest.raises(TypeError, match="more is a group"):
        array(group, "more")


def test_a_disk_that_is_full_ends_in_one_sentence_and_other_errors_pass(tmp_path):
    with (
        pytest.raises(RunError, match=f"the cube at {tmp_path} cannot be written .*No space left"),
        write_errors(tmp_path),
    ):
        raise OSError(errno.ENOSPC, "No space left on device")
    with pytest.raises(OSError, match="refused"), write_errors(tmp_path):
        raise OSError(errno.ECONNREFUSED, "refused")
