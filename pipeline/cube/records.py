"""The records of a cube's blocks in one period: what they were made from, and their state."""

from dataclasses import dataclass, field
from datetime import date

import numpy as np
import zarr

from pipeline.cube.cube import Cube
from pipeline.cube.schema import BLOCKS_PER_CHUNK, DEGRADED, period_index
from pipeline.cube.store import array
from pipeline.geometry.extent import Extent
from pipeline.geometry.grid import BlockId


@dataclass
class BlockRows:
    """Rows of an array (time, by, bx, ...) in one period; keeps the last read row of chunks in memory."""

    source: zarr.Array
    time: int
    _chunk_row: int = field(default=-1, init=False)
    _values: np.ndarray = field(default_factory=lambda: np.empty(0), init=False)

    def row(self, y: int) -> np.ndarray:
        """The values of one row of blocks, (bx, ...)."""
        chunk_row = y // BLOCKS_PER_CHUNK
        if chunk_row != self._chunk_row:
            rows = slice(chunk_row * BLOCKS_PER_CHUNK, (chunk_row + 1) * BLOCKS_PER_CHUNK)
            self._chunk_row, self._values = chunk_row, np.asarray(self.source[self.time, rows])
        return self._values[y % BLOCKS_PER_CHUNK]


@dataclass(frozen=True)
class Records:
    """Fingerprints of mosaics and land covers, and states, of the blocks of an extent in one period."""

    extent: Extent
    mosaic: BlockRows
    landcover: BlockRows
    state: BlockRows

    def row(self, iy: int, ix_N: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The fingerprints of the mosaics and of the land covers of blocks of one row; 0 where there are none."""
        y, x0 = self.extent.slot((iy, 0))
        return self.mosaic.row(y)[ix_N + x0], self.landcover.row(y)[ix_N + x0]

    def fingerprints(self, block: BlockId) -> tuple[int, int]:
        """The fingerprints of a block's mosaic and land cover; 0 where there is none."""
        y, x = self.extent.slot(block)
        return int(self.mosaic.row(y)[x]), int(self.landcover.row(y)[x])

    def degraded(self, block: BlockId) -> bool:
        """Whether a block lacks a scene that could not be read."""
        y, x = self.extent.slot(block)
        return bool(self.state.row(y)[x] == DEGRADED)


def block_records(cube: Cube, branch: str, extent: Extent, start: date) -> Records | None:
    """The records at a branch's tip of the period from `start`; None if it lacks the branch, the period or the extent.

    An extent of as many blocks counts as the same: `schema.check_layout` compares the rest.
    """
    group = cube.branch_group(branch)
    time = None if group is None else period_index(group, start)
    if group is None or time is None:
        return None
    mosaic, landcover, state = (array(group, f"blocks/{name}") for name in ("mosaic", "landcover", "state"))
    if mosaic.shape[1:] != extent.block_range.shape:
        return None
    return Records(extent, BlockRows(mosaic, time), BlockRows(landcover, time), BlockRows(state, time))
