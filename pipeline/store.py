"""The cube: an Icechunk repository in `CUBE/store`.

/            mosaic (time, band, y, x) uint16, landcover, coarse, confidence, refined, observations (time, y, x) uint8
/levels/N    landcover at 2**N times the pixel size, by majority
/blocks      one value a block and period (time, by, bx): fingerprints, state, pixels of each class

One block is one shard of every array, so a shard has one writer.
"""

from pathlib import Path

import icechunk
import numpy as np
import zarr
from zarr.errors import GroupNotFoundError

from pipeline.errors import UserError
from pipeline.grid import BlockId, Extent, Window

icechunk.set_logs_filter("error")


def exists(cube: Path) -> bool:
    return icechunk.Repository.exists(_storage(cube))


def _storage(cube: Path) -> icechunk.Storage:
    return icechunk.local_filesystem_storage(str(cube / "store"))


def repository(cube: Path, create: bool = False) -> icechunk.Repository:
    """The Icechunk repository of a cube. Raises UserError where there is none (and `create` is not set)."""
    if create:
        cube.mkdir(parents=True, exist_ok=True)
        return icechunk.Repository.open_or_create(_storage(cube))
    if not exists(cube):
        raise UserError(f"there is no cube at {cube}; give the folder that a run's region file names as 'cube'")
    return icechunk.Repository.open(_storage(cube))


def reader(repository: icechunk.Repository, *, branch: str | None = None, snapshot: str | None = None) -> zarr.Group:
    """A cube's arrays as they stand at a branch's tip or at a snapshot, to read."""
    return zarr.open_group(repository.readonly_session(branch=branch, snapshot_id=snapshot).store, mode="r")


def peek(repository: icechunk.Repository, branch: str) -> zarr.Group | None:
    """A branch's arrays to read; None where a run was stopped before it made them."""
    try:
        group = reader(repository, branch=branch)
    except GroupNotFoundError:
        return None
    return group if "mosaic" in group else None


def array(group: zarr.Group, path: str) -> zarr.Array:
    """The array at `path` of a group."""
    found = group[path]
    if not isinstance(found, zarr.Array):
        raise TypeError(f"{path} is a group, not an array")
    return found


def write_block(group: zarr.Group, name: str, time: int, extent: Extent, block: BlockId, covered: np.ndarray) -> None:
    """Writes a block's whole shard: `covered` (..., rows, columns) where the region lies, zero elsewhere."""
    whole = extent.grid.block_window(block)
    shard = np.zeros((*covered.shape[:-2], *whole.shape), covered.dtype)
    shard[..., *extent.covered(block).slices((whole.y0, whole.x0))] = covered
    array(group, name)[time, ..., *whole.slices(extent.origin)] = shard


def read_window(source: zarr.Array, time: int, extent: Extent, window: Window) -> np.ndarray:
    """Any absolute window of `source` (..., rows, columns); zeros outside the region."""
    result = np.zeros((*source.shape[1:-2], *window.shape), source.dtype)
    part = window & extent.window
    if not part.empty:
        result[..., *part.slices((window.y0, window.x0))] = source[time, ..., *part.slices(extent.origin)]
    return result
