"""grid.py: windows, points and named grids."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyproj import CRS, Transformer

from pipeline.errors import UserError
from pipeline.geometry.grid import Grid, Window, merged, projected_crs

EUROPE = Grid("EPSG:3035", 10.0, 512)
LAEA = "+proj=laea +lat_0=50 +lon_0=10 +units=m"
TO_GRID = Transformer.from_crs("EPSG:4326", "EPSG:3035", always_xy=True)
windows = st.tuples(st.integers(-5000, 5000), st.integers(-5000, 5000), st.integers(1, 3000), st.integers(1, 3000)).map(
    lambda t: Window(t[0], t[1], t[0] + t[2], t[1] + t[3])
)


@given(windows, windows)
def test_the_overlap_of_two_windows_is_in_both(a, b):
    both = a & b
    if not both.empty:
        assert both & a == both
        assert both & b == both
        assert both == b & a


@given(st.lists(windows, max_size=6))
def test_merged_windows_hold_the_pixels_of_all_and_are_no_more_work(several):
    made = merged(several)
    assert all(any(each & whole == each for whole in made) for each in several)
    assert sum(np.prod(each.shape) for each in made) <= sum(np.prod(each.shape) for each in several)
    assert merged(made) == made


@given(st.floats(5.0, 20.0), st.floats(42.0, 58.0))
def test_the_pixel_of_a_point_holds_it(lon, lat):
    row, col = EUROPE.pixel_of(lon, lat)
    left, bottom, right, top = EUROPE.bounds(Window(row, col, row + 1, col + 1))
    x, y = TO_GRID.transform(lon, lat)
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
    ("name", "says"),
    [
        ("EPSG:4326", "metres"),
        ("EPSG:99999", "no known CRS"),
        ("mars", "conterminous-us"),
        ("EPSG:32633+5773", "has heights; use a projected CRS without them"),
    ],
)
def test_a_crs_that_cannot_be_a_grid_is_refused(name, says):
    with pytest.raises(UserError, match=says):
        projected_crs(name)


@pytest.mark.parametrize(
    ("name", "crs"),
    [("WGS 84 / UTM zone 33N", "EPSG:32633"), ("32633", "EPSG:32633"), ("EPSG:3035", "EPSG:3035"), (LAEA, LAEA)],
)
def test_a_crs_by_its_title_is_known_by_its_code(name, crs):
    assert projected_crs(name) == crs


@pytest.mark.parametrize("name", ["europe", "conterminous-us", "africa", "south-america", "australia", "global"])
def test_named_grids_are_projected_in_metres_and_equal_area(name):
    crs = CRS(projected_crs(name))
    assert crs.axis_info[0].unit_name == "metre"
    assert "Equal Area" in crs.coordinate_operation.method_name


FIJI = (179.0, -17.5, -179.5, -16.5)


def test_a_region_across_the_antimeridian_is_one_window_where_the_grid_is_whole_there():
    grid = Grid("EPSG:3832", 100.0, 256)
    window = grid.window_of(FIJI)
    west, east = grid.pixel_of(FIJI[0], -17), grid.pixel_of(FIJI[2], -17)
    assert window.x0 <= west[1] < east[1] < window.x1
    assert window.shape[1] == pytest.approx(1.5 * 111_320 / 100, rel=0.01)
    halves = [grid.window_of((FIJI[0], FIJI[1], 180.0, FIJI[3])), grid.window_of((-180.0, FIJI[1], FIJI[2], FIJI[3]))]
    assert halves[0] & window == halves[0]
    assert halves[1] & window == halves[1]
    assert abs(halves[0].x1 - halves[1].x0) <= 1


@pytest.mark.parametrize("crs", ["EPSG:6933", "EPSG:3857"])
def test_a_grid_that_is_cut_at_the_antimeridian_refuses_a_region_across_it(crs):
    with pytest.raises(UserError, match=r"crosses the antimeridian, where .* is cut; make two regions"):
        Grid(crs, 100.0, 256).window_of(FIJI)
