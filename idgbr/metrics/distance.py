"""Exact Euclidean distances on the pixel lattice."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from idgbr.errors import InputError
from idgbr.metrics.arrays import Mask

Places = NDArray[np.int64]


def nearest(mask_HW: Mask) -> tuple[Places, Places]:
    """Row and column, HW each, of the nearest true pixel; InputError if there is none.

    Of equally near ones, the one in the leftmost column, and in a column the upper (as scipy's
    distance_transform_edt chooses). Columns first, then the lower envelope of the parabolas along each row, all rows
    at once (Felzenszwalb and Huttenlocher 2012), in integers.
    """
    if not mask_HW.any():
        raise InputError("no pixel of the mask is true, so none is nearest; leave such a map out")
    height, width = mask_HW.shape
    row_HW = _nearest_in_column(mask_HW)
    x_N = np.flatnonzero(mask_HW.any(0))
    y_H = np.arange(height)
    vertex_NH = np.ascontiguousarray(((row_HW - y_H[:, None]) ** 2 + np.arange(width) ** 2)[:, x_N].T)
    place_HN, start_HN, top_H = _envelope(x_N, vertex_NH, width)
    number_HW = np.zeros((height, width), np.int64)
    y, number = np.nonzero(np.arange(len(x_N)) <= top_H[:, None])
    number_HW[y, start_HN[y, number]] = number
    np.maximum.accumulate(number_HW, axis=1, out=number_HW)
    x_HW = x_N[np.take_along_axis(place_HN, number_HW, 1)]
    return row_HW[y_H[:, None], x_HW], x_HW


def squared_distance(mask_HW: Mask, reach: int) -> NDArray[np.int32]:
    """Squared distance to the nearest true pixel, HW; (reach + 1)^2 beyond `reach` px."""
    beyond = (reach + 1) ** 2
    height, width = mask_HW.shape
    if not mask_HW.any():
        return np.full((height, width), beyond, np.int32)
    x_W = np.arange(width, dtype=np.int32)
    before_HW = x_W - np.maximum.accumulate(np.where(mask_HW, x_W, np.int32(-(2**20))), axis=1)
    after_HW = np.minimum.accumulate(np.where(mask_HW, x_W, np.int32(2**20))[:, ::-1], axis=1)[:, ::-1] - x_W
    along_HW = np.minimum(np.minimum(before_HW, after_HW), reach + 1) ** 2
    near_HW = along_HW.copy()
    for dy in range(1, min(reach, height - 1) + 1):
        moved_HW = along_HW + np.int32(dy * dy)
        np.minimum(near_HW[dy:], moved_HW[:-dy], out=near_HW[dy:])
        np.minimum(near_HW[:-dy], moved_HW[dy:], out=near_HW[:-dy])
    return np.minimum(near_HW, beyond)


def _nearest_in_column(mask_HW: Mask) -> Places:
    """HW row of the nearest true pixel of the column, the upper of two; in columns without, far off."""
    height = len(mask_HW)
    y_H1 = np.arange(height)[:, None]
    far = 4 * sum(mask_HW.shape)
    above_HW = np.maximum.accumulate(np.where(mask_HW, y_H1, -far), axis=0)
    below_HW = np.minimum.accumulate(np.where(mask_HW, y_H1, far + height)[::-1], axis=0)[::-1]
    return np.where(y_H1 - above_HW <= below_HW - y_H1, above_HW, below_HW)


def _envelope(x_N: Places, vertex_NH: Places, width: int) -> tuple[Places, Places, Places]:
    """Of each row, the parabolas that are lowest somewhere: their numbers, the columns they are lowest from, and how
    many there are, less 1.

    vertex_NH: value of parabola n at column 0, that is x_n^2 plus its least value.
    """
    height = vertex_NH.shape[1]
    place_HN = np.zeros((height, len(x_N)), np.int64)
    start_HN = np.zeros_like(place_HN)
    top_H = np.zeros(height, np.int64)
    every_H = np.arange(height)
    for n in range(1, len(x_N)):
        first_H = np.zeros(height, np.int64)
        open_ = every_H
        while open_.size:
            best = place_HN[open_, top_H[open_]]
            rise = vertex_NH[n, open_] - vertex_NH[best, open_]
            first = rise // (2 * (x_N[n] - x_N[best])) + 1
            beaten = first <= start_HN[open_, top_H[open_]]
            first_H[open_] = np.where(beaten, 0, first)
            open_ = open_[beaten]
            top_H[open_] -= 1
            open_ = open_[top_H[open_] >= 0]
        wins = np.flatnonzero(first_H < width)
        top_H[wins] += 1
        place_HN[wins, top_H[wins]] = n
        start_HN[wins, top_H[wins]] = first_H[wins]
    return place_HN, start_HN, top_H
