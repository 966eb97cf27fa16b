import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyproj import CRS, Transformer

from pipeline.errors import UserError
from pipeline.grid import Extent, Grid, Window, projected_crs

EUROPE = Grid("EPSG:3035", 10.0, 512)
windows = st.tuples(st.integers(-5000, 5000), st.integers(-5000, 5000), st.integers(1, 3000), st.integers(1, 3000)).map(
    lambda t: Window(t[0], t[1], t[0] + t[2], t[1] + t[3])
)


@given(windows, st.sampled_from([256, 512, 1024]))
def test_blocks_cover_a_region_once_and_lie_in_its_arrays(window, block):
    extent = Extent(Grid("EPSG:3035", 10.0, block), window)
    covered = np.zeros(extent.shape, np.uint8)
    for b in extent.blocks():
        covered[extent.covered(b).slices(extent.origin)] += 1
    expected = np.zeros(extent.shape, np.uint8)
    expected[window.slices(extent.origin)] = 1
    assert (covered == expected).all()
    assert all(side % block == 0 for side in (*extent.shape, *extent.origin))


@given(windows, windows)
def test_the_overlap_of_two_windows_is_in_both(a, b):
    both = a & b
    if not both.empty:
        assert both & a == both
        assert both & b == both
        assert both == b & a


@given(st.floats(5.0, 20.0), st.floats(42.0, 58.0))
def test_the_pixel_of_a_point_holds_it(lon, lat):
    row, col = EUROPE.pixel_of(lon, lat)
    left, bottom, right, top = EUROPE.bounds(Window(row, col, row + 1, col + 1))
    x, y = Transformer.from_crs("EPSG:4326", "EPSG:3035", always_xy=True).transform(lon, lat)
    assert left <= x < right
    assert bottom <= y <= top


def test_a_window_holds_the_edges_of_its_degrees_not_only_the_corners():
    window = EUROPE.window_of((4.0, 50.0, 16.0, 51.0))
    for lon in np.linspace(4.0, 16.0, 50):
        for lat in (50.0, 51.0):
            row, col = EUROPE.pixel_of(lon, lat)
            assert window.y0 - 1 <= row <= window.y1
            assert window.x0 - 1 <= col <= window.x1


@pytest.mark.parametrize(
    ("name", "says"), [("EPSG:4326", "metres"), ("EPSG:99999", "no known CRS"), ("mars", "conterminous-us")]
)
def test_a_crs_that_cannot_be_a_grid_is_refused(name, says):
    with pytest.raises(UserError, match=says):
        projected_crs(name)


@pytest.mark.parametrize("name", ["europe", "conterminous-us", "africa", "south-america", "australia", "global"])
def test_named_grids_are_projected_in_metres_and_equal_area(name):
    crs = CRS(projected_crs(name))
    assert crs.axis_info[0].unit_name == "metre"
    assert "Equal Area" in crs.coordinate_operation.method_name
