"""reduce.py, `cells.py`, `result.py`: reductions equal those of the whole map in memory, and open where users are."""

import math
from datetime import date

import made_maps
import made_versions as made
import numpy as np
import pytest
import rasterio
import rioxarray
import xarray as xr
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipeline.analysis import reduce
from pipeline.analysis.cells import Cells
from pipeline.analysis.series import first_and_last, most_frequent, smoothed
from pipeline.cube import store, versions
from pipeline.cube.cube import Cube
from pipeline.errors import UserError
from pipeline.geometry.extent import Extent
from pipeline.geometry.grid import Grid, Window

PERIODS = [(date(year, 1, 1), date(year, 12, 31)) for year in (2022, 2020, 2021)]
"""In the order in which they are mapped."""


@pytest.fixture(scope="module")
def cube(tmp_path_factory):
    cube = Cube.create(tmp_path_factory.mktemp("reduce") / "cube")
    for number, period in enumerate(PERIODS):
        made_maps.publish(cube, made_maps.patches(number, side=9), period, f"a{number}")
    return cube


@pytest.fixture(scope="module")
def code_THW(cube):
    """The maps in time's order, cut to the region."""
    group = cube.group(snapshot=versions.resolve(cube))
    return np.asarray(store.array(group, "landcover"))[[1, 2, 0], :512, :700]


def brute_fractions(code_HW, codes, pixels, window):
    """Shares by cells, counted cell by cell; the first pixel of `code_HW` is that of the window."""
    y0, x0, y1, x1 = window.y0, window.x0, window.y1, window.x1
    rows, cols = range(y0 // pixels, -(-y1 // pixels)), range(x0 // pixels, -(-x1 // pixels))
    share_KYX = np.full((len(codes) + 1, len(rows), len(cols)), np.nan, np.float32)
    for i, row in enumerate(rows):
        for j, col in enumerate(cols):
            top, left = max(row * pixels - y0, 0), max(col * pixels - x0, 0)
            cell = code_HW[top : (row + 1) * pixels - y0, left : (col + 1) * pixels - x0]
            counts = [np.count_nonzero(cell == code) for code in codes]
            share_KYX[-1, i, j] = sum(counts) / pixels**2
            if sum(counts):
                share_KYX[:-1, i, j] = [count / sum(counts) for count in counts]
    return share_KYX


@pytest.mark.parametrize("pixels", [3, 10, 33, 256, 300, 5000])
def test_fractions_are_those_of_each_cell_also_at_ragged_edges(cube, code_THW, tmp_path, pixels, monkeypatch):
    monkeypatch.setattr(reduce, "SIDE", 24)
    done = reduce.fractions(cube, tmp_path / "out.zarr", pixels, date(2021, 1, 1))
    assert done.resolution == 10 * pixels
    found = xr.open_zarr(tmp_path / "out.zarr").fraction
    codes = [row["code"] for row in made.CLASSES]
    expected = brute_fractions(code_THW[1], codes, pixels, made.LAYOUT.extent.window)
    np.testing.assert_allclose(found.values, expected, rtol=1e-6)
    assert found.band.values.tolist() == ["Tree", "Grass", "Water", "mapped"]


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.integers(-600, 600),
    st.integers(-600, 600),
    st.integers(1, 700),
    st.integers(1, 700),
    st.integers(1, 400),
    st.integers(1, 9),
)
def test_cells_cover_a_region_once_from_the_origin_of_the_grid(y, x, height, width, pixels, side):
    window = Window(y, x, y + height, x + width)
    cells = Cells(Extent(Grid("EPSG:3035", 10, 256), window), pixels, side)
    seen = np.zeros(cells.window.shape, int)
    for tile in cells.tiles():
        seen[cells.of(tile).slices((cells.window.y0, cells.window.x0))] += 1
    assert (seen == 1).all()
    around = cells.pixels_of(cells.window)
    assert around & window == window
    assert math.ceil(around.shape[0] / pixels) <= height // pixels + 2


def test_series_are_reduced_in_the_order_of_their_days(cube, code_THW, tmp_path):
    flat = code_THW.reshape(3, -1)
    year_T = np.array([2020, 2021, 2022])
    percent = np.where(flat > 0, 90, 0).astype(np.uint8)
    for name, done, expected in (
        ("landcover", reduce.majority(cube, tmp_path / "a.tif"), most_frequent(flat)[None]),
        ("landcover", reduce.stable(cube, tmp_path / "b.tif", 2), smoothed(flat, percent, 2)),
        ("year", reduce.first_last(cube, tmp_path / "c.tif", "Grass"), first_and_last(flat, year_T, 30)),
    ):
        with rasterio.open(done.out) as file:
            assert (file.read() == expected.reshape(-1, 512, 700)).all()
            assert file.descriptions == tuple(done.bands)
            assert (file.crs.to_epsg(), file.nodata, file.transform.a) == (3035, 0, 10)
        assert done.array == name
    assert reduce.stable(cube, tmp_path / "d.zarr", 2).bands == ["2020-01-01", "2021-01-01", "2022-01-01"]


def test_tiff_and_zarr_are_one_map_that_rioxarray_places(cube, tmp_path):
    for name in ("out.tif", "out.zarr"):
        reduce.fractions(cube, tmp_path / name, 50)
    from_tiff = rioxarray.open_rasterio(tmp_path / "out.tif")
    from_zarr = xr.open_zarr(tmp_path / "out.zarr", decode_coords="all").fraction
    np.testing.assert_array_equal(from_tiff.values, from_zarr.values)
    assert from_zarr.rio.crs == from_tiff.rio.crs
    assert from_zarr.rio.transform() == from_tiff.rio.transform()
    assert (from_tiff.y.values == from_zarr.y.values).all()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out.tif", "out.zarr"]


@pytest.mark.parametrize(
    ("name", "words"),
    [("out.nc", r"end it in \.zarr or \.tif"), ("there.tif", "exists already"), ("no/out.tif", "there is no folder")],
)
def test_a_name_that_is_no_new_result_is_refused(cube, tmp_path, name, words):
    (tmp_path / "there.tif").touch()
    with pytest.raises(UserError, match=words):
        reduce.majority(cube, tmp_path / name)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda cube, out: reduce.first_last(cube, out, "Sea"), r"no class 'Sea'; give one of Tree \(10\)"),
        (lambda cube, out: reduce.fractions(cube, out, 0), "cells of 0 pixels"),
        (
            lambda cube, out: reduce.fractions(cube, out, 5, date(2019, 1, 1)),
            "has no period from 2019-01-01",
        ),
        (lambda cube, out: reduce.stable(cube, out, 0), "cannot hold for 0 periods"),
    ],
)
def test_what_the_cube_has_not_is_told(cube, tmp_path, call, words):
    with pytest.raises(UserError, match=words):
        call(cube, tmp_path / "out.tif")
    assert not list(tmp_path.iterdir())


def test_a_reduction_that_fails_leaves_nothing(cube, tmp_path, monkeypatch):
    monkeypatch.setattr(reduce, "most_frequent", lambda code_TN: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        reduce.majority(cube, tmp_path / "out.tif")
    assert not list(tmp_path.iterdir())
