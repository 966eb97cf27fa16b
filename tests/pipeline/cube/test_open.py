import json

import numpy as np
import pytest
import xarray as xr
from bit_rot import chunk_files, flip_bit
from made_versions import CLASSES, ORIGIN, mapped, plain, published

from pipeline.cube import versions
from pipeline.cube.checked_store import session_group
from pipeline.cube.cube import Cube
from pipeline.cube.damage import DamagedChunk
from pipeline.cube.open import open_cube, open_version
from pipeline.cube.schema import DAYS
from pipeline.cube.store import array
from pipeline.errors import UserError

NAMES = {"mosaic", "landcover", "coarse", "confidence", "refined", "observations", "first_clear", "last_clear"}


@pytest.fixture
def cube(tmp_path):
    return Cube.create(tmp_path / "cube")


def test_the_newest_version_is_opened_cropped_to_its_region(cube):
    published(cube, plain(10), run="a")
    newest = published(cube, plain(30), run="b")
    found = open_cube(cube.location)
    assert set(found.data_vars) == NAMES
    assert dict(found.sizes) == {"time": 1, "band": 1, "y": 512, "x": 700, "bnds": 2}
    assert (found.landcover == 30).all()
    assert found.attrs["crs"] == "EPSG:3035"
    assert found.attrs["version_id"] == newest
    assert str(found.time.values[0])[:10] == "2024-05-01"
    assert found.mosaic.dtype == np.uint16
    for name in NAMES - {"mosaic", "first_clear", "last_clear"}:
        assert found[name].dtype == np.uint8
    for name in ("first_clear", "last_clear"):
        assert found[name].dtype.kind == "M"
        assert found[name].isnull().all()


def test_classes_are_cf_flags(cube):
    published(cube, plain(10))
    attributes = open_cube(cube.location).landcover.attrs
    assert list(attributes["flag_values"]) == [row["code"] for row in CLASSES]
    assert attributes["flag_meanings"] == "Tree Grass Water"


def fits_into_netcdf(value):
    return isinstance(value, str) or all(type(n) in (int, float) for n in (value if type(value) is list else [value]))


def seen(cube):
    """Publishes a map whose first pixel was seen on 2024-05-01 alone."""
    branch, _, base = mapped(cube, plain(10))
    session = cube.repository.writable_session(branch)
    for name in DAYS:
        array(session_group(session), name)[0, 0, 0] = 19844
    session.commit("seen")
    return versions.publish(cube, branch, base, ORIGIN)


def test_days_never_seen_are_nat(cube):
    seen(cube)
    found = open_cube(cube.location)
    for name in DAYS:
        assert found[name].values[0, 0, 0] == np.datetime64("2024-05-01")
        assert int(found[name].isnull().sum()) == 512 * 700 - 1


def test_attributes_fit_into_netcdf(cube, tmp_path):
    seen(cube)
    found = open_cube(cube.location)
    for each in (found, *found.variables.values()):
        assert all(map(fits_into_netcdf, each.attrs.values()))
    assert json.loads(found.attrs["classes"]) == list(CLASSES)
    assert json.loads(found.attrs["version"])["run"] == ORIGIN.run
    found.load().to_netcdf(tmp_path / "cube.nc")
    with xr.open_dataset(tmp_path / "cube.nc", mask_and_scale=False) as copy:
        assert (copy.landcover.values == found.landcover.values).all()


def test_no_attribute_says_another_place_than_the_coordinates(cube, tmp_path):
    seen(cube)
    open_cube(cube.location).isel(y=slice(0, 99)).load().to_zarr(tmp_path / "copy", consolidated=False)
    for found in (open_cube(cube.location), xr.open_zarr(tmp_path / "copy", consolidated=False)):
        said = {*found.attrs, *found.spatial_ref.attrs}
        assert not {name for name in said if "spatial:" in name or "ransform" in name}
        assert "crs_wkt" in found.spatial_ref.attrs


def test_damage_is_told_when_it_is_read_and_not_before(cube):
    noise_HW = np.random.default_rng(1).integers(1, 200, (512, 768), np.uint8)
    for path in chunk_files(cube.location, lambda: published(cube, noise_HW)):
        if path.stat().st_size > 20_000:
            flip_bit(path, 4)
    found = open_cube(cube.location)
    with pytest.raises(DamagedChunk, match="landcover, block"):
        found.landcover.load()
    assert not found.mosaic.values.any()


def test_an_older_version_is_opened_by_its_name(cube):
    first = published(cube, plain(10), run="a")
    published(cube, plain(30), run="b")
    assert (open_version(cube, first).landcover == 10).all()
    assert (open_cube(str(cube.location), "previous").landcover == 10).all()


def test_a_cube_without_a_version_and_a_place_without_a_cube_are_told(cube, tmp_path):
    with pytest.raises(UserError, match="nothing is published"):
        open_cube(cube.location)
    with pytest.raises(UserError, match="there is no cube"):
        open_cube(tmp_path / "elsewhere")
