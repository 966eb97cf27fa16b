"""What refinement mended and what it broke (IoU_imp of arXiv 2507.01573)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np

from idgbr.metrics.arrays import Counts, Labels, Scores, check, ratio

COMPLETE = 0.8
"""IoU_imp from which a repair is complete; below 0 it is an error, between them partial."""

Grade = Literal["complete", "partial", "error"]


def repair_counts(true: Labels, coarse: Labels, refined: Labels, codes: Sequence[int], ignore: int = 0) -> Counts:
    """(K, 5) pixels of each class: rightly in the coarse mask, of these kept; then, where the coarse mask is wrong:
    all, in both the true and the refined mask, in either.

    The first pair makes IoU_RT, the last IoU_RF.
    """
    check(true, coarse, refined)
    scored = true != ignore
    rows = []
    for code in codes:
        is_true, was, now = ((label == code) & scored for label in (true, coarse, refined))
        right, wrong = is_true & was, is_true ^ was
        masks = (right, right & now, wrong, wrong & is_true & now, wrong & (is_true | now))
        rows.append([np.count_nonzero(mask) for mask in masks])
    return np.array(rows, np.int64)


def iou_imp(counts: Counts, penalty: float = 1.0) -> Scores:
    """IoU_imp of each class from (summed) `repair_counts`: IoU_RF - penalty * (1 - IoU_RT), at most 1.

    The paper gives no value of `penalty`. A wrong region that is wholly emptied, as it should be, is wholly mended
    (0 / 0 = 1); a class without coarse error has nothing to mend: -penalty * (1 - IoU_RT), nan if all of it was kept.
    False positives outside both the true and the coarse mask do not enter; `new_fp_counts` counts them.
    """
    right_K, kept_K, wrong_K, mended_K, union_K = counts.T
    lost_K = np.where(right_K > 0, 1 - ratio(kept_K, right_K), 0)
    iou_rf_K = np.where(wrong_K > 0, np.where(union_K > 0, ratio(mended_K, union_K), 1), 0)
    return np.where((wrong_K > 0) | (lost_K > 0), iou_rf_K - penalty * lost_K, np.nan)


def grade(score: float) -> Grade | None:
    """How well a repair went by its IoU_imp; None for nan."""
    if np.isnan(score):
        return None
    return "complete" if score >= COMPLETE else "partial" if score >= 0 else "error"


def new_fp_counts(true: Labels, coarse: Labels, refined: Labels, ignore: int = 0) -> Counts:
    """(2,) pixels wrong in the refined but right in the coarse map, and all right in the coarse map.

    Such a pixel is a false positive of the class it was given, outside that class's true and coarse masks: what
    IoU_imp does not penalise there. (A pixel that goes from one wrong class to another is not counted: it was no
    success that refinement destroyed.) With two classes, these are all pixels newly wrong.
    """
    check(true, coarse, refined)
    right = (true != ignore) & (coarse == true)
    return np.array([np.count_nonzero(right & (refined != true)), np.count_nonzero(right)], np.int64)


def new_fp_rate(counts: Counts) -> float:
    """Share of the coarsely right pixels that refinement made wrong, from (summed) `new_fp_counts`; nan if none was
    right."""
    return float(ratio(counts[0], counts[1]))
