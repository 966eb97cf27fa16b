"""Copies a block of a cube from another snapshot: as a whole, or the parts of its mosaic that have changed."""

import numpy as np
import zarr

from pipeline.change.parts import mask_of
from pipeline.cube import store
from pipeline.cube.cube import Cube
from pipeline.cube.schema import CHANGES, MAP_ARRAYS, MOSAIC_ARRAYS
from pipeline.execution.task import Source, Task
from pipeline.geometry.extent import Extent


def copy_block(cube: Cube, group: zarr.Group, extent: Extent, task: Task) -> tuple[int, int, np.ndarray | None]:
    """Copies the mosaic of a task's block, its map if asked for, and what changed there if its mosaic is new.

    Returns the state of the block and its clear observations (see `cube.schema`), or, where its mosaic is of two
    sources, the observations of the part in the region instead, uint8 HW.
    """
    source, block = task.source, task.block
    assert source is not None, "a block is copied from somewhere"
    kept, whole = source.rest or source, extent.grid.block_window(block)
    at, observations_HW = whole.slices(extent.origin), None
    new_HW = mask_of(source.parts, whole, whole) if source.rest else None

    def read(of: Source, name: str) -> np.ndarray:
        return np.asarray(store.array(cube.group(snapshot=of.snapshot), name)[of.time, ..., *at])

    for name in MOSAIC_ARRAYS:
        shard = read(kept, name)
        if new_HW is not None:
            np.copyto(shard, read(source, name), where=new_HW)
            if name == "observations":
                observations_HW = shard[extent.covered(block).slices((whole.y0, whole.x0))]
        store.array(group, name)[task.time, ..., *at] = shard
    others = dict.fromkeys(MAP_ARRAYS if task.with_landcover else (), kept)
    others |= dict.fromkeys(CHANGES if source.rest or not task.with_landcover else (), source)
    for name, of in others.items():
        store.array(group, name)[task.time, ..., *at] = read(of, name)
    records, slot = cube.group(snapshot=kept.snapshot), extent.slot(block)
    state, clear = (int(np.asarray(store.array(records, f"blocks/{n}")[kept.time, *slot])) for n in ("state", "clear"))
    return state, clear, observations_HW
