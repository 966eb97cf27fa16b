"""Neighbourhoods of label arrays by shifted slices; the last two axes are y and x, the array's edge is replicated."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray


def square_maximum(value_HW: NDArray[Any], radius: int) -> NDArray[Any]:
    """Largest value within Chebyshev distance `radius`."""
    return _running_maximum(_running_maximum(value_HW, radius, -1), radius, -2)


def square_minimum(value_HW: NDArray[Any], radius: int) -> NDArray[Any]:
    """Smallest value within Chebyshev distance `radius`."""
    return ~square_maximum(~value_HW, radius)


def _running_maximum(value_HW: NDArray[Any], radius: int, axis: int) -> NDArray[Any]:
    """Windows of doubling length: length n from two of length n / 2."""
    length = 2 * radius + 1
    pad = [(0, 0)] * value_HW.ndim
    pad[axis] = (radius, radius)
    out = np.moveaxis(np.pad(value_HW, pad, mode="edge"), axis, 0)
    covered = 1
    while covered < length:
        step = min(covered, length - covered)
        out = np.maximum(out[:-step], out[step:])
        covered += step
    return np.moveaxis(out, 0, axis)
