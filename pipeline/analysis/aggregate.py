"""Aggregate finished blocks with Dask: pixels per class, and coarser levels by majority and mean.

A Dask task gets the indices of a few blocks, reads each of them once, writes whole shards through its own fork of the
session, and returns the fork and the counts.
"""

import pickle
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from itertools import pairwise

import icechunk
import numpy as np

from cluster import gather
from pipeline.analysis.subtree import build, subtrees
from pipeline.cube import store
from pipeline.cube.checked_store import session_group
from pipeline.cube.cube import Cube
from pipeline.cube.schema import Layout
from pipeline.geometry.grid import BlockId

GROUP = 64
"""Blocks per side of the squares that are committed together."""
STEPS = (2, 4)
"""Levels up to which a square is made in one go, by subtrees of 16 shards; the rest is made in one more."""


def aggregate_blocks(
    cube: Cube,
    branch: str,
    layout: Layout,
    time: int,
    workers: int,
    progress: Callable[[int, int], None] | None = None,
) -> None:
    """Updates class counts and levels of a branch for blocks whose land cover is newer, a group of blocks at a time.

    The counts of a group are committed with its coarsest levels, so that an interrupted group is done again as a whole.
    `progress` is called with (number of blocks done, total).
    """
    total = sum(map(len, _groups(cube, branch, time))) if progress else 0
    done = 0

    def count(parts: int, of: int) -> None:
        if progress is not None:
            progress(done + parts * len(due) // of, total)

    for due in _groups(cube, branch, time):
        counts: dict[BlockId, list[int]] = {}
        for base, top in steps(layout.levels):
            changed = list(dict.fromkeys((y >> base, x >> base) for y, x in due))
            session = cube.repository.writable_session(branch)
            make = partial(build, pickle.dumps(session.fork()), layout, time)
            parts = gather(make, list(subtrees(base, top, changed)), workers, count if base == 0 else None)
            session.merge(*(part.fork for part in parts))
            for part in parts:
                counts |= part.counts
            if top == layout.levels:
                _write_counts(session, layout, time, counts)
            cube.commit(session, f"aggregate: {len(due)} blocks up to level {top}")
        done += len(due)


def steps(levels: int) -> list[tuple[int, int]]:
    """The levels (from, to) that are made in one go each, up to the coarsest."""
    return list(pairwise([0, *(level for level in STEPS if level < levels), levels]))


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


def _write_counts(session: icechunk.Session, layout: Layout, time: int, counts: Mapping[BlockId, list[int]]) -> None:
    group, count_NK = session_group(session), np.array(list(counts.values()), np.uint32)
    rows, cols = np.array(list(counts)).T
    at = np.full(len(counts), time), rows, cols
    classes = np.arange(len(layout.classes))
    store.array(group, "blocks/pixels").vindex[(*(side[:, None] for side in at), classes[None])] = count_NK[:, :-1]
    store.array(group, "blocks/holes").vindex[at] = count_NK[:, -1]
    store.array(group, "blocks/aggregate").vindex[at] = store.array(group, "blocks/landcover").vindex[at]
