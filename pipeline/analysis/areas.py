"""The true area of each class of a map, from counts of pixels in blocks."""

import numpy as np
import zarr

from pipeline.cube import store
from pipeline.cube.records import BlockRows
from pipeline.cube.schema import Layout
from pipeline.geometry.areal_scale import is_equal_area
from pipeline.geometry.extent import Extent
from pipeline.geometry.pixel_area import pixel_areas


def class_areas(group: zarr.Group, time: int) -> dict[str, float]:
    """km2 of each class in a period, by class name, from the counts of the blocks, each with its `areal_weights`."""
    layout = Layout.of(group)
    pixels = BlockRows(store.array(group, "blocks/pixels"), time)
    total_K = np.zeros(len(layout.classes))
    blocks = layout.extent.block_range
    for y, iy in enumerate(range(blocks.y0, blocks.y1)):
        ix_N = np.arange(blocks.x0, blocks.x1)
        total_K += areal_weights(layout.extent, np.full(len(ix_N), iy), ix_N) @ pixels.row(y)
    return {
        row["name"]: float(count) * layout.extent.grid.resolution**2 / 1e6
        for row, count in zip(layout.classes, total_K, strict=True)
    }


def areal_weights(extent: Extent, iy_N: np.ndarray, ix_N: np.ndarray) -> np.ndarray:
    """True area of blocks' pixels by their area on the grid, as at each block's centre; 1 where it is equal-area."""
    if is_equal_area(extent):
        return np.ones(len(iy_N))
    grid, w = extent.grid, extent.window
    row_N = np.clip((iy_N + 0.5) * grid.block - 0.5, w.y0, w.y1 - 1)
    col_N = np.clip((ix_N + 0.5) * grid.block - 0.5, w.x0, w.x1 - 1)
    return pixel_areas(grid, row_N, col_N) / grid.resolution**2
