"""`.idgbr` of a cube's dataset: what a notebook shows of it."""

import numpy as np
import pytest
import xarray as xr
from made_versions import plain, published, with_levels
from standalone_html import read_page

import pipeline
from pipeline.cube.cube import Cube
from pipeline.errors import UserError


@pytest.fixture
def opened(tmp_path):
    cube = Cube.create(tmp_path / "cube")
    landcover_HW = plain()
    landcover_HW[:100, :100] = 80
    version = with_levels(cube, landcover_HW)
    return pipeline.open_cube(tmp_path / "cube"), version


def cells_of(dataset):
    return read_page(dataset.idgbr._repr_html_()).splitlines()


def test_a_dataset_stays_xarrays_and_shows_its_version_its_legend_and_its_areas(opened, tmp_path):
    dataset, version = opened
    assert type(dataset) is xr.Dataset
    cells = cells_of(dataset)
    assert cells[cells.index("cube") + 1] == str(tmp_path / "cube")
    assert cells[cells.index("version") + 1] == version
    assert cells[cells.index("km2") :][:8] == ["km2", "share", "Tree", "34.84", "97.2%", "Grass", "0.00", "0.0%"]
    assert cells[-3:] == ["Water", "1.00", "2.8%"]
    assert cells.count("Water") == 2


def test_a_part_shows_the_areas_of_that_part(opened):
    cells = cells_of(opened[0].isel(y=slice(50, 150), x=slice(0, 200)))
    assert cells[-9:] == ["Tree", "1.50", "75.0%", "Grass", "0.00", "0.0%", "Water", "0.50", "25.0%"]


def test_a_coarse_part_says_that_its_areas_are_about(tmp_path, opened, monkeypatch):
    monkeypatch.setattr("pipeline.analysis.accessor.SIDE", 100)
    cells = cells_of(opened[0].isel(y=slice(0, 500)))
    assert "km2 (about, from pixels of 20 m)" in cells


def test_an_older_version_shows_its_own_map(opened, tmp_path):
    _, first = opened
    published(Cube.open(tmp_path / "cube"), plain(30), run="b")
    assert cells_of(pipeline.open_cube(tmp_path / "cube", first))[-3:] == ["Water", "1.00", "2.8%"]


def test_a_dataset_from_elsewhere_is_refused_in_a_sentence():
    with pytest.raises(UserError, match=r"no cube, version_id, crs, y, x, time; .idgbr is for what open_cube"):
        xr.Dataset({"a": ("t", np.arange(3))}).idgbr._repr_html_()
