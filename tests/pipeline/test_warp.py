"""The warp against pyproj at every pixel and a float64 reference, and its independence of the cut."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyproj import Transformer

from pipeline import warp
from pipeline.grid import Grid, Window
from pipeline.read import Part, Raster

GRID = Grid("EPSG:3035", 10.0, 512)
WINDOW = Window(-282300, 446600, -282000, 446900)
UTM33 = Raster("EPSG:32633", 277000.0, 5377600.0, 10.0, 300, 250, None)
UTM32 = Raster("EPSG:32632", 720300.0, 5377600.0, 10.0, 300, 250, None)


def exact_coordinates(raster):
    rows, cols = np.mgrid[WINDOW.y0 : WINDOW.y1, WINDOW.x0 : WINDOW.x1]
    to_raster = Transformer.from_crs(GRID.crs, raster.crs, always_xy=True)
    x, y = to_raster.transform((cols + 0.5) * GRID.resolution, -(rows + 0.5) * GRID.resolution)
    return (raster.top - y) / raster.resolution - 0.5, (x - raster.left) / raster.resolution - 0.5


def full(raster):
    return Part((0, raster.height), (0, raster.width))


def texture(raster, seed=0, holes=0.0):
    random = np.random.default_rng(seed)
    source = random.integers(1, 10_000, (2, raster.height, raster.width)).astype(np.uint16)
    source[:, random.random((raster.height, raster.width)) < holes] = 0
    return source


@pytest.mark.parametrize("raster", [UTM32, UTM33])
def test_coordinates_are_pyprojs_within_a_hundredth_of_a_pixel(raster):
    row, col = exact_coordinates(raster)
    our_row, our_col = warp.source_coordinates(GRID, WINDOW, raster)
    assert np.abs(our_row.numpy() - row).max() < 1e-4
    assert np.abs(our_col.numpy() - col).max() < 1e-4


def test_bilinear_is_a_float64_reference_within_one_dn():
    source = texture(UTM33)
    value, valid = warp.bilinear(GRID, WINDOW, UTM33, full(UTM33), source)
    row, col = exact_coordinates(UTM33)
    top, left = np.floor(row).astype(int), np.floor(col).astype(int)
    inside = (top >= 0) & (left >= 0) & (top + 1 < UTM33.height) & (left + 1 < UTM33.width)
    down, right = (row - top)[inside], (col - left)[inside]
    t, s = top[inside], left[inside]
    expected = (
        source[:, t, s] * (1 - down) * (1 - right)
        + source[:, t, s + 1] * (1 - down) * right
        + source[:, t + 1, s] * down * (1 - right)
        + source[:, t + 1, s + 1] * down * right
    )
    assert inside.sum() > 10_000
    assert valid[inside].all()
    assert np.abs(value[:, inside] - expected).max() < 1


def test_neighbours_without_data_do_not_darken_a_pixel():
    source = texture(UTM33, holes=0.3)
    source[source > 0] = 5000
    value, valid = warp.bilinear(GRID, WINDOW, UTM33, full(UTM33), source)
    assert 0.2 < valid.mean() < 0.95
    assert np.allclose(value[:, valid], 5000)


def test_nearest_takes_the_pixel_in_which_the_centre_falls():
    source = texture(UTM32)[0]
    value = warp.nearest(GRID, WINDOW, UTM32, full(UTM32), source)
    row, col = (np.rint(c).astype(int) for c in exact_coordinates(UTM32))
    inside = (row >= 0) & (col >= 0) & (row < UTM32.height) & (col < UTM32.width)
    assert (value[inside] == source[row[inside], col[inside]]).mean() > 0.9999
    assert (value[~inside] == 0).all()


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 299), st.integers(0, 299), st.integers(1, 120), st.integers(1, 120))
def test_a_pixel_has_the_same_bits_whatever_window_it_is_warped_in(y, x, height, width):
    source = texture(UTM33, holes=0.1)
    whole, whole_valid = warp.bilinear(GRID, WINDOW, UTM33, full(UTM33), source)
    cut = Window(WINDOW.y0 + y, WINDOW.x0 + x, WINDOW.y0 + y + height, WINDOW.x0 + x + width) & WINDOW
    inside = cut.slices((WINDOW.y0, WINDOW.x0))
    part = warp.footprint(GRID, cut, UTM33)
    if part is None:
        assert not whole_valid[inside].any()
        return
    read = source[:, slice(*part.rows), slice(*part.cols)]
    value, valid = warp.bilinear(GRID, cut, UTM33, part, read)
    assert (valid == whole_valid[inside]).all()
    assert (value[:, valid] == whole[:, *inside][:, valid]).all()


def test_a_raster_elsewhere_has_no_part_of_the_window():
    assert warp.footprint(GRID, WINDOW, Raster("EPSG:32633", 500_000.0, 5_000_000.0, 10.0, 100, 100, None)) is None
