"""From a scene's pixels to the grid's, exactly the same however the area is cut.

Source coordinates come from pyproj at every 16th pixel of the absolute grid, and bilinear interpolation between them
(off by 4e-6 px at 10 m in EPSG:3035). Every step after that is one plain operation per pixel in a fixed order, never
a fused one, so that a pixel's bits depend on the pixel alone. Work goes in strips that stay in the processor's cache.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch

from pipeline.grid import Grid, Window, transformer
from pipeline.read import Part, Raster

STEP = 16
STRIP = 64


@contextmanager
def one_thread() -> Iterator[None]:
    """Keeps torch to one thread: strips in cache are too small to share, and blocks run side by side instead."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


def footprint(grid: Grid, window: Window, raster: Raster) -> Part | None:
    """The part of a raster that holds all that `window` needs for `bilinear` or `nearest`; None if it has nothing
    of it."""
    row_YX, col_YX, _ = _nodes(grid, window, raster)

    def span(coordinate: np.ndarray, length: int) -> tuple[int, int]:
        return max(int(np.floor(coordinate.min())), 0), min(int(np.floor(coordinate.max())) + 2, length)

    rows, cols = span(row_YX, raster.height), span(col_YX, raster.width)
    return Part(rows, cols) if rows[0] < rows[1] and cols[0] < cols[1] else None


def source_coordinates(grid: Grid, window: Window, raster: Raster) -> tuple[torch.Tensor, torch.Tensor]:
    """(row_HW, col_HW), float64: where the pixel centres of `window` fall; 0 is the centre of the raster's first
    pixel."""
    row_YX, col_YX, first = _nodes(grid, window, raster)
    pixel_y, pixel_x = torch.arange(window.y0, window.y1), torch.arange(window.x0, window.x1)
    above, left = pixel_y // STEP - first[0], pixel_x // STEP - first[1]
    down, right = (pixel_y % STEP).double()[:, None] / STEP, (pixel_x % STEP).double() / STEP

    def between(node_YX: np.ndarray) -> torch.Tensor:
        node = torch.from_numpy(node_YX)
        across_YW = node[:, left] * (1 - right) + node[:, left + 1] * right
        return across_YW[above] * (1 - down) + across_YW[above + 1] * down

    return between(row_YX), between(col_YX)


def _nodes(grid: Grid, window: Window, raster: Raster) -> tuple[np.ndarray, np.ndarray, tuple[int, int]]:
    """Source rows and columns at the lattice nodes around `window`, and the first node's indices."""
    first = window.y0 // STEP, window.x0 // STEP
    node_y = np.arange(first[0], (window.y1 - 1) // STEP + 2) * STEP
    node_x = np.arange(first[1], (window.x1 - 1) // STEP + 2) * STEP
    easting, northing = np.meshgrid((node_x + 0.5) * grid.resolution, -(node_y + 0.5) * grid.resolution)
    x, y = transformer(grid.crs, raster.crs).transform(easting, northing)
    return (raster.top - y) / raster.resolution - 0.5, (x - raster.left) / raster.resolution - 0.5, first


def bilinear(
    grid: Grid, window: Window, raster: Raster, part: Part, source_BHW: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """(value_BHW float32, valid_HW): the four neighbours' weighted mean, over those that have data.

    `source_BHW` is the `part` of the raster. A neighbour has data if no band is 0; a pixel is valid where neighbours
    with data hold at least half of the weight.
    """
    bands = len(source_BHW)
    has_data_HW = (source_BHW > 0).all(0)
    flat_CN = torch.from_numpy(np.stack([*source_BHW, has_data_HW]).astype(np.float32)).flatten(1)
    flat_CN = flat_CN * flat_CN[-1]
    value_BHW = np.empty((bands, *window.shape), np.float32)
    valid_HW = np.empty(window.shape, bool)
    for strip, inside in _strips(window):
        total_CHW = _four_neighbours(*source_coordinates(grid, strip, raster), part, flat_CN)
        weight_HW = total_CHW[-1]
        valid = weight_HW >= 0.5
        value_BHW[:, inside] = total_CHW[:-1] / torch.where(valid, weight_HW, 1)
        valid_HW[inside] = valid
    return value_BHW, valid_HW


def _four_neighbours(row_HW: torch.Tensor, col_HW: torch.Tensor, part: Part, flat_CN: torch.Tensor) -> torch.Tensor:
    top_HW, left_HW = row_HW.floor(), col_HW.floor()
    down_HW, right_HW = (row_HW - top_HW).float(), (col_HW - left_HW).float()
    total_CHW = torch.zeros(len(flat_CN), *row_HW.shape)
    for dy, wy_HW in ((0, 1 - down_HW), (1, down_HW)):
        for dx, wx_HW in ((0, 1 - right_HW), (1, right_HW)):
            index_HW, inside_HW = _index(top_HW.long() + dy, left_HW.long() + dx, part)
            weight_HW = wy_HW * wx_HW * inside_HW
            for total_HW, flat_N in zip(total_CHW, flat_CN, strict=True):
                total_HW += torch.take(flat_N, index_HW) * weight_HW
    return total_CHW


def nearest(grid: Grid, window: Window, raster: Raster, part: Part, source_HW: np.ndarray) -> np.ndarray:
    """The pixel in which each pixel centre of `window` falls; 0 outside the `part` of the raster that `source_HW`
    is."""
    value_HW = np.empty(window.shape, source_HW.dtype)
    for strip, inside in _strips(window):
        row_HW, col_HW = source_coordinates(grid, strip, raster)
        index_HW, inside_HW = _index((row_HW + 0.5).floor().long(), (col_HW + 0.5).floor().long(), part)
        value_HW[inside] = np.where(inside_HW.numpy(), source_HW.take(index_HW.numpy()), 0)
    return value_HW


def _index(row_HW: torch.Tensor, col_HW: torch.Tensor, part: Part) -> tuple[torch.Tensor, torch.Tensor]:
    """Flat indices into a part, and whether the pixels lie in it."""
    (r0, r1), (c0, c1) = part.rows, part.cols
    inside_HW = (row_HW >= r0) & (row_HW < r1) & (col_HW >= c0) & (col_HW < c1)
    index_HW = (row_HW.clamp(r0, r1 - 1) - r0) * (c1 - c0) + (col_HW.clamp(c0, c1 - 1) - c0)
    return index_HW, inside_HW


def _strips(window: Window) -> Iterator[tuple[Window, slice]]:
    """The window in strips of rows, and where each lies in it."""
    for y in range(window.y0, window.y1, STRIP):
        stop = min(y + STRIP, window.y1)
        yield Window(y, window.x0, stop, window.x1), slice(y - window.y0, stop - window.y0)
