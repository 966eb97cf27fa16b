"""How far the mapped area of a class is from its true one, on labelled areas kept out of training."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from idgbr.settings import AREA_SIDE, AreaErrors

LEVEL = 0.95
LEAST = 39
"""Squares that an interval of LEVEL needs."""


def area_errors(share_NK: Sequence[NDArray[np.float64]]) -> AreaErrors | None:
    """`Settings.area_errors` from the errors in squares, as `area_shares` gives them; None of fewer than LEAST.

    A further square like these lies between the two numbers with a probability of LEVEL at least (split conformal
    prediction; Lei et al. 2018, section 2.2, at either side).
    """
    if len(share_NK) < LEAST:
        return None
    ordered_NK = np.sort(np.array(share_NK), 0)
    outside = int((len(ordered_NK) + 1) * (1 - LEVEL) / 2)
    low_K, high_K = ordered_NK[outside - 1], ordered_NK[-outside]
    return tuple((round(float(low), 5), round(float(high), 5)) for low, high in zip(low_K, high_K, strict=True))


def area_shares(
    label_HW: NDArray[np.uint8], mapped_HW: NDArray[np.uint8], codes: Sequence[int], no_label: int
) -> list[NDArray[np.float64]]:
    """True less mapped area of each class in each square of which half is known or more, as a share of what is."""
    height, width = label_HW.shape
    found = []
    for y in range(0, height - AREA_SIDE + 1, AREA_SIDE):
        for x in range(0, width - AREA_SIDE + 1, AREA_SIDE):
            square = slice(y, y + AREA_SIDE), slice(x, x + AREA_SIDE)
            label_N, mapped_N = label_HW[square].ravel(), mapped_HW[square].ravel()
            known_N = np.isin(label_N, codes) & (label_N != no_label) & (mapped_N != no_label)
            if 2 * known_N.sum() >= known_N.size:
                found.append(
                    np.array([np.mean(label_N[known_N] == code) - np.mean(mapped_N[known_N] == code) for code in codes])
                )
    return found
