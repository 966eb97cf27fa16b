"""Which of the 8 x 8 parts of a block have changed, as the bits of a number, row by row from the lowest.

A block is what is stored at once, up to 2048 pixels a side and more; a change is a field or a clear-cut. So a block in
which the ground has changed gets its new mosaic where it has changed, not everywhere.
"""

import numpy as np
from scipy import ndimage

from pipeline.change.score import EIGHT, PERCENT, in_patches
from pipeline.geometry.grid import Window, merged

SIDE = 8
WHOLE = 2 ** (SIDE * SIDE) - 1
MARGIN = 16
"""Pixels around a change that belong to it: its rim is less certain than its middle."""
AROUND = np.ones((2 * MARGIN + 1, 1), bool)


def changed_parts(percent_HW: np.ndarray, threshold: float, pixels: int, window: Window, block: Window) -> int:
    """The parts of a block in which, or in whose MARGIN, a patch of at least so many pixels reaches the threshold.

    window: what the pixels are of the block, 0 where they show no change. Where all parts that it has pixels of have
    changed, the block has as a whole.
    """
    changed_HW = in_patches(percent_HW >= round(threshold * PERCENT), pixels)
    if not changed_HW.any():
        return 0
    near_HW = ndimage.binary_dilation(ndimage.binary_dilation(changed_HW, AROUND), AROUND.T)
    corner = block.y0, block.x0
    near_BB, inside_BB = np.zeros(block.shape, bool), np.zeros(block.shape, bool)
    near_BB[window.slices(corner)], inside_BB[window.slices(corner)] = near_HW, True
    return _bits(_any(near_BB) | ~_any(inside_BB))


def mask_of(parts: int, side: int) -> np.ndarray:
    """The pixels of the parts of a block of `side` pixels, bool HW."""
    return _flags(parts).repeat(side // SIDE, 0).repeat(side // SIDE, 1)


def ground_of(parts: int, block: Window) -> list[Window]:
    """Windows of a block that hold its parts: of each connected piece, and of pieces together where that is no more."""
    step = block.shape[0] // SIDE
    label_88, _ = ndimage.label(_flags(parts), EIGHT)
    return merged(
        Window(*(corner + step * at for corner, at in zip(2 * (block.y0, block.x0), edges, strict=True)))
        for edges in ((y.start, x.start, y.stop, x.stop) for y, x in ndimage.find_objects(label_88))
    )


def share_of(parts: int) -> float:
    """Of a block."""
    return parts.bit_count() / (SIDE * SIDE)


def _any(mask_BB: np.ndarray) -> np.ndarray:
    """Whether any pixel of each part is set."""
    step = mask_BB.shape[0] // SIDE
    return np.asarray(mask_BB.reshape(SIDE, step, SIDE, step).any((1, 3)))


def _bits(flag_88: np.ndarray) -> int:
    return int.from_bytes(np.packbits(flag_88, bitorder="little").tobytes(), "little")


def _flags(parts: int) -> np.ndarray:
    bits_N = np.frombuffer(parts.to_bytes(SIDE, "little"), np.uint8)
    return np.unpackbits(bits_N, bitorder="little").reshape(SIDE, SIDE).astype(bool)
