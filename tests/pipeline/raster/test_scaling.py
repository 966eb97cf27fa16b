"""scaling.py: scale and offset of a file against those of its item."""

import pytest

from catalogs import Asset
from pipeline.raster.retry import ReadError
from pipeline.raster.scaling import NONE, check_scaling, own_offset


def band(offset, *file_offsets):
    return Asset("red", "/scenes/red.tif", 0.0001, offset, 0.0, file_offsets)


@pytest.mark.parametrize(
    ("scaling", "offset"), [(NONE, None), ((0.0001, -0.1), -0.1), ((0.0001, 0.0), 0.0), ((1.0, -1_000.0), -0.1)]
)
def test_the_offset_that_a_file_declares_is_read_in_units_of_its_scale(scaling, offset):
    assert own_offset(band(0.0), scaling) == (offset if offset is None else pytest.approx(offset))


def test_files_that_agree_with_their_item_or_say_nothing_are_read():
    check_scaling(band(-0.1), NONE)
    check_scaling(band(-0.1), (0.0001, -0.1))
    check_scaling(band(-0.1), (1.0, -1_000.0))
    check_scaling(band(0.0, 0.0, -0.1), (0.0001, -0.1))


@pytest.mark.parametrize("scaling", [(0.0001, 0.0), (1.0, -2_000.0)])
def test_a_file_that_declares_another_offset_is_told(scaling):
    with pytest.raises(ReadError, match=r"red\.tif declares offset -?\d.*, but by its item it is -0.1"):
        check_scaling(band(-0.1), scaling)


def test_a_file_that_declares_another_scale_is_told():
    with pytest.raises(ReadError, match=r"declares scale 2\.75e-05, but its item says 0\.0001"):
        check_scaling(band(0.0), (0.0000275, -0.2))
