"""areas.py: the area of a class is that of its pixels in the counts of the blocks."""

from dataclasses import replace

import made_versions
import numpy as np
import pytest
from made_versions import LAYOUT, plain, published
from pyproj import Transformer
from standalone_html import read_page

import pipeline
from pipeline.analysis.areas import class_areas
from pipeline.analysis.diff import diff
from pipeline.cube.cube import Cube
from pipeline.geometry.areal_scale import pixel_hectares
from pipeline.geometry.extent import Extent
from pipeline.geometry.grid import Grid, Window


@pytest.fixture
def mercator(tmp_path, monkeypatch):
    """A cube at 60 degrees north on a grid that shows places four times as large as they are; (cube, its extent)."""
    col, row = (int(at // 10 // 256) * 256 for at in Transformer.from_crs(4326, 3857, always_xy=True).transform(18, 60))
    extent = Extent(Grid("EPSG:3857", 10, 256), Window(-row, col, 512 - row, col + 700))
    monkeypatch.setattr(made_versions, "LAYOUT", replace(LAYOUT, extent=extent))
    return Cube.create(tmp_path / "cube"), extent


def test_areas_are_true_on_a_grid_that_is_not_equal_area(mercator):
    cube, extent = mercator
    landcover_HW = plain(10)
    landcover_HW[:100, :50] = 30
    first, second = published(cube, plain(10)), published(cube, landcover_HW, run="b")
    pixel_km2 = pixel_hectares(extent.grid, extent.window) / 100
    tree, grass = pixel_km2[landcover_HW[:512, :700] == 10].sum(), pixel_km2[:100, :50].sum()
    areas = class_areas(cube.group(snapshot=second), 0)
    assert [areas["Tree"], areas["Grass"]] == pytest.approx([tree, grass], rel=1e-3)
    assert tree < 0.3 * 512 * 700 * 1e-4
    report = diff(cube, first, second).report()
    assert [report.pixels.changed_km2, report.changes[0].km2] == pytest.approx([grass, grass], rel=1e-3)
    assert diff(cube, first, first).report().pixels.changed_km2 == 0
    part = pipeline.open_cube(cube.location).isel(y=slice(0, 100), x=slice(0, 50))
    cells = read_page(part.idgbr._repr_html_()).splitlines()
    assert cells[cells.index("Grass", cells.index("km2")) + 1] == f"{grass:.2f}"


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
