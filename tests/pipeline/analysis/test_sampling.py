"""Samples drawn from a cube: `sampling.py`, the strata of `strata.py`, the sizes of `sample_design.py`."""

import pickle
from collections import Counter
from dataclasses import replace
from datetime import date

import numpy as np
import pytest
import shapely
from labelled_sample import areas_of, cube_with_map, sample_of, stripes, truth
from made_versions import LAYOUT, SUMMER, plain, published

from pipeline.analysis import sampling, strata
from pipeline.analysis.sampling import _choose, draw, strata_at
from pipeline.analysis.strata import NONE, StratifiedMap, count_pixels, read_strata
from pipeline.cube.periods import newest_period
from pipeline.errors import RunError, UserError
from pipeline.geometry.grid import Grid, Window

WINTER = date(2024, 11, 1), date(2024, 12, 31)
PINNED = [(209, 247, 2), (384, 516, 1), (113, 538, 1), (153, 4, 0), (490, 124, 0), (204, 247, 2)]


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    return cube_with_map(tmp_path_factory.mktemp("sampling") / "cube")


@pytest.fixture(scope="module")
def changed(tmp_path_factory):
    """A cube with a second period, in which the map is the truth."""
    cube, _ = cube_with_map(tmp_path_factory.mktemp("change") / "cube")
    return cube, published(cube, truth(), WINTER, run="b")


def test_every_point_is_a_different_pixel_of_its_stratum(made):
    sample = sample_of(*made)
    codes = np.array([10, 30, 80])
    assert (stripes()[sample.row_N, sample.col_N] == codes[sample.stratum_N]).all()
    assert len(set(zip(sample.row_N.tolist(), sample.col_N.tolist(), strict=True))) == len(sample.row_N)
    assert sample.pixels_S.tolist() == list(areas_of(stripes()).values())
    assert np.bincount(sample.stratum_N).tolist() == list(sample.design.points.values())


def test_a_design_draws_the_same_pixels_however_blocks_are_read(made, monkeypatch):
    sample = sample_of(*made)
    again = draw(made[0], sample.design, workers=5)
    monkeypatch.setattr(sampling, "gather", lambda function, ids, **_: [function(id) for id in ids[::-1]][::-1])
    backwards = draw(made[0], sample.design)
    for other in (again, backwards):
        assert (other.row_N == sample.row_N).all()
        assert (other.col_N == sample.col_N).all()
    assert (sample_of(*made, seed=1).row_N[:20] != sample.row_N[:20]).any()


def test_the_pixels_of_a_design_are_these_for_good(made):
    """A sample that people have labelled must be drawn again by every later version of this system and of NumPy."""
    sample = sample_of(*made, seed=7, points=6, minimum=2)
    pixels = list(zip(sample.row_N.tolist(), sample.col_N.tolist(), sample.stratum_N.tolist(), strict=True))
    assert pixels == PINNED


def test_order_tells_nothing_of_the_stratum(made):
    first = Counter(sample_of(*made, points=300, allocation="equal").stratum_N[:150].tolist())
    assert min(first.values()) > 30


def test_only_blocks_with_a_sampled_pixel_are_read(made, monkeypatch):
    read = []
    real = strata.read_strata
    monkeypatch.setattr(sampling, "read_strata", lambda *of: read.append(of[-1]) or real(*of))
    sample = sample_of(*made, points=6, minimum=2)
    assert sorted(read) == sorted(
        {(int(y) // 256, int(x) // 256) for y, x in zip(sample.row_N, sample.col_N, strict=True)}
    )
    assert len(read) < 6


def test_every_pixel_is_as_likely_as_any_other():
    counts = np.zeros(40)
    draws = 4000
    for seed in range(draws):
        counts[_choose(seed, 0, 40, 5)] += 1
    expected = draws * 5 / 40
    assert ((counts - expected) ** 2 / (expected * (1 - 5 / 40))).sum() < 75


@pytest.mark.parametrize(("size", "count"), [(1, 1), (10, 10), (10, 5), (1000, 499), (10**12, 700), (3, 0)])
def test_chosen_numbers_are_different_sorted_and_below_the_size(size, count):
    chosen = _choose(3, 1, size, count).tolist()
    assert chosen == sorted(set(chosen))
    assert len(chosen) == count
    assert all(0 <= number < size for number in chosen)


def test_strata_of_change_are_stable_classes_and_changes_into_a_class(changed):
    of = StratifiedMap(*changed, WINTER[0], SUMMER[0])
    before_HW, after_HW = stripes(), truth()
    expected = [np.count_nonzero((before_HW == code) & (after_HW == code)) for code in (10, 30, 80)]
    expected += [np.count_nonzero((before_HW != code) & (before_HW > 0) & (after_HW == code)) for code in (10, 30, 80)]
    assert count_pixels(of).sum((0, 1)).tolist() == expected
    sample = sample_of(*changed, period=WINTER[0], before=SUMMER[0], points=200)
    names = [sample.legend[s].name for s in sample.stratum_N.tolist()]
    assert set(names) == {"stable Tree", "stable Grass", "stable Water", "to Tree", "to Water"}
    changed_N = np.array([name.startswith("to ") for name in names])
    pixels = sample.row_N, sample.col_N
    assert ((before_HW[pixels] != after_HW[pixels]) == changed_N).all()


def test_counts_of_a_class_map_are_those_of_its_blocks(made):
    counts_YXS = count_pixels(StratifiedMap(*made, SUMMER[0]))
    assert counts_YXS.shape == (2, 3, 3)
    assert counts_YXS[0, 0].tolist() == [np.count_nonzero(stripes()[:256, :256] == code) for code in (10, 30, 80)]


def test_strata_of_any_pixels_are_read_in_their_order(made):
    row_N, col_N = np.array([505, 0, 300, 200]), np.array([505, 699, 10, 150])
    assert strata_at(StratifiedMap(*made, SUMMER[0]), row_N, col_N).tolist() == [NONE, 1, 0, 2]


def test_the_newest_period_is_found(changed):
    cube, version = changed
    assert newest_period(cube.group(snapshot=version)) == WINTER[0]


def test_what_cannot_be_drawn_is_told(made, tmp_path):
    with pytest.raises(UserError, match="no period from 2020-01-01; give one of 2024-05-01"):
        sample_of(*made, period=date(2020, 1, 1))
    with pytest.raises(UserError, match="no stratum 'Lake'; its strata are Tree, Grass, Water"):
        sample_of(*made, users={"Lake": 0.5})
    with pytest.raises(UserError, match="neither a number of points nor a standard error"):
        sample_of(*made, points=None)
    with pytest.raises(UserError, match="has no pixel of a class"):
        sample_of(*cube_with_map(tmp_path / "empty", plain(0)))
    sample = sample_of(*made)
    too_many = {**sample.design.points, "80": 10**6}
    with pytest.raises(UserError, match="stratum 'Water' has 22500 pixels, but 1000000 are to be drawn"):
        draw(made[0], replace(sample.design, points=too_many))


def test_counts_that_disagree_with_the_map_are_told(made):
    sample = sample_of(*made)
    counts_YXS = count_pixels(StratifiedMap(*made, SUMMER[0]))
    with pytest.raises(RunError, match="fewer pixels of a class than were counted"):
        draw(made[0], sample.design, counts_YXS=counts_YXS * 3)


@pytest.mark.parametrize(
    "other",
    [
        replace(LAYOUT, classes=LAYOUT.classes[:2]),
        replace(LAYOUT, extent=replace(LAYOUT.extent, window=Window(0, 0, 512, 701))),
        replace(LAYOUT, extent=replace(LAYOUT.extent, grid=Grid("EPSG:3035", 20, 256))),
        replace(LAYOUT, extent=replace(LAYOUT.extent, area=shapely.box(0, -5000, 5000, 0))),
    ],
    ids=["classes", "region", "grid", "polygon"],
)
def test_another_region_grid_or_class_table_is_another_cube(made, other):
    digest = sample_of(*made).design.cube
    assert digest == sampling.cube_digest(LAYOUT)
    assert digest != sampling.cube_digest(other)


def test_a_map_that_was_read_goes_to_another_process(made):
    of = StratifiedMap(*made, SUMMER[0])
    here = read_strata(of, (0, 1))
    assert (read_strata(pickle.loads(pickle.dumps(of)), (0, 1)) == here).all()


def test_a_stratum_that_is_drawn_whole_is_each_of_its_pixels_once(made):
    design = sample_of(*made).design
    sample = draw(made[0], replace(design, points={"80": 22_500}))
    drawn_HW = np.zeros((512, 768), int)
    np.add.at(drawn_HW, (sample.row_N, sample.col_N), 1)
    assert (drawn_HW == (stripes() == 80)).all()
