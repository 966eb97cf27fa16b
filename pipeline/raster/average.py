"""Resampling by area-weighted average."""

from dataclasses import dataclass

import numpy as np
import torch

from pipeline.geometry.grid import Grid, Window
from pipeline.raster.lattice import Lattice
from pipeline.raster.level import Part, Raster
from pipeline.raster.source import MARGIN, SourcePixels
from pipeline.raster.strips import row_strips

UNIT = 256
"""Box edges are rounded to 1/256 source pixel: integers, whose sums are exact."""


@dataclass(frozen=True)
class SampleBoxes:
    """The box that each pixel of `window` covers in a raster, cut to the `part` and its margin.

    `sides`: top, bottom, left and right edges in 1/256 source pixel from the corner of the margin, int32 HW each.
    `area_HW`: area of the box before the cut, in 1/256^2 source pixel, int64.
    """

    window: Window
    part: Part
    sides: tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]
    area_HW: torch.Tensor

    @property
    def nbytes(self) -> int:
        return sum(side_HW.nbytes for side_HW in self.sides) + self.area_HW.nbytes


def sample_boxes(grid: Grid, window: Window, raster: Raster, device: str = "cpu") -> SampleBoxes | None:
    """The boxes of a window's pixels in a raster; None if none lies near it."""
    around = Window(window.y0, window.x0, window.y1 + 1, window.x1 + 1)
    lattice = Lattice.of(grid, around, raster)
    lines = lattice.row_YW, lattice.col_YW
    steps = [line_YW.diff(dim=dim) / length for line_YW in lines for dim, length in ((0, lattice.step), (1, 1))]
    widest = sum(float(step.abs().nan_to_num(0, 0).max()) for step in steps)
    part = lattice.part(raster, reach=int(np.ceil(widest)) + 1)
    if part is None:
        return None
    sides = tuple(torch.empty(window.shape, dtype=torch.int32) for _ in range(4))
    area_HW = torch.empty(window.shape, dtype=torch.int64)
    for strip, rows in row_strips(window):
        row_HW, col_HW = lattice.coordinates(Window(strip.y0, strip.x0, strip.y1 + 1, strip.x1 + 1))
        edges: list[torch.Tensor] = []
        for coordinate_HW, (begin, end) in ((row_HW, part.rows), (col_HW, part.cols)):
            centre_HW = coordinate_HW[:-1, :-1]
            half_HW = ((coordinate_HW[1:, :-1] - centre_HW).abs() + (coordinate_HW[:-1, 1:] - centre_HW).abs()) / 2
            for edge_HW in (centre_HW + 0.5 - half_HW, centre_HW + 0.5 + half_HW):
                edge_HW = (edge_HW * UNIT + 0.5).floor().nan_to_num(0)
                sides[len(edges)][rows] = (edge_HW - (begin - MARGIN) * UNIT).clamp(
                    0, (end - begin + 2 * MARGIN) * UNIT
                )
                edges.append(edge_HW)
        top_HW, bottom_HW, left_HW, right_HW = edges
        area_HW[rows] = ((bottom_HW - top_HW) * (right_HW - left_HW)).clamp(max=2**62)
    return SampleBoxes(window, part, tuple(side_HW.to(device) for side_HW in sides), area_HW.to(device))  # type: ignore[arg-type]


def average(at: SampleBoxes, source: SourcePixels, rows: slice) -> tuple[torch.Tensor, torch.Tensor]:
    """The mean over each box, source pixels weighted by the area covered; valid where half of the box has data.

    Sums come from integral images of integers, so that they are exact wherever the part begins.
    """
    top_HW, bottom_HW, left_HW, right_HW = (side_HW[rows] for side_HW in at.sides)
    first, last = int(top_HW.min()) // UNIT, int(bottom_HW.max()) // UNIT + 2
    box = top_HW - first * UNIT, bottom_HW - first * UNIT, left_HW, right_HW
    *total, count_HW = (
        _box_sum(flat_N.view(-1, source.width)[first:last].int() & 0xFFFF, *box)
        for flat_N in (*source.flat_BN, source.data_N)
    )
    value_BHW = torch.stack(total).double() / count_HW.clamp(min=1)
    return value_BHW.float(), (2 * count_HW >= at.area_HW[rows]) & (count_HW > 0)


def _box_sum(pixel_HW: torch.Tensor, *sides: torch.Tensor) -> torch.Tensor:
    """Sums over boxes times 256^2, int64 HW; `sides`: top, bottom, left, right in 1/256 pixel."""
    top_HW, bottom_HW, left_HW, right_HW = sides
    integral = torch.nn.functional.pad(pixel_HW.long().cumsum(0).cumsum(1), (1, 1, 1, 1))
    integral[-1], integral[:, -1] = integral[-2], integral[:, -2]
    flat_N, width = integral.flatten(), integral.shape[1]

    def corner(y_HW: torch.Tensor, x_HW: torch.Tensor) -> torch.Tensor:
        index_N = ((y_HW // UNIT) * width + x_HW // UNIT).flatten()
        down_N, right_N = (y_HW % UNIT).flatten(), (x_HW % UNIT).flatten()
        upper_N = flat_N.index_select(0, index_N) * (UNIT - right_N) + flat_N[1:].index_select(0, index_N) * right_N
        lower_N = flat_N[width:].index_select(0, index_N) * (UNIT - right_N)
        lower_N += flat_N[width + 1 :].index_select(0, index_N) * right_N
        return (upper_N * (UNIT - down_N) + lower_N * down_N).view(y_HW.shape)

    return corner(bottom_HW, right_HW) - corner(top_HW, right_HW) - corner(bottom_HW, left_HW) + corner(top_HW, left_HW)
