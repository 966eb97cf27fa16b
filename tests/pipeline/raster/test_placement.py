"""Rasters that lie where their item says, and others."""

from dataclasses import replace

import pytest
from made_rasters import HERE, scene

from catalogs.area import split_at_antimeridian
from pipeline.raster.level import Raster
from pipeline.raster.placement import check_place
from pipeline.raster.retry import ReadError

GRID = "EPSG:3035"


def place(raster, stated="EPSG:32633"):
    """Checks a raster against an item whose footprint is HERE."""
    item = scene("a", {"red": "red.tif"}, "mask.tif", HERE)
    check_place(item, replace(item.band("red"), crs=stated), raster, GRID)


@pytest.mark.parametrize(
    ("raster", "stated"),
    [
        (HERE, "EPSG:32633"),
        (HERE, None),
        (HERE, "EPSG:25833"),
        (HERE, "EPSG:32733"),
        (HERE, "a CRS that nobody knows"),
        (replace(HERE, top=HERE.top + 10_000_000, crs="EPSG:32733"), None),
        (replace(HERE, left=HERE.left - 50_000, top=HERE.top + 50_000, height=10_980, width=10_980), "EPSG:32633"),
        (replace(HERE, left=HERE.left + 100, height=40, width=50), "EPSG:32633"),
    ],
    ids=["same", "unsaid", "alike", "other hemisphere named", "unknown", "other origin", "a whole tile", "a part"],
)
def test_a_raster_that_lies_at_its_items_footprint_is_read(raster, stated):
    place(raster, stated)


@pytest.mark.parametrize("crs", ["EPSG:32701", "EPSG:32632", "EPSG:23033", "EPSG:3035", "EPSG:4326"])
def test_a_raster_of_another_crs_than_its_item_says_is_refused(crs):
    with pytest.raises(ReadError, match=f"red.tif lies in EPSG:32633, but its item says {crs}"):
        place(HERE, crs)


@pytest.mark.parametrize(
    "raster",
    [
        replace(HERE, left=HERE.left + 1_000),
        replace(HERE, left=HERE.left + 300),
        replace(HERE, top=HERE.top - 4_000_000),
        replace(HERE, crs="EPSG:32633", top=5_000.0),
        replace(HERE, resolution=1_000.0, left=-400_000.0),
        Raster("EPSG:4326", 100.0, 10.0, 0.0001, 100, 100, None),
    ],
)
@pytest.mark.parametrize("stated", [None, "EPSG:32633"])
def test_a_raster_that_lies_beside_its_items_footprint_is_refused(raster, stated):
    with pytest.raises(ReadError, match=r"red\.tif (does not lie where its item says|lies in EPSG:4326)"):
        place(raster, stated)


FIJI = Raster("EPSG:32760", 799_980.0, 8_200_000.0, 60.0, 1_830, 1_830, None)


@pytest.mark.parametrize("grid", ["EPSG:6933", "EPSG:3832", "EPSG:32760"])
def test_a_tile_across_the_antimeridian_lies_at_its_footprint_on_grids_that_are_cut_there_too(grid):
    item = scene("a", {"red": "red.tif"}, "mask.tif", FIJI)
    item = replace(item, footprint=split_at_antimeridian(item.footprint))
    check_place(item, item.band("red"), FIJI, grid)
    with pytest.raises(ReadError, match="does not lie where its item says"):
        check_place(item, item.band("red"), replace(FIJI, left=FIJI.left - 50_000), grid)


def test_a_raster_that_the_grid_cannot_show_is_refused():
    item, grid = scene("a", {"red": "red.tif"}, "mask.tif", HERE), "EPSG:32633"
    with pytest.raises(ReadError, match=r"cannot be shown in EPSG:32633; choose a grid\.crs"):
        check_place(item, replace(item.band("red"), crs=None), Raster("EPSG:4326", 105.0, 1.0, 0.1, 10, 10, None), grid)
