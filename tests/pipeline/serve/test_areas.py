from datetime import date

import pytest
import shapely
from made_maps import patches, publish

from pipeline.cube.cube import Cube
from pipeline.serve.areas import areas_of
from pipeline.serve.maps import Maps


def test_areas_of_the_whole_region_are_its_mapped_pixels(tmp_path):
    landcover_HW = patches()
    cube = Cube.create(tmp_path / "cube")
    publish(cube, landcover_HW)
    shown = Maps(cube).map()
    found = areas_of(cube, shown, date(2024, 5, 1), shapely.box(*shown.bounds))
    assert found["km2"] == pytest.approx((landcover_HW > 0).sum() / 1e4)
    for row in found["classes"]:
        assert row["km2"] == pytest.approx((landcover_HW == row["value"]).sum() / 1e4)


def test_areas_of_a_polygon_in_two_parts_are_those_of_both(tmp_path):
    cube = Cube.create(tmp_path / "cube")
    publish(cube, patches())
    shown = Maps(cube).map()
    west, south, east, north = shown.bounds
    parts = [shapely.box(west, south, west + 0.01, north), shapely.box(east - 0.02, south, east, north)]
    both, *each = (areas_of(cube, shown, date(2024, 5, 1), area) for area in (shapely.MultiPolygon(parts), *parts))
    assert both["km2"] == pytest.approx(sum(part["km2"] for part in each)) != 0
