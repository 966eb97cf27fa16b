"""blank.py: one pixel with data anywhere is enough; strips have any number of rows."""

import numpy as np
import pytest
from made_rasters import HERE, write

from pipeline.raster import blank
from pipeline.raster.blank import is_blank
from pipeline.raster.retry import ReadError


@pytest.mark.parametrize("strip", [1, 7 * HERE.width, 2**22])
def test_a_raster_is_blank_only_if_no_pixel_has_data(tmp_path, monkeypatch, strip):
    monkeypatch.setattr(blank, "STRIP_PIXELS", strip)
    dn_HW = np.zeros((HERE.height, HERE.width), np.uint16)
    assert is_blank(write(tmp_path / "empty.tif", dn_HW, HERE))
    dn_HW[-1, -1] = 1
    assert not is_blank(write(tmp_path / "corner.tif", dn_HW, HERE))


def test_no_more_than_a_tile_of_a_satellite_is_looked_at(tmp_path, monkeypatch):
    """A sparse raster of a few kilobytes may have 50 gigapixels."""
    monkeypatch.setattr(blank, "STRIP_PIXELS", 7 * HERE.width)
    monkeypatch.setattr(blank, "MOST_PIXELS", 21 * HERE.width)
    dn_HW = np.zeros((HERE.height, HERE.width), np.uint16)
    dn_HW[30] = 1
    with pytest.raises(ReadError, match=rf"has no data in its first {21 * HERE.width:,} pixels, .* with overviews"):
        is_blank(write(tmp_path / "late.tif", dn_HW, HERE))
    dn_HW[20] = 1
    assert not is_blank(write(tmp_path / "early.tif", dn_HW, HERE))
