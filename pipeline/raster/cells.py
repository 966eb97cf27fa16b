"""Means over cells of pixels, without using no data."""

import numpy as np


def mean_cells(value_HW: np.ndarray, factor: int) -> np.ndarray:
    """The mean of each cell of `factor` x `factor` pixels, over its pixels that are not 0, halves rounded up.

    0 where fewer than half of a cell have data; the cells at the end may be cut short. Sums are of integers, exact.
    """
    height, width = (-(-side // factor) for side in value_HW.shape)

    def sums(pixel_HW: np.ndarray, dtype: type) -> np.ndarray:
        down_HW = np.zeros((height, pixel_HW.shape[1]), dtype)
        for dy in range(factor):
            row_HW = pixel_HW[dy::factor]
            down_HW[: len(row_HW)] += row_HW
        sum_HW = np.zeros((height, width), dtype)
        for dx in range(factor):
            col_HW = down_HW[:, dx::factor]
            sum_HW[:, : col_HW.shape[1]] += col_HW
        return sum_HW

    total_HW, count_HW = sums(value_HW, np.int64), sums(value_HW != 0, np.int32)
    mean_HW = (2 * total_HW + count_HW) // np.maximum(2 * count_HW, 1)
    return np.where(2 * count_HW >= factor**2, mean_HW, 0).astype(value_HW.dtype)
