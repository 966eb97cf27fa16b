"""From a raster's pixels to the grid's: nearest, bilinear, cubic and average, all heedful of no data.

Each gives value_BHW (float32) and valid_HW (bool) for some rows of a window. A source pixel has data if no band of it
is 0; where a resampled pixel is not valid, its value means nothing.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property, partial

import numpy as np
import torch

from pipeline.geometry.grid import Grid, Window
from pipeline.raster.read import Part, Raster
from pipeline.raster.warp import MARGIN, Lattice, SamplePoints, row_strips, sample_points

Resampled = tuple[torch.Tensor, torch.Tensor]
HALF = 0.5
"""The share of a pixel's weight that must have data."""
UNIT = 256
"""`average` weighs source pixels by their share of a box, to 1/256 pixel: whole numbers, which add up exactly."""


@dataclass(frozen=True)
class SourcePixels:
    """The part of a raster that is asked for, with a margin of no data around it.

    `flat_BN` holds 16 bits a pixel, seen as int16 because torch indexes no uint16: `wide` says that some are above
    32,767 and appear as negative. A pixel is zero in all bands if it is zero in one; `whole` says that none is but in
    the margin.
    """

    flat_BN: torch.Tensor
    width: int
    whole: bool
    wide: bool

    @staticmethod
    def of(bands: Sequence[np.ndarray], device: str = "cpu") -> "SourcePixels":
        """From the parts of bands of one raster, uint16 HW each."""
        height, width = (side + 2 * MARGIN for side in bands[0].shape)
        padded_BHW = np.zeros((len(bands), height, width), np.uint16)
        inner_BHW = padded_BHW[:, MARGIN:-MARGIN, MARGIN:-MARGIN]
        for inner_HW, band_HW in zip(inner_BHW, bands, strict=True):
            inner_HW[:] = band_HW
        whole = all(band_HW.all() for band_HW in bands)
        if not whole:
            inner_BHW *= inner_BHW.all(0)
        wide = any(int(band_HW.max()) > 32_767 for band_HW in bands)
        flat_BN = torch.from_numpy(padded_BHW.view(np.int16)).flatten(1).to(device)
        return SourcePixels(flat_BN, width, whole, wide)

    @cached_property
    def data_N(self) -> torch.Tensor:
        return self.flat_BN[0] != 0

    def values(self, band: int, index_N: torch.Tensor, offset: int = 0) -> torch.Tensor:
        """The pixels at an offset from the indices, float32 N."""
        value_N = _at(self.flat_BN[band], index_N, offset).float()
        return value_N + (value_N < 0) * 65_536.0 if self.wide else value_N

    def weights(self, index_N: torch.Tensor, offset: int) -> torch.Tensor:
        """1 where the pixels at an offset from the indices have data, else 0: float32 N."""
        return _at(self.data_N, index_N, offset).float()

    def all_data(self, index_N: torch.Tensor, offsets: Sequence[int]) -> torch.Tensor:
        """Whether the pixels at all offsets from the indices have data, bool N."""
        whole_N = _at(self.data_N, index_N, offsets[0])
        for offset in offsets[1:]:
            whole_N &= _at(self.data_N, index_N, offset)
        return whole_N


def nearest(at: SamplePoints, source: SourcePixels, rows: slice) -> Resampled:
    """The pixel in which each centre falls."""
    index_HW = at.nearest_HW[rows]
    index_N = index_HW.flatten()
    value_BN = torch.stack([source.values(band, index_N) for band in range(len(source.flat_BN))])
    return value_BN.unflatten(1, index_HW.shape), source.all_data(index_N, [0]).view(index_HW.shape)


def bilinear(at: SamplePoints, source: SourcePixels, rows: slice) -> Resampled:
    """The four neighbours' weighted mean, over those that have data; valid where these hold half of the weight."""
    index_HW, down_HW, right_HW = at.index_HW[rows], at.down_HW[rows], at.right_HW[rows]
    shape, index_N, down_N, right_N = index_HW.shape, *(t.flatten() for t in (index_HW, down_HW, right_HW))
    up_N, left_N = 1 - down_N, 1 - right_N
    corners = (
        (0, up_N * left_N),
        (1, up_N * right_N),
        (source.width, down_N * left_N),
        (source.width + 1, down_N * right_N),
    )
    value_BN = torch.stack(
        [_weighted(partial(source.values, band, index_N), corners) for band in range(len(source.flat_BN))]
    )
    whole_N = torch.ones(len(index_N), dtype=torch.bool, device=index_N.device)
    if not (at.inside and source.whole):
        whole_N = source.all_data(index_N, [offset for offset, _ in corners])
    valid_N = whole_N
    if not whole_N.all():
        weight_N = _weighted(partial(source.weights, index_N), corners)
        valid_N = weight_N >= HALF
        value_BN /= torch.where(whole_N | ~valid_N, 1, weight_N)
    return value_BN.unflatten(1, shape), valid_N.view(shape)


def cubic(at: SamplePoints, source: SourcePixels, rows: slice) -> Resampled:
    """Keys' cubic convolution (a = -0.5) where all 16 neighbours have data, `bilinear` elsewhere."""
    value_BHW, valid_HW = bilinear(at, source, rows)
    index_N = at.index_HW[rows].flatten()
    offsets = [[y * source.width + x for x in (-1, 0, 1, 2)] for y in (-1, 0, 1, 2)]
    whole_HW = source.all_data(index_N, [offset for row in offsets for offset in row]).view(valid_HW.shape)
    down, right = _keys(at.down_HW[rows].flatten()), _keys(at.right_HW[rows].flatten())
    for band, value_HW in enumerate(value_BHW):
        total_N = torch.zeros(len(index_N), device=index_N.device)
        for weight_N, row in zip(down, offsets, strict=True):
            total_N += _weighted(partial(source.values, band, index_N), list(zip(row, right, strict=True))) * weight_N
        value_HW.copy_(torch.where(whole_HW, total_N.view(whole_HW.shape), value_HW))
    return value_BHW, valid_HW


def average(at: "SampleBoxes", source: SourcePixels, rows: slice) -> Resampled:
    """The mean of what lies under a grid pixel, each source pixel by its share; valid where half has data.

    Sums come from integral images of whole numbers, so that they are exact wherever the part begins.
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


@dataclass(frozen=True)
class SampleBoxes:
    """The box around each pixel of `window`, as far as it lies in the `part` of a raster or its margin.

    `sides` are its top, bottom, left and right edges in 1/256 pixel from the corner of the part's margin, int32 HW
    each; `area_HW` is the area of the whole box, in 1/256^2 pixel, int64.
    """

    window: Window
    part: Part
    sides: tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]
    area_HW: torch.Tensor

    @property
    def nbytes(self) -> int:
        return sum(side_HW.nbytes for side_HW in self.sides) + self.area_HW.nbytes


def sample_boxes(grid: Grid, window: Window, raster: Raster, device: str = "cpu") -> SampleBoxes | None:
    """How to average a raster over a window's pixels; None if the raster has nothing of it."""
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
    for strip, here in row_strips(window):
        row_HW, col_HW = lattice.coordinates(Window(strip.y0, strip.x0, strip.y1 + 1, strip.x1 + 1))
        edges: list[torch.Tensor] = []
        for centre_HW, (begin, end) in ((row_HW, part.rows), (col_HW, part.cols)):
            here_HW = centre_HW[:-1, :-1]
            half_HW = ((centre_HW[1:, :-1] - here_HW).abs() + (centre_HW[:-1, 1:] - here_HW).abs()) / 2
            for edge_HW in (here_HW + 0.5 - half_HW, here_HW + 0.5 + half_HW):
                edge_HW = (edge_HW * UNIT + 0.5).floor().nan_to_num(0)
                sides[len(edges)][here] = (edge_HW - (begin - MARGIN) * UNIT).clamp(
                    0, (end - begin + 2 * MARGIN) * UNIT
                )
                edges.append(edge_HW)
        top_HW, bottom_HW, left_HW, right_HW = edges
        area_HW[here] = ((bottom_HW - top_HW) * (right_HW - left_HW)).clamp(max=2**62)
    return SampleBoxes(window, part, tuple(side_HW.to(device) for side_HW in sides), area_HW.to(device))  # type: ignore[arg-type]


METHODS: dict[str, tuple[Callable[..., SamplePoints | SampleBoxes | None], Callable[..., Resampled]]] = {
    "bilinear": (sample_points, bilinear),
    "nearest": (sample_points, nearest),
    "cubic": (sample_points, cubic),
    "average": (sample_boxes, average),
}
"""How to place a raster's pixels, and how to resample them there."""


def _weighted(values: Callable[[int], torch.Tensor], taps: Sequence[tuple[int, torch.Tensor]]) -> torch.Tensor:
    """Sum of the values at offsets, each by its weight, in the order given."""
    (offset, weight_N), *rest = taps
    total_N = values(offset).mul_(weight_N)
    for offset, weight_N in rest:
        total_N += values(offset).mul_(weight_N)
    return total_N


def _at(flat_N: torch.Tensor, index_N: torch.Tensor, offset: int) -> torch.Tensor:
    if offset >= 0:
        return flat_N[offset:].index_select(0, index_N)
    return flat_N.index_select(0, index_N + offset)


def _keys(t_HW: torch.Tensor) -> tuple[torch.Tensor, ...]:
    """Weights of the neighbours at -1, 0, 1, 2 of a point t beyond 0 (Keys 1981, a = -0.5)."""
    t2_HW, t3_HW = t_HW * t_HW, t_HW * t_HW * t_HW
    return (
        t2_HW - (t3_HW + t_HW) * 0.5,
        t3_HW * 1.5 - t2_HW * 2.5 + 1,
        t2_HW * 2 - t3_HW * 1.5 + t_HW * 0.5,
        (t3_HW - t2_HW) * 0.5,
    )


def _box_sum(pixel_HW: torch.Tensor, *sides: torch.Tensor) -> torch.Tensor:
    """Sum over boxes in units of 1 / 256^2, int64; sides are top, bottom, left, right in 1/256 pixel."""
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
