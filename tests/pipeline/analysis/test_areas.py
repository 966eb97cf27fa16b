"""areas.py: the area of a class is that of its pixels in the counts of the blocks."""

import numpy as np
import pytest
from made_versions import LAYOUT, plain, published

from pipeline.analysis.areas import class_areas
from pipeline.cube.cube import Cube


def test_areas_are_pixels_times_the_area_of_one(tmp_path):
    landcover_HW = plain(10)
    landcover_HW[:100, :50] = 30
    landcover_HW[500:512, 690:700] = 0
    cube = Cube.create(tmp_path / "cube")
    version = published(cube, landcover_HW)
    areas = class_areas(cube.group(snapshot=version), 0)
    pixel_km2 = LAYOUT.extent.grid.resolution**2 / 1e6
    for row in LAYOUT.classes:
        assert areas[row["name"]] == pytest.approx(np.count_nonzero(landcover_HW == row["code"]) * pixel_km2)
    assert list(areas) == ["Tree", "Grass", "Water"]
    assert areas["Water"] == 0
