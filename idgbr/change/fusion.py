"""What differs between the features of two dates."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from idgbr.coarse.layers import Pointwise
from idgbr.layers.blocks import PixelNorm


class TemporalFusion(nn.Module):
    """Features of the change from those of both dates; their order matters (arXiv 2503.20734)."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.mix = Pointwise(2 * channels, channels)
        self.norm = PixelNorm(channels, eps=1e-6)

    def forward(self, before_BCHW: Tensor, after_BCHW: Tensor) -> Tensor:
        return F.gelu(self.norm(self.mix(torch.cat([before_BCHW, after_BCHW], 1))))


class Difference(nn.Module):
    """The plain difference, without weights, to compare with."""

    def forward(self, before_BCHW: Tensor, after_BCHW: Tensor) -> Tensor:
        return before_BCHW - after_BCHW
