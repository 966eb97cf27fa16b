"""The scout: a tiny network that finds the windows in which anything may have changed, so that only they cost."""

from __future__ import annotations

import torch
from diffusers.configuration_utils import register_to_config
from torch import Tensor, nn
from torch.nn import functional as F

from idgbr.coarse.layers import Pointwise
from idgbr.errors import InputError
from idgbr.layers.blocks import require_multiple
from idgbr.layers.network import Network


class Scout(Network):
    """One logit of change for each cell of cell x cell px, from the means of both dates in the cell and its neighbours.

    bands: of one date. level: the logit from which a cell may have changed; it is chosen after training, so low that
    nearly no change lies in cells below.
    """

    @register_to_config
    def __init__(self, bands: int, cell: int = 4, hidden: int = 16, level: float = 0.0) -> None:
        super().__init__()
        if bands < 1 or cell < 1 or hidden < 1:
            raise InputError(
                f"a scout has at least 1 band, 1 px a cell and 1 hidden channel, not {bands}, {cell} and {hidden}"
            )
        self.cell, self.level = cell, level
        self.near = nn.Conv2d(2 * bands, hidden, 3, padding=1)
        self.far = nn.Conv2d(hidden, hidden, 3, padding=1)
        self.logit = Pointwise(hidden, 1)

    def forward(self, before_BCHW: Tensor, after_BCHW: Tensor) -> Tensor:
        """B1HW, a logit a cell, of normalised images whose sides are multiples of `cell`."""
        require_multiple(before_BCHW, self.cell)
        means_BCHW = [F.avg_pool2d(image_BCHW, self.cell) for image_BCHW in (before_BCHW, after_BCHW)]
        return self.logit(F.relu(self.far(F.relu(self.near(torch.cat(means_BCHW, 1))))))

    def sees(self, before_BCHW: Tensor, after_BCHW: Tensor) -> Tensor:
        """Whether any cell of the images may have changed, as one bool on their device."""
        return (self(before_BCHW, after_BCHW) >= self.level).any()
