"""The blocks of a region as an SVG map, coloured by one value each."""

import math
from collections.abc import Callable
from html import escape

import numpy as np

from pipeline.analysis.overview import scale_bar
from pipeline.geometry.extent import Extent

MAX_CELLS = 4096
"""Maximum number of cells that are drawn: of more blocks each cell is a square of blocks, which shows the worst."""


def group_side(blocks: int) -> int:
    """How many blocks a side a cell of the map is."""
    return max(1, math.ceil(math.sqrt(blocks / MAX_CELLS)))


def grouped(value_YX: np.ndarray, side: int) -> np.ndarray:
    """The smallest value of each square of `side` blocks, NaN where none of its blocks is in the region."""
    rows, cols = (-(-length // side) for length in value_YX.shape)
    padded = np.full((rows * side, cols * side), np.nan)
    padded[: value_YX.shape[0], : value_YX.shape[1]] = value_YX
    return np.fmin.reduce(np.fmin.reduce(padded.reshape(rows, side, cols, side), axis=3), axis=1)


def block_map(
    extent: Extent,
    value_YX: np.ndarray,
    color: Callable[[float], str],
    label: Callable[[float], str],
    title: str,
    drawn_above: str = "",
) -> str:
    """An SVG of the blocks, whose unit is a block's side.

    value_YX: by slot of the block; NaN outside the region; the smallest is the worst. color, label: of a value.
    drawn_above: further SVG, in the units and with the origin of `to_svg`.
    """
    side = group_side(int(np.isfinite(value_YX).sum()))
    cells, window, block = grouped(value_YX, side), extent.window, extent.grid.block
    x0, y0 = (window.x0 - extent.origin[1]) / block, (window.y0 - extent.origin[0]) / block
    width, height = window.shape[1] / block, window.shape[0] / block
    frame = f"{x0:.6g} {y0:.6g} {width:.6g} {height:.6g}"
    shapes = []
    for y, x in np.argwhere(np.isfinite(cells)).tolist():
        value, r = cells[y, x], extent.block_range
        iy, ix = r.y0 + y * side, r.x0 + x * side
        name = f"block ({iy}, {ix})" if side == 1 else f"worst of {side} x {side} blocks from ({iy}, {ix})"
        shapes.append(
            f'<rect x="{x * side}" y="{y * side}" width="{side}" height="{side}" fill="{color(value)}">'
            f"<title>{escape(f'{name}: {label(value)}')}</title></rect>"
        )
    metres = extent.grid.resolution * block
    bar = f'<g transform="translate({x0:.6g} {y0:.6g})">{scale_bar(width, height, metres)}</g>'
    return (
        f'<svg viewBox="{frame}" role="img" aria-label="{escape(title)}">'
        f'<g stroke="#0004" stroke-width="{width / 800:.3g}">{"".join(shapes)}</g>{drawn_above}{bar}</svg>'
    )


def to_svg(extent: Extent, xy_N2: np.ndarray) -> np.ndarray:
    """Points in the grid's CRS (x, y) in the units of `block_map`."""
    size = extent.grid.resolution * extent.grid.block
    r = extent.block_range
    return np.stack([xy_N2[:, 0] / size - r.x0, -xy_N2[:, 1] / size - r.y0], axis=1)
