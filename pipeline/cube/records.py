"""What a cube already has of a region's blocks, in one period: the fingerprints they were made from."""

from dataclasses import dataclass, field

import icechunk
import numpy as np
import zarr

from pipeline.config.region import Region
from pipeline.cube import store
from pipeline.cube.schema import BLOCKS_PER_CHUNK, DEGRADED, period_index
from pipeline.geometry.extent import Extent
from pipeline.geometry.grid import BlockId


@dataclass
class Stripes:
    """A record of the blocks (time, by, bx, ...), read a stripe of chunks at a time and forgotten with the next."""

    source: zarr.Array
    time: int
    _at: int = field(default=-1, init=False)
    _stripe: np.ndarray = field(default_factory=lambda: np.empty(0), init=False)

    def row(self, y: int) -> np.ndarray:
        """The record of one row of slots, (bx, ...)."""
        at = y // BLOCKS_PER_CHUNK
        if at != self._at:
            rows = slice(at * BLOCKS_PER_CHUNK, (at + 1) * BLOCKS_PER_CHUNK)
            self._at, self._stripe = at, np.asarray(self.source[self.time, rows])
        return self._stripe[y % BLOCKS_PER_CHUNK]


@dataclass(frozen=True)
class Held:
    extent: Extent
    mosaic: Stripes
    landcover: Stripes
    state: Stripes

    def row(self, iy: int, ix_N: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The fingerprints of the mosaics and land covers of blocks of one row; 0 where there are none."""
        y, x0 = self.extent.slot((iy, 0))
        return self.mosaic.row(y)[ix_N + x0], self.landcover.row(y)[ix_N + x0]

    def of(self, block: BlockId) -> tuple[int, int]:
        """The fingerprints of one block."""
        y, x = self.extent.slot(block)
        return int(self.mosaic.row(y)[x]), int(self.landcover.row(y)[x])

    def degraded(self, block: BlockId) -> bool:
        """Whether a block lacks a scene that could not be read."""
        y, x = self.extent.slot(block)
        return bool(self.state.row(y)[x] == DEGRADED)


def held(repository: icechunk.Repository, region: Region, branch: str) -> Held | None:
    """What a branch's tip holds of the region's period; None if there is no such branch or period."""
    group = store.peek(repository, branch) if branch in repository.list_branches() else None
    if group is None:
        return None
    time = period_index(group, region.period[0])
    if time is None:
        return None
    mosaic, landcover, state = (store.array(group, f"blocks/{name}") for name in ("mosaic", "landcover", "state"))
    if mosaic.shape[1:] != region.extent.block_range.shape:
        return None
    return Held(region.extent, Stripes(mosaic, time), Stripes(landcover, time), Stripes(state, time))
