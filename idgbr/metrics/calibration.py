"""Do class probabilities mean what they say?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from idgbr.classes import UNLABELLED
from idgbr.errors import InputError
from idgbr.metrics.arrays import Labels, Scores, ratio

BINS = 15
"""Bins of equal width of the expected calibration error."""
FLOOR = 1e-6
"""A probability counts as at least this in the negative log-likelihood."""


@dataclass(frozen=True)
class Calibration:
    """Expected calibration error, negative log-likelihood and Brier score of class probabilities.

    Sums over pixels, so that those of strips and images can be added up: memory is that of one strip.
    bins_B3: of each of BINS bins of the likeliest class's probability p, (low, high] of equal width, the pixels, their
    summed p, and how many of these classes are right. nll, brier: sums of -log p(true class), in nats, and of
    (p - truth)^2 over the classes.
    """

    bins_B3: Scores
    nll: float
    brier: float

    @classmethod
    def of(cls, true: Labels, probability_KHW: NDArray[Any], codes: Sequence[int], ignore: int = 0) -> Self:
        """Of a map, or of some rows of it. Not scored are pixels whose true label is `ignore` or none of `codes`, and
        those without data, whose probabilities are all 0.

        Raises InputError for another shape than the true map's.
        """
        if probability_KHW.shape != (len(codes), *true.shape):
            raise InputError(
                f"probabilities of {len(codes)} classes for a map of {true.shape} must have the shape "
                f"{(len(codes), *true.shape)}, not {probability_KHW.shape}"
            )
        index = _index(true, codes, ignore)
        scored = (index != UNLABELLED) & (probability_KHW > 0).any(0)
        probability_KN, index_N = probability_KHW[:, scored].astype(np.float64), index[scored]
        true_N = probability_KN[index_N, np.arange(index_N.size)]
        highest_N = probability_KN.max(0, initial=0)
        bin_N = np.clip(np.ceil(highest_N * BINS).astype(np.intp) - 1, 0, BINS - 1)
        columns = (np.ones_like(highest_N), highest_N, probability_KN.argmax(0) == index_N)
        return cls(
            np.stack([np.bincount(bin_N, column, BINS) for column in columns], 1),
            float(-np.log(true_N.clip(FLOOR)).sum()),
            float((np.square(probability_KN).sum(0) - 2 * true_N + 1).sum()),
        )

    def __add__(self, other: Self) -> Self:
        return type(self)(self.bins_B3 + other.bins_B3, self.nll + other.nll, self.brier + other.brier)

    @property
    def pixels(self) -> int:
        return int(self.bins_B3[:, 0].sum())

    @property
    def expected_error(self) -> float:
        """Expected calibration error, 0..1 (Guo et al. 2017, arXiv 1706.04599, equation 3); nan without pixels."""
        _, probability_B, right_B = self.bins_B3.T
        return float(ratio(np.abs(probability_B - right_B).sum(), self.pixels))

    @property
    def mean_nll(self) -> float:
        """Nats a pixel; nan without pixels."""
        return float(ratio(self.nll, self.pixels))

    @property
    def mean_brier(self) -> float:
        """0..2 (Brier 1950, summed over the classes); nan without pixels."""
        return float(ratio(self.brier, self.pixels))


def _index(true: Labels, codes: Sequence[int], ignore: int) -> NDArray[np.uint8]:
    index = np.full(true.shape, UNLABELLED, np.uint8)
    for k, code in enumerate(codes):
        if code != ignore:
            index[true == code] = k
    return index
