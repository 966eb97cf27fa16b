"""warp.py and lattice.py: positions against pyproj at every pixel, and the same however the area is cut."""

from dataclasses import replace
from functools import cache

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from made_rasters import around, exact_coordinates, raster_around

from pipeline.geometry.grid import Grid, Window
from pipeline.raster.lattice import Lattice, spacing
from pipeline.raster.level import Raster
from pipeline.raster.source import MARGIN
from pipeline.raster.warp import sample_points

SIDE = 300
PLACES = {
    "Europe, its middle": ("EPSG:3035", 10, "EPSG:32633", 10, 15.5, 46.0),
    "Europe, its edge": ("EPSG:3035", 10, "EPSG:32629", 10, -9.2, 38.5),
    "Europe in 120 m": ("EPSG:3035", 120, "EPSG:32633", 80, 15.5, 46.0),
    "Europe in 1 km": ("EPSG:3035", 1000, "EPSG:32635", 160, 29.0, 62.0),
    "the world, far north": ("EPSG:6933", 10, "EPSG:32633", 10, 17.9, 69.0),
    "the world, in Svalbard": ("EPSG:6933", 10, "EPSG:32635", 10, 29.9, 80.0),
    "the world, at its northernmost land": ("EPSG:6933", 10, "EPSG:32624", 10, -32.0, 83.5),
    "the world in 120 m": ("EPSG:6933", 120, "EPSG:32633", 80, 17.9, 69.0),
    "the world in 1 km": ("EPSG:6933", 1000, "EPSG:32633", 160, 15.5, 46.0),
    "the antimeridian": ("EPSG:6933", 10, "EPSG:32701", 10, 179.9, -17.0),
    "Africa": ("ESRI:102022", 10, "EPSG:32735", 10, 27.0, -15.0),
    "Africa, its edge": ("ESRI:102022", 10, "EPSG:32630", 10, -5.0, 36.0),
    "Africa in 1 km": ("ESRI:102022", 1000, "EPSG:32735", 160, 27.0, -15.0),
    "South America": ("ESRI:102033", 10, "EPSG:32719", 20, -70.0, -53.0),
    "the conterminous US": ("EPSG:5070", 30, "EPSG:32610", 30, -124.0, 48.0),
    "Australia": ("EPSG:3577", 10, "EPSG:32755", 10, 147.0, -42.0),
    "a zone from the next": ("EPSG:32633", 10, "EPSG:32632", 10, 12.0, 48.0),
}


@cache
def made(place):
    """A grid, a window with the place in its middle, and a raster about as large there."""
    crs, metres, raster_crs, pixel, lon, lat = PLACES[place]
    grid, length = Grid(crs, float(metres), 512), round(SIDE * metres / pixel)
    return grid, around(grid, lon, lat, SIDE, SIDE), raster_around(raster_crs, lon, lat, float(pixel), length, length)


@cache
def whole(place):
    return sample_points(*made(place))


def pixels(at):
    """Absolute (row, col) in the raster of the pixel at or above and left of each centre."""
    index_HW = at.index_HW.numpy()
    return index_HW // at.width - MARGIN + at.part.rows[0], index_HW % at.width - MARGIN + at.part.cols[0]


def in_raster(grid, window, raster):
    """Where all of a centre's four neighbours lie in the raster, bool HW."""
    row_HW, col_HW = exact_coordinates(grid, window, raster)
    return (row_HW > 0) & (row_HW < raster.height - 1) & (col_HW > 0) & (col_HW < raster.width - 1)


@pytest.mark.parametrize("place", PLACES)
def test_coordinates_are_pyprojs_within_a_hundredth_of_a_pixel(place):
    grid, window, raster = made(place)
    found = torch.stack(Lattice.of(grid, window, raster).coordinates(window)).numpy()
    error = np.abs(found - np.stack(exact_coordinates(grid, window, raster))).max()
    print(f"{place}: {error:.1e} px")
    assert error < 0.01
    assert error < 1e-4 or grid.crs == "EPSG:6933" or grid.resolution > 30


def test_rows_may_be_taller_than_columns_are_wide():
    grid, window, raster = made("Europe, its middle")
    raster = replace(raster, height=290, tall=300 / 290)
    found = torch.stack(Lattice.of(grid, window, raster).coordinates(window)).numpy()
    assert np.abs(found - np.stack(exact_coordinates(grid, window, raster))).max() < 1e-4


@pytest.mark.parametrize("place", PLACES)
def test_a_sampling_is_the_pixel_and_how_far_beyond_its_centre(place):
    grid, window, raster = made(place)
    at, inside_HW = whole(place), in_raster(grid, window, raster)
    assert inside_HW.any()
    exact = exact_coordinates(grid, window, raster)
    for pixel_HW, beyond_HW, exact_HW in zip(pixels(at), (at.down_HW, at.right_HW), exact, strict=True):
        assert (beyond_HW >= 0).all() and (beyond_HW <= 1).all()
        found_HW = pixel_HW + beyond_HW.numpy().astype(float)
        assert np.abs(found_HW - exact_HW)[inside_HW].max() < 0.01


@settings(max_examples=60, deadline=None)
@given(
    st.sampled_from(sorted(PLACES)),
    st.integers(0, SIDE - 1),
    st.integers(0, SIDE - 1),
    st.integers(1, SIDE),
    st.integers(1, SIDE),
)
def test_any_window_has_the_bits_of_the_whole(place, y, x, height, width):
    grid, window, raster = made(place)
    cut = Window(window.y0 + y, window.x0 + x, window.y0 + y + height, window.x0 + x + width) & window
    here = cut.slices((window.y0, window.x0))
    inside_HW = in_raster(grid, cut, raster)
    at = sample_points(grid, cut, raster)
    if at is None:
        assert not inside_HW.any()
        return
    for found_HW, expected_HW in zip(pixels(at), pixels(whole(place)), strict=True):
        assert (found_HW == expected_HW[here])[inside_HW].all()
    assert (at.down_HW == whole(place).down_HW[here]).all()
    assert (at.right_HW == whole(place).right_HW[here]).all()


@settings(max_examples=40, deadline=None)
@given(st.integers(-400, 400), st.integers(-400, 400), st.integers(1, 90), st.integers(1, 90))
def test_the_part_holds_all_pixels_that_cubic_asks_for_and_no_index_leaves_it(y, x, height, width):
    grid, window, raster = made("Europe, its middle")
    window = Window(window.y0 + y, window.x0 + x, window.y0 + y + height, window.x0 + x + width)
    at = sample_points(grid, window, raster)
    if at is None:
        return
    height, width = (stop - start + 2 * MARGIN for start, stop in (at.part.rows, at.part.cols))
    for reach in (-width - 1, 2 * width + 2):
        index_HW = at.index_HW + reach
        assert index_HW.min() >= 0
        assert index_HW.max() < height * width
    exact = exact_coordinates(grid, window, raster)
    for exact_HW, (begin, end), side in zip(
        exact, (at.part.rows, at.part.cols), (raster.height, raster.width), strict=True
    ):
        assert 0 <= begin <= max(np.floor(exact_HW.min()) - 1, 0)
        assert side >= end >= min(np.floor(exact_HW.max()) + 3, side)


def test_a_window_knows_whether_all_its_neighbours_lie_in_the_raster():
    grid, window, raster = made("Europe, its middle")
    assert not sample_points(grid, window, raster).inside
    assert sample_points(grid, window.pad(-60), raster).inside


def test_a_raster_elsewhere_has_nothing_of_a_window():
    grid, window, raster = made("Europe, its middle")
    assert sample_points(grid, window, Raster(raster.crs, 500_000.0, 4_000_000.0, 10.0, 100, 100, None)) is None


def test_a_raster_across_the_antimeridian_is_found_at_both_edges_of_the_world():
    raster = raster_around("EPSG:32701", 180.0, -17.0, 10.0, 400, 400)
    grid = Grid("EPSG:6933", 10.0, 512)
    east, west = (around(grid, lon, -17.0, 100, 100) for lon in (179.99, -179.99))
    assert west.x1 < 0 < east.x0
    for window in (east, west):
        assert in_raster(grid, window, raster).all()
        at, exact = sample_points(grid, window, raster), exact_coordinates(grid, window, raster)
        assert np.abs(pixels(at)[0] + at.down_HW.numpy() - exact[0]).max() < 0.01
        assert np.abs(pixels(at)[1] + at.right_HW.numpy() - exact[1]).max() < 0.01


def test_ground_beyond_the_end_of_the_grids_crs_is_outside_and_takes_nothing_else_along():
    """The world's equal-area grid ends at the pole, 7,342 km north: rows beyond lie nowhere."""
    grid, window = Grid("EPSG:6933", 100.0, 512), Window(-73_600, 14_500, -73_200, 14_900)
    raster = Raster("EPSG:32633", 490_000.0, 9_900_000.0, 100.0, 7_000, 2_000, None)
    known_HW = np.isfinite(exact_coordinates(grid, window, raster)[0])
    assert known_HW.any() and not known_HW.all()
    at = sample_points(grid, window, raster)
    assert not at.inside
    assert at.index_HW.min() >= at.width + 1
    margin_HW = pixels(at)[0] < at.part.rows[0] - 1
    assert margin_HW[~known_HW].all()
    south = Window(window.y1 - 32, window.x0, window.y1, window.x1)
    assert known_HW[-32:].all()
    alone = sample_points(grid, south, raster)
    inside_HW = in_raster(grid, south, raster)
    assert inside_HW.any()
    assert (pixels(alone)[0] == pixels(at)[0][-32:])[inside_HW].all()
    assert (alone.down_HW == at.down_HW[-32:]).all()


@pytest.mark.parametrize(("metres", "pixels"), [(10, 8), (30, 8), (60, 8), (120, 4), (640, 1), (5000, 1)])
def test_the_lattices_nodes_lie_within_640_m(metres, pixels):
    assert spacing(Grid("EPSG:3035", float(metres), 512)) == pixels
