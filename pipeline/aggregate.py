"""What Dask makes of finished blocks: pixels of each class, and the map at half, quarter, ... size by majority.

Each Dask task gets an id, reads its pixels from the store, writes whole shards through its own fork and returns the
fork.
"""

import pickle
from functools import partial

import icechunk
import numpy as np
import zarr

from cluster import gather
from pipeline import store
from pipeline.grid import BlockId
from pipeline.layout import Layout


def update(repository: icechunk.Repository, branch: str, layout: Layout, time: int, workers: int) -> None:
    """Brings class counts and every level up to date with the land cover of a branch, in one commit a level."""
    group = store.reader(repository, branch=branch)
    made, aggregated = (np.asarray(store.array(group, f"blocks/{name}")[time]) for name in ("landcover", "aggregate"))
    rows, cols = np.nonzero(made != aggregated)
    if not len(rows):
        return
    due = slots = [(int(y), int(x)) for y, x in zip(rows, cols, strict=True)]
    for level in range(1, layout.levels + 1):
        slots = list(dict.fromkeys((y // 2, x // 2) for y, x in slots))
        session = repository.writable_session(branch)
        session.merge(
            *gather(partial(_halve, level, pickle.dumps(session.fork()), layout, time), slots, workers=workers)
        )
        if session.has_uncommitted_changes:
            session.commit(f"aggregate: level {level}")
    session = repository.writable_session(branch)
    pixels_NK = np.array(
        gather(partial(_count, repository, str(session.snapshot_id), layout, time), due, workers=workers), np.uint32
    )
    group = zarr.open_group(session.store)
    shape = pixels_NK.shape
    at = (
        np.full(shape, time),
        *(np.broadcast_to(side[:, None], shape) for side in (rows, cols)),
        np.broadcast_to(np.arange(shape[1]), shape),
    )
    store.array(group, "blocks/pixels").vindex[at] = pixels_NK
    store.array(group, "blocks/aggregate").vindex[np.full(len(rows), time), rows, cols] = made[rows, cols]
    session.commit(f"aggregate: {len(rows)} blocks")


def _count(repository: icechunk.Repository, snapshot: str, layout: Layout, time: int, slot: BlockId) -> list[int]:
    """Pixels of each class in a block."""
    landcover = store.array(store.reader(repository, snapshot=snapshot), "landcover")
    pixels = np.bincount(np.asarray(landcover[time, *_shard(layout, slot)]).ravel(), minlength=256)
    return [int(pixels[row["code"]]) for row in layout.classes]


def _halve(level: int, fork: bytes, layout: Layout, time: int, slot: BlockId) -> icechunk.ForkSession:
    """Writes one shard of a level from the four below it."""
    session: icechunk.ForkSession = pickle.loads(fork)
    group = zarr.open_group(session.store)
    y, x = slot
    finer = store.array(group, "landcover" if level == 1 else f"levels/{level - 1}/landcover")
    coarser_HW = majority(np.asarray(finer[time, *_shard(layout, slot, sides=2)]))
    rows, cols = (
        slice(part.start, part.start + n) for part, n in zip(_shard(layout, (y, x)), coarser_HW.shape, strict=True)
    )
    store.array(group, f"levels/{level}/landcover")[time, rows, cols] = coarser_HW
    return session


def _shard(layout: Layout, slot: BlockId, sides: int = 1) -> tuple[slice, slice]:
    side = layout.extent.grid.block * sides
    y, x = (index * side for index in slot)
    return slice(y, y + side), slice(x, x + side)


def majority(code_HW: np.ndarray) -> np.ndarray:
    """The most frequent class of each 2 x 2 pixels; ties go to the lowest code, 0 (no data) only where all are 0.

    Odd sides are completed with no data.
    """
    padded_HW = np.pad(code_HW, [(0, side % 2) for side in code_HW.shape])
    four = [padded_HW[dy::2, dx::2].astype(np.int16) for dy in (0, 1) for dx in (0, 1)]
    best = np.zeros_like(four[0])
    for code in four:
        votes = sum((other == code).astype(np.int16) for other in four)
        np.maximum(best, np.where(code > 0, votes * 256 + 255 - code, 0), out=best)
    return np.where(best > 0, 255 - best % 256, 0).astype(np.uint8)
