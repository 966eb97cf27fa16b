"""Cross-attention from the denoiser's features to the condition's, the attentive half of IDGBR's guidance."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from idgbr.errors import InputError
from idgbr.layers.linear import Linear


class Memory(NamedTuple):
    """What is attended to; a function of the condition alone, so computed once for all steps."""

    stream_BNW: Tensor
    """Tokens that the answer is added to."""
    key_BTNw: Tensor
    value_BTNw: Tensor


class CrossAttention(nn.Module):
    """One transformer block of `width` channels: features ask, the condition answers (arXiv 2507.01573).

    As published, the residual stream is the condition's own tokens, so features and condition are of one size. Only the
    last projection starts at zero: the answer is silent before training, and from the second step on every weight
    learns. (Published code starts all weights at zero, which leaves their gradients zero for ever.)

    channels: of the features and of the answer. grid: rows and columns of a learned positional embedding, which is
    resized bicubically where features are of another size; None for no embedding.
    """

    def __init__(
        self,
        channels: int,
        condition_channels: int,
        width: int = 512,
        heads: int = 8,
        grid: tuple[int, int] | None = None,
    ) -> None:
        super().__init__()
        if width % heads:
            raise InputError(f"the width of attention must be a multiple of its {heads} heads, not {width}")
        self.heads = heads
        self.query_in = nn.Conv2d(channels, width, 1, bias=False)
        self.memory_in = nn.Conv2d(condition_channels, width, 1, bias=False)
        self.position_1Whw = None if grid is None else nn.Parameter(torch.randn(1, width, *grid) * width**-0.5)
        self.query_norm, self.memory_norm = nn.LayerNorm(width), nn.LayerNorm(width)
        self.query = nn.Sequential(nn.LayerNorm(width), Linear(width, width))
        self.key = nn.Sequential(nn.LayerNorm(width), Linear(width, width))
        self.value = nn.Sequential(nn.LayerNorm(width), Linear(width, width))
        self.mixed = Linear(width, width)
        self.perceptron = nn.Sequential(
            nn.LayerNorm(width), Linear(width, 4 * width), QuickGELU(), Linear(4 * width, width)
        )
        self.norm = nn.LayerNorm(width)
        self.zero = nn.Conv2d(width, channels, 1, bias=False)
        nn.init.zeros_(self.zero.weight)

    def memory(self, condition_BCHW: Tensor) -> Memory:
        """Keys, values and residual stream of the condition's features."""
        stream_BNW = self.memory_norm(self._tokens(self.memory_in(condition_BCHW)))
        return Memory(stream_BNW, self._split(self.key(stream_BNW)), self._split(self.value(stream_BNW)))

    def attend(self, features_BCHW: Tensor, memory: Memory) -> Tensor:
        """BCHW answer of the memory to features of the condition's size; the caller adds it to what it guides."""
        query_BNW = self.query_norm(self._tokens(self.query_in(features_BCHW)))
        query_BTNw = self._split(self.query(query_BNW))
        found_BTNw = F.scaled_dot_product_attention(query_BTNw, memory.key_BTNw, memory.value_BTNw)
        stream_BNW = memory.stream_BNW + self.mixed(found_BTNw.movedim(1, 2).flatten(2))
        stream_BNW = self.norm(stream_BNW + self.perceptron(stream_BNW))
        return self.zero(stream_BNW.mT.unflatten(2, features_BCHW.shape[2:]))

    def forward(self, features_BCHW: Tensor, condition_BCHW: Tensor) -> Tensor:
        return self.attend(features_BCHW, self.memory(condition_BCHW))

    def _tokens(self, value_BWHW: Tensor) -> Tensor:
        if self.position_1Whw is not None:
            position_1Whw: Tensor = self.position_1Whw
            if position_1Whw.shape[2:] != value_BWHW.shape[2:]:
                position_1Whw = F.interpolate(position_1Whw, value_BWHW.shape[2:], mode="bicubic", align_corners=False)
            value_BWHW = value_BWHW + position_1Whw
        return value_BWHW.flatten(2).mT

    def _split(self, value_BNW: Tensor) -> Tensor:
        return value_BNW.unflatten(2, (self.heads, -1)).movedim(2, 1)


class QuickGELU(nn.Module):
    """x * sigmoid(1.702 x), as in CLIP."""

    def forward(self, x: Tensor) -> Tensor:
        return x * torch.sigmoid(1.702 * x)
