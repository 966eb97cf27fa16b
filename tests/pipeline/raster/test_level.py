"""Levels of a raster: sizes of pixels on the ground, and which level is read."""

from dataclasses import replace

import numpy as np
import pytest
import rasterio
from made_rasters import HERE, write
from rasterio.enums import Resampling

from pipeline.raster.level import Raster, pixel_metres
from pipeline.raster.read import inspect
from pipeline.raster.retry import ReadError

DEGREES = Raster("EPSG:4326", 15.0, 60.05, 0.0001, 1_000, 1_000, None)


@pytest.mark.parametrize(
    ("raster", "height", "width"),
    [
        (HERE, 10, 10),
        (replace(HERE, crs="EPSG:25833"), 10, 10),
        (DEGREES, 11.14, 5.58),
        (Raster("EPSG:2263", 980_000.0, 200_000.0, 30.0, 100, 100, None), 9.144, 9.144),
        (Raster("EPSG:3857", 1_669_792.0, 8_399_737.0, 20.0, 10, 10, None), 10.0, 10.0),
    ],
    ids=["metres", "another datum", "degrees at 60 north", "feet", "metres of Web Mercator at 60 north"],
)
def test_pixels_are_measured_in_metres_on_the_ground(raster, height, width):
    assert pixel_metres(raster) == pytest.approx((height, width), rel=0.003)


def test_pixels_in_metres_are_as_long_as_they_say():
    assert pixel_metres(replace(HERE, resolution=20.0, tall=0.5)) == (10.0, 20.0)


@pytest.mark.parametrize(("asked", "side"), [(10.0, 1_000), (22.0, 1_000), (25.0, 500), (90.0, 125), (1_000.0, 63)])
def test_the_level_of_a_raster_in_degrees_is_chosen_by_metres(tmp_path, asked, side):
    href = write(tmp_path / "degrees.tif", np.ones((1_000, 1_000), np.uint16), DEGREES, nodata=0, tiled=True)
    with rasterio.open(href, "r+") as target:
        target.build_overviews([2, 4, 8, 16], Resampling.average)
    assert inspect(href, asked).height == side


@pytest.mark.parametrize("lists", [[[8], [2, 4]], [[4, 2, 8]], [[2], [8], [4]]])
def test_levels_are_chosen_by_their_size_in_whatever_order_a_file_lists_them(tmp_path, lists):
    raster = replace(HERE, height=512, width=512)
    href = write(tmp_path / "band.tif", np.ones((512, 512), np.uint16), raster, nodata=0, tiled=True)
    for factors in lists:
        with rasterio.open(href, "r+") as target:
            target.build_overviews(factors, Resampling.average)
    assert [inspect(href, asked).resolution for asked in (19.0, 20.0, 45.0, 79.0, 500.0)] == [10, 20, 40, 40, 80]


NAN, INF = float("nan"), float("inf")


@pytest.mark.parametrize("change", [
    {"resolution": NAN}, {"resolution": INF}, {"resolution": 1e-300}, {"resolution": 1e300}, {"resolution": 1e-9},
    {"left": NAN}, {"left": INF}, {"top": -INF}, {"left": 1e300}, {"resolution": 0.0},
])  # fmt: skip
def test_a_raster_that_lies_nowhere_is_refused(tmp_path, change):
    href = write(tmp_path / "nowhere.tif", np.ones((120, 100), np.uint16), replace(HERE, **change))
    with pytest.raises(ReadError, match=r"nowhere\.tif (lies nowhere: .*EPSG:32633|has no georeference)"):
        inspect(href, 10.0)


def test_a_crs_without_a_place_on_the_earth_is_refused(tmp_path):
    local = 'LOCAL_CS["site",UNIT["metre",1]]'
    href = write(tmp_path / "site.tif", np.ones((120, 100), np.uint16), replace(HERE, crs=local))
    with pytest.raises(ReadError, match=r"site\.tif lies nowhere: its CRS LOCAL_CS"):
        inspect(href, 10.0)
