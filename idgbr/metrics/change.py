"""Scores of maps of change: those of the class "changed" from one confusion matrix over all pixels."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from idgbr.classes import UNLABELLED


@dataclass(frozen=True, kw_only=True)
class ChangeScores:
    """Percent, of the pixels that changed; None where undefined. pixels: labelled ones with data; changed: how many of
    them did."""

    f1: float | None
    precision: float | None
    recall: float | None
    iou: float | None
    pixels: int
    changed: int


@dataclass(frozen=True)
class ChangeCounts:
    """Pixels: found rightly, found wrongly, missed, and rightly left."""

    hits: int = 0
    false: int = 0
    missed: int = 0
    left: int = 0

    @classmethod
    def of(cls, label_HW: NDArray[np.uint8], probability_HW: NDArray[np.float32], threshold: float) -> ChangeCounts:
        """label_HW: 1 changed, 0 not, UNLABELLED not scored; pixels without a probability (NaN) are not scored either.
        A pixel counts as changed above the threshold."""
        scored_HW = (label_HW != UNLABELLED) & ~np.isnan(probability_HW)
        true_N, found_N = label_HW[scored_HW] == 1, probability_HW[scored_HW] > threshold
        cell_N = 2 * true_N.astype(np.intp) + found_N
        left, false, missed, hits = np.bincount(cell_N, minlength=4).tolist()
        return cls(hits, false, missed, left)

    def __add__(self, other: ChangeCounts) -> ChangeCounts:
        return ChangeCounts(
            self.hits + other.hits, self.false + other.false, self.missed + other.missed, self.left + other.left
        )

    def scores(self) -> ChangeScores:
        return ChangeScores(
            f1=_percent(2 * self.hits, 2 * self.hits + self.false + self.missed),
            precision=_percent(self.hits, self.hits + self.false),
            recall=_percent(self.hits, self.hits + self.missed),
            iou=_percent(self.hits, self.hits + self.false + self.missed),
            pixels=self.hits + self.false + self.missed + self.left,
            changed=self.hits + self.missed,
        )


def _percent(part: int, whole: int) -> float | None:
    return round(100 * part / whole, 4) if whole else None
