"""Cuts an array into overlapping windows and blends the results."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

Corner = tuple[int, int]


@dataclass(frozen=True)
class Tiling:
    """Windows over an array of `size` (height, width), whose sides are padded to multiples of `multiple` px."""

    size: tuple[int, int]
    window: int
    overlap: int
    multiple: int = 16

    @property
    def padded(self) -> tuple[int, int]:
        """Height and width after padding."""
        height, width = (-(-side // self.multiple) * self.multiple for side in self.size)
        return height, width

    @property
    def corners(self) -> list[Corner]:
        """Top left (y, x) of every window; neighbours share at least `overlap` px, the last ends at the edge."""
        height, width = self.padded
        return [(y, x) for y in self._starts(height) for x in self._starts(width)]

    def pad(self, array_CHW: Tensor) -> Tensor:
        """The array grown to the right and below by repeating its edge."""
        missing = (0, self.padded[1] - self.size[1], 0, self.padded[0] - self.size[0])
        return F.pad(array_CHW[None], missing, mode="replicate")[0]

    def cut(self, array_CHW: Tensor, corners: Iterable[Corner]) -> Tensor:
        """NCHW windows of a padded array."""
        return torch.stack([array_CHW[:, y : y + self.window, x : x + self.window] for y, x in corners])

    def blend(self, tiles_NKHW: Tensor, corners: Iterable[Corner]) -> Tensor:
        """KHW mean of windows weighted by how far a pixel is from the window's edge; pixels in no window are 0."""
        total_KHW = torch.zeros(tiles_NKHW.shape[1], *self.padded)
        weight_HW = torch.zeros(self.padded)
        ramp_HW = self._ramp(tiles_NKHW.shape[-2])[:, None] * self._ramp(tiles_NKHW.shape[-1])
        for (y, x), tile_KHW in zip(corners, tiles_NKHW.cpu(), strict=True):
            inside = (slice(y, y + self.window), slice(x, x + self.window))
            total_KHW[:, *inside] += ramp_HW * tile_KHW
            weight_HW[*inside] += ramp_HW
        return total_KHW / weight_HW.clamp_min(torch.finfo(torch.float32).tiny)

    def _starts(self, side: int) -> list[int]:
        last = max(0, side - self.window)
        return [*range(0, last, self.window - self.overlap), last]

    def _ramp(self, side: int) -> Tensor:
        place = torch.arange(1, side + 1)
        return torch.minimum(place, side + 1 - place).clamp(max=self.overlap + 1) / (self.overlap + 1)
