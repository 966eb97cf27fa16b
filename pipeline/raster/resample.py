"""Resampling of a raster's pixels to the grid: nearest, bilinear, cubic or average, without using no data.

Each method returns value_BHW (float32) and valid_HW (bool) for some rows of a window. A source pixel has data if no
band of it is 0; where valid_HW is False the value is meaningless.
"""

from collections.abc import Callable, Sequence
from functools import partial
from typing import NamedTuple

import torch

from pipeline.raster.average import SampleBoxes, average, sample_boxes
from pipeline.raster.source import SourcePixels
from pipeline.raster.warp import SamplePoints, sample_points

Resampled = tuple[torch.Tensor, torch.Tensor]
HALF = 0.5
"""Share of a pixel's weight that must have data."""


class Method(NamedTuple):
    """`locate(grid, window, raster, device)`: the window's pixels in a raster, None if none lies near it.
    `resample(located, source, rows)`: value_BHW, valid_HW."""

    locate: Callable[..., SamplePoints | SampleBoxes | None]
    resample: Callable[..., Resampled]


def nearest(at: SamplePoints, source: SourcePixels, rows: slice) -> Resampled:
    """The source pixel that contains each centre."""
    index_HW = at.nearest_HW[rows]
    index_N = index_HW.flatten()
    value_BN = torch.stack([source.values(band, index_N) for band in range(len(source.flat_BN))])
    return value_BN.unflatten(1, index_HW.shape), source.all_data(index_N, [0]).view(index_HW.shape)


def bilinear(at: SamplePoints, source: SourcePixels, rows: slice) -> Resampled:
    """The weighted mean of the neighbours that have data, of four; valid where these have half of the weight."""
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


METHODS = {
    "bilinear": Method(sample_points, bilinear),
    "nearest": Method(sample_points, nearest),
    "cubic": Method(sample_points, cubic),
    "average": Method(sample_boxes, average),
}


def _weighted(values: Callable[[int], torch.Tensor], taps: Sequence[tuple[int, torch.Tensor]]) -> torch.Tensor:
    """Sum of the values at offsets, each times its weight, in the order of `taps`: (offset, weight)."""
    (offset, weight_N), *rest = taps
    total_N = values(offset).mul_(weight_N)
    for offset, weight_N in rest:
        total_N += values(offset).mul_(weight_N)
    return total_N


def _keys(t_HW: torch.Tensor) -> tuple[torch.Tensor, ...]:
    """Weights of the neighbours at -1, 0, 1, 2 of a point at 0 <= t < 1 (Keys 1981, a = -0.5)."""
    t2_HW, t3_HW = t_HW * t_HW, t_HW * t_HW * t_HW
    return (
        t2_HW - (t3_HW + t_HW) * 0.5,
        t3_HW * 1.5 - t2_HW * 2.5 + 1,
        t2_HW * 2 - t3_HW * 1.5 + t_HW * 0.5,
        (t3_HW - t2_HW) * 0.5,
    )
