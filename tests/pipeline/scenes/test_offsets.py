"""Offsets decided by the darkest pixels of scenes."""

import json
from dataclasses import replace

import numpy as np
import pytest
import rasterio
from rasterio.enums import Resampling

import catalogs
from catalogs.access import ANYWHERE
from pipeline.geometry.grid import Grid, Window
from pipeline.mosaic.block import mosaic_block
from pipeline.raster.read import inspect
from pipeline.scenes import offsets
from pipeline.scenes.offsets import decide_offsets
from pipeline.scenes.resolve import resolve_or_drop

GRID = Grid("EPSG:3035", 10.0, 256)
WINDOW = Window(-280_000, 440_000, -280_000 + 64, 440_000 + 64)


@pytest.fixture(scope="module")
def scenes(world):
    items = [json.loads(line) for line in (world.folder / "items.ndjson").read_text().splitlines()]
    return catalogs.scenes(items)


def with_darkest(scene, folder, dn):
    """The scene with bands of 400 x 400 pixels whose darkest percent is about `dn`, the rest brighter."""
    values_HW = np.random.default_rng(0).integers(dn, dn + 3_000, (400, 400)).astype(np.uint16)
    values_HW[:40] = 0
    bands = []
    for asset in scene.bands:
        path = folder / f"{asset.role}.tif"
        profile = {"driver": "GTiff", "height": 400, "width": 400, "count": 1, "dtype": "uint16", "nodata": 0}
        transform = rasterio.transform.from_origin(500_000, 5_400_000, 320, 320)
        with rasterio.open(path, "w", crs="EPSG:32632", transform=transform, **profile) as target:
            target.write(values_HW, 1)
        bands.append(replace(asset, href=str(path)))
    return replace(scene, bands=tuple(bands))


def in_doubt(scenes):
    return next(scene for scene in scenes if scene.doubt is not None)


def test_the_simulated_scenes_say_what_earth_search_says_of_scenes_it_got_wrong(scenes):
    doubted = [scene for scene in scenes if scene.doubt is not None]
    assert {scene.baseline for scene in doubted} == {"05.10", "05.11"}
    assert {scene.doubt.name for scene in doubted} == {"offset-flag"}


def test_dark_pixels_find_the_offset_that_the_files_have(scenes):
    for scene in resolve_or_drop(scenes):
        assert scene.doubt is None
        assert {asset.offset for asset in scene.bands} == {-0.1 if scene.baseline >= "04.00" else 0.0}
    assert len(resolve_or_drop(scenes)) == len(scenes)


@pytest.mark.parametrize(("dn", "offset"), [(120, 0.0), (500, 0.0), (1_020, -0.1), (1_500, -0.1)])
def test_a_flag_that_lies_is_found_out_by_the_darkest_pixels(scenes, tmp_path, dn, offset):
    scene = with_darkest(in_doubt(scenes), tmp_path, dn)
    (decision,) = decide_offsets([scene], ANYWHERE).values()
    assert decision.offset == offset
    assert scene.id in decision.why
    assert f"offset {offset:g} is applied" in decision.why


@pytest.mark.parametrize("dn", [690, 740, 1_700, 9_000])
def test_a_scene_without_anything_dark_is_refused_rather_than_guessed(scenes, tmp_path, dn):
    scene = with_darkest(in_doubt(scenes), tmp_path, dn)
    (decision,) = decide_offsets([scene], ANYWHERE).values()
    assert decision.offset is None
    assert "its pixels cannot tell" in decision.why
    assert resolve_or_drop([scene]) == []


def declaring(scene, offset, scale=0.0001):
    """The scene whose files declare a scale and an offset themselves."""
    for asset in scene.bands:
        with rasterio.open(asset.href, "r+") as target:
            target.scales, target.offsets = (scale,), (offset,)
    inspect.cache_clear()
    return scene


def single(scene):
    """The scene with one kind of fact alone, that it was shifted."""
    return replace(scene, doubt=replace(scene.doubt, name="offset-single", offsets=(-0.1, 0.0)))


@pytest.mark.parametrize(("declared", "offset"), [(-0.1, -0.1), (0.0, None)])
def test_what_the_files_declare_is_the_second_fact_where_pixels_cannot_tell(scenes, tmp_path, declared, offset):
    scene = declaring(single(with_darkest(in_doubt(scenes), tmp_path, 1_700)), declared)
    (decision,) = decide_offsets([scene], ANYWHERE).values()
    assert decision.offset == offset
    assert f"its files declare {declared:g}" in decision.why


def test_pixels_overrule_what_the_files_declare_and_the_decision_tells_both(scenes, tmp_path):
    scene = declaring(with_darkest(in_doubt(scenes), tmp_path, 500), -0.1)
    (decision,) = decide_offsets([scene], ANYWHERE).values()
    assert decision.offset == 0.0
    assert decision.why.endswith("offset 0 is applied; its files declare -0.1")


def test_large_files_without_overviews_are_read_as_cells_and_absurd_ones_not_at_all(scenes, tmp_path, monkeypatch):
    monkeypatch.setattr(offsets, "METRES", 700)
    monkeypatch.setattr(offsets, "WHOLE_PIXELS", 1_000)
    scene = with_darkest(in_doubt(scenes), tmp_path, 120)
    value_HW = np.random.default_rng(1).integers(120, 3_120, (200, 200)).astype(np.uint16).repeat(2, 0).repeat(2, 1)
    for asset in scene.bands:
        with rasterio.open(asset.href, "r+") as target:
            target.write(value_HW, 1)
    (decision,) = decide_offsets([scene], ANYWHERE).values()
    assert decision.offset == 0.0
    assert offsets._coarse(inspect(scene.bands[0].href, 700)).factor == 2
    monkeypatch.setattr(offsets, "MOST_PIXELS", 2_000)
    assert decide_offsets([scene], ANYWHERE) == {}


def test_a_scene_with_next_to_no_pixels_is_refused(scenes, tmp_path):
    scene = with_darkest(in_doubt(scenes), tmp_path, 100)
    with rasterio.open(scene.bands[0].href, "r+") as target:
        target.write(np.zeros((400, 400), np.uint16), 1)
    (decision,) = decide_offsets([scene], ANYWHERE).values()
    assert decision.offset is None
    assert "only 0 pixels of blue have data" in decision.why


def test_a_scene_that_cannot_be_read_keeps_its_doubt_and_is_lost_rather_than_forgotten(scenes, tmp_path):
    scene = with_darkest(in_doubt(scenes), tmp_path, 100)
    for broken in (None, b"no raster"):
        (tmp_path / "red.tif").unlink() if broken is None else (tmp_path / "red.tif").write_bytes(broken)
        assert decide_offsets([scene], ANYWHERE) == {}
        made = mosaic_block(GRID, WINDOW, [scene], ["red"])
        assert "its offset is undecided" in made.lost[scene.id]


def test_pixels_that_an_overview_mixed_with_no_data_are_not_taken_for_dark_ones(scenes, tmp_path):
    """A third of the tile is filled, along a slanted edge, in files that do not declare their no data."""
    scene, bands = in_doubt(scenes), []
    row, col = np.mgrid[:2048, :2048]
    fields = np.random.default_rng(0).integers(1_200, 4_000, (32, 32)).astype(np.uint16)
    values_HW = fields.repeat(64, 0).repeat(64, 1)
    values_HW[row * 0.7 + col > 1_500] = 0
    for asset in scene.bands:
        path = tmp_path / f"{asset.role}.tif"
        profile = {"driver": "GTiff", "height": 2048, "width": 2048, "count": 1, "dtype": "uint16", "tiled": True}
        transform = rasterio.transform.from_origin(500_000, 5_400_000, 10, 10)
        with rasterio.open(path, "w", crs="EPSG:32632", transform=transform, **profile) as target:
            target.write(values_HW, 1)
            target.build_overviews([2, 4, 8, 16, 32], Resampling.average)
        bands.append(replace(asset, href=str(path)))
    (decision,) = decide_offsets([replace(scene, bands=tuple(bands))], ANYWHERE).values()
    assert decision.offset == -0.1
