"""The score of a block: by brute force, and what ground without data counts as. Covers `outcome.py` too."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from pipeline.change.outcome import REASONS, Outcome
from pipeline.change.score import block_score, in_patches, patch_pixels, percent_of


def slow_score(percent_HW, pixels):
    for level in range(100, 0, -1):
        label_HW, count = ndimage.label(percent_HW >= level, np.ones((3, 3)))
        if any((label_HW == number).sum() >= pixels for number in range(1, count + 1)):
            return level
    return 0


@settings(max_examples=40)
@given(st.integers(0, 2**32 - 1), st.integers(1, 12), st.integers(1, 9))
def test_the_score_is_the_highest_percentage_that_a_large_enough_patch_reaches(seed, pixels, side):
    rng = np.random.default_rng(seed)
    percent_HW = rng.integers(0, 101, (side, side + 2)).astype(np.uint8)
    score = block_score(percent_HW, pixels)
    assert score == slow_score(percent_HW, pixels)
    for threshold in (1, score, score + 1, 100):
        assert in_patches(percent_HW >= max(threshold, 1), pixels).any() == (score >= max(threshold, 1))


def test_diagonal_neighbours_are_one_patch():
    assert in_patches(np.eye(4, dtype=bool), 4).sum() == 4
    assert not in_patches(np.eye(4, dtype=bool), 5).any()


@pytest.mark.parametrize(
    ("hectares", "resolution", "pixels"), [(0.5, 10, 50), (0.51, 10, 51), (0.01, 10, 1), (1, 200, 1)]
)
def test_an_area_in_pixels_is_rounded_up(hectares, resolution, pixels):
    assert patch_pixels(hectares, resolution) == pixels


def test_ground_that_is_seen_for_the_first_time_has_changed_and_ground_that_is_not_seen_has_not():
    before_CHW, after_CHW = np.ones((2, 2, 1, 4), np.uint16)
    before_CHW[:, 0, [0, 3]] = 0
    after_CHW[:, 0, [1, 3]] = 0
    probability_HW = np.array([[np.nan, np.nan, 0.504, np.nan]], np.float32)
    assert percent_of(probability_HW, before_CHW, after_CHW).tolist() == [[100, 0, 50, 0]]


def test_every_outcome_has_its_reason_and_those_that_go_on_are_told_apart():
    assert set(REASONS) == set(Outcome)
    going = {outcome for outcome in Outcome if outcome.goes_on}
    assert going == {
        Outcome.NEVER_MAPPED,
        Outcome.DEGRADED,
        Outcome.OTHER_INPUTS,
        Outcome.CHANGED,
        Outcome.FOUND_BY_AUDIT,
        Outcome.BETTER_VIEWS,
    }
