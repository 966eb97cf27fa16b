"""Inference windows on an absolute lattice, and the weights that blend them.

Windows sit at multiples of `stride` of the grid, whatever the block: two blocks that share a window see the same
pixels, the same noise and so the same scores, and add them up in the same order.
"""

from functools import lru_cache

import numpy as np

from pipeline.geometry.grid import Window


def covering(window: Window, size: int, stride: int) -> list[Window]:
    """Every lattice window of `size` pixels that overlaps `window`, row by row."""
    rows, cols = _starts(window.y0, window.y1, size, stride), _starts(window.x0, window.x1, size, stride)
    return [Window(y, x, y + size, x + size) for y in rows for x in cols]


def count(window: Window, size: int, stride: int) -> int:
    """How many there are."""
    return len(_starts(window.y0, window.y1, size, stride)) * len(_starts(window.x0, window.x1, size, stride))


def _starts(low: int, high: int, size: int, stride: int) -> range:
    return range(((low - size) // stride + 1) * stride, high, stride)


@lru_cache(maxsize=8)
def taper(size: int, stride: int) -> np.ndarray:
    """Weights of one window, float32 (size, size): ramps over the overlap, one inside; neighbours sum to one.

    Needs size / 2 <= stride <= size, so that at most two windows overlap along an axis.
    """
    overlap = size - stride
    ramp = (np.arange(overlap, dtype=np.float32) + np.float32(0.5)) / np.float32(max(overlap, 1))
    side = np.concatenate([ramp, np.ones(size - 2 * overlap, np.float32), ramp[::-1]])
    return np.multiply.outer(side, side)
