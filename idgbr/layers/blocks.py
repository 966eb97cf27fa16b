"""Building blocks of the networks. Norms look at one pixel only, so a pixel's value never depends on far pixels."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from idgbr.errors import InputError
from idgbr.layers.linear import Linear


class PixelNorm(nn.LayerNorm):
    """Layer norm over the channels of each pixel of BCHW."""

    def forward(self, x_BCHW: Tensor) -> Tensor:
        return super().forward(x_BCHW.movedim(1, -1)).movedim(-1, 1)


class Block(nn.Module):
    """Residual block of two 3x3 convolutions; `embedding` > 0 adds scale and shift from a BE vector (FiLM).

    Where the width changes, the first convolution's output is what the second one adds to.
    """

    def __init__(self, inputs: int, outputs: int, embedding: int = 0) -> None:
        super().__init__()
        self.first = nn.Conv2d(inputs, outputs, 3, padding=1)
        self.norm = PixelNorm(outputs)
        self.film = Linear(embedding, 2 * outputs) if embedding else None
        self.second = nn.Conv2d(outputs, outputs, 3, padding=1)

    def forward(self, x_BCHW: Tensor, embedding_BE: Tensor | None = None) -> Tensor:
        first = self.first(x_BCHW)
        hidden = self.norm(first)
        if self.film is not None and embedding_BE is not None:
            scale, shift = self.film(embedding_BE)[:, :, None, None].chunk(2, 1)
            hidden = hidden * (1 + scale) + shift
        return (x_BCHW if x_BCHW.shape == first.shape else first) + self.second(F.relu(hidden))


class Down(nn.Sequential):
    """Halves the size: norm, then a 2x2 convolution with stride 2."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__(PixelNorm(inputs), nn.Conv2d(inputs, outputs, 2, stride=2))


def join(deep_BCHW: Tensor, skip_BCHW: Tensor) -> Tensor:
    """The deeper level, doubled in size by repetition, beside the skip of the finer level."""
    return torch.cat([F.interpolate(deep_BCHW, scale_factor=2, mode="nearest"), skip_BCHW], 1)


def require_multiple(x_BCHW: Tensor, multiple: int) -> None:
    """InputError unless height and width are multiples of `multiple`."""
    height, width = x_BCHW.shape[-2:]
    if height % multiple or width % multiple:
        raise InputError(
            f"the network takes sizes that are multiples of {multiple} px, not {height} x {width}; pad first"
        )
