from dataclasses import replace

from made_versions import LAYOUT
from pyproj import CRS

from pipeline.cube.geozarr import UUIDS, crs_attributes, placed, pyramid, transform_of
from pipeline.geometry.extent import Extent
from pipeline.geometry.grid import Grid, Window

# Blocks (-2, 1) to (0, 2) of 256 pixels of 20 m: the first pixel is row -512, column 256.
EXTENT = Extent(Grid("EPSG:3035", 20, 256), Window(-400, 300, 100, 700))


def test_the_transform_starts_at_the_corner_of_the_first_block():
    assert transform_of(EXTENT, 0) == (20, 0, 5120, 0, -20, 10240)
    assert transform_of(EXTENT, 2) == (80, 0, 5120, 0, -80, 10240)


def without_conventions(attributes):
    return {name: value for name, value in attributes.items() if name != "zarr_conventions"}


def uuids(attributes):
    return {convention["name"]: convention["uuid"] for convention in attributes["zarr_conventions"]}


def test_a_level_names_its_crs_dimensions_transform_and_shape():
    found = placed(EXTENT, 1)
    assert uuids(found) == {name: UUIDS[name] for name in ("proj", "spatial")}
    assert without_conventions(found) == {
        "proj:code": "EPSG:3035",
        "spatial:dimensions": ["y", "x"],
        "spatial:transform": [40, 0, 5120, 0, -40, 10240],
        "spatial:shape": [384, 256],
    }


def test_the_grid_mapping_is_cf_with_gdals_transform_of_the_level():
    attributes = crs_attributes(EXTENT, 0)
    assert attributes["GeoTransform"] == "5120 20 0.0 10240 0.0 -20"
    assert crs_attributes(EXTENT, 1)["GeoTransform"] == "5120 40 0.0 10240 0.0 -40"
    assert CRS.from_cf(attributes) == CRS("EPSG:3035")


def test_the_pyramid_begins_at_full_resolution_and_every_level_is_derived_from_the_finer_one():
    layout = replace(LAYOUT, extent=replace(EXTENT, window=Window(0, 0, 2048, 100)))
    found = pyramid(layout)
    assert uuids(found) == UUIDS
    assert found["spatial:bbox"] == [0, -40960, 5120, 0]
    steps = found["multiscales"]["layout"]
    assert [(step["asset"], step.get("derived_from")) for step in steps] == [("0", None), ("1", "0"), ("2", "1")]
    assert [step["transform"]["scale"] for step in steps] == [[1, 1], [2, 2], [2, 2]]
    assert [step["spatial:shape"] for step in steps] == [[2048, 256], [1024, 128], [512, 64]]
    assert [step["spatial:transform"][0] for step in steps] == [20, 40, 80]
    assert found["multiscales"]["resampling_method"] == "mode"
