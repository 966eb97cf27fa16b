"""Windows on an absolute lattice.

Windows lie at multiples of the stride of one absolute grid, not relative to an image or a block. So two images or
blocks that share a window see the same pixels in it and draw the same noise for it, and the windows of a pixel are
blended in the same order with the same weights.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

Corner = tuple[int, int]
"""Absolute (y, x) of a top left pixel."""
Shape = tuple[int, int]
"""Height and width in px."""


@dataclass(frozen=True)
class WindowLattice:
    """Square windows of `window` px at all multiples of `stride = window - overlap`; overlap is at most window / 2."""

    window: int
    overlap: int

    @property
    def stride(self) -> int:
        return self.window - self.overlap

    def corners(self, corner: Corner, shape: Shape) -> list[Corner]:
        """Every window that overlaps the rectangle, row by row."""
        rows, columns = (self._starts(low, side) for low, side in zip(corner, shape, strict=True))
        return [(y, x) for y in rows for x in columns]

    def count(self, corner: Corner, shape: Shape) -> int:
        """`len(corners(corner, shape))`, without making the list."""
        rows, columns = (self._starts(low, side) for low, side in zip(corner, shape, strict=True))
        return len(rows) * len(columns)

    def weights(self) -> NDArray[np.float32]:
        """HW weights of one window: ramps over the overlap, one inside. Over all windows of a pixel they sum to one."""
        return _weights(self.window, self.overlap)

    def _starts(self, low: int, side: int) -> range:
        return range(((low - self.window) // self.stride + 1) * self.stride, low + side, self.stride)


@lru_cache(maxsize=8)
def _weights(window: int, overlap: int) -> NDArray[np.float32]:
    ramp = (np.arange(overlap, dtype=np.float32) + np.float32(0.5)) / np.float32(max(overlap, 1))
    side = np.concatenate([ramp, np.ones(window - 2 * overlap, np.float32), ramp[::-1]])
    return np.multiply.outer(side, side)
