import os
from pathlib import Path

import numpy as np
import pytest
import rasterio
from made_rasters import HERE, write

from catalogs.items.class_table import MapClass
from pipeline.raster.class_table import file_classes

CODES = np.random.default_rng(0).choice(np.array([0, 10, 80], np.uint8), (HERE.height, HERE.width))


@pytest.fixture
def raster(tmp_path):
    return write(tmp_path / "map.tif", CODES, HERE, nodata=0)


def test_a_raster_without_names_and_colors_has_no_classes(raster):
    assert file_classes(raster) == []


def test_colors_alone_give_classes_that_are_named_by_their_value(raster):
    with rasterio.open(raster, "r+") as target:
        target.write_colormap(1, {0: (9, 9, 9, 0), 10: (0, 100, 0, 255), 80: (0, 100, 200, 255)})
    assert file_classes(raster) == [MapClass(10, "class 10", "#006400"), MapClass(80, "class 80", "#0064c8")]


def test_the_tag_legend_names_the_values(raster):
    with rasterio.open(raster, "r+") as target:
        target.update_tags(legend="10  Tree cover\n80: Water bodies\n\nno line of it\n")
        target.write_colormap(1, {10: (0, 100, 0, 255)})
    assert file_classes(raster) == [MapClass(10, "Tree cover", "#006400"), MapClass(80, "Water bodies", None)]


ATTRIBUTES = """<PAMDataset><PAMRasterBand band="1"><GDALRasterAttributeTable>
<FieldDefn index="0"><Name>Value</Name><Type>0</Type><Usage>5</Usage></FieldDefn>
<FieldDefn index="1"><Name>Count</Name><Type>0</Type><Usage>1</Usage></FieldDefn>
<FieldDefn index="2"><Name>Class</Name><Type>2</Type><Usage>2</Usage></FieldDefn>
<Row index="0"><F>10</F><F>3</F><F>Trees</F></Row><Row index="1"><F>80</F><F>4</F><F>Water</F></Row>
</GDALRasterAttributeTable></PAMRasterBand></PAMDataset>"""
CATEGORIES = (
    "<PAMDataset><PAMRasterBand><CategoryNames><Category/><Category>Trees</Category></CategoryNames>"
    "</PAMRasterBand></PAMDataset>"
)


@pytest.mark.parametrize(
    ("text", "classes"),
    [(ATTRIBUTES, {10: "Trees", 80: "Water"}), (CATEGORIES, {1: "Trees"}), ("<PAMDataset/>", {}), ("no XML", {})],
)
def test_the_attribute_table_or_category_names_beside_the_raster_name_the_values(raster, text, classes):
    Path(f"{raster}.aux.xml").write_text(text)
    assert {row.value: row.name for row in file_classes(raster)} == classes


@pytest.mark.skipif("IDGBR_DATA" not in os.environ, reason="IDGBR_DATA is not set")
def test_a_tile_of_worldcover_names_and_colors_its_eleven_classes():
    tile = Path(os.environ["IDGBR_DATA"]) / "io_geotiffs" / "ESA_WorldCover_10m_2021_v200_N00E006_Map.tif"
    rows = file_classes(str(tile))
    assert [row.value for row in rows] == [10, 20, 30, 40, 50, 60, 70, 80, 90, 95, 100]
    assert rows[0] == MapClass(10, "Tree cover", "#006400")
    assert rows[-1] == MapClass(100, "Moss and lichen", "#fae6a0")
