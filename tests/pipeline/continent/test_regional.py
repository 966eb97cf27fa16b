import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from regional_cubes import SUMMER, layout_of, publish_region

from pipeline.continent.regional import held_pixels, open_regionals
from pipeline.cube import versions
from pipeline.cube.cube import Cube
from pipeline.geometry.grid import Window

SIDES = st.tuples(st.integers(-700, 700), st.integers(1, 900))


@settings(max_examples=40)
@given(SIDES, SIDES, st.sampled_from([0, 16, 64, 256]))
def test_the_ground_of_a_region_in_and_around_blocks_is_counted_to_the_pixel(rows, cols, pad):
    (y, height), (x, width) = rows, cols
    region = layout_of((y, x, y + height, x + width)).extent
    blocks = Window(-4, -4, 7, 7)
    inside_HW = np.zeros((3072, 3072), bool)  # From pixel (-1280, -1280), that is block (-5, -5).
    inside_HW[y + 1280 : y + 1280 + height, x + 1280 : x + 1280 + width] = True
    expected = [
        [
            int(inside_HW[top - pad : top + 256 + pad, left - pad : left + 256 + pad].sum())
            for left in range(256, 12 * 256, 256)
        ]
        for top in range(256, 12 * 256, 256)
    ]
    assert held_pixels(region, blocks, pad).tolist() == expected


def test_of_a_polygon_the_area_counts():
    triangle = shapely.Polygon([(0, 0), (5120, 0), (0, -5120)])
    region = layout_of((0, 0, 512, 512), area=triangle).extent
    assert held_pixels(region, Window(0, 0, 2, 2), 0).tolist() == [[65_536, 32_768], [32_768, 0]]


def test_a_map_is_as_old_as_the_first_kept_version_with_it(tmp_path):
    layout = layout_of((0, 0, 256, 512))
    for editions in ({}, {(0, 1): 1}, {(0, 1): 1, (9, 9): 1}, {(0, 1): 0}):
        publish_region(tmp_path / "cube", layout, editions=editions)
    cube = Cube.open(tmp_path / "cube")
    (regional,) = open_regionals([tmp_path / "cube"], tmp_path / "continent")
    published_YX = regional.offer(SUMMER, Window(0, 0, 1, 3)).published_YX
    newest, *_, oldest = [round(v.published.timestamp() * 1e6) for v in versions.history(cube)]
    assert published_YX.tolist() == [[pytest.approx(oldest, abs=1), pytest.approx(newest, abs=1), 0]]
