"""What one pass shows of a window."""

from dataclasses import dataclass

import torch

UNSEEN = 32_767
"""Value of pixels that are not clear; reflectance x 10,000 lies in 1 .. 32,766."""


@dataclass(frozen=True)
class PassView:
    """`value_BHW`: reflectance x 10,000, int16, UNSEEN in all bands where not clear. `day`: days since 1970-01-01.
    `cloud_HW`: metres to the nearest cloud, float32, meaningful where clear; None unless asked for."""

    value_BHW: torch.Tensor
    day: int
    cloud_HW: torch.Tensor | None = None

    @property
    def clear_HW(self) -> torch.Tensor:
        return self.value_BHW[0] != UNSEEN
