"""Neighbourhoods of label arrays by shifted slices; the last two axes are y and x, the array's edge is replicated."""

from __future__ import annotations

import torch
from torch import Tensor


def square_maximum(value_HW: Tensor, radius: int) -> Tensor:
    """Largest value within Chebyshev distance `radius`; of bool or integers."""
    return _running_maximum(_running_maximum(value_HW, radius, -1), radius, -2)


def square_minimum(value_HW: Tensor, radius: int) -> Tensor:
    """Smallest value within Chebyshev distance `radius`; of bool or integers."""
    return ~square_maximum(~value_HW, radius)


def _running_maximum(value_HW: Tensor, radius: int, axis: int) -> Tensor:
    """Windows of doubling length: length n from two of length n / 2."""
    length, side = 2 * radius + 1, value_HW.shape[axis]
    shape = list(value_HW.shape)
    shape[axis] = radius
    first, last = (value_HW.narrow(axis, place, 1).expand(shape) for place in (0, side - 1))
    out = torch.cat([first, value_HW, last], axis)
    covered = 1
    while covered < length:
        step = min(covered, length - covered)
        count = out.shape[axis] - step
        out = torch.maximum(out.narrow(axis, 0, count), out.narrow(axis, step, count))
        covered += step
    return out
