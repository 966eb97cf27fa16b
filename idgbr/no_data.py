"""Which pixels of an image hold no data: the one rule of maps and of training."""

from __future__ import annotations

from functools import reduce
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor


def missing(image_BCHW: Tensor, blank: float | None) -> Tensor:
    """B1HW bool: some band is NaN or infinite, or all bands are `blank` (None: no number means that)."""
    planes_B1HW = image_BCHW.split(1, 1)
    none_B1HW = torch.zeros_like(planes_B1HW[0], dtype=torch.bool)
    if blank is not None:
        none_B1HW = reduce(torch.logical_and, [plane_B1HW == blank for plane_B1HW in planes_B1HW])
    if not image_BCHW.is_floating_point():
        return none_B1HW
    return none_B1HW | ~reduce(torch.logical_and, map(torch.isfinite, planes_B1HW))


def missing_of_array(image_CHW: NDArray[Any], blank: float | None) -> NDArray[np.bool_]:
    """`missing` of one numpy image, HW."""
    missing_HW: NDArray[np.bool_] = ~np.isfinite(image_CHW).all(0)
    return missing_HW if blank is None else missing_HW | (image_CHW == blank).all(0)
