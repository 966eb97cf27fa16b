"""Where the grid's pixels fall in a raster, exactly the same however the area is cut.

Source coordinates come from pyproj at the nodes of a lattice on the absolute grid, and bilinear interpolation between
them. Whatever follows is one plain operation per pixel in a fixed order, never a fused one, so that a pixel's bits
depend on the pixel alone.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch

from pipeline.geometry.grid import Grid, Window, transformer
from pipeline.raster.read import Part, Raster

STEP = 8
SPACING = 640.0
"""Nodes lie every 8 pixels, or 640 m where that is less. At 10 m interpolation is off by 2e-5 px at most on the named
grids, but on EPSG:6933 by 2e-4 px at 69 degrees north and 7e-3 px at 83.5, its northernmost land (tests/test_warp)."""
STRIP = 64
MARGIN = 4
"""Pixels of no data around a part, so that a neighbour outside it is found there; as many as `cubic` can reach."""


@contextmanager
def one_thread() -> Iterator[None]:
    """Keeps torch to one thread: strips in cache are too small to share, and scenes run side by side instead."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


@dataclass(frozen=True)
class SamplePoints:
    """Where the pixel centres of `window` fall in the `part` of a raster.

    `index_HW` (int32) is the pixel at or above and left of a centre, in the part with its margin, flattened;
    `down_HW`, `right_HW` (float32) how far beyond that pixel's centre, in pixels. `inside` says that no neighbour that
    `bilinear` asks for lies outside the raster.
    """

    window: Window
    part: Part
    index_HW: torch.Tensor
    down_HW: torch.Tensor
    right_HW: torch.Tensor
    inside: bool

    @property
    def width(self) -> int:
        """Of a row of the part with its margin."""
        return self.part.cols[1] - self.part.cols[0] + 2 * MARGIN

    @property
    def nbytes(self) -> int:
        """With `nearest_HW`, which may be asked for."""
        return 2 * self.index_HW.nbytes + self.down_HW.nbytes + self.right_HW.nbytes

    @cached_property
    def nearest_HW(self) -> torch.Tensor:
        """Index of the pixel in which each centre falls, int32 HW."""
        index_HW = torch.empty_like(self.index_HW)
        for _, here in row_strips(self.window):
            down_HW, right_HW = self.down_HW[here] >= 0.5, self.right_HW[here] >= 0.5
            index_HW[here] = self.index_HW[here] + down_HW.int() * self.width + right_HW.int()
        return index_HW


def sample_points(grid: Grid, window: Window, raster: Raster, device: str = "cpu") -> SamplePoints | None:
    """How to sample a raster for a window; None if the raster has nothing of it."""
    lattice = Lattice.of(grid, window, raster)
    part = lattice.part(raster, reach=2)
    if part is None:
        return None
    index_HW = torch.empty(window.shape, dtype=torch.int32)
    down_HW, right_HW = torch.empty(window.shape), torch.empty(window.shape)
    (r0, r1), (c0, c1) = part.rows, part.cols
    width = c1 - c0 + 2 * MARGIN
    inside = True
    for strip, here in row_strips(window):
        row_HW, col_HW = lattice.coordinates(strip)
        top_HW, left_HW = row_HW.floor(), col_HW.floor()
        down_HW[here], right_HW[here] = row_HW - top_HW, col_HW - left_HW
        inside &= _within(top_HW, 0, raster.height - 2) and _within(left_HW, 0, raster.width - 2)
        top_HW.clamp_(r0 - MARGIN + 1, r1 + MARGIN - 3).nan_to_num_(r0 - MARGIN + 1)
        left_HW.clamp_(c0 - MARGIN + 1, c1 + MARGIN - 3).nan_to_num_(c0 - MARGIN + 1)
        index_HW[here] = (top_HW - (r0 - MARGIN)) * width + (left_HW - (c0 - MARGIN))
    return SamplePoints(window, part, index_HW.to(device), down_HW.to(device), right_HW.to(device), inside)


def _within(values: torch.Tensor, low: int, high: int) -> bool:
    return bool(values.min() >= low) and bool(values.max() <= high)


@dataclass(frozen=True)
class Lattice:
    """Source rows and columns along the lattice's lines over every pixel column of a window, float64 YW.

    They are not finite around nodes that the raster's CRS cannot show. Nodes lie every `step` pixels.
    """

    window: Window
    step: int
    row_YW: torch.Tensor
    col_YW: torch.Tensor

    @staticmethod
    def of(grid: Grid, window: Window, raster: Raster) -> "Lattice":
        step = spacing(grid)
        node_y = np.arange(window.y0 // step, (window.y1 - 1) // step + 2) * step
        node_x = np.arange(window.x0 // step, (window.x1 - 1) // step + 2) * step
        easting, northing = np.meshgrid((node_x + 0.5) * grid.resolution, -(node_y + 0.5) * grid.resolution)
        x, y = transformer(grid.crs, raster.crs).transform(easting, northing)
        pixel_x = torch.arange(window.x0, window.x1)
        left, right = pixel_x // step - window.x0 // step, (pixel_x % step).double() / step

        def across(node_YX: np.ndarray) -> torch.Tensor:
            node = torch.from_numpy(node_YX)
            return node[:, left] * (1 - right) + node[:, left + 1] * right

        return Lattice(
            window,
            step,
            across((raster.top - y) / (raster.resolution * raster.tall) - 0.5),
            across((x - raster.left) / raster.resolution - 0.5),
        )

    def coordinates(self, strip: Window) -> tuple[torch.Tensor, torch.Tensor]:
        """(row_HW, col_HW), float64, of rows of the window; 0 is the centre of the raster's first pixel.

        Neither is finite where the raster's CRS cannot show the ground.
        """
        pixel_y = torch.arange(strip.y0, strip.y1)
        above = pixel_y // self.step - self.window.y0 // self.step
        down = (pixel_y % self.step).double()[:, None] / self.step

        def between(line_YW: torch.Tensor) -> torch.Tensor:
            return line_YW[above] * (1 - down) + line_YW[above + 1] * down

        return between(self.row_YW), between(self.col_YW)

    def part(self, raster: Raster, reach: int) -> Part | None:
        """What of a raster lies within `reach` pixels of the window's centres."""

        def span(coordinate: torch.Tensor, length: int) -> tuple[int, int]:
            known = coordinate[coordinate.isfinite()]
            if not len(known):
                return 0, 0
            low, high = float(known.min()), float(known.max())
            return max(int(np.floor(low)) + 1 - reach, 0), min(int(np.floor(high)) + 1 + reach, length)

        rows, cols = span(self.row_YW, raster.height), span(self.col_YW, raster.width)
        return Part(rows, cols) if rows[0] < rows[1] and cols[0] < cols[1] else None


def spacing(grid: Grid) -> int:
    """Pixels between the lattice's nodes: a power of two, so that the weights between them are exact."""
    step = STEP
    while step > 1 and step * grid.resolution > SPACING:
        step //= 2
    return step


def row_strips(window: Window) -> Iterator[tuple[Window, slice]]:
    """The window in strips of rows that stay in the processor's cache, and where each lies in it."""
    for y in range(window.y0, window.y1, STRIP):
        stop = min(y + STRIP, window.y1)
        yield Window(y, window.x0, stop, window.x1), slice(y - window.y0, stop - window.y0)
