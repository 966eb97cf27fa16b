"""Where refinement may change the map: near a coarse boundary, or where the coarse network was unsure."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from idgbr.morphology import square_maximum, square_minimum


def margin(probability_KHW: NDArray[np.floating[Any]]) -> NDArray[np.floating[Any]]:
    """HW difference between the largest and the second largest class probability; leading axes are allowed."""
    two_KHW = np.partition(probability_KHW, -2, axis=-3)[..., -2:, :, :]
    return two_KHW[..., 1, :, :] - two_KHW[..., 0, :, :]


def band(
    label_HW: NDArray[np.integer[Any]], margin_HW: NDArray[np.floating[Any]], radius: int, threshold: float
) -> NDArray[np.bool_]:
    """Pixels with some pixel of another label within `radius` px (Chebyshev), or whose margin is below `threshold`.

    Leading axes are allowed. Radius 0 leaves only the margin rule, threshold 0 only the boundary rule, threshold 1
    every pixel.
    """
    if threshold >= 1:
        return np.ones(label_HW.shape, np.bool_)
    return (square_maximum(label_HW, radius) != square_minimum(label_HW, radius)) | (margin_HW < threshold)
