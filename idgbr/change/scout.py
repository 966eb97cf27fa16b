"""The scout: a tiny network that finds the windows in which anything may have changed, so that only they cost."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from diffusers.configuration_utils import register_to_config
from torch import Tensor, nn
from torch.nn import functional as F

from idgbr.coarse.layers import Pointwise
from idgbr.errors import InputError
from idgbr.layers.blocks import require_multiple
from idgbr.layers.network import Network


class Scout(Network):
    """One logit of change for each cell of cell x cell px, from the means of both dates and of their difference
    (absolute) in the cell and in those around it.

    bands: of one date. hidden: channels. dilations: of the residual layers that look farther. level: the logit from
    which a cell may have changed; it is chosen after training, so low that nearly no change lies in cells below.
    """

    @register_to_config
    def __init__(
        self, bands: int, cell: int = 4, hidden: int = 32, dilations: Sequence[int] = (2, 4, 8), level: float = 0.0
    ) -> None:
        super().__init__()
        if bands < 1 or cell < 1 or hidden < 1 or min(dilations, default=1) < 1:
            raise InputError(
                "a scout has at least 1 band, 1 px a cell, 1 hidden channel and dilations of at least 1, not "
                f"{bands}, {cell}, {hidden} and {list(dilations)}"
            )
        self.cell, self.level = cell, level
        self.near = nn.Conv2d(3 * bands, hidden, 3, padding=1)
        self.far = nn.Conv2d(hidden, hidden, 3, padding=1)
        self.farther = nn.ModuleList(
            nn.Conv2d(hidden, hidden, 3, padding=dilation, dilation=dilation) for dilation in dilations
        )
        self.logit = Pointwise(hidden, 1)

    def forward(self, before_BCHW: Tensor, after_BCHW: Tensor) -> Tensor:
        """B1HW, a logit a cell, of normalised images whose sides are multiples of `cell`."""
        require_multiple(before_BCHW, self.cell)
        seen = before_BCHW, after_BCHW, (before_BCHW - after_BCHW).abs()
        means_BCHW = torch.cat([F.avg_pool2d(each_BCHW, self.cell) for each_BCHW in seen], 1)
        x_BCHW = F.relu(self.far(F.relu(self.near(means_BCHW))))
        for layer in self.farther:
            x_BCHW = x_BCHW + F.relu(layer(x_BCHW))
        return self.logit(x_BCHW)

    def sees(self, before_BCHW: Tensor, after_BCHW: Tensor) -> Tensor:
        """Whether any cell of the images may have changed, as one bool on their device."""
        return (self(before_BCHW, after_BCHW) >= self.level).any()
