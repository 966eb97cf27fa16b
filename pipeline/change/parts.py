"""The 8 x 8 parts of a block. Which of them are meant is told by the bits of a number, row by row from the lowest.

A block is what is stored at once, 2048 pixels a side and more; a change is a field or a clear-cut. So a block in which
the ground has changed gets its new mosaic where it has changed, not everywhere.
"""

import numpy as np
from scipy import ndimage

from pipeline.change.score import EIGHT
from pipeline.geometry.grid import Window, merged

SIDE = 8
WHOLE = 2 ** (SIDE * SIDE) - 1
MARGIN = 16
"""Pixels around a change that belong to it: its rim is less certain than its middle."""
AROUND = np.ones((2 * MARGIN + 1, 1), bool)


def changed_parts(changed_HW: np.ndarray, window: Window, block: Window) -> int:
    """The parts of a block in which, or in whose MARGIN, a pixel has changed.

    window: that of the pixels. Where all parts that it has pixels of have changed, the block has as a whole.
    """
    if not changed_HW.any():
        return 0
    near_HW = ndimage.binary_dilation(ndimage.binary_dilation(changed_HW, AROUND), AROUND.T)
    near_88, inside_88 = (split(each_HW, window, block).any((1, 3)) for each_HW in (near_HW, np.ones_like(near_HW)))
    return int.from_bytes(np.packbits(near_88 | ~inside_88, bitorder="little").tobytes(), "little")


def mask_of(parts: int, window: Window, block: Window) -> np.ndarray:
    """The pixels of a window that lie in the given parts of its block, bool HW."""
    return spread(parts_mask(parts).reshape(SIDE, SIDE), window, block)


def parts_mask(parts: np.ndarray | int) -> np.ndarray:
    """Whether each part is meant, bool (..., 64)."""
    bits = np.asarray(parts, np.uint64)[..., None] >> np.arange(SIDE * SIDE, dtype=np.uint64)
    return np.asarray(bits & np.uint64(1) > 0)


def ground_of(parts: int, block: Window) -> list[Window]:
    """Windows of a block that hold its parts: of each connected piece, and of pieces together where that is no more."""
    step = block.shape[0] // SIDE
    label_88, _ = ndimage.label(parts_mask(parts).reshape(SIDE, SIDE), EIGHT)
    return merged(
        Window(*(corner + step * at for corner, at in zip(2 * (block.y0, block.x0), edges, strict=True)))
        for edges in ((y.start, x.start, y.stop, x.stop) for y, x in ndimage.find_objects(label_88))
    )


def share_of(parts: int) -> float:
    """Of a block."""
    return parts.bit_count() / (SIDE * SIDE)


def split(value_HW: np.ndarray, window: Window, block: Window) -> np.ndarray:
    """The pixels of a window of a block by its parts, (8, rows, 8, columns), 0 beyond the window."""
    step = block.shape[0] // SIDE
    value_BB = np.zeros(block.shape, value_HW.dtype)
    value_BB[window.slices((block.y0, block.x0))] = value_HW
    return value_BB.reshape(SIDE, step, SIDE, step)


def spread(value_88: np.ndarray, window: Window, block: Window) -> np.ndarray:
    """Of each pixel of a window the value of its part of the block, HW."""
    step = block.shape[0] // SIDE
    return value_88.repeat(step, 0).repeat(step, 1)[window.slices((block.y0, block.x0))]
