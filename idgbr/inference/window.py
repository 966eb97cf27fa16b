"""A window of an image that may reach beyond it."""

from __future__ import annotations

import torch
from torch import Tensor

from idgbr.inference.tiling import Corner


def cut_window(array_CHW: Tensor, corner: Corner, origin: Corner, size: int, fill: float | None) -> Tensor:
    """The square window at `corner` of an array whose top left pixel is `origin`; beyond the array `fill`, or the
    array mirrored at its edges if that is None. A window within the array is a view of it."""
    y, x = (low - start for low, start in zip(corner, origin, strict=True))
    height, width = array_CHW.shape[1:]
    if 0 <= y <= height - size and 0 <= x <= width - size:
        return array_CHW[:, y : y + size, x : x + size]
    if fill is None:
        return array_CHW[:, _mirror(y, size, height)][:, :, _mirror(x, size, width)]
    window_CHW = array_CHW.new_full((len(array_CHW), size, size), fill)
    top, left, bottom, right = max(y, 0), max(x, 0), min(y + size, height), min(x + size, width)
    if top < bottom and left < right:
        window_CHW[:, top - y : bottom - y, left - x : right - x] = array_CHW[:, top:bottom, left:right]
    return window_CHW


def _mirror(low: int, count: int, side: int) -> Tensor:
    """Indices of the positions low..low + count - 1 in an axis of `side` px that is mirrored again and again at its
    edges."""
    index = torch.arange(low, low + count) % (2 * side)
    return torch.minimum(index, 2 * side - 1 - index)
