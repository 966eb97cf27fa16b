"""Aggregate finished blocks with Dask: pixels per class, and coarser levels by majority and mean.

A Dask task gets the index of a block, reads pixels from the store, and either returns counts or writes whole shards
through its own fork of the session and returns the fork.
"""

import pickle
from collections.abc import Iterator
from functools import partial

import icechunk
import numpy as np

from cluster import gather
from pipeline.cube import store
from pipeline.cube.checked_store import session_group
from pipeline.cube.cube import Cube
from pipeline.cube.schema import LEVEL_ARRAYS, Layout
from pipeline.geometry.grid import BlockId

GROUP = 64
"""Blocks per side of the squares that are committed together."""


def aggregate_blocks(cube: Cube, branch: str, layout: Layout, time: int, workers: int) -> None:
    """Updates class counts and levels of a branch for blocks whose land cover is newer, a group of blocks at a time.

    The counts of a group are committed after its levels, so that an interrupted group is done again as a whole.
    """
    for due in _groups(cube, branch, time):
        slots = due
        for level in range(1, layout.levels + 1):
            slots = list(dict.fromkeys((y // 2, x // 2) for y, x in slots))
            _write_level(cube, branch, layout, time, level, slots, workers)
        _write_counts(cube, branch, layout, time, due, workers)


def _groups(cube: Cube, branch: str, time: int) -> Iterator[list[BlockId]]:
    """For each square of GROUP x GROUP blocks, the slots whose land cover is newer than their counts, if any."""
    group = cube.group(branch=branch)
    made, aggregated = (store.array(group, f"blocks/{name}") for name in ("landcover", "aggregate"))
    for y in range(0, made.shape[1], GROUP):
        for x in range(0, made.shape[2], GROUP):
            there = time, slice(y, y + GROUP), slice(x, x + GROUP)
            rows, cols = np.nonzero(np.asarray(made[there]) != np.asarray(aggregated[there]))
            if len(rows):
                yield list(zip((rows + y).tolist(), (cols + x).tolist(), strict=True))


def _write_level(
    cube: Cube,
    branch: str,
    layout: Layout,
    time: int,
    level: int,
    slots: list[BlockId],
    workers: int,
) -> None:
    session = cube.repository.writable_session(branch)
    halve = partial(_halve, level, pickle.dumps(session.fork()), layout, time)
    session.merge(*gather(halve, slots, workers=workers))
    if session.has_uncommitted_changes:
        cube.commit(session, f"aggregate: level {level}")


def _write_counts(cube: Cube, branch: str, layout: Layout, time: int, due: list[BlockId], workers: int) -> None:
    session = cube.repository.writable_session(branch)
    count = partial(_count, cube, str(session.snapshot_id), layout, time)
    count_NK = np.array(gather(count, due, workers=workers), np.uint32)
    group = session_group(session)
    rows, cols = np.array(due).T
    at = np.full(len(due), time), rows, cols
    classes = np.arange(len(layout.classes))
    store.array(group, "blocks/pixels").vindex[(*(side[:, None] for side in at), classes[None])] = count_NK[:, :-1]
    store.array(group, "blocks/holes").vindex[at] = count_NK[:, -1]
    made = store.array(group, "blocks/landcover").vindex[at]
    store.array(group, "blocks/aggregate").vindex[at] = made
    cube.commit(session, f"aggregate: {len(due)} blocks")


def _count(cube: Cube, snapshot: str, layout: Layout, time: int, slot: BlockId) -> list[int]:
    """Pixels of each class in a block, then pixels that were observed but have no class."""
    group, shard = cube.group(snapshot=snapshot), _shard(layout, slot)
    landcover_HW, observations_HW = (
        np.asarray(store.array(group, name)[time, *shard]) for name in ("landcover", "observations")
    )
    pixels = np.bincount(landcover_HW.ravel(), minlength=256)
    holes = int(((landcover_HW == 0) & (observations_HW > 0)).sum())
    return [*(int(pixels[row["code"]]) for row in layout.classes), holes]


def _halve(level: int, fork: bytes, layout: Layout, time: int, slot: BlockId) -> icechunk.ForkSession:
    """Writes one shard of each array of a level from the four shards of the next finer level."""
    session: icechunk.ForkSession = pickle.loads(fork)
    group = session_group(session)
    for name, reduce in REDUCTIONS.items():
        finer = store.array(group, name, level - 1)
        coarser_HW = reduce(np.asarray(finer[time, *_shard(layout, slot, sides=2)]))
        rows, cols = (
            slice(part.start, part.start + n) for part, n in zip(_shard(layout, slot), coarser_HW.shape, strict=True)
        )
        store.array(group, name, level)[time, rows, cols] = coarser_HW
    return session


def _shard(layout: Layout, slot: BlockId, sides: int = 1) -> tuple[slice, slice]:
    side = layout.extent.grid.block * sides
    y, x = (index * side for index in slot)
    return slice(y, y + side), slice(x, x + side)


def majority(code_HW: np.ndarray) -> np.ndarray:
    """The most frequent class of each 2 x 2 pixels, uint8; the lowest code at a tie, 0 (no data) only where all are 0.

    Odd sides are padded with no data.
    """
    four = _quarters(code_HW)
    best = np.zeros_like(four[0])
    for code in four:
        votes = sum((other == code).astype(np.int16) for other in four)
        np.maximum(best, np.where(code > 0, votes * 256 + 255 - code, 0), out=best)
    return np.where(best > 0, 255 - best % 256, 0).astype(np.uint8)


def mean(percent_HW: np.ndarray) -> np.ndarray:
    """The mean of each 2 x 2 pixels that have a value, uint8, halves rounded up; 0 (no data) only where all are 0.

    Odd sides are padded with no data.
    """
    four = _quarters(percent_HW)
    total, count = sum(four), sum((part > 0).astype(np.int16) for part in four)
    return ((2 * total + count) // np.maximum(2 * count, 1)).astype(np.uint8)


def _quarters(value_HW: np.ndarray) -> list[np.ndarray]:
    """The upper left, upper right, lower left and lower right of each 2 x 2 pixels, int16."""
    padded_HW = np.pad(value_HW, [(0, side % 2) for side in value_HW.shape])
    return [padded_HW[dy::2, dx::2].astype(np.int16) for dy in (0, 1) for dx in (0, 1)]


REDUCTIONS = dict(zip(LEVEL_ARRAYS, (majority, mean), strict=True))
