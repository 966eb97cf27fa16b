"""Gaussian noise as a pure function of position, so windows that overlap share their noise."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)


def noise(seed: int, y: int, x: int, height: int, width: int, channels: int) -> NDArray[np.float32]:
    """Standard normal CHW for the window whose top left pixel is (y, x) in absolute coordinates (may be negative).

    Each value depends on (seed, its absolute y, its absolute x, channel) alone: splitmix64 hashes of these,
    turned normal by Box-Muller in float64.
    """
    key = _splitmix64(np.array([seed % 2**64], np.uint64))
    row_H = _splitmix64(key + _coordinates(y, height))
    pixel_HW = _splitmix64(row_H[:, None] + _coordinates(x, width))
    counter_C11 = np.arange(1, 2 * channels + 1, dtype=np.uint64)[:, None, None] * _GOLDEN
    bits_CHW = _splitmix64(pixel_HW + counter_C11)
    uniform_CHW = ((bits_CHW >> np.uint64(11)).astype(np.float64) + 0.5) * 2.0**-53
    radius_CHW = np.sqrt(-2.0 * np.log(uniform_CHW[0::2]))
    return (radius_CHW * np.cos(2.0 * np.pi * uniform_CHW[1::2])).astype(np.float32)


def _coordinates(start: int, count: int) -> NDArray[np.uint64]:
    return np.arange(start, start + count, dtype=np.int64).view(np.uint64) * _GOLDEN


def _splitmix64(state: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """The output function of splitmix64 (Steele, Lea and Flood 2014), a bijection of 64-bit integers."""
    mixed = state + _GOLDEN
    mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return mixed ^ (mixed >> np.uint64(31))
