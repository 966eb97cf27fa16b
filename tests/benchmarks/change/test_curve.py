"""Recall against the share of blocks mapped: `curve.py`."""

import numpy as np
import pytest

from change.curve import curve, largest, lowest

SCORE_N, CHANGED_N = np.array([90, 80, 80, 20, 0]), np.array([60, 30, 0, 10, 0])


def test_a_curve_goes_down_the_scores():
    recall_N, share_N, at_N = curve(SCORE_N, CHANGED_N)
    assert at_N.tolist() == [90, 80, 20, 0]
    assert recall_N == pytest.approx([0.6, 0.9, 1, 1])
    assert share_N == pytest.approx([0.2, 0.6, 0.8, 1])


@pytest.mark.parametrize(("wanted", "share", "at"), [(50, 20, 90), (90, 60, 80), (98, 80, 20), (100, 80, 20)])
def test_the_fewest_blocks_that_have_a_recall(wanted, share, at):
    assert lowest(curve(SCORE_N, CHANGED_N), wanted) == pytest.approx((share, at))


def test_the_largest_piece_joins_at_corners():
    mask_HW = np.eye(5, dtype=bool)
    mask_HW[0, 3:] = True
    assert largest(mask_HW) == 5
    assert largest(np.zeros((3, 3), bool)) == 0
