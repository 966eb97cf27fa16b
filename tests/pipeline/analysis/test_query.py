"""What a cube says of a place. Covers `point_result.py`."""

from dataclasses import replace

import made_maps
import made_versions
import numpy as np
import pytest
import xarray as xr
import zarr
from command import run_here
from pyproj import CRS, Transformer

import pipeline
from catalogs.items.provider import Unit
from pipeline import open_cube
from pipeline.analysis.query import point
from pipeline.change.records import prepare_records, write_records
from pipeline.cube import versions
from pipeline.cube.block_runs import RUN
from pipeline.cube.cube import Cube
from pipeline.errors import UserError


@pytest.fixture(scope="module")
def made(undisturbed):
    return undisturbed[0]


def test_a_cube_tells_its_place_its_classes_and_its_fill(made):
    cube = open_cube(made.cube)
    assert CRS.from_wkt(cube.spatial_ref.attrs["crs_wkt"]).to_epsg() == 3035
    assert cube.attrs["crs"] == cube.attrs["proj:code"] == "EPSG:3035"
    assert list(cube.landcover.attrs["flag_values"]) == [10, 30, 40, 50, 60, 80]
    assert cube.landcover.attrs["flag_meanings"].split()[0] == "Tree_cover"
    assert len(cube.landcover.attrs["flag_colors"].split()) == 6
    assert cube.landcover.attrs["_FillValue"] == 0
    assert cube.landcover.dtype == cube.coarse.dtype == np.uint8
    assert cube.mosaic.dtype == np.uint16
    assert cube.landcover.encoding.get("grid_mapping", cube.landcover.attrs.get("grid_mapping")) == "spatial_ref"


def test_coordinates_are_pixel_centres_of_the_absolute_grid(made):
    cube = open_cube(made.cube)
    for axis in ("x", "y"):
        values = cube[axis].values
        assert np.allclose((values - 5) % 10, 0)
        assert np.allclose(np.abs(np.diff(values)), 10)
    assert cube.y.values[0] > cube.y.values[-1]
    assert (cube.sizes["y"], cube.sizes["x"]) == made.extent.window.shape


def test_a_cube_is_opened_lazily(made):
    assert isinstance(open_cube(made.cube), xr.Dataset)
    assert not open_cube(made.cube).mosaic.variable._in_memory


def test_a_point_is_the_pixel_that_holds_it(made):
    cube = open_cube(made.cube)
    x, y = float(cube.x[100]) + 4.9, float(cube.y[120]) - 4.9
    lon, lat = Transformer.from_crs("EPSG:3035", "EPSG:4326", always_xy=True).transform(x, y)
    (period,) = point(made.cube, lon, lat).periods
    at = cube.isel(x=100, y=120, time=0)
    assert period.landcover == int(at.landcover)
    assert period.observations == int(at.observations)
    assert period.reflectance["nir"] == float(at.mosaic[3]) / 10_000


def test_what_is_not_there_is_told(made, tmp_path):
    with pytest.raises(UserError, match="there is no cube"):
        open_cube(tmp_path)
    with pytest.raises(UserError, match="no version 'nonsense'"):
        open_cube(made.cube, "nonsense")
    with pytest.raises(UserError, match="outside the cube's region"):
        point(made.cube, 0, 0)


@pytest.mark.parametrize(("lon", "lat"), [(500, 900), (200, 95), (float("nan"), 48)])
def test_a_point_that_is_none_is_told(made, lon, lat):
    with pytest.raises(UserError, match=r"cannot be shown|outside"):
        point(made.cube, lon, lat)


def test_the_python_surface_is_functions_however_often_it_is_asked_for():
    for name in (*pipeline.__all__, *pipeline.__all__):
        assert callable(getattr(pipeline, name)), name


def test_values_are_told_in_the_unit_of_the_mosaic(tmp_path, monkeypatch):
    decibels = replace(made_versions.LAYOUT, unit=Unit("backscatter in dB", 0.01, -100.0))
    monkeypatch.setattr(made_versions, "LAYOUT", decibels)
    cube = Cube.create(tmp_path / "cube")
    made_maps.publish(cube, made_maps.patches())
    to_lonlat = Transformer.from_crs("EPSG:3035", "EPSG:4326", always_xy=True)
    lon, lat = to_lonlat.transform(1000.0, -1000.0)
    (period,) = point(tmp_path / "cube", lon, lat).periods
    assert period.unit == "backscatter in dB"
    shown = run_here("query", tmp_path / "cube", "--point", f"{lon},{lat}")
    assert "backscatter in dB red" in shown.stdout
    assert "reflectance" not in shown.stdout


def test_a_pixel_that_was_never_clear_has_no_value(tmp_path, monkeypatch):
    monkeypatch.setattr(made_versions, "LAYOUT", replace(made_versions.LAYOUT, unit=Unit("metres", 0.5, -500.0)))
    landcover_HW = made_versions.plain(30)
    landcover_HW[:256, :256] = 0
    made_maps.publish(Cube.create(tmp_path / "cube"), landcover_HW)
    to_lonlat = Transformer.from_crs("EPSG:3035", "EPSG:4326", always_xy=True)
    holed, clear = (to_lonlat.transform(x, -1000.0) for x in (1000.0, 4000.0))
    assert point(tmp_path / "cube", *holed).periods[0].reflectance == {"red": None}
    assert point(tmp_path / "cube", *clear).periods[0].reflectance == {"red": 30 * 7 * 0.5 - 500}
    assert "metres red no data" in " ".join(
        run_here("query", tmp_path / "cube", "--point", "{},{}".format(*holed)).stdout.split()
    )


def test_a_block_that_an_update_kept_names_the_run_that_its_mosaic_is_of_and_one_of_several_none(tmp_path):
    cube = Cube.create(tmp_path / "cube")
    made_versions.published(cube, made_versions.plain(), run="b1")
    branch, time, base = made_versions.mapped(cube, made_versions.plain(), run="c2")
    session = cube.repository.writable_session(branch)
    group = zarr.open_group(session.store)
    prepare_records(group)
    run_YX = np.array([[0xB1, 0, 0xC2]] * 2, np.uint64)
    write_records(group, time, {RUN: run_YX}, str(made_versions.SUMMER[0]), ["c2", "digest"])
    session.commit("outcomes")
    origin = versions.Origin("c2", "test", 6, 0, runs={str(made_versions.SUMMER[0]): "c2"})
    versions.publish(cube, branch, base, origin)
    to_lonlat = Transformer.from_crs("EPSG:3035", "EPSG:4326", always_xy=True)
    extent = made_versions.LAYOUT.extent
    centres = [extent.grid.block_window(block) for block in list(extent.blocks())[:3]]
    lonlats = [to_lonlat.transform(5 * (w.x0 + w.x1), -5 * (w.y0 + w.y1)) for w in centres]
    assert [point(tmp_path / "cube", *at).periods[0].run for at in lonlats] == [f"{0xB1:016x}", None, f"{0xC2:016x}"]
    assert "parts of several" in run_here("query", tmp_path / "cube", "--point", "{},{}".format(*lonlats[1])).stdout

    branch, _, base = made_versions.mapped(cube, made_versions.plain(30), run="d3")
    versions.publish(cube, branch, base, replace(origin, run="d3", runs={str(made_versions.SUMMER[0]): "d3"}))
    assert {point(tmp_path / "cube", *at).periods[0].run for at in lonlats} == {"d3"}
