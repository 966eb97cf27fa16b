"""Exact Euclidean distances on the pixel lattice."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

SMALL_REACH = 127
"""Below it twice the square of reach + 1 px fits into int16."""
BAND_ROWS = 64
"""Fewest rows at a time: what a core's cache holds of maps of some thousand columns."""


def squared_distance(
    mask_HW: NDArray[np.bool_], reach: int, tall: float = 1.0
) -> NDArray[np.integer[Any]] | NDArray[np.float64]:
    """Squared distance in px to the nearest true pixel, HW; (reach + 1)^2 beyond `reach` px.

    Rows first, then columns (Felzenszwalb and Huttenlocher 2012), in the smallest integers that hold it: int16, or
    int32 from a reach of 127 px on. A crop that holds all pixels within `reach` of a pixel gives that pixel the same
    distance. `tall`: height of a pixel by its width; where it is not 1 a px is a width, and distances are float64 and
    told up to `reach` alone.
    """
    beyond = (reach + 1) ** 2
    height, width = mask_HW.shape
    small = reach < SMALL_REACH
    dtype: type = np.float64 if tall != 1 else np.int16 if small else np.int32
    nearest_HW: NDArray[Any] = np.full((height, width), beyond, dtype)
    if not mask_HW.any():
        return nearest_HW
    far = min(int(reach / tall), height - 1)
    rows = max(BAND_ROWS, far)
    for top in range(0, height, rows):
        first, end = max(0, top - far), min(height, top + rows + far)
        along_HW: NDArray[Any] = (
            _along_rows(mask_HW[first:end], reach, np.uint8 if small else np.int32).astype(dtype) ** 2
        )
        for dy in range(-far, far + 1):
            low, high = max(top, first - dy), min(top + rows, height, end - dy)
            if low < high:
                moved_HW = along_HW[low + dy - first : high + dy - first] + dtype((dy * tall) ** 2)
                np.minimum(nearest_HW[low:high], moved_HW, out=nearest_HW[low:high])
    if tall != 1:
        nearest_HW[nearest_HW > reach**2] = beyond
    return nearest_HW


def _along_rows(mask_HW: NDArray[np.bool_], reach: int, dtype: type) -> NDArray[Any]:
    """Distance to the nearest true pixel of the row, at most reach + 1: by steps of 1, 2, 4 ... px, which add up to any
    distance."""
    away_HW = np.where(mask_HW, dtype(0), dtype(reach + 1))
    step = 1
    while step <= min(reach, mask_HW.shape[1] - 1):
        np.minimum(away_HW[:, step:], away_HW[:, :-step] + dtype(step), out=away_HW[:, step:])
        np.minimum(away_HW[:, :-step], away_HW[:, step:] + dtype(step), out=away_HW[:, :-step])
        step *= 2
    return away_HW
