"""Positions of the grid's pixel centres in a raster.

Coordinates come from the lattice. All that follows is one plain operation per pixel in a fixed order, never a fused
one, so that the bits of a pixel depend on that pixel alone.
"""

from dataclasses import dataclass
from functools import cached_property

import torch

from pipeline.geometry.grid import Grid, Window
from pipeline.raster.lattice import Lattice
from pipeline.raster.level import Part, Raster
from pipeline.raster.source import MARGIN
from pipeline.raster.strips import row_strips


@dataclass(frozen=True)
class SamplePoints:
    """The positions of the pixel centres of `window` in the `part` of a raster.

    `index_HW` (int32): flat index, in the part with its margin, of the source pixel at or above and left of a centre.
    `down_HW`, `right_HW` (float32): distance from that pixel's centre, in source pixels, 0 to 1. `inside`: all four
    neighbours of every centre lie inside the raster.
    """

    window: Window
    part: Part
    index_HW: torch.Tensor
    down_HW: torch.Tensor
    right_HW: torch.Tensor
    inside: bool

    @property
    def width(self) -> int:
        """Columns of the part with its margin."""
        return self.part.cols[1] - self.part.cols[0] + 2 * MARGIN

    @property
    def nbytes(self) -> int:
        """Bytes, those of `nearest_HW` included."""
        return 2 * self.index_HW.nbytes + self.down_HW.nbytes + self.right_HW.nbytes

    @cached_property
    def nearest_HW(self) -> torch.Tensor:
        """Flat index of the source pixel that contains each centre, int32 HW."""
        index_HW = torch.empty_like(self.index_HW)
        for _, rows in row_strips(self.window):
            down_HW, right_HW = self.down_HW[rows] >= 0.5, self.right_HW[rows] >= 0.5
            index_HW[rows] = self.index_HW[rows] + down_HW.int() * self.width + right_HW.int()
        return index_HW


def sample_points(grid: Grid, window: Window, raster: Raster, device: str = "cpu") -> SamplePoints | None:
    """The positions of a window's pixel centres in a raster; None if none lies near it."""
    lattice = Lattice.of(grid, window, raster)
    part = lattice.part(raster, reach=2)
    if part is None:
        return None
    index_HW = torch.empty(window.shape, dtype=torch.int32)
    down_HW, right_HW = torch.empty(window.shape), torch.empty(window.shape)
    (r0, r1), (c0, c1) = part.rows, part.cols
    width = c1 - c0 + 2 * MARGIN
    inside = True
    for strip, rows in row_strips(window):
        row_HW, col_HW = lattice.coordinates(strip)
        top_HW, left_HW = row_HW.floor(), col_HW.floor()
        down_HW[rows], right_HW[rows] = row_HW - top_HW, col_HW - left_HW
        inside &= _within(top_HW, 0, raster.height - 2) and _within(left_HW, 0, raster.width - 2)
        top_HW.clamp_(r0 - MARGIN + 1, r1 + MARGIN - 3).nan_to_num_(r0 - MARGIN + 1)
        left_HW.clamp_(c0 - MARGIN + 1, c1 + MARGIN - 3).nan_to_num_(c0 - MARGIN + 1)
        index_HW[rows] = (top_HW - (r0 - MARGIN)) * width + (left_HW - (c0 - MARGIN))
    return SamplePoints(window, part, index_HW.to(device), down_HW.to(device), right_HW.to(device), inside)


def _within(values: torch.Tensor, low: int, high: int) -> bool:
    return bool(values.min() >= low) and bool(values.max() <= high)
