"""block.py: mosaics of the simulated world, of real and of made scenes, the same however they are cut, and true."""

import os
import random
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path

import numpy as np
import pytest
import shapely
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from made_rasters import CLEAR, CLOUD, HERE, OVER, SQUARE, flat

import catalogs
from pipeline.errors import UserError
from pipeline.geometry.extent import Extent
from pipeline.geometry.footprint import grid_footprint
from pipeline.geometry.grid import Grid, Window
from pipeline.mosaic import asset, memory
from pipeline.mosaic.block import mosaic_block
from pipeline.mosaic.composite import METHODS
from pipeline.mosaic.params import MosaicParams
from pipeline.raster.read import read_part
from pipeline.raster.resample import METHODS as RESAMPLING
from pipeline.raster.retry import ReadError
from pipeline.scenes.passes import group_passes
from pipeline.scenes.resolve import resolve_or_drop

GRID = Grid("EPSG:3035", 10.0, 512)
ALWAYS = datetime(2000, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC)
PARTS = ("mosaic_BHW", "observations_HW", "first_clear_HW", "last_clear_HW")


@pytest.fixture(scope="module")
def items(world):
    return catalogs.search_items(catalogs.Query(str(world.catalog), "sentinel-2-l2a", world.bounds_lonlat, *ALWAYS))


@pytest.fixture(scope="module")
def scenes(items):
    return resolve_or_drop(catalogs.scenes(items))


@pytest.fixture(scope="module")
def whole(world):
    left, bottom, right, top = (round(side / 10) for side in world.bounds)
    return Window(-top, left, -bottom, right)


@pytest.fixture(scope="module")
def composed(scenes, whole):
    return mosaic_block(GRID, whole, scenes, catalogs.ROLES)


def touching(scenes, grid, window):
    """The scenes that a plan gives to a window."""
    box = shapely.box(*grid.bounds(window))
    return [scene for scene in scenes if grid_footprint(scene, grid.crs).intersects(box)]


def by_blocks(grid, whole, scenes, order, bands=catalogs.ROLES, **how):
    """A window's composite put together from its blocks, done in some order."""
    arrays = {
        name: np.zeros((len(bands), *whole.shape) if name == "mosaic_BHW" else whole.shape, np.uint16) for name in PARTS
    }
    extent = Extent(grid, whole)
    for block in random.Random(order).sample(list(extent.blocks()), len(list(extent.blocks()))):
        window = extent.covered(block)
        found = mosaic_block(grid, window, touching(scenes, grid, window), bands, selection=scenes, **how)
        assert found.lost == {}
        for name, array in arrays.items():
            array[..., *window.slices((whole.y0, whole.x0))] = getattr(found, name)
    return arrays


def shuffled(items, seed):
    return random.Random(seed).sample(items, len(items))


def test_the_composite_sees_all_ground_and_loses_no_scene(composed, scenes):
    assert len(scenes) == 12
    assert composed.lost == {}
    assert (composed.observations_HW > 0).mean() > 0.97
    assert ((composed.mosaic_BHW > 0).all(0) == (composed.observations_HW > 0)).all()
    assert ((composed.mosaic_BHW > 0).any(0) == (composed.observations_HW > 0)).all()
    assert composed.observations_HW.max() == len(group_passes(scenes)) < len(scenes)


@pytest.mark.parametrize(("block", "threads"), [(256, 2), (512, 1), (1024, 2), (2048, 1)])
def test_block_size_order_of_items_and_threads_leave_the_bytes_alone(items, whole, composed, block, threads):
    scenes = resolve_or_drop(catalogs.scenes(shuffled(items, block)))
    arrays = by_blocks(replace(GRID, block=block), whole, scenes, order=block, threads=threads)
    for name, array in arrays.items():
        assert (array == getattr(composed, name)).all(), name


@pytest.mark.parametrize(
    ("method", "resampling"),
    [("geometric-median", "nearest"), ("mean", "cubic"), ("best", "bilinear"), ("median", "average")],
)
def test_no_method_depends_on_the_cut(scenes, whole, method, resampling):
    params = MosaicParams(method, resampling)
    south = Window(whole.y0 + 250, whole.x0 + 100, whole.y0 + 330, whole.x0 + 420)
    all_of_it = mosaic_block(GRID, south, scenes, catalogs.ROLES, params)
    assert (all_of_it.mosaic_BHW > 0).mean() > 0.9
    arrays = by_blocks(replace(GRID, block=256), south, scenes, order=1, params=params, threads=3)
    for name, array in arrays.items():
        assert (array == getattr(all_of_it, name)).all(), name


@settings(max_examples=6, deadline=None)
@given(st.integers(0, 500), st.integers(0, 500), st.sampled_from([1, 7, 130]), st.sampled_from([1, 64]))
def test_any_window_has_the_bytes_of_the_whole(composed, scenes, whole, y, x, height, width):
    cut = Window(whole.y0 + y, whole.x0 + x, whole.y0 + y + height, whole.x0 + x + width) & whole
    part = mosaic_block(GRID, cut, scenes, catalogs.ROLES)
    for name in PARTS:
        assert (getattr(part, name) == getattr(composed, name)[..., *cut.slices((whole.y0, whole.x0))]).all(), name


def test_little_memory_gives_the_same_bytes(composed, scenes, whole, monkeypatch):
    monkeypatch.setattr(memory, "STACK_BYTES", 2**20)
    strips = list(memory.memory_strips(whole, len(group_passes(scenes)), 4, "median"))
    assert len(strips) > 3
    found = mosaic_block(GRID, whole, scenes, catalogs.ROLES, threads=2)
    for name in PARTS:
        assert (getattr(found, name) == getattr(composed, name)).all(), name


def test_old_and_new_processing_baselines_give_one_reflectance(scenes, whole):
    """Items before baseline 04.00 store reflectance x 10,000, later ones add 1000: both must come out alike."""
    old = next(s for s in scenes if s.baseline < "04.00")
    new = next(s for s in scenes if s.baseline >= "04.00" and s.tile == old.tile and s.datetime.month == 7)
    assert (old.bands[0].offset, new.bands[0].offset) == (0.0, -0.1)
    blue = [mosaic_block(GRID, whole, [scene], ["blue"]).mosaic_BHW[0].astype(int) for scene in (old, new)]
    both = (blue[0] > 0) & (blue[1] > 0)
    assert both.any()
    assert abs(np.median(blue[0][both]) - np.median(blue[1][both])) < 300


def test_scenes_of_two_zones_meet_without_a_sliver(scenes, whole):
    clearest = [s for s in scenes if s.datetime.month == 5]
    assert {s.mask.crs for s in clearest} == {"EPSG:32632", "EPSG:32633"}
    seen = mosaic_block(GRID, whole, clearest, ["red"]).observations_HW > 0
    west = [s for s in clearest if s.mask.crs == "EPSG:32632"]
    east = [s for s in clearest if s.mask.crs == "EPSG:32633"]
    halves = [mosaic_block(GRID, whole, half, ["red"]).observations_HW > 0 for half in (west, east)]
    assert (halves[0] & halves[1]).any()
    assert (seen == (halves[0] | halves[1])).all()


def test_a_scene_that_cannot_be_read_is_named_and_the_others_are_used(scenes, whole, composed, tmp_path):
    gone = replace(scenes[0], mask=replace(scenes[0].mask, href=str(tmp_path / "gone.tif")))
    found = mosaic_block(GRID, whole, [gone, *scenes[1:]], catalogs.ROLES)
    assert list(found.lost) == [gone.id]
    assert "gone.tif" in found.lost[gone.id]
    assert (found.observations_HW <= composed.observations_HW).all()
    assert (found.observations_HW > 0).mean() > 0.9


def test_a_scene_lost_in_one_strip_is_left_out_of_all_of_them(scenes, whole, monkeypatch):
    clearest = [s for s in scenes if s.datetime.month == 5]
    failing, calls = clearest[0], []

    def read_or_fail(href, *how, **further):
        if href == failing.mask.href:
            calls.append(href)
            if len(calls) == 2:
                raise ReadError(f"{href}: connection reset")
        return read_part(href, *how, **further)

    monkeypatch.setattr(asset, "read_part", read_or_fail)
    monkeypatch.setattr(memory, "STACK_BYTES", 2**16)
    found = mosaic_block(GRID, whole, clearest, ["red"])
    assert list(found.lost) == [failing.id]
    assert len(calls) > 2
    without = mosaic_block(GRID, whole, clearest[1:], ["red"])
    for name in PARTS:
        assert (getattr(found, name) == getattr(without, name)).all(), name


def test_observations_and_the_first_and_last_day_are_counted_over_the_clear_passes(tmp_path):
    days = ["2024-05-01", "2024-05-11", "2024-06-30"]
    cloudy = [[(0, 0)], [(0, 0), (1, 1)], [(0, 0), (2, 2)]]
    made = []
    for day, where in zip(days, cloudy, strict=True):
        mask_HW = np.full((60, 50), CLEAR, np.uint8)
        for y, x in where:
            mask_HW[y, x] = CLOUD
        made.append(flat(tmp_path, day, 1_000 + len(made), mask=mask_HW, day=day))
    found = mosaic_block(SQUARE, OVER, made, ["red"])
    first, second, last = ((date.fromisoformat(day) - date(1970, 1, 1)).days for day in days)
    at = {(0, 0): (0, 0, 0, 0), (2, 2): (2, first, last, 1_001), (4, 4): (2, first, second, 1_001)}
    for (y, x), expected in at.items():
        assert tuple(getattr(found, name)[..., y, x].item() for name in (*PARTS[1:], PARTS[0])) == expected
    rest = found.observations_HW == 3
    assert rest.sum() == 120 * 100 - 3 * 4
    assert (found.first_clear_HW[rest] == first).all()
    assert (found.last_clear_HW[rest] == last).all()
    assert (found.mosaic_BHW[0, rest] == 1_001).all()


@pytest.mark.parametrize("method", ["median", "mean"])
def test_more_than_255_passes_count_as_255(tmp_path, method):
    raster, window = replace(HERE, height=4, width=4), Window(OVER.y0, OVER.x0, OVER.y0 + 4, OVER.x0 + 4)
    one = flat(tmp_path, "a", raster=raster)
    bands = tuple(replace(one.bands[0], role=role) for role in ("blue", "red"))
    many = [replace(one, id=str(i), acquisition=f"sentinel-2a/{i}/a", bands=bands) for i in range(260)]
    found = mosaic_block(SQUARE, window, many, ["blue", "red"], MosaicParams(method))
    assert (found.observations_HW == 255).all()
    assert (found.mosaic_BHW == 1_000).all()


@pytest.mark.parametrize("method", METHODS)
def test_without_scenes_nothing_is_seen(method):
    found = mosaic_block(SQUARE, OVER, [], ["blue", "red"], MosaicParams(method))
    assert found.mosaic_BHW.shape == (2, 120, 100)
    assert not any(getattr(found, name).any() for name in PARTS)


def test_a_scene_in_doubt_is_told_as_lost_and_the_others_are_used(items, whole, scenes):
    doubtful = next(s for s in catalogs.scenes(items) if s.doubt is not None)
    others = [s for s in scenes if s.id != doubtful.id]
    found, without = (mosaic_block(GRID, whole, some, ["red"]) for some in ([*others, doubtful], others))
    assert list(found.lost) == [doubtful.id]
    assert (found.mosaic_BHW == without.mosaic_BHW).all()


def test_a_pass_over_midnight_has_one_day_in_every_block(tmp_path):
    tiles = [
        flat(tmp_path, name, day=day, overpass="one", raster=replace(HERE, top=HERE.top - south))
        for name, day, south in (("a", "2024-05-01", 0), ("b", "2024-05-02", 1_200))
    ]
    day = (date(2024, 5, 1) - date(1970, 1, 1)).days
    south = Window(OVER.y0 + 150, OVER.x0, OVER.y0 + 240, OVER.x1)
    found = mosaic_block(SQUARE, south, tiles[1:], ["red"], selection=tiles)
    assert (found.first_clear_HW == day).all()
    assert (found.last_clear_HW == day).all()


def test_of_two_processings_of_a_tile_the_newer_counts_where_both_show_ground(tmp_path):
    older = replace(flat(tmp_path, "a", red=1_000), baseline="05.00")
    newer = replace(flat(tmp_path, "b", red=2_000), acquisition=older.acquisition, baseline="05.09")
    for both in ([older, newer], [newer, older]):
        found = mosaic_block(SQUARE, OVER, both, ["red"])
        assert (found.observations_HW == 1).all()
        assert (found.mosaic_BHW == 2_000).all()


def test_the_best_of_no_scenes_is_no_data_whatever_the_bands():
    found = mosaic_block(SQUARE, OVER, [], ("vv", "vh"), MosaicParams("best"))
    assert not found.mosaic_BHW.any()
    assert found.lost == {}


@pytest.mark.parametrize("bands", [["red"], ["green", "nir"]])
def test_best_asks_for_the_bands_that_tell_haze(tmp_path, bands):
    with pytest.raises(UserError, match="best tells haze by the bands blue and red"):
        mosaic_block(SQUARE, OVER, [flat(tmp_path, "a")], bands, MosaicParams("best"))


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("resampling", RESAMPLING)
def test_a_gpu_gives_the_same_bytes(scenes, whole, method, resampling):
    params = MosaicParams(method, resampling)
    cpu, cuda = (mosaic_block(GRID, whole, scenes, catalogs.ROLES, params, device=device) for device in ("cpu", "cuda"))
    for name in PARTS:
        assert (getattr(cuda, name) == getattr(cpu, name)).all(), name


@pytest.mark.realdata
@pytest.mark.skipif("IDGBR_DATA" not in os.environ, reason="IDGBR_DATA is not set: no real scenes here")
def test_block_size_order_of_items_and_threads_leave_the_real_bytes_alone():
    catalog = Path(os.environ["IDGBR_DATA"]) / "sentinel2_l2a_33T"
    bounds = 14.999, 45.057, 16.419, 46.953
    grid = Grid("EPSG:3035", 120.0, 2048)
    whole = grid.window_of(bounds)
    items = catalogs.search_items(catalogs.Query(str(catalog), "sentinel-2-l2a", bounds, *ALWAYS))
    scenes = resolve_or_drop(catalogs.scenes(items))
    assert len({scene.tile for scene in scenes}) == 2
    bands = "red", "nir"
    composed = mosaic_block(grid, whole, scenes, bands)
    assert composed.lost == {}
    assert (composed.observations_HW > 0).mean() > 0.8
    for block, threads in ((256, 2), (512, 1), (1024, 2), (2048, 2)):
        again = resolve_or_drop(catalogs.scenes(shuffled(items, block)))
        arrays = by_blocks(replace(grid, block=block), whole, again, block, bands, threads=threads)
        for name, array in arrays.items():
            assert (array == getattr(composed, name)).all(), (name, block)
