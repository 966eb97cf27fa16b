"""Spatial-consistency attention: where to look is decided once for both dates, from what differs between them."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from idgbr.change.blocks import DropPath, each
from idgbr.coarse.layers import Pointwise

SCALE = 1e-2


class LargeKernelAttention(nn.Module):
    """An attention map with a reach of 23 px and no squashing (arXiv 2202.09741).

    fusion: of the features of two dates, whose map they share; None: each stream has the map of its own features.
    """

    def __init__(self, channels: int, fusion: nn.Module | None) -> None:
        super().__init__()
        self.fusion = fusion
        self.near = nn.Conv2d(channels, channels, 5, padding=2, groups=channels)
        self.far = nn.Conv2d(channels, channels, 7, padding=9, dilation=3, groups=channels)
        self.mix = Pointwise(channels, channels)

    def forward(self, streams: list[Tensor]) -> list[Tensor]:
        """Each stream BCHW times its map."""
        if self.fusion is None:
            return [self._map(stream) * stream for stream in streams]
        shared_BCHW = self._map(self.fusion(*streams))
        return [shared_BCHW * stream for stream in streams]

    def _map(self, x_BCHW: Tensor) -> Tensor:
        return self.mix(self.far(self.near(x_BCHW)))


class Perceptron(nn.Module):
    """Two pointwise layers with a depthwise convolution between them."""

    def __init__(self, channels: int, drop: float) -> None:
        super().__init__()
        self.widen = Pointwise(channels, 4 * channels)
        self.depthwise = nn.Conv2d(4 * channels, 4 * channels, 3, padding=1, groups=4 * channels)
        self.narrow = Pointwise(4 * channels, channels)
        self.dropout = nn.Dropout(drop)

    def forward(self, x_BCHW: Tensor) -> Tensor:
        hidden = self.dropout(F.gelu(self.depthwise(self.widen(x_BCHW))))
        return self.dropout(self.narrow(hidden))


class SpatialConsistencyAttention(nn.Module):
    """A block of the Visual Attention Network (arXiv 2202.09741) for one or two streams, which share its weights
    (arXiv 2503.20734). joint_norm: see `idgbr.change.blocks.each`."""

    def __init__(self, channels: int, drop: float, fusion: nn.Module | None, joint_norm: bool) -> None:
        super().__init__()
        self.joint_norm = joint_norm
        self.norm1 = nn.BatchNorm2d(channels)
        self.project_in = Pointwise(channels, channels)
        self.attention = LargeKernelAttention(channels, fusion)
        self.project_out = Pointwise(channels, channels)
        self.norm2 = nn.BatchNorm2d(channels)
        self.perceptron = Perceptron(channels, drop)
        self.drop = DropPath(drop)
        self.scale1_C = nn.Parameter(torch.full((channels,), SCALE))
        self.scale2_C = nn.Parameter(torch.full((channels,), SCALE))

    def forward(self, streams: list[Tensor]) -> list[Tensor]:
        """Streams BCHW of the same shape."""
        normed = each(self.norm1, streams, self.joint_norm)
        attended = self.attention([F.gelu(self.project_in(x)) for x in normed])
        answers = [self.project_out(x) + skip for x, skip in zip(attended, normed, strict=True)]
        streams = [x + self.drop(self.scale1_C[:, None, None] * y) for x, y in zip(streams, answers, strict=True)]
        answers = [self.perceptron(x) for x in each(self.norm2, streams, self.joint_norm)]
        return [x + self.drop(self.scale2_C[:, None, None] * y) for x, y in zip(streams, answers, strict=True)]
