"""Weighted mean of the scores of overlapping windows."""

from collections.abc import Sequence

import torch
from torch import Tensor

from idgbr.inference.certainty import Certainty, certainty
from idgbr.inference.tiling import Corner, Shape

STRIP = 32
"""Rows."""


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

    def covered(self) -> Tensor:
        """HW bool: pixels that some window has been added to."""
        return self._sum_HW > 0

    def logits(self, rows: slice = slice(None)) -> Tensor:
        """KHW mean scores; all 0 where no window has been added."""
        sum_HW = self._sum_HW[rows]
        return self._total_KHW[:, rows] / torch.where(sum_HW > 0, sum_HW, 1)

    def certainty(self, codes: Sequence[int], temperature: float = 1.0) -> Certainty:
        """Of the mean scores, some rows at a time, so that what lies between stays in the cache."""
        strips = [slice(row, row + STRIP) for row in range(0, len(self._sum_HW), STRIP)]
        parts = [certainty(self.logits(strip), codes, temperature) for strip in strips]
        return Certainty(*map(torch.cat, zip(*parts, strict=True)))

    def _parts(self, corner: Corner) -> tuple[tuple[slice, slice], tuple[slice, slice]]:
        """Their common part, in pixels of the rectangle and in pixels of the window."""
        inside, part = [], []
        sides = zip(self._corner, self._shape, corner, self._weight_HW.shape, strict=True)
        for start, side, window_start, window in sides:
            low, high = max(start, window_start), min(start + side, window_start + window)
            inside.append(slice(low - start, high - start))
            part.append(slice(low - window_start, high - window_start))
        return (inside[0], inside[1]), (part[0], part[1])
