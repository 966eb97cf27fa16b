"""composite.py, median.py, geometric_median.py, best.py, stack.py and view.py: each method against a plain float64
reference, pixel by pixel.
"""

import itertools
import math
from datetime import date

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from pipeline.mosaic import stack
from pipeline.mosaic.best import CLOUD_METRES, DAYS, HAZE, BestParams, day_term
from pipeline.mosaic.composite import METHODS
from pipeline.mosaic.median import sorting_network
from pipeline.mosaic.view import UNSEEN, PassView

WANTED = BestParams(day_of_year=196, blue_red=(0, 1))
VALUES = hnp.arrays(
    np.int16,
    st.tuples(st.integers(1, 12), st.integers(2, 4), st.integers(1, 5), st.integers(1, 5)),
    elements=st.one_of(st.integers(1, 9), st.integers(1, UNSEEN - 1)),
)
CLOUDY = st.sampled_from([0.0, 0.3, 0.9])


def views_of(value_NBHW, cloudy_NHW):
    value_NBHW = np.where(cloudy_NHW[:, None], UNSEEN, value_NBHW).astype(np.int16)
    return [PassView(torch.from_numpy(value_BHW.copy()), 19_800 + 7 * i) for i, value_BHW in enumerate(value_NBHW)]


def cloudy(value_NBHW, share):
    return np.random.default_rng(value_NBHW.size).random(value_NBHW[:, 0].shape) < share


def masked(value_NBHW, cloudy_NHW):
    return np.where(cloudy_NHW[:, None], np.nan, value_NBHW.astype(float))


def half_up(value):
    return np.floor(value + 0.5)


@settings(deadline=None)
@given(VALUES, CLOUDY)
def test_the_median_is_numpys_over_the_clear_views_half_rounded_up(value_NBHW, share):
    cloudy_NHW = cloudy(value_NBHW, share)
    found_BHW = METHODS["median"](views_of(value_NBHW, cloudy_NHW), None).numpy()
    seen_HW = ~cloudy_NHW.all(0)
    value_NBHW = masked(value_NBHW, cloudy_NHW)[:, :, seen_HW]
    assert (found_BHW[:, seen_HW] == half_up(np.nanmedian(value_NBHW, axis=0))).all()
    assert (found_BHW[:, ~seen_HW] == 0).all()


@settings(deadline=None)
@given(VALUES, CLOUDY)
def test_the_mean_is_exact_half_rounded_up(value_NBHW, share):
    cloudy_NHW = cloudy(value_NBHW, share)
    found_BHW = METHODS["mean"](views_of(value_NBHW, cloudy_NHW), None).numpy()
    count_HW = (~cloudy_NHW).sum(0)
    total_BHW = (value_NBHW.astype(int) * ~cloudy_NHW[:, None]).sum(0)
    seen_HW = count_HW > 0
    expected = (2 * total_BHW[:, seen_HW] + count_HW[seen_HW]) // (2 * count_HW[seen_HW])
    assert (found_BHW[:, seen_HW] == expected).all()
    assert (found_BHW[:, ~seen_HW] == 0).all()


def cost(spectrum_B, value_NB):
    return np.linalg.norm(value_NB - spectrum_B, axis=1).sum()


def geometric_median(value_NB):
    """In float64 by Vardi and Zhang's (2000) way, which does not stop at a view that is not the median."""
    here_B = value_NB.mean(0)
    for _ in range(20_000):
        away_N = np.linalg.norm(value_NB - here_B, axis=1)
        at_N = away_N < 1e-9
        if at_N.all():
            break
        weight_N = np.where(at_N, 0, 1 / np.maximum(away_N, 1e-9))
        there_B = weight_N @ value_NB / weight_N.sum()
        if at_N.any():
            pull = np.linalg.norm(weight_N @ value_NB - weight_N.sum() * here_B)
            stay = min(1, at_N.sum() / pull) if pull > 0 else 1
            there_B = (1 - stay) * there_B + stay * here_B
        if np.abs(there_B - here_B).max() < 1e-10:
            break
        here_B = there_B
    return here_B


@pytest.mark.parametrize("views", [3, 4, 5, 8, 13])
def test_the_geometric_median_is_the_float64_one(views):
    """Where half of the views are hazy, hardly any place between the two halves is worse than the median itself."""
    random = np.random.default_rng(views)
    ground_BHW = random.integers(200, 5_000, (4, 9, 9))
    value_NBHW = np.clip(ground_BHW + random.normal(0, 150, (views, 4, 9, 9)), 1, UNSEEN - 1).astype(np.int16)
    hazy_NHW = random.random((views, 9, 9)) < 0.2
    value_NBHW = np.where(hazy_NHW[:, None], value_NBHW // 2 + 4_000, value_NBHW)
    cloudy_NHW = random.random((views, 9, 9)) < 0.3
    found_BHW = METHODS["geometric-median"](views_of(value_NBHW, cloudy_NHW), None).numpy()
    for y, x in np.ndindex(9, 9):
        value_NB, found_B = value_NBHW[~cloudy_NHW[:, y, x], :, y, x].astype(float), found_BHW[:, y, x]
        if len(value_NB) < 3:
            expected_B = half_up(value_NB.mean(0)) if len(value_NB) else 0
            assert (found_B == expected_B).all()
            continue
        expected_B = geometric_median(value_NB)
        assert cost(found_B, value_NB) <= cost(expected_B, value_NB) * (1 + 5e-4)
        if len(value_NB) % 2:
            assert np.abs(found_B - expected_B).max() < 2


def best_reference(views, day_of_year):
    """The documented score, pixel by pixel."""
    shape = views[0].value_BHW.shape
    chosen_BHW, score_HW = np.zeros(shape, np.int16), np.full(shape[1:], -1.0)
    for view in views:
        value_BHW = view.value_BHW.numpy()
        day = date.fromordinal(date(1970, 1, 1).toordinal() + view.day).timetuple().tm_yday
        apart = min(abs(day - day_of_year), 365 - abs(day - day_of_year))
        for y, x in np.ndindex(*shape[1:]):
            if value_BHW[0, y, x] == UNSEEN:
                continue
            blue, red = value_BHW[:2, y, x] / 10_000
            score = math.exp(-0.5 * (apart / DAYS) ** 2)
            score += min(1, max(0, 1 - (blue - 0.5 * red) / HAZE))
            score += min(1, float(view.cloud_HW[y, x]) / CLOUD_METRES)
            if score > score_HW[y, x] + 1e-6:
                chosen_BHW[:, y, x], score_HW[y, x] = value_BHW[:, y, x], score
    return chosen_BHW


@pytest.mark.parametrize("seed", range(4))
def test_the_best_pixel_is_that_of_the_documented_score(seed):
    random = np.random.default_rng(seed)
    views = []
    for i in range(6):
        value_BHW = random.integers(200, 1_500, (3, 8, 9)).astype(np.int16)
        value_BHW[:, random.random((8, 9)) < 0.4] = UNSEEN
        metres_HW = torch.from_numpy(random.integers(0, 75, (8, 9)) * 20).float()
        views.append(PassView(torch.from_numpy(value_BHW), 19_700 + 31 * i, metres_HW))
    found_BHW = METHODS["best"](views, WANTED).numpy()
    assert (found_BHW == best_reference(views, WANTED.day_of_year)).all()


def test_of_two_equally_good_views_the_best_is_the_earlier():
    values = [torch.full((2, 1, 1), value, dtype=torch.int16) for value in (400, 500)]
    metres_HW = torch.full((1, 1), 2_000.0)
    clear_air = [torch.cat([value[:1] // 4, value[1:]]) for value in values]
    views = [PassView(value_BHW, 19_800, metres_HW) for value_BHW in clear_air]
    assert (METHODS["best"](views, WANTED) == clear_air[0]).all()


@pytest.mark.parametrize(("day", "nearer"), [(1, 0), (364, 0), (320, 1)])
def test_days_are_counted_around_the_year(day, nearer):
    value_BHW, metres_HW = torch.full((2, 1, 1), 100, dtype=torch.int16), torch.zeros(1, 1)
    epoch = date(1970, 1, 1).toordinal()
    views = [
        PassView(value_BHW + i, when.toordinal() - epoch, metres_HW)
        for i, when in enumerate((date(2023, 1, 5), date(2023, 11, 30)))
    ]
    found = METHODS["best"](views, BestParams(day, (0, 1)))
    assert found[0, 0, 0] == 100 + nearer


def test_the_last_day_of_a_leap_year_is_a_day_from_the_first():
    day = (date(2024, 12, 31) - date(1970, 1, 1)).days
    assert [day_term(day, target) == day_term(day, 366) for target in (1, 365, 366)] == [False, False, True]
    assert day_term(day, 1) == day_term(day, 365)


def test_haze_is_not_told_from_values_that_are_no_reflectance():
    """A blue roof is no haze: the day alone decides between views without a mask."""
    blue_BHW, dark_BHW = (torch.tensor(values, dtype=torch.int16)[:, None, None] for values in ((1_500, 200), (9, 9)))
    far_HW = torch.full((1, 1), 2_000.0)
    views = [PassView(blue_BHW, 19_800, far_HW), PassView(dark_BHW, 19_810, far_HW)]
    day = date.fromordinal(date(1970, 1, 1).toordinal() + 19_800).timetuple().tm_yday
    assert METHODS["best"](views, BestParams(day, None))[0, 0, 0] == 1_500
    assert METHODS["best"](views, BestParams(day, (0, 1)))[0, 0, 0] == 9


@settings(deadline=None)
@given(VALUES, CLOUDY)
def test_the_newest_is_the_last_clear_view(value_NBHW, share):
    cloudy_NHW = cloudy(value_NBHW, share)
    found_BHW = METHODS["newest"](views_of(value_NBHW, cloudy_NHW), None).numpy()
    for y, x in np.ndindex(*cloudy_NHW.shape[1:]):
        clear_N = np.flatnonzero(~cloudy_NHW[:, y, x])
        expected_B = value_NBHW[clear_N[-1], :, y, x] if clear_N.size else np.zeros(value_NBHW.shape[1])
        assert (found_BHW[:, y, x] == expected_B).all()


@pytest.mark.parametrize("n", range(1, 11))
def test_the_network_sorts_all_zeros_and_ones_and_so_anything(n):
    """The 0-1 principle (Knuth, The Art of Computer Programming, 5.3.4, theorem Z)."""
    rows = np.array(list(itertools.product((0, 1), repeat=n)), np.int8).reshape(-1, n)
    for low, high in sorting_network(n):
        assert 0 <= low < high < n
        rows[:, low], rows[:, high] = np.minimum(rows[:, low], rows[:, high]), np.maximum(rows[:, low], rows[:, high])
    assert (np.diff(rows, axis=1) >= 0).all()


@pytest.mark.parametrize("n", [16, 31, 100, 300])
def test_the_network_sorts_many(n):
    value_N = np.random.default_rng(n).permutation(n)
    for low, high in sorting_network(n):
        value_N[low], value_N[high] = sorted((value_N[low], value_N[high]))
    assert (value_N == np.arange(n)).all()


@pytest.mark.parametrize("method", METHODS)
def test_more_than_255_views_are_all_counted(method):
    random = np.random.default_rng(0)
    value_NBHW = random.integers(100, 200, (300, 2, 3, 3)).astype(np.int16)
    value_NBHW[:250] = 50
    views = [PassView(torch.from_numpy(value_BHW), 19_900, torch.zeros(3, 3)) for value_BHW in value_NBHW]
    found_BHW = METHODS[method](views, WANTED).numpy()
    mean_BHW, best_BHW = half_up(value_NBHW.mean(0)), best_reference(views, WANTED.day_of_year)
    expected = {"median": 50, "geometric-median": 50, "mean": mean_BHW, "best": best_BHW, "newest": value_NBHW[-1]}
    assert (found_BHW == expected[method]).all()


@pytest.mark.parametrize("method", METHODS)
def test_a_pixel_depends_on_no_other_nor_on_the_rows_done_at_once(method, monkeypatch):
    random = np.random.default_rng(3)
    value_NBHW = random.integers(1, UNSEEN, (7, 3, 40, 33)).astype(np.int16)
    cloudy_NHW = random.random((7, 40, 33)) < 0.4
    metres_NHW = torch.from_numpy(random.random((7, 40, 33)).astype(np.float32) * 1_500)

    def done(rows, columns):
        views = [
            PassView(view.value_BHW[:, rows, columns].contiguous(), view.day, metres_HW[rows, columns])
            for view, metres_HW in zip(views_of(value_NBHW, cloudy_NHW), metres_NHW, strict=True)
        ]
        return METHODS[method](views, WANTED)

    whole_BHW = done(slice(None), slice(None))
    assert (done(slice(11, 30), slice(5, 6)) == whole_BHW[:, 11:30, 5:6]).all()
    assert (done(slice(39, 40), slice(None)) == whole_BHW[:, 39:40]).all()
    monkeypatch.setattr(stack, "IN_CACHE", 1)
    assert (done(slice(None), slice(None)) == whole_BHW).all()
