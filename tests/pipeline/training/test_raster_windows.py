"""Windows of a raster on disk."""

import numpy as np
import pytest
from change_files import write_raster

from pipeline.geometry.grid import Window
from pipeline.training.raster_windows import first_pixel, open_raster, read_window


@pytest.mark.parametrize(
    ("transform", "corner"),
    [
        (None, (0, 0)),
        ((10, 0, 4_000_000, 0, -10, 3_000_000), (-300_000, 400_000)),
        ((10, 0, 4_000_000, 0, 10, 3_000_000), (0, 0)),
        ((10, 1, 4_000_000, 1, -10, 3_000_000), (0, 0)),
    ],
    ids=["placed nowhere", "north up", "south up", "turned"],
)
def test_the_first_pixel_counts_from_the_origin_of_the_crs_where_rows_run_south(transform, corner):
    assert first_pixel(transform) == corner


def test_what_the_file_says_holds_no_data_is_nan_unless_it_is_the_models_own_number(tmp_path):
    image_BHW = np.arange(2 * 6 * 8, dtype=np.uint16).reshape(2, 6, 8)
    file = write_raster(tmp_path / "a.tif", image_BHW, nodata=9)
    window = Window(1, 1, 4, 5)
    with open_raster(file, "") as source:
        blank_BHW = read_window(source, window, (0, 0), None, [2, 1])
        as_is_BHW = read_window(source, window, (0, 0), 9, [2, 1])
    assert np.array_equal(as_is_BHW, image_BHW[::-1, 1:4, 1:5])
    assert np.isnan(blank_BHW[:, 0, 0]).all()
    assert np.isnan(blank_BHW).sum() == 2
