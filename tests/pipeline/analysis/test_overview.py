"""The level of a map that fits a picture, the picture, and its colours: also `colours.py` and `png.py`."""

import re
from base64 import b64decode

import numpy as np
import pytest
import rasterio
from made_versions import LAYOUT, plain, with_levels

from pipeline.analysis.colours import class_palette, percent_palette, rgba_table
from pipeline.analysis.overview import (
    CHANGED,
    Overview,
    changes,
    map_svg,
    overview,
    round_length,
)
from pipeline.analysis.png import indexed_png
from pipeline.cube.cube import Cube

pytestmark = pytest.mark.filterwarnings("ignore::rasterio.errors.NotGeoreferencedWarning")

CLASSES = [{"code": 10, "name": "Tree", "color": "#006400"}, {"code": 200, "name": "Water", "color": "#0064c8"}]


def read_png(content):
    with rasterio.MemoryFile(content) as memory, memory.open() as source:
        return source.read(1), source.colormap(1)


def test_a_png_holds_every_value_with_its_colour_and_leaves_others_transparent():
    value_HW = np.array([[0, 10, 200], [10, 10, 77]], np.uint8)
    read_HW, colours = read_png(indexed_png(value_HW, rgba_table(class_palette(CLASSES))))
    assert read_HW.tolist() == value_HW.tolist()
    assert colours[10] == (0, 0x64, 0, 255)
    assert colours[200] == (0, 0x64, 0xC8, 255)
    assert colours[0][3] == colours[77][3] == 0


def test_an_overview_is_the_finest_level_that_fits_cut_to_the_region(tmp_path):
    cube = Cube.create(tmp_path / "cube")
    landcover_HW = plain()
    landcover_HW[:256, :256] = 80
    group = cube.group(snapshot=with_levels(cube, landcover_HW))
    whole, half, tiny = (overview(group, 0, side=side) for side in (700, 699, 5))
    assert (whole.level, whole.metres, whole.value_HW.shape) == (0, 10, (512, 700))
    assert (whole.value_HW == landcover_HW[:512, :700]).all()
    assert (half.level, half.metres, half.value_HW.shape) == (1, 20, (256, 350))
    assert tiny.level == LAYOUT.levels
    assert (overview(group, 0, "confidence", 699).value_HW[0, 0], half.value_HW[0, 0]) == (60, 80)


def test_what_changed_is_told_from_what_stayed_and_what_nobody_mapped():
    before, after = (Overview(np.array([row], np.uint8), 0, 10) for row in ([0, 10, 10, 0], [0, 10, 80, 80]))
    assert changes(before, after).tolist() == [[0, 1, 2, 2]]


def test_a_map_is_an_svg_with_its_pixels_and_a_scale_bar_of_true_length():
    svg = map_svg(np.full((300, 500), 10, np.uint8), {10: CHANGED}, 20, "a <map>")
    read_HW, colours = read_png(b64decode(re.search(r"base64,([^\"]+)", svg)[1]))
    assert read_HW.shape == (300, 500)
    assert colours[10] == (0xD6, 0, 0x6C, 255)
    assert 'aria-label="a &lt;map&gt;"' in svg
    assert ">2 km</text>" in svg
    assert float(re.search(r"h([\d.]+)v", svg)[1]) == 2000 / 20


@pytest.mark.parametrize(("most", "length"), [(999, 500), (1000, 1000), (1999, 1000), (2500, 2000), (0.7, 0.5)])
def test_lengths_of_scale_bars_are_round(most, length):
    assert round_length(most) == pytest.approx(length)


def test_percent_runs_from_dark_to_bright():
    palette = percent_palette()
    assert sorted(palette) == list(range(1, 101))
    assert (palette[50], palette[100]) == ("#21918c", "#fde725")
