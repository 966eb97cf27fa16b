"""The land's history: `history.py`, and how scenes and the truth follow it."""

from dataclasses import replace
from datetime import date

import numpy as np
import pytest
import rasterio
import shapely
from scipy.ndimage import binary_dilation

from catalogs.simulated import (
    Change,
    History,
    HistoryError,
    Overpass,
    Span,
    WorldError,
    acquire,
    add_history,
    open_world,
    simulate,
    truths,
)
from catalogs.simulated.classes import BARE, BUILT, CROP, TREE, WATER
from catalogs.simulated.history import GROUND, draw_history, land_on
from catalogs.simulated.landscape import landscape, truth
from catalogs.simulated.scenes import conditions, expose
from catalogs.simulated.spectra import patch_reflectance
from catalogs.simulated.tiles import envelope, lay_tiles
from catalogs.simulated.view import view

SEED = 7
BOUNDS = (4_466_840, 2_820_730, 4_469_240, 2_823_130)
SPAN = Span("2025-04-01", "2025-08-31", per_km2=4, floods=1)
BEFORE, AFTER = "2025-03-31", "2025-09-30"
NEW = {"built-up": {BUILT, 30}, "clear-cut": {BARE}, "water": {WATER}}


@pytest.fixture(scope="module")
def land():
    return landscape(SEED, envelope(lay_tiles(BOUNDS)))


@pytest.fixture(scope="module")
def history(land):
    return draw_history(SEED, land, BOUNDS, SPAN)


def label(land, history, day, **kwargs):
    return truth(land_on(SEED, land, history, date.fromisoformat(day), **kwargs))


def burn(land, areas, label_YX, reach=0.0):
    transform = rasterio.Affine(10, 0, land.bounds[0], 0, -10, land.bounds[3])
    shapes = [shapely.from_wkt(area).buffer(reach) for area in areas]
    return rasterio.features.geometry_mask(shapes, label_YX.shape, transform, all_touched=True, invert=True)


def seen(land, history, overpass):
    today = land_on(SEED, land, history, overpass.start.date())
    tile = lay_tiles(BOUNDS)[0]
    return expose(SEED, view(SEED, today, tile), conditions(SEED, today, overpass, 12.0, 48.5), BOUNDS)


def test_a_history_holds_changes_of_every_kind_within_bounds_and_span(land, history):
    changes = history.changes
    assert {change.kind for change in changes} == {"built-up", "clear-cut", "water", "flood"}
    assert len(changes) >= 15
    lasting = [change for change in changes if change.kind != "flood"]
    assert all(SPAN.since <= change.day <= SPAN.until for change in changes)
    assert [change.day for change in changes] == sorted(change.day for change in changes)
    shapes = [shapely.from_wkt(change.area) for change in lasting]
    assert all(shapely.box(*BOUNDS).buffer(0.1).contains(shape) for shape in shapes)
    apart = [one.distance(two) for number, one in enumerate(shapes) for two in shapes[:number]]
    assert min(apart) > 59


def test_the_same_seed_has_the_same_history_and_another_has_another(land, history):
    assert draw_history(SEED, land, BOUNDS, SPAN) == history
    assert draw_history(SEED + 1, land, BOUNDS, SPAN) != history


def test_truth_on_a_day_is_the_changes_up_to_it(land, history):
    """Change by change, each day against the day before, where and to what the classes change."""
    first_YX = label(land, None, BEFORE)
    np.testing.assert_array_equal(label(land, history, BEFORE, floods=False), first_YX)
    previous_YX = first_YX
    for day in sorted({change.day for change in history.changes}):
        today_YX = label(land, history, day, floods=False)
        new = [change for change in history.changes if change.day == day and change.kind != "flood"]
        changed_YX = today_YX != previous_YX
        assert not (changed_YX & ~burn(land, [change.area for change in new], first_YX)).any()
        for change in new:
            inside_YX = burn(land, [change.area], first_YX)
            assert np.isin(today_YX[inside_YX & changed_YX], list(NEW[change.kind])).mean() > 0.95
            core_YX = inside_YX & ~burn(land, [shapely.boundary(shapely.from_wkt(change.area)).wkt], first_YX, 15)
            of_kind_YX = core_YX & np.isin(first_YX, GROUND[change.kind][0])
            became_YX = np.isin(today_YX, list(NEW[change.kind]))
            assert became_YX[of_kind_YX].mean() > 0.9
        previous_YX = today_YX
    np.testing.assert_array_equal(label(land, history, AFTER, floods=False), previous_YX)


def test_a_clear_cut_takes_only_trees_and_water_spares_buildings(land):
    centre = shapely.box(*BOUNDS)
    first_YX = label(land, None, BEFORE)
    for kind, taken in (("clear-cut", [TREE]), ("water", [TREE, 30, CROP, BARE, WATER])):
        history = History(BEFORE, (Change(kind, "2025-05-01", centre.wkt),))
        fine_YX = land_on(SEED, land, history, date(2025, 5, 2))
        before_YX, after_YX = land.class_of_patch[land.patch_YX], fine_YX.class_of_patch[fine_YX.patch_YX]
        assert set(np.unique(before_YX[before_YX != after_YX]).tolist()) <= set(taken)
        assert (label(land, history, "2025-05-02") != first_YX).mean() > 0.05


def test_a_flood_looks_like_water_while_it_lasts_and_is_no_change_of_class(land, history):
    flood = next(change for change in history.changes if change.kind == "flood")
    alone = History(history.since, (flood,))
    dry_YX = label(land, None, BEFORE)
    for day in (flood.day, flood.until):
        np.testing.assert_array_equal(label(land, alone, day, floods=False), dry_YX)
        wet_YX = label(land, alone, day) != dry_YX
        assert wet_YX.sum() > 500
        assert (label(land, alone, day)[wet_YX] == WATER).mean() > 0.95
    np.testing.assert_array_equal(label(land, alone, AFTER), dry_YX)


def test_scenes_before_the_first_change_are_those_of_a_world_without_history(land, history):
    overpass = Overpass(BEFORE, cloudiness=0.2)
    with_history, without = seen(land, history, overpass), seen(land, None, overpass)
    np.testing.assert_array_equal(with_history.number_BHW, without.number_BHW)
    np.testing.assert_array_equal(with_history.scl_HW, without.scl_HW)


def test_scenes_after_the_changes_differ_where_the_truth_does_and_nowhere_else(land, history):
    lasting = History(history.since, tuple(change for change in history.changes if change.kind != "flood"))
    overpass = Overpass(AFTER, cloudiness=0.0)
    old_BHW, new_BHW = (seen(land, told, overpass).number_BHW.astype(int) for told in (None, lasting))
    tile = lay_tiles(BOUNDS)[0]
    x_HW, y_HW = view(SEED, land, tile).x_HW, view(SEED, land, tile).y_HW
    row_HW = ((land.bounds[3] - y_HW) // 10).astype(int)
    column_HW = ((x_HW - land.bounds[0]) // 10).astype(int)
    first_YX, last_YX = label(land, None, BEFORE), label(land, lasting, AFTER)
    changed_HW = (first_YX != last_YX)[row_HW, column_HW]
    painted_HW = burn(land, [change.area for change in lasting.changes], first_YX, reach=25)[row_HW, column_HW]
    differ_HW = (np.abs(new_BHW - old_BHW).max(axis=0) > 0)[::2, ::2]
    assert changed_HW.mean() > 0.01
    assert differ_HW[changed_HW].mean() > 0.999
    assert not differ_HW[~binary_dilation(painted_HW, iterations=2)].any()


def test_harvest_and_another_year_change_the_look_and_leave_the_truth_alone(land):
    quiet = History("2025-01-01")
    summer, autumn, later = Overpass("2025-06-20"), Overpass("2025-08-20"), Overpass("2026-06-20")
    labels = [label(land, quiet, each.day) for each in (summer, autumn, later)]
    assert all(np.array_equal(label_YX, label(land, None, BEFORE)) for label_YX in labels)
    codes = land.class_of_patch
    june, august, again = (
        conditions(SEED, land_on(SEED, land, quiet, each.start.date()), each, 12.0, 48.5).colour_PC[:, :4]
        for each in (summer, autumn, later)
    )
    change_2P = [np.abs(other[:, 3] / june[:, 3] - 1) for other in (august, again)]
    for change_P in change_2P:
        assert (change_P[codes == CROP] > 0.2).mean() > 0.2
        assert (change_P[codes == BUILT] > 0.2).mean() < 0.05


def test_crops_rotate_only_from_year_to_year():
    code_P = np.repeat(np.array([TREE, CROP], np.uint8), 3000)
    day = date(2026, 7, 1)
    same, other = patch_reflectance(SEED, code_P, day), patch_reflectance(SEED, code_P, day, season=1)
    moved_P = np.abs(other[:, 3] - same[:, 3]) > 200
    assert moved_P[3000:].mean() > 0.4
    assert moved_P[:3000].mean() < 0.02


def test_a_world_keeps_its_history_and_shows_it_on_scenes_acquired_later(tmp_path):
    days = [Overpass(BEFORE, cloudiness=0.0)]
    world = simulate(tmp_path / "world", 3, kilometres=1, dates=days, history=replace(SPAN, per_km2=5))
    assert open_world(world.folder) == world
    assert world.history.changes
    first_YX, last_YX = truths(world, [BEFORE, AFTER])
    with rasterio.open(world.truth) as source:
        np.testing.assert_array_equal(source.read(1), first_YX)
    assert (first_YX != last_YX).any()
    (name,) = acquire(world.folder, [Overpass(AFTER, cloudiness=0.0)], tiles=["32UQU"])
    plain = simulate(tmp_path / "plain", 3, kilometres=1, dates=[Overpass(AFTER, cloudiness=0.0)])
    images = []
    for folder in (world.folder, plain.folder):
        with rasterio.open(folder / "sentinel-2-l2a" / name / "B08.tif") as source:
            images.append(source.read(1))
    assert 0 < (images[0] != images[1]).mean() < 0.5
    assert "history" not in (plain.folder / "world.json").read_text()


def test_land_may_change_after_the_scenes_of_a_world_and_only_once(tmp_path):
    days = [Overpass(BEFORE, cloudiness=0.0)]
    world = simulate(tmp_path / "world", 3, kilometres=1, dates=days)
    with pytest.raises(WorldError, match=f"the scenes of {BEFORE} do not show the change of 2025-03-31"):
        add_history(world.folder, Span(BEFORE, BEFORE, per_km2=5, floods=0))
    west, south, east, north = world.bounds
    half = (west, south, east, (south + north) / 2)
    told = add_history(world.folder, replace(SPAN, per_km2=8, floods=0), half)
    assert told == open_world(world.folder)
    first_YX, last_YX = truths(told, [BEFORE, AFTER])
    changed_YX = first_YX != last_YX
    assert changed_YX[50:].any()
    assert not changed_YX[:49].any()
    with pytest.raises(WorldError, match="has a history already"):
        add_history(world.folder, SPAN)


@pytest.mark.parametrize(
    ("wrong", "text"),
    [
        ({"kind": "quarry"}, "choose from built-up"),
        ({"day": "May"}, "write it as 2024-05-13"),
        ({"until": "2025-06-01"}, "floods end"),
        ({"kind": "flood"}, "floods end"),
    ],
)
def test_a_change_that_cannot_be_is_refused(wrong, text):
    with pytest.raises(HistoryError, match=text):
        Change(**{"kind": "water", "day": "2025-05-01", "area": "POINT (0 0)", **wrong})
    with pytest.raises(HistoryError, match="ends before it begins"):
        Span("2025-05-01", "2025-04-30")
