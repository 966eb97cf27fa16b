"""Pairs of mosaics of simulated worlds with a history: `change_areas.py`."""

import numpy as np
import pytest
import rasterio

import catalogs
from pipeline.training import areas
from pipeline.training.change_areas import CHANGED, PLANS, from_history, make_pairs, stem, write_pair
from pipeline.training.change_recipe import SimulatedPairs
from pipeline.training.train_change import load_pairs

SEED = 2  # summer against autumn of one year


@pytest.fixture(scope="module")
def area(tmp_path_factory):
    return from_history(tmp_path_factory.mktemp("history") / "world", SEED, 1.2)


def test_the_label_is_where_the_class_differs_and_both_dates_hold_data(area):
    differs_HW = area.class_before_HW != area.class_after_HW
    seen_HW = (area.before_BHW > 0).any(axis=0) & (area.after_BHW > 0).any(axis=0)
    np.testing.assert_array_equal(area.label_HW == CHANGED, differs_HW & seen_HW)
    assert set(np.unique(area.label_HW).tolist()) == {0, CHANGED}
    assert 0.02 < differs_HW.mean() < 0.3


def test_the_look_changes_far_beyond_the_label(area):
    """Harvest and other skies: reflectance differs by a fifth also where no class does; where one does, more often."""
    near_infrared = catalogs.ROLES.index("nir")
    before_HW, after_HW = (image_BHW[near_infrared].astype(float) for image_BHW in (area.before_BHW, area.after_BHW))
    seen_HW = (before_HW > 0) & (after_HW > 0)
    moved_HW = np.abs(after_HW - before_HW) > 0.2 * before_HW
    kept_HW, changed_HW = seen_HW & (area.label_HW == 0), area.label_HW == CHANGED
    assert moved_HW[kept_HW].sum() > 0.5 * changed_HW.sum()
    assert moved_HW[changed_HW].mean() > 2 * moved_HW[kept_HW].mean()


def test_a_folder_holds_both_forms_and_what_it_has_is_not_made_again(area, tmp_path):
    name = stem(SEED, 1.2)
    write_pair(tmp_path, name, area)
    for part, image_BHW in (("A", area.before_BHW), ("B", area.after_BHW)):
        with rasterio.open(tmp_path / part / f"{name}.tif") as source:
            np.testing.assert_array_equal(source.read(), image_BHW)
            assert source.descriptions == catalogs.ROLES and source.nodata == 0
    with rasterio.open(tmp_path / "label" / f"{name}.tif") as source:
        np.testing.assert_array_equal(source.read(1), area.label_HW)
        assert source.nodata is None
    labelled, _ = areas.read_folder(tmp_path)
    assert list(labelled) == [f"{name}-A", f"{name}-B"]
    np.testing.assert_array_equal(labelled[f"{name}-B"][1], area.class_after_HW)

    before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.tif")}
    told = []
    make_pairs([SEED], 1.2, tmp_path, lambda *step: told.append(step))
    assert told == [(1, 1, f"pair {name}")]
    assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.tif")} == before

    recipe = SimulatedPairs(kind="simulated-pairs", seeds=[SEED], kilometres=1.2)
    ((loaded, (before_BHW, _, label_HW)),) = load_pairs(recipe, tmp_path, lambda *step: None)
    assert loaded == name
    np.testing.assert_array_equal(before_BHW, area.before_BHW)
    np.testing.assert_array_equal(label_HW, area.label_HW // CHANGED)


def test_the_seasons_of_a_pair_follow_each_other():
    for plan in PLANS:
        assert plan.before[0] <= plan.before[1] and plan.after[0] <= plan.after[1]
        assert 12 * plan.years + plan.after[0] > plan.before[1]
