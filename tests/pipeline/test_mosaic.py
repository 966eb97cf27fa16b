from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import catalogs
from pipeline import mosaic
from pipeline.grid import Grid, Window
from pipeline.mosaic import UNSEEN, clear_view, composite, median
from pipeline.read import ReadError, read


@given(hnp.arrays(np.uint16, hnp.array_shapes(min_dims=4, max_dims=4, max_side=6), elements=st.integers(1, 9)))
def test_the_median_is_numpys_over_the_clear_views(view_NBHW):
    view_NBHW = view_NBHW.copy()
    cloudy_NHW = (view_NBHW.sum(1) % 3) == 0
    view_NBHW[np.broadcast_to(cloudy_NHW[:, None], view_NBHW.shape)] = UNSEEN
    masked = np.where(view_NBHW == UNSEEN, np.nan, view_NBHW.astype(float))
    clear_HW = (~cloudy_NHW).sum(0)
    with np.errstate(all="ignore"):
        middle = np.floor(np.nanmedian(np.where(clear_HW > 0, masked, 0), axis=0) + 0.5)
    found, count = median(view_NBHW)
    assert (count == clear_HW).all()
    assert (found == np.where(clear_HW > 0, middle, 0)).all()


@pytest.fixture(scope="module")
def scenes(world):
    query = catalogs.Query(
        str(world.catalog),
        "sentinel-2-l2a",
        world.bounds_lonlat,
        datetime(2024, 1, 1, tzinfo=UTC),
        datetime(2024, 12, 31, tzinfo=UTC),
    )
    return catalogs.search(query)


@pytest.fixture(scope="module")
def whole(world):
    left, bottom, right, top = (round(side / 10) for side in world.bounds)
    return Window(-top, left, -bottom, right)


GRID = Grid("EPSG:3035", 10.0, 512)


@pytest.fixture(scope="module")
def composed(scenes, whole):
    return composite(GRID, whole, scenes, catalogs.ROLES)


def test_the_composite_sees_all_ground_and_loses_no_scene(composed, scenes):
    assert len(scenes) == 12
    assert composed.lost == {}
    assert (composed.observations_HW > 0).mean() > 0.97
    assert ((composed.mosaic_BHW > 0).all(0) == (composed.observations_HW > 0)).all()


@settings(max_examples=8, deadline=None)
@given(st.integers(0, 500), st.integers(0, 500), st.integers(8, 200))
def test_any_cut_of_the_composite_has_the_same_bytes(composed, scenes, whole, y, x, side):
    cut = Window(whole.y0 + y, whole.x0 + x, whole.y0 + y + side, whole.x0 + x + side) & whole
    part = composite(GRID, cut, scenes, catalogs.ROLES)
    inside = cut.slices((whole.y0, whole.x0))
    assert (part.mosaic_BHW == composed.mosaic_BHW[:, *inside]).all()
    assert (part.observations_HW == composed.observations_HW[inside]).all()


def test_old_and_new_processing_baselines_give_one_reflectance(scenes, whole):
    """Items before baseline 04.00 store reflectance x 10,000, later ones add 1000: both must come out alike."""
    old = next(s for s in scenes if s.baseline < "04.00")
    new = next(s for s in scenes if s.baseline >= "04.00" and s.tile == old.tile and s.datetime.month == 7)
    assert (old.bands[0].offset, new.bands[0].offset) == (0.0, -0.1)
    blue = [clear_view(GRID, whole, scene, ["blue"])[0] for scene in (old, new)]
    both = (blue[0] != UNSEEN) & (blue[1] != UNSEEN)
    assert abs(np.median(blue[0][both]) - np.median(blue[1][both])) < 300


def test_scenes_of_two_zones_meet_without_a_sliver(scenes, whole):
    clearest = [s for s in scenes if s.datetime.month == 5]
    assert {s.crs for s in clearest} == {"EPSG:32632", "EPSG:32633"}
    seen = composite(GRID, whole, clearest, ["red"]).observations_HW > 0
    west = [s for s in clearest if s.crs == "EPSG:32632"]
    east = [s for s in clearest if s.crs == "EPSG:32633"]
    halves = [composite(GRID, whole, half, ["red"]).observations_HW > 0 for half in (west, east)]
    assert (halves[0] & halves[1]).any()
    assert (seen == (halves[0] | halves[1])).all()


def test_a_scene_that_cannot_be_read_is_named_and_the_others_are_used(scenes, whole, composed, tmp_path):
    gone = replace(scenes[0], mask=replace(scenes[0].mask, href=str(tmp_path / "gone.tif")))
    found = composite(GRID, whole, [gone, *scenes[1:]], catalogs.ROLES)
    assert list(found.lost) == [gone.id]
    assert "gone.tif" in found.lost[gone.id]
    assert (found.observations_HW <= composed.observations_HW).all()
    assert (found.observations_HW > 0).mean() > 0.9


def test_a_scene_lost_in_one_strip_is_left_out_of_all_of_them(scenes, whole, monkeypatch):
    clearest = [s for s in scenes if s.datetime.month == 5]
    failing, calls = clearest[0], []

    def read_or_fail(href, raster, part):
        if href == failing.mask.href:
            calls.append(href)
            if len(calls) == 2:
                raise ReadError(f"{href}: connection reset")
        return read(href, raster, part)

    monkeypatch.setattr(mosaic, "read", read_or_fail)
    monkeypatch.setattr(mosaic, "STACK_BYTES", 2**20)
    found = composite(GRID, whole, clearest, ["red"])
    assert list(found.lost) == [failing.id]
    without = composite(GRID, whole, clearest[1:], ["red"])
    assert (found.mosaic_BHW == without.mosaic_BHW).all()
    assert (found.observations_HW == without.observations_HW).all()
