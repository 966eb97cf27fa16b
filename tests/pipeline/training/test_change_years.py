"""Pairs of mosaics as updates compare them: `change_years.py`."""

import numpy as np
import pytest

from pipeline.training.change_areas import CHANGED
from pipeline.training.change_recipe import SimulatedPairs
from pipeline.training.change_years import SHOWN, from_year, make_years, stems_of_year
from pipeline.training.train_change import load_pairs

SEED, KILOMETRES = 5, 2


@pytest.fixture(scope="module")
def pairs(tmp_path_factory):
    return dict(zip(SHOWN, from_year(tmp_path_factory.mktemp("year") / "world", SEED, KILOMETRES), strict=True))


def test_the_label_is_where_the_class_of_the_last_clear_day_differs_and_both_mosaics_hold_data(pairs):
    for area in pairs.values():
        differs_HW = area.class_before_HW != area.class_after_HW
        seen_HW = (area.before_BHW > 0).any(axis=0) & (area.after_BHW > 0).any(axis=0)
        np.testing.assert_array_equal(area.label_HW == CHANGED, differs_HW & seen_HW)
    assert any((area.label_HW == CHANGED).any() for area in pairs.values())


def test_ground_that_no_later_pass_saw_has_neither_changed_nor_another_mosaic(pairs):
    kept = 0
    for area in pairs.values():
        same_HW = (area.before_BHW == area.after_BHW).all(axis=0) & (area.before_BHW > 0).any(axis=0)
        assert not (area.label_HW[same_HW] == CHANGED).any()
        kept += same_HW.sum()
    assert kept > 0


def test_a_mosaic_is_the_same_in_every_pair_that_holds_it(pairs):
    (second, fourth), (third, _), (again, _) = SHOWN[0], SHOWN[1], SHOWN[2]
    assert (second, fourth, third, again) == (2, 4, 3, 4)
    np.testing.assert_array_equal(pairs[SHOWN[0]].after_BHW, pairs[SHOWN[2]].before_BHW)


def test_a_folder_keeps_the_pairs_of_a_year(pairs, tmp_path):
    make_years([SEED], KILOMETRES, tmp_path, lambda *step: None)
    before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.tif")}
    recipe = SimulatedPairs(kind="simulated-pairs", years=[SEED], kilometres=KILOMETRES)
    told = []
    loaded = dict(load_pairs(recipe, tmp_path, lambda *step: told.append(step)))
    assert told == [(1, 1, f"pairs of the year {SEED}")]
    assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.tif")} == before
    assert list(loaded) == stems_of_year(SEED, KILOMETRES)
    for (before_BHW, after_BHW, label_HW), area in zip(loaded.values(), pairs.values(), strict=True):
        np.testing.assert_array_equal(before_BHW, area.before_BHW)
        np.testing.assert_array_equal(after_BHW, area.after_BHW)
        np.testing.assert_array_equal(label_HW, area.label_HW // CHANGED)
