"""The area of each class of a map."""

import numpy as np
import zarr

from pipeline.cube import store
from pipeline.cube.records import BlockRows
from pipeline.cube.schema import Layout


def class_areas(group: zarr.Group, time: int) -> dict[str, float]:
    """km2 of each class in a period, by class name, from the counts of the blocks; true on an equal-area grid."""
    layout = Layout.of(group)
    pixels = BlockRows(store.array(group, "blocks/pixels"), time)
    total_K = np.zeros(len(layout.classes), np.int64)
    for y in range(layout.extent.block_range.shape[0]):
        total_K += pixels.row(y).sum(0, dtype=np.int64)
    return {
        row["name"]: float(count) * layout.extent.grid.resolution**2 / 1e6
        for row, count in zip(layout.classes, total_K, strict=True)
    }
