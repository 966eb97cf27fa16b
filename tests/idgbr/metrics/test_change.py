"""Scores of maps of change."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from idgbr.metrics.change import ChangeCounts


def test_scores_are_those_of_the_changed_pixels_and_leave_out_what_is_not_known():
    label_HW = np.array([[1, 1, 1, 0], [0, 0, 255, 1]], np.uint8)
    probability_HW = np.array([[0.9, 0.8, 0.5, 0.7], [0.2, np.nan, 0.9, np.nan]], np.float32)
    counts = ChangeCounts.of(label_HW, probability_HW, 0.5)
    assert counts == ChangeCounts(hits=2, false=1, missed=1, left=1)
    scores = counts.scores()
    assert (scores.pixels, scores.changed) == (5, 3)
    assert (scores.f1, scores.precision, scores.recall, scores.iou) == (66.6667, 66.6667, 66.6667, 50.0)


def test_what_is_undefined_has_no_score():
    scores = ChangeCounts(left=5).scores()
    assert (scores.f1, scores.precision, scores.recall, scores.iou) == (None, None, None, None)
    assert ChangeCounts(missed=2).scores().precision is None
    assert ChangeCounts(missed=2).scores().recall == 0


@given(st.integers(0, 2**32 - 1))
def test_counts_of_parts_add_up_to_those_of_the_whole(seed):
    random = np.random.default_rng(seed)
    label_HW = random.choice(np.array([0, 1, 255], np.uint8), (6, 7))
    probability_HW = random.choice(np.array([0.1, 0.5, 0.9, np.nan], np.float32), (6, 7))
    parts = ChangeCounts.of(label_HW[:2], probability_HW[:2], 0.5) + ChangeCounts.of(
        label_HW[2:], probability_HW[2:], 0.5
    )
    assert parts == ChangeCounts.of(label_HW, probability_HW, 0.5)
