"""Raw numbers as the networks take them."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor


def standardise(raw_BCHW: Tensor, mean: Sequence[float], std: Sequence[float], missing_B1HW: Tensor) -> Tensor:
    """To zero mean and unit variance per band, float32; 0 where `missing`."""
    mean_C11, std_C11 = (torch.tensor(values, device=raw_BCHW.device)[:, None, None] for values in (mean, std))
    return ((raw_BCHW.to(torch.float32) - mean_C11) / std_C11).masked_fill_(missing_B1HW, 0)
