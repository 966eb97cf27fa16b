"""A window of an image that may reach beyond it."""

from __future__ import annotations

import torch
from torch import Tensor

from idgbr.inference.tiling import Corner


def cut_window(array_CHW: Tensor, corner: Corner, origin: Corner, size: int, fill: float | None) -> Tensor:
    """The square window at `corner` of an array whose top left pixel is `origin`; beyond the array `fill`, or the
    array mirrored at its edges if that is None. A window within the array is a view of it."""
    y, x = (low - start for low, start in zip(corner, origin, strict=True))
    if 0 <= y <= array_CHW.shape[1] - size and 0 <= x <= array_CHW.shape[2] - size:
        return array_CHW[:, y : y + size, x : x + size]
    (rows, outside_rows), (columns, outside_columns) = (
        _mirror(low - start, size, side) for low, start, side in zip(corner, origin, array_CHW.shape[1:], strict=True)
    )
    window_CHW = array_CHW[:, rows][:, :, columns]
    if fill is not None:
        window_CHW[:, outside_rows] = fill
        window_CHW[:, :, outside_columns] = fill
    return window_CHW


def _mirror(low: int, count: int, side: int) -> tuple[Tensor, Tensor]:
    """Indices of the positions low..low + count - 1 in an axis of `side` px that is mirrored again and again at its
    edges, and which of these positions lie outside of it."""
    position = torch.arange(low, low + count)
    index = position % (2 * side)
    return torch.minimum(index, 2 * side - 1 - index), (position < 0) | (position >= side)
