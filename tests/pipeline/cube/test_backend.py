import pickle

import numpy as np
import pytest
import rioxarray
import xarray as xr
from affine import Affine
from made_versions import CLASSES, plain, published
from odc.geo.xr import xr_coords  # noqa: F401 - the accessor `.odc`
from pyproj import CRS

from pipeline.cube.backend import CubeBackend
from pipeline.cube.cube import Cube
from pipeline.cube.open import open_cube
from pipeline.errors import UserError


@pytest.fixture(scope="module")
def cube(tmp_path_factory):
    """Two versions: all trees, then a noise of classes; returns its path and the first version."""
    path = tmp_path_factory.mktemp("backend") / "cube"
    first = published(Cube.create(path), plain(10), run="a")
    noise_HW = np.random.default_rng(5).choice([10, 30, 80], (512, 768)).astype(np.uint8)
    published(Cube.open(path), noise_HW, run="b")
    return path, first


def test_xarray_opens_a_cube_by_its_engine_as_open_cube_does(cube):
    path, first = cube
    for options in ({}, {"version": first}, {"level": 1}):
        assert xr.open_dataset(path, engine="idgbr", **options).identical(open_cube(path, **options))
    by_keywords = xr.open_dataset(str(path), engine="idgbr", backend_kwargs={"version": "previous"})
    assert (by_keywords.landcover == 10).all()


def test_xarray_knows_the_folder_of_a_cube_by_itself(cube, tmp_path):
    path, _ = cube
    assert xr.open_dataset(path).identical(open_cube(path))
    for other in (tmp_path, tmp_path / "none", "s3://bucket/cube", b"bytes", path / "store"):
        assert not CubeBackend().guess_can_open(other)


def test_what_is_not_there_is_one_sentence(cube):
    path, _ = cube
    with pytest.raises(UserError, match=r"the cube has levels 0 to 1, not 2"):
        xr.open_dataset(path, engine="idgbr", level=2)
    with pytest.raises(UserError, match="there is no cube at"):
        xr.open_dataset(path / "elsewhere", engine="idgbr")


def test_variables_can_be_left_out(cube):
    found = xr.open_dataset(cube[0], engine="idgbr", drop_variables=["mosaic", "coarse"])
    assert not {"mosaic", "coarse"} & set(found.data_vars)


@pytest.mark.parametrize(("level", "rows", "columns"), [(0, (256, 256), (256, 256, 188)), (1, (256,), (256, 94))])
def test_a_chunk_of_dask_is_a_shard(cube, level, rows, columns):
    path, _ = cube
    for found in (xr.open_dataset(path, engine="idgbr", chunks={}, level=level), open_cube(path, None, level, {})):
        for name in ("landcover", "confidence"):
            assert found[name].chunks == ((1,), rows, columns)
        assert found.landcover.dtype == np.uint8
        assert (found.landcover.compute() == open_cube(path, level=level).landcover).all()
    assert open_cube(path, chunks={"y": 512}).landcover.chunks == ((1,), (512,), (256, 256, 188))
    assert open_cube(path, chunks={}).first_clear.chunks == ((1,), (256, 256), (256, 256, 188))


def test_arrays_of_dask_travel_to_other_processes(cube):
    found = pickle.loads(pickle.dumps(open_cube(cube[0], chunks={}).landcover))
    assert (found.compute(scheduler="synchronous") == open_cube(cube[0]).landcover).all()


def placements(found):
    """(CRS, transform, shape) as rioxarray and odc-geo read them."""
    box = found.odc.geobox
    yield CRS(found.rio.crs), Affine(*found.rio.transform()[:6]), found.rio.shape
    yield CRS(box.crs), Affine(*box.affine[:6]), box.shape


@pytest.mark.parametrize(
    ("level", "part", "transform", "shape"),
    [
        (0, {}, (10, 0, 0, 0, -10, 0), (512, 700)),
        (1, {}, (20, 0, 0, 0, -20, 0), (256, 350)),
        (0, {"y": slice(10, 99), "x": slice(7, 50)}, (10, 0, 70, 0, -10, -100), (89, 43)),
        (1, {"y": slice(3, 9), "x": slice(7, 50)}, (20, 0, 140, 0, -20, -60), (6, 43)),
    ],
    ids=["whole", "level 1", "crop", "crop of level 1"],
)
def test_rioxarray_and_odc_geo_find_crs_and_transform(cube, level, part, transform, shape):
    for options in ({}, {"chunks": {}}):
        found = open_cube(cube[0], level=level, **options).isel(part)
        for source in (found, found.landcover, found.confidence):
            for crs, affine, size in placements(source):
                assert crs == CRS("EPSG:3035")
                assert affine == Affine(*transform)
                assert tuple(size) == shape


def test_rioxarray_and_odc_geo_find_nodata_and_the_type(cube):
    found = open_cube(cube[0])
    for name in ("landcover", "confidence", "mosaic", "observations"):
        assert found[name].rio.nodata == found[name].odc.nodata == 0
    assert found.landcover.rio.nodata.dtype == found.landcover.dtype == np.uint8


def test_a_crop_is_written_as_a_geotiff_that_says_the_same(cube, tmp_path):
    part = open_cube(cube[0]).landcover.isel(time=0, y=slice(10, 99), x=slice(7, 50))
    part.rio.to_raster(tmp_path / "part.tif")
    with rioxarray.open_rasterio(tmp_path / "part.tif") as found:
        assert found.rio.crs == "EPSG:3035"
        assert found.rio.transform() == part.rio.transform()
        assert found.rio.nodata == 0
        assert (found.values[0] == part.values).all()


def test_flags_name_the_classes(cube):
    found = open_cube(cube[0])
    for name in ("landcover", "coarse"):
        attributes = found[name].attrs
        named = dict(zip(attributes["flag_values"], attributes["flag_meanings"].split(), strict=True))
        assert named == {row["code"]: row["name"] for row in CLASSES}
