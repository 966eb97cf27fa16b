"""The conditional guidance network of IDGBR: image and coarse mask steer the denoising (arXiv 2507.01573)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from idgbr.layers.attention import CrossAttention, Memory
from idgbr.layers.blocks import Block, Down, PixelNorm


class LevelCondition(NamedTuple):
    """What one level's residual needs of image and coarse mask: all that does not depend on the noisy labels."""

    mixed_BCHW: Tensor
    memory: Memory | None


class Condition(NamedTuple):
    """What the denoising steps need of an image and its coarse mask; computed once, the same for every step."""

    full_BCHW: Tensor
    """Features at full resolution, for the output."""
    levels: tuple[LevelCondition, ...]
    """What the residuals at strides 2, 4, 8 and 16 need."""
    prior_BKHW: Tensor
    """Log probabilities of the coarse mask."""
    kept_B: Tensor
    """1 for samples that are conditioned, 0 for those whose condition is dropped."""


class Guidance(nn.Module):
    """Encoder of [image, coarse class probabilities] to features at strides 1, 2, 4, 8 and 16."""

    def __init__(self, bands: int, classes: int, full: int, widths: Sequence[int]) -> None:
        super().__init__()
        self.stem = nn.Conv2d(bands + classes, full, 3, padding=1)
        self.full = nn.Sequential(PixelNorm(full), nn.ReLU(), nn.Conv2d(full, full, 3, padding=1))
        self.downs = nn.ModuleList(Down(a, b) for a, b in zip((full, *widths[:-1]), widths, strict=True))
        self.blocks = nn.ModuleList(Block(width, width) for width in widths)

    def forward(self, image_BCHW: Tensor, coarse_BKHW: Tensor) -> tuple[Tensor, ...]:
        """Features of a normalised image and coarse class probabilities of the same size, the finest first."""
        hidden = self.stem(torch.cat([image_BCHW, coarse_BKHW], 1))
        features = [hidden + self.full(hidden)]
        for down, block in zip(self.downs, self.blocks, strict=True):
            features.append(block(down(features[-1])))
        return tuple(features)


class Fusion(nn.Module):
    """Residual for one level of the denoiser from its noisy features and the condition's, zero before training.

    Only the last convolution starts at zero, so all weights receive gradients after the first step. Noisy features and
    condition have a convolution each, which equals one of both side by side. attention: also let every noisy pixel look
    at all of the condition.
    """

    def __init__(self, width: int, attention: bool = False) -> None:
        super().__init__()
        self.attention = CrossAttention(width, width, width) if attention else None
        self.noisy = nn.Conv2d(width, width, 1)
        self.condition = nn.Conv2d(width, width, 1)
        self.norm = PixelNorm(width)
        self.zero = nn.Conv2d(width, width, 1)
        for parameter in self.zero.parameters():
            nn.init.zeros_(parameter)

    def condition_level(self, condition_BCHW: Tensor) -> LevelCondition:
        """Computed once for all steps."""
        memory = None if self.attention is None else self.attention.memory(condition_BCHW)
        return LevelCondition(self.condition(condition_BCHW), memory)

    def forward(self, noisy_BCHW: Tensor, condition: LevelCondition) -> Tensor:
        """The residual, BCHW."""
        residual = self.zero(F.relu(self.norm(self.noisy(noisy_BCHW) + condition.mixed_BCHW)))
        if self.attention is None or condition.memory is None:
            return residual
        return residual + self.attention.attend(noisy_BCHW, condition.memory)
