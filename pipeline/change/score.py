"""From the probability of change of pixels to the score of a block."""

import math

import numpy as np
from scipy import ndimage

EIGHT = np.ones((3, 3), bool)
"""Pixels that touch at a corner are of one patch."""
PERCENT = 100


def patch_pixels(hectares: float, resolution: float) -> int:
    """The fewest pixels of `resolution` metres that cover an area."""
    return max(math.ceil(hectares * 10_000 / resolution**2 - 1e-9), 1)


def percent_of(probability_HW: np.ndarray, before_CHW: np.ndarray, after_CHW: np.ndarray) -> np.ndarray:
    """Probability of change in whole percent, uint8 HW.

    probability_HW: NaN where a date has no data. Ground that has data in all bands only after (0 = no data) has changed
    for certain: its map knows nothing of it. Where there is no data after, nothing is known to have changed.
    """
    percent_HW = np.floor(np.nan_to_num(probability_HW) * PERCENT + 0.5).astype(np.uint8)
    percent_HW[~before_CHW.any(0) & after_CHW.any(0)] = PERCENT
    return percent_HW


def block_score(percent_HW: np.ndarray, pixels: int) -> int:
    """The highest percentage that a patch of at least so many connected pixels reaches everywhere; 0 if none does.

    A threshold lets a block through if and only if the score reaches it.
    """
    low, high = 0, PERCENT
    while low < high:
        middle = (low + high + 1) // 2
        if in_patches(percent_HW >= middle, pixels).any():
            low = middle
        else:
            high = middle - 1
    return low


def in_patches(mask_HW: np.ndarray, pixels: int) -> np.ndarray:
    """The pixels of a mask that lie in connected patches of at least so many."""
    if np.count_nonzero(mask_HW) < pixels:
        return np.zeros_like(mask_HW)
    label_HW, _ = ndimage.label(mask_HW, EIGHT)
    large_N = np.bincount(label_HW.ravel()) >= pixels
    large_N[0] = False
    return large_N[label_HW]
