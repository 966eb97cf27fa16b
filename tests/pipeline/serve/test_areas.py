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
