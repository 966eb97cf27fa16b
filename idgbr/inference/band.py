"""Where refinement may change the map: near a coarse boundary, or where the coarse network was unsure."""

from __future__ import annotations

import torch
from torch import Tensor

from idgbr.morphology import square_maximum, square_minimum


def band(label_HW: Tensor, margin_HW: Tensor, radius: int, threshold: float) -> Tensor:
    """Pixels (bool) with some pixel of another label within `radius` px (Chebyshev), or whose margin is below
    `threshold`.

    Leading axes are allowed. Radius 0 leaves only the margin rule, threshold 0 only the boundary rule, threshold 1
    every pixel.
    """
    if threshold >= 1:
        return torch.ones_like(label_HW, dtype=torch.bool)
    return (square_maximum(label_HW, radius) != square_minimum(label_HW, radius)) | (margin_HW < threshold)
