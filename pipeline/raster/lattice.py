"""The coordinates of the grid's pixels in a raster, the same however the area is cut into windows.

pyproj converts the nodes of a lattice on the absolute grid; between nodes coordinates are interpolated bilinearly.
"""

from dataclasses import dataclass

import numpy as np
import torch

from pipeline.geometry.grid import Grid, Window, transformer
from pipeline.raster.level import Part, Raster

STEP_PIXELS = 8
STEP_METRES = 640.0
"""Nodes lie every 8 pixels, or 640 m where that is less. At 10 m interpolation is off by 2e-5 px at most on the named
grids, but on EPSG:6933 by 2e-4 px at 69 degrees north and 7e-3 px at 83.5, its northernmost land."""


@dataclass(frozen=True)
class Lattice:
    """Source rows and columns at each line of nodes (Y) and each pixel column (W) of a window, float64 YW.

    Nodes lie every `step` pixels. Values are not finite beside nodes that the raster's CRS cannot show.
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

        row, col = raster.position(x, y)
        return Lattice(window, step, across(row - 0.5), across(col - 0.5))

    def coordinates(self, strip: Window) -> tuple[torch.Tensor, torch.Tensor]:
        """(row_HW, col_HW), float64, for a strip of the window's rows; 0 is the centre of the raster's first pixel.

        Not finite where the raster's CRS cannot show the ground.
        """
        pixel_y = torch.arange(strip.y0, strip.y1)
        above = pixel_y // self.step - self.window.y0 // self.step
        down = (pixel_y % self.step).double()[:, None] / self.step

        def between(line_YW: torch.Tensor) -> torch.Tensor:
            return line_YW[above] * (1 - down) + line_YW[above + 1] * down

        return between(self.row_YW), between(self.col_YW)

    def part(self, raster: Raster, reach: int) -> Part | None:
        """The part of a raster within `reach` pixels of the window's pixel centres; None if it is empty."""

        def span(coordinate: torch.Tensor, length: int) -> tuple[int, int]:
            finite = coordinate[coordinate.isfinite()]
            if not len(finite):
                return 0, 0
            low, high = float(finite.min()), float(finite.max())
            return max(int(np.floor(low)) + 1 - reach, 0), min(int(np.floor(high)) + 1 + reach, length)

        rows, cols = span(self.row_YW, raster.height), span(self.col_YW, raster.width)
        return Part(rows, cols) if rows[0] < rows[1] and cols[0] < cols[1] else None


def spacing(grid: Grid) -> int:
    """Pixels between nodes: a power of two, so that the weights between them are exact."""
    step = STEP_PIXELS
    while step > 1 and step * grid.resolution > STEP_METRES:
        step //= 2
    return step
