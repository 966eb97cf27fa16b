"""resample.py, average.py and source.py: against float64 references, against GDAL, and the same however it is cut."""

import numpy as np
import pytest
import rasterio
from hypothesis import given, settings
from hypothesis import strategies as st
from made_rasters import around, exact_coordinates, raster_around, write
from rasterio import Affine
from rasterio.enums import Resampling
from rasterio.vrt import WarpedVRT

from pipeline.geometry.grid import Grid, Window
from pipeline.raster import strips
from pipeline.raster.average import UNIT
from pipeline.raster.lattice import Lattice
from pipeline.raster.resample import METHODS
from pipeline.raster.source import SourcePixels
from pipeline.raster.strips import row_strips

FINE = Grid("EPSG:3035", 10.0, 512), raster_around("EPSG:32633", 14.0, 48.5, 10.0, 300, 250)
COARSE = Grid("EPSG:3035", 120.0, 512), raster_around("EPSG:32633", 14.0, 48.5, 10.0, 700, 600)
GRIDS = {"nearest": FINE, "bilinear": FINE, "cubic": FINE, "average": COARSE}
WINDOWS = {FINE[0]: around(FINE[0], 14.0, 48.5, 320, 320), COARSE[0]: around(COARSE[0], 14.0, 48.5, 90, 90)}


def texture(raster, holes=0.0, low=1, high=10_000, bands=2):
    """Noise, which is the hardest to resample, with holes in it."""
    random = np.random.default_rng(0)
    source_BHW = random.integers(low, high, (bands, raster.height, raster.width)).astype(np.uint16)
    source_BHW[:, random.random((raster.height, raster.width)) < holes] = 0
    return source_BHW


def resampled(method, grid, window, raster, source_BHW):
    """(value_BHW, valid_HW) of a window of a raster with these pixels; nothing is valid outside it."""
    value_BHW, valid_HW = np.zeros((len(source_BHW), *window.shape), np.float32), np.zeros(window.shape, bool)
    place, resample = METHODS[method]
    at = place(grid, window, raster)
    if at is not None:
        source = SourcePixels.of([band_HW[slice(*at.part.rows), slice(*at.part.cols)] for band_HW in source_BHW])
        for _, here in row_strips(window):
            value, valid = resample(at, source, here)
            value_BHW[:, here], valid_HW[here] = value.numpy(), valid.numpy()
    return value_BHW, valid_HW


def neighbours(source_HW, row_HW, col_HW):
    """Pixels at whole rows and columns, 0 outside."""
    padded_HW = np.pad(source_HW.astype(float), 1)
    row_HW, col_HW = (np.clip(i + 1, 0, side - 1) for i, side in zip((row_HW, col_HW), padded_HW.shape, strict=True))
    return padded_HW[row_HW.astype(int), col_HW.astype(int)]


def bilinear_reference(source_BHW, row_HW, col_HW):
    """(mean over the neighbours with data, their share of the weight), float64."""
    top_HW, left_HW = np.floor(row_HW), np.floor(col_HW)
    total_BHW, weight_HW = np.zeros((len(source_BHW), *row_HW.shape)), np.zeros(row_HW.shape)
    for y in (0, 1):
        for x in (0, 1):
            share_HW = np.abs(1 - y - (row_HW - top_HW)) * np.abs(1 - x - (col_HW - left_HW))
            value_BHW = np.stack([neighbours(band_HW, top_HW + y, left_HW + x) for band_HW in source_BHW])
            total_BHW += value_BHW * share_HW
            weight_HW += (value_BHW > 0).all(0) * share_HW
    return np.divide(total_BHW, weight_HW, out=np.zeros_like(total_BHW), where=weight_HW > 0), weight_HW


@pytest.mark.parametrize("holes", [0.0, 0.2])
@pytest.mark.parametrize("high", [10_000, 65_536])
def test_bilinear_is_a_float64_reference_within_one_dn(holes, high):
    (grid, raster), window = FINE, WINDOWS[FINE[0]]
    source_BHW = texture(raster, holes, high=high)
    value_BHW, valid_HW = resampled("bilinear", grid, window, raster, source_BHW)
    expected_BHW, weight_HW = bilinear_reference(source_BHW, *exact_coordinates(grid, window, raster))
    clearly_HW = np.abs(weight_HW - 0.5) > 1e-3
    assert (valid_HW == (weight_HW >= 0.5))[clearly_HW].all()
    assert 0.3 < valid_HW.mean() < 0.9
    both_HW = valid_HW & clearly_HW
    assert np.abs(value_BHW - expected_BHW)[:, both_HW].max() < 1


def test_nearest_is_gdals_away_from_ties(tmp_path):
    """GDAL is told to be exact to 1e-6 px; by itself it may be off by 1/8 px."""
    (grid, raster), window = FINE, WINDOWS[FINE[0]]
    source_BHW = texture(raster, holes=0.1, high=65_536, bands=1)
    left, _, _, top = grid.bounds(window)
    place = {"crs": grid.crs, "transform": Affine(grid.resolution, 0, left, 0, -grid.resolution, top)}
    place |= dict(zip(("height", "width"), window.shape, strict=True))
    with (
        rasterio.open(write(tmp_path / "source.tif", source_BHW[0], raster, nodata=0)) as source,
        WarpedVRT(source, **place, resampling=Resampling.nearest, tolerance=1e-6) as warped,
    ):
        gdal_HW = warped.read(1)
    value_BHW, valid_HW = resampled("nearest", grid, window, raster, source_BHW)
    away_HW = np.ones(window.shape, bool)
    for coordinate_HW in exact_coordinates(grid, window, raster):
        away_HW &= np.abs(coordinate_HW - np.floor(coordinate_HW) - 0.5) > 1e-4
    assert away_HW.mean() > 0.999
    assert (gdal_HW > 0).mean() > 0.5
    assert (np.where(valid_HW, value_BHW[0], 0) == gdal_HW)[away_HW].all()


def keys(distance):
    """Keys 1981, equation 15: cubic convolution with a = -1/2."""
    d = np.abs(distance)
    return np.where(d < 1, 1.5 * d**3 - 2.5 * d**2 + 1, np.where(d < 2, -0.5 * d**3 + 2.5 * d**2 - 4 * d + 2, 0))


def cubic_reference(source_HW, row_HW, col_HW):
    top_HW, left_HW = np.floor(row_HW), np.floor(col_HW)
    total_HW = np.zeros(row_HW.shape)
    for y in (-1, 0, 1, 2):
        for x in (-1, 0, 1, 2):
            share_HW = keys(row_HW - top_HW - y) * keys(col_HW - left_HW - x)
            total_HW += neighbours(source_HW, top_HW + y, left_HW + x) * share_HW
    return total_HW


def inner(raster, row_HW, col_HW, pixels):
    """Where centres lie so many pixels inside the raster."""
    rows_HW = (row_HW >= pixels) & (row_HW < raster.height - 1 - pixels)
    return rows_HW & (col_HW >= pixels) & (col_HW < raster.width - 1 - pixels)


def test_cubic_is_a_float64_reference_within_one_dn():
    (grid, raster), window = FINE, WINDOWS[FINE[0]]
    source_BHW = texture(raster)
    value_BHW, valid_HW = resampled("cubic", grid, window, raster, source_BHW)
    row_HW, col_HW = exact_coordinates(grid, window, raster)
    inner_HW = inner(raster, row_HW, col_HW, 1)
    assert inner_HW.mean() > 0.3
    assert valid_HW[inner_HW].all()
    for value_HW, source_HW in zip(value_BHW, source_BHW, strict=True):
        assert np.abs(value_HW - cubic_reference(source_HW, row_HW, col_HW))[inner_HW].max() < 1


def test_cubic_is_exact_on_quadratic_surfaces():
    (grid, raster), window = FINE, WINDOWS[FINE[0]]

    def surface(row, col):
        return 1_000 + 0.5 * row * (row + 1) - row * col + 0.5 * col * (col - 1)

    exact_HW = exact_coordinates(grid, window, raster)
    source_HW = surface(*np.mgrid[: raster.height, : raster.width])
    value_BHW, _ = resampled("cubic", grid, window, raster, [source_HW.astype(np.uint16)])
    inner_HW = inner(raster, *exact_HW, 1)
    assert np.abs(value_BHW[0] - surface(*exact_HW))[inner_HW].max() < 0.02


def test_cubic_is_bilinear_where_one_of_its_neighbours_has_no_data():
    (grid, raster), window = FINE, WINDOWS[FINE[0]]
    source_BHW = texture(raster, holes=0.05)
    cubic_BHW, cubic_valid_HW = resampled("cubic", grid, window, raster, source_BHW)
    bilinear_BHW, valid_HW = resampled("bilinear", grid, window, raster, source_BHW)
    assert (cubic_valid_HW == valid_HW).all()
    row_HW, col_HW = exact_coordinates(grid, window, raster)
    top_HW, left_HW = np.floor(row_HW), np.floor(col_HW)
    whole_HW = np.ones(window.shape, bool)
    for y in (-1, 0, 1, 2):
        for x in (-1, 0, 1, 2):
            whole_HW &= neighbours(source_BHW[0], top_HW + y, left_HW + x) > 0
    assert 0.1 < whole_HW.mean() < 0.6
    same_HW = (cubic_BHW == bilinear_BHW).all(0)
    assert same_HW[valid_HW & ~whole_HW].all()
    assert same_HW[valid_HW & whole_HW].mean() < 0.01


def box_edges(grid, window, raster):
    """Top, bottom, left, right of each pixel's box in the raster, to 1/256 pixel, and float64 HW each."""
    around = Window(window.y0, window.x0, window.y1 + 1, window.x1 + 1)
    for centre_HW in (c.numpy() for c in Lattice.of(grid, around, raster).coordinates(around)):
        step = np.abs(np.diff(centre_HW, axis=0))[:, :-1] + np.abs(np.diff(centre_HW, axis=1))[:-1]
        for side in (-0.5, 0.5):
            yield np.floor((centre_HW[:-1, :-1] + 0.5 + side * step) * UNIT + 0.5) / UNIT


def average_reference(source_HW, edges, y, x):
    """(mean over what has data under one pixel, its share of the box), pixel by pixel."""
    top, bottom, left, right = (edge_HW[y, x] for edge_HW in edges)
    row, col = (np.arange(side) for side in source_HW.shape)
    rows = np.clip(np.minimum(row + 1, bottom) - np.maximum(row, top), 0, None)
    cols = np.clip(np.minimum(col + 1, right) - np.maximum(col, left), 0, None)
    area_HW = rows[:, None] * cols * (source_HW > 0)
    share = area_HW.sum() / ((bottom - top) * (right - left))
    return (area_HW * source_HW).sum() / max(area_HW.sum(), 1e-9), share


@pytest.mark.parametrize("holes", [0.0, 0.5])
def test_the_average_is_the_mean_of_the_area_under_a_pixel(holes):
    (grid, raster), window = COARSE, WINDOWS[COARSE[0]]
    source_BHW = texture(raster, holes, high=65_536, bands=1)
    value_BHW, valid_HW = resampled("average", grid, window, raster, source_BHW)
    edges = list(box_edges(grid, window, raster))
    assert 10 < np.median(edges[1] - edges[0]) < 16
    assert 0.1 < valid_HW.mean() < 0.9
    for y, x in np.random.default_rng(1).integers(0, 90, (400, 2)):
        mean, share = average_reference(source_BHW[0], edges, y, x)
        assert valid_HW[y, x] == (share >= 0.5)
        if share >= 0.5:
            assert value_BHW[0, y, x] == pytest.approx(mean, rel=1e-6)


def test_the_average_of_a_slope_is_its_value_at_the_centre():
    """Up to what steps of a pixel, cut anywhere, are off at the two ends of a box 12 pixels long."""
    (grid, raster), window = COARSE, WINDOWS[COARSE[0]]
    row_HW, col_HW = np.mgrid[: raster.height, : raster.width]
    value_BHW, _ = resampled("average", grid, window, raster, [(1_000 + 8 * row_HW + 4 * col_HW).astype(np.uint16)])
    exact = exact_coordinates(grid, window, raster)
    inner_HW = inner(raster, *exact, 15)
    assert inner_HW.mean() > 0.1
    assert np.abs(value_BHW[0] - (1_000 + 8 * exact[0] + 4 * exact[1]))[inner_HW].max() < 2 * (8 + 4) / 8 / 12


def test_a_pixel_of_which_less_than_half_lies_in_the_raster_has_no_average():
    grid = Grid("EPSG:32633", 100.0, 512)
    window = Window(-53_000, 5_000, -52_990, 5_010)
    for overhang, valid in ((40, True), (60, False)):
        raster = raster_around("EPSG:32633", 15.0, 47.0, 10.0, 200, 200)
        left, _, _, top = grid.bounds(window)
        raster = type(raster)("EPSG:32633", left + overhang, top, 10.0, 200, 200, None)
        _, valid_HW = resampled("average", grid, window, raster, np.full((1, 200, 200), 7, np.uint16))
        assert valid_HW[0, 0] == valid
        assert valid_HW[0, 1]


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("constant", [1, 777, 32_767, 32_768, 65_535])
def test_a_constant_stays_itself(method, constant):
    grid, raster = GRIDS[method]
    source_BHW = np.where(texture(raster, holes=0.3) > 0, constant, 0).astype(np.uint16)
    value_BHW, valid_HW = resampled(method, grid, WINDOWS[grid], raster, source_BHW)
    assert 0.1 < valid_HW.mean() < 0.9
    assert np.abs(value_BHW[:, valid_HW] - constant).max() <= constant * 2**-21


@pytest.mark.parametrize("method", METHODS)
def test_a_pixel_without_data_in_one_band_has_none_in_any(method):
    grid, raster = GRIDS[method]
    source_BHW = texture(raster)
    source_BHW[1, ::2] = 0
    source_BHW[0, 1::2], source_BHW[1, 1::2] = 500, 600
    value_BHW, valid_HW = resampled(method, grid, WINDOWS[grid], raster, source_BHW)
    assert valid_HW.any()
    assert np.allclose(value_BHW[:, valid_HW], np.array([[500], [600]]))


@pytest.mark.parametrize("method", METHODS)
def test_a_raster_without_data_shows_nothing(method):
    grid, raster = GRIDS[method]
    assert not resampled(method, grid, WINDOWS[grid], raster, texture(raster, holes=1.1))[1].any()


whole = {}


@settings(max_examples=60, deadline=None)
@given(
    st.sampled_from(sorted(METHODS)),
    st.sampled_from([0.0, 0.2]),
    st.integers(0, 319),
    st.integers(0, 319),
    st.integers(1, 200),
    st.integers(1, 200),
)
def test_any_window_has_the_bits_of_the_whole(method, holes, y, x, height, width):
    grid, raster = GRIDS[method]
    window = WINDOWS[grid]
    source_BHW = texture(raster, holes, high=40_000)
    if (method, holes) not in whole:
        whole[method, holes] = resampled(method, grid, window, raster, source_BHW)
    y, x = y % window.shape[0], x % window.shape[1]
    cut = Window(window.y0 + y, window.x0 + x, window.y0 + y + height, window.x0 + x + width) & window
    value_BHW, valid_HW = resampled(method, grid, cut, raster, source_BHW)
    here = cut.slices((window.y0, window.x0))
    whole_BHW, whole_valid_HW = whole[method, holes]
    assert (valid_HW == whole_valid_HW[here]).all()
    assert (value_BHW[:, valid_HW] == whole_BHW[:, *here][:, valid_HW]).all()


@pytest.mark.parametrize("method", METHODS)
def test_the_strips_leave_no_trace(method, monkeypatch):
    grid, raster = GRIDS[method]
    source_BHW = texture(raster, holes=0.1)
    value_BHW, valid_HW = resampled(method, grid, WINDOWS[grid], raster, source_BHW)
    monkeypatch.setattr(strips, "ROWS", 7)
    value_again_BHW, valid_again_HW = resampled(method, grid, WINDOWS[grid], raster, source_BHW)
    assert (valid_again_HW == valid_HW).all()
    assert (value_again_BHW == value_BHW)[:, valid_HW].all()


def test_an_average_on_a_finer_grid_is_the_pixel_around_it():
    grid = Grid("EPSG:32633", 2.5, 512)
    window = Window(-2_120_000, 200_000, -2_119_984, 200_016)
    left, _, _, top = grid.bounds(window)
    raster = type(FINE[1])("EPSG:32633", left, top, 10.0, 4, 4, None)
    source_HW = np.arange(1, 17, dtype=np.uint16).reshape(4, 4)
    value_BHW, valid_HW = resampled("average", grid, window, raster, [source_HW])
    assert valid_HW.all()
    assert (value_BHW[0] == source_HW.repeat(4, 0).repeat(4, 1)).all()
