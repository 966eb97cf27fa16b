"""Weighted mean of the scores of overlapping windows."""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from idgbr.inference.tiling import Corner, Shape
from idgbr.labels import probabilities


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
