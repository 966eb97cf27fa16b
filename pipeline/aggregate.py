"""What Dask makes of finished blocks: pixels of each class, and the map at half, quarter, ... size by majority.

Each Dask task gets an id, reads its pixels from the store, writes whole shards through its own fork and returns the
fork.
"""

import pickle
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import icechunk
import numpy as np
import zarr

from cluster import Listener, gather
from pipeline import store
from pipeline.grid import BlockId
from pipeline.layout import Layout


@dataclass(frozen=True)
class _Part:
    slot: BlockId
    fork: icechunk.ForkSession
    pixels: tuple[int, ...]


def update(
    repository: icechunk.Repository,
    branch: str,
    layout: Layout,
    time: int,
    blocks: Sequence[BlockId],
    workers: int,
    listener: Listener | None,
) -> None:
    """Brings class counts and every level up to date with `blocks`, in one commit a level."""
    slots = [layout.extent.slot(block) for block in blocks]
    for level in range(layout.levels + 1):
        if level > 0:
            slots = list(dict.fromkeys((y // 2, x // 2) for y, x in slots))
        session = repository.writable_session(branch)
        work = partial(_count if level == 0 else partial(_halve, level), pickle.dumps(session.fork()), layout, time)
        parts: list[_Part] = gather(work, slots, workers=workers)
        session.merge(*(part.fork for part in parts))
        if level == 0:
            rows_N1, cols_N1 = np.array(slots).T[..., None]
            class_K = np.arange(len(layout.classes))
            counts = store.array(zarr.open_group(session.store), "blocks/pixels")
            counts.vindex[time, rows_N1, cols_N1, class_K] = np.array([part.pixels for part in parts], np.uint32)
        if session.has_uncommitted_changes:
            session.commit(f"aggregate level {level}")


def _count(fork: bytes, layout: Layout, time: int, slot: BlockId) -> _Part:
    session = pickle.loads(fork)
    side = layout.extent.grid.block
    y, x = slot
    landcover_HW = np.asarray(
        store.array(zarr.open_group(session.store), "landcover")[
            time, y * side : (y + 1) * side, x * side : (x + 1) * side
        ]
    )
    pixels = np.bincount(landcover_HW.ravel(), minlength=256)
    return _Part(slot, session, tuple(int(pixels[row["code"]]) for row in layout.classes))


def _halve(level: int, fork: bytes, layout: Layout, time: int, slot: BlockId) -> _Part:
    session = pickle.loads(fork)
    group = zarr.open_group(session.store)
    side = layout.extent.grid.block
    y, x = slot
    finer = store.array(group, "landcover" if level == 1 else f"levels/{level - 1}/landcover")
    finer_HW = np.asarray(finer[time, 2 * y * side : 2 * (y + 1) * side, 2 * x * side : 2 * (x + 1) * side])
    coarser_HW = majority(finer_HW)
    rows, cols = coarser_HW.shape
    coarser = store.array(group, f"levels/{level}/landcover")
    coarser[time, y * side : y * side + rows, x * side : x * side + cols] = coarser_HW
    return _Part(slot, session, ())


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
