from dataclasses import replace

from made_versions import LAYOUT
from pyproj import CRS

from pipeline.cube.geozarr import crs_attributes, geozarr, multiscales, transform_of
from pipeline.geometry.extent import Extent
from pipeline.geometry.grid import Grid, Window

# Blocks (-2, 1) to (0, 2) of 256 pixels of 20 m: the first pixel is row -512, column 256.
EXTENT = Extent(Grid("EPSG:3035", 20, 256), Window(-400, 300, 100, 700))


def test_the_transform_starts_at_the_corner_of_the_first_block():
    assert transform_of(EXTENT, 0) == (20, 0, 5120, 0, -20, 10240)
    assert transform_of(EXTENT, 2) == (80, 0, 5120, 0, -80, 10240)


def test_a_group_names_its_crs_dimensions_transform_and_shape():
    assert geozarr(EXTENT, 1) == {
        "proj:code": "EPSG:3035",
        "spatial:dimensions": ["y", "x"],
        "spatial:transform": [40, 0, 5120, 0, -40, 10240],
        "spatial:shape": [384, 256],
    }


def test_the_grid_mapping_is_cf_with_gdals_transform():
    attributes = crs_attributes(EXTENT)
    assert attributes["GeoTransform"] == "5120 20 0.0 10240 0.0 -20"
    assert CRS.from_cf(attributes) == CRS("EPSG:3035")


def test_every_level_is_derived_from_the_finer_one():
    layout = replace(LAYOUT, extent=replace(EXTENT, window=Window(0, 0, 2048, 100)))
    found = multiscales(layout)["multiscales"]
    assert [(step["asset"], step["derived_from"]) for step in found["layout"]] == [("1", ".."), ("2", "1")]
    assert found["resampling_method"] == "mode"
