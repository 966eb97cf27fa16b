"""Exact Euclidean distances on the pixel lattice."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def squared_distance(mask_HW: NDArray[np.bool_], reach: int) -> NDArray[np.int32]:
    """Squared distance in px to the nearest true pixel, HW; (reach + 1)^2 beyond `reach` px.

    Rows first, then columns (Felzenszwalb and Huttenlocher 2012), in integers. A crop that holds all pixels within
    `reach` of a pixel gives that pixel the same distance.
    """
    beyond = (reach + 1) ** 2
    height, width = mask_HW.shape
    if not mask_HW.any():
        return np.full((height, width), beyond, np.int32)
    x_W = np.arange(width, dtype=np.int32)
    before_HW = x_W - np.maximum.accumulate(np.where(mask_HW, x_W, np.int32(-(2**20))), axis=1)
    after_HW = np.minimum.accumulate(np.where(mask_HW, x_W, np.int32(2**20))[:, ::-1], axis=1)[:, ::-1] - x_W
    along_HW = np.minimum(np.minimum(before_HW, after_HW), reach + 1) ** 2
    nearest_HW = along_HW.copy()
    for dy in range(1, min(reach, height - 1) + 1):
        moved_HW = along_HW + np.int32(dy * dy)
        np.minimum(nearest_HW[dy:], moved_HW[:-dy], out=nearest_HW[dy:])
        np.minimum(nearest_HW[:-dy], moved_HW[dy:], out=nearest_HW[:-dy])
    return np.minimum(nearest_HW, beyond)
