"""Exact Euclidean distances on the pixel lattice."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray


def squared_distance(
    mask_HW: NDArray[np.bool_], reach: int, tall: float = 1.0
) -> NDArray[np.int32] | NDArray[np.float64]:
    """Squared distance in px to the nearest true pixel, HW; (reach + 1)^2 beyond `reach` px.

    Rows first, then columns (Felzenszwalb and Huttenlocher 2012), in integers. A crop that holds all pixels within
    `reach` of a pixel gives that pixel the same distance. `tall`: height of a pixel by its width; where it is not 1 a
    px is a width, and distances are float64 and told up to `reach` alone.
    """
    beyond = (reach + 1) ** 2
    height, width = mask_HW.shape
    dtype: type = np.int32 if tall == 1 else np.float64
    if not mask_HW.any():
        return np.full((height, width), beyond, dtype)
    x_W = np.arange(width, dtype=np.int32)
    before_HW = x_W - np.maximum.accumulate(np.where(mask_HW, x_W, np.int32(-(2**20))), axis=1)
    after_HW = np.minimum.accumulate(np.where(mask_HW, x_W, np.int32(2**20))[:, ::-1], axis=1)[:, ::-1] - x_W
    along_HW: NDArray[Any] = (np.minimum(np.minimum(before_HW, after_HW), reach + 1) ** 2).astype(dtype)
    nearest_HW = along_HW.copy()
    for dy in range(1, min(int(reach / tall), height - 1) + 1):
        moved_HW = along_HW + dtype((dy * tall) ** 2)
        np.minimum(nearest_HW[dy:], moved_HW[:-dy], out=nearest_HW[dy:])
        np.minimum(nearest_HW[:-dy], moved_HW[dy:], out=nearest_HW[:-dy])
    return np.where(nearest_HW > reach**2, float(beyond), nearest_HW) if tall != 1 else np.minimum(nearest_HW, beyond)
