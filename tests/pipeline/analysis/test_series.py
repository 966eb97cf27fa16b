"""Reductions of series against what their rules say, pixel by pixel."""

from fractions import Fraction
from itertools import groupby

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from pipeline.analysis.series import first_and_last, most_frequent, smoothed

CODES = st.sampled_from([0, 10, 30, 255])


@st.composite
def series(draw):
    """Codes and confidences (T, N)."""
    periods, pixels = draw(st.integers(1, 7)), draw(st.integers(1, 4))
    row = st.lists(st.tuples(CODES, st.integers(0, 4)), min_size=pixels, max_size=pixels)
    pairs = np.array(draw(st.lists(row, min_size=periods, max_size=periods)), np.int64)
    return pairs[..., 0].astype(np.uint8), np.where(pairs[..., 0] > 0, pairs[..., 1], 0).astype(np.uint8)


def the_greatest(weights, codes):
    """The class of the greatest weight, of equal ones the one that comes last."""
    if not weights:
        return 0
    last = {code: time for time, code in enumerate(codes)}
    return max(weights, key=lambda code: (weights[code], last[code]))


def smooth(codes, percents, periods):
    """The documented rule, for one pixel."""
    mapped = [(time, code, percents[time]) for time, code in enumerate(codes) if code]
    episodes = [list(group) for _, group in groupby(mapped, key=lambda each: each[1])]
    means = [Fraction(sum(percent for *_, percent in one), len(one)) for one in episodes]
    stands = [
        len(one) >= periods or all(means[n] > means[m] for m in (n - 1, n + 1) if 0 <= m < len(episodes))
        for n, one in enumerate(episodes)
    ]
    result = [0] * len(codes)
    sums = {code: sum(percent for _, c, percent in mapped if c == code) for _, code, _ in mapped}
    for n, one in enumerate(episodes):
        before = [m for m in range(n, -1, -1) if stands[m]]
        after = [m for m in range(n, len(episodes)) if stands[m]]
        at = (before or after or [None])[0]
        for time, *_ in one:
            result[time] = the_greatest(sums, codes) if at is None else episodes[at][0][1]
    return result


@given(series())
def test_the_most_frequent_class_ties_to_the_one_mapped_last_and_skips_no_data(made):
    code_TN, _ = made
    for code_T, found in zip(code_TN.T.tolist(), most_frequent(code_TN), strict=True):
        assert found == the_greatest({code: code_T.count(code) for code in code_T if code}, code_T)


@given(series(), st.integers(1, 4))
def test_short_episodes_go_unless_they_are_surer_than_their_neighbours(made, periods):
    code_TN, percent_TN = made
    found_TN = smoothed(code_TN, percent_TN, periods)
    assert found_TN.dtype == np.uint8
    for n, code_T in enumerate(code_TN.T.tolist()):
        assert found_TN[:, n].tolist() == smooth(code_T, percent_TN[:, n].tolist(), periods)


def test_a_class_that_holds_for_one_period_changes_nothing():
    code_TN = np.array([[10], [30], [0], [10]], np.uint8)
    assert (smoothed(code_TN, np.full((4, 1), 50, np.uint8), 1) == code_TN).all()
    assert smoothed(code_TN, np.full((4, 1), 50, np.uint8), 2).ravel().tolist() == [10, 10, 0, 10]


@given(series(), st.sampled_from([10, 30, 77]))
def test_first_and_last_year_of_a_class(made, code):
    code_TN, _ = made
    year_T = np.arange(2015, 2015 + len(code_TN))
    first_N, last_N = first_and_last(code_TN, year_T, code)
    for n, code_T in enumerate(code_TN.T.tolist()):
        years = [year for year, each in zip(year_T.tolist(), code_T, strict=True) if each == code]
        assert (first_N[n], last_N[n]) == ((years[0], years[-1]) if years else (0, 0))
