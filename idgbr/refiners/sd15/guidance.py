"""IDGBR's guidance at Stable Diffusion's size: residuals for every level of the denoiser (arXiv 2507.01573)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import cast

from torch import Tensor, nn

from idgbr.layers.attention import CrossAttention
from idgbr.refiners.guidance import LevelCondition


class Level(nn.Module):
    """Residual of one level: a zero-initialised 1x1 convolution of noisy, image and coarse features, 3C to C, and the
    answer of image and coarse features to a question asked with it.

    The convolution is kept in two parts that are added, of the noisy features and of the others. side: of the features
    at the size that the attention's positional embedding is made for; None for no attention.
    """

    def __init__(self, channels: int, side: int | None) -> None:
        super().__init__()
        self.noisy = nn.Conv2d(channels, channels, 1, bias=False)
        self.condition = nn.Conv2d(2 * channels, channels, 1)
        self.attention = None if side is None else CrossAttention(channels, 2 * channels, grid=(side, side))
        for parameter in (*self.noisy.parameters(), *self.condition.parameters()):
            nn.init.zeros_(parameter)

    def condition_level(self, condition_BCHW: Tensor) -> LevelCondition:
        """From image and coarse features side by side (2C)."""
        memory = None if self.attention is None else self.attention.memory(condition_BCHW)
        return LevelCondition(self.condition(condition_BCHW), memory)

    def forward(self, noisy_BCHW: Tensor, condition: LevelCondition) -> Tensor:
        mixed_BCHW = self.noisy(noisy_BCHW) + condition.mixed_BCHW
        if self.attention is None or condition.memory is None:
            return mixed_BCHW
        return mixed_BCHW + self.attention.attend(mixed_BCHW, condition.memory)


class Guidance(nn.Module):
    """All levels: 13 with Stable Diffusion 1.5, whose convolutions have 34.4 M parameters and, with attention, 106.1 M.

    levels: channels and side of each (`encoder.levels_of`).
    """

    def __init__(self, levels: Iterable[tuple[int, int]], attention: bool) -> None:
        super().__init__()
        self.levels = nn.ModuleList(Level(channels, side if attention else None) for channels, side in levels)

    def condition_level(self, condition: Sequence[Tensor]) -> tuple[LevelCondition, ...]:
        """Of each level's image and coarse features side by side; computed once, the same for every step."""
        levels = cast("Iterable[Level]", self.levels)
        return tuple(level.condition_level(features) for level, features in zip(levels, condition, strict=True))

    def forward(self, noisy: Sequence[Tensor], conditions: Sequence[LevelCondition]) -> tuple[Tensor, ...]:
        """Residuals of each level; all zero before training."""
        return tuple(
            level(features, condition)
            for level, features, condition in zip(self.levels, noisy, conditions, strict=True)
        )
