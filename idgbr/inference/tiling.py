"""Windows on an absolute lattice, and the weighted mean of their scores.

Windows lie at multiples of the stride of one absolute grid, not relative to an image or a block. So two images or
blocks that share a window see the same pixels in it and draw the same noise for it, and the windows of a pixel are
added up in the same order with the same weights.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from idgbr.labels import probabilities

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


class Blend:
    """Weighted mean scores on a rectangle of the absolute grid, on the device of `weight_HW`.

    The sums are floating point: windows must be added row by row, as `WindowLattice.corners` lists them.
    """

    def __init__(self, corner: Corner, shape: Shape, classes: int, weight_HW: Tensor) -> None:
        self._corner, self._shape, self._weight_HW = corner, shape, weight_HW
        self._total_KHW = torch.zeros(classes, *shape, device=weight_HW.device)
        self._sum_HW = torch.zeros(shape, device=weight_HW.device)

    def add(self, corner: Corner, logits_KHW: Tensor) -> None:
        """Adds the part of the window at `corner` that lies on the rectangle."""
        inside, part = self._parts(corner)
        self._total_KHW[:, *inside] += logits_KHW[:, *part] * self._weight_HW[part]
        self._sum_HW[inside] += self._weight_HW[part]

    def covered(self) -> NDArray[np.bool_]:
        """HW: pixels that some window has been added to."""
        return (self._sum_HW > 0).cpu().numpy()

    def probability(self) -> NDArray[np.float32]:
        """KHW softmax of the mean scores; uniform where no window has been added."""
        mean_KHW = self._total_KHW / torch.where(self._sum_HW > 0, self._sum_HW, 1)
        return probabilities(mean_KHW[None])[0].cpu().numpy()

    def _parts(self, corner: Corner) -> tuple[tuple[slice, slice], tuple[slice, slice]]:
        """Their common part, in pixels of the rectangle and in pixels of the window."""
        inside, part = [], []
        sides = zip(self._corner, self._shape, corner, self._weight_HW.shape, strict=True)
        for start, side, window_start, window in sides:
            low, high = max(start, window_start), min(start + side, window_start + window)
            inside.append(slice(low - start, high - start))
            part.append(slice(low - window_start, high - window_start))
        return (inside[0], inside[1]), (part[0], part[1])


@lru_cache(maxsize=8)
def _weights(window: int, overlap: int) -> NDArray[np.float32]:
    ramp = (np.arange(overlap, dtype=np.float32) + np.float32(0.5)) / np.float32(max(overlap, 1))
    side = np.concatenate([ramp, np.ones(window - 2 * overlap, np.float32), ramp[::-1]])
    return np.multiply.outer(side, side)
