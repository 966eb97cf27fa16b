"""One part of the pyramid: shards of some levels, below a shard of the coarsest of them. Each block is read once."""

import pickle
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import icechunk
import numpy as np
import zarr

from pipeline.analysis.halve import REDUCTIONS
from pipeline.cube import store
from pipeline.cube.checked_store import session_group
from pipeline.cube.schema import LEVEL_ARRAYS, Layout
from pipeline.geometry.grid import BlockId

QUADRANTS = ((0, 0), (0, 1), (1, 0), (1, 1))


@dataclass(frozen=True)
class Subtree:
    """The shard `root` of the level `top`, and those shards of the level `base` below it that have changed."""

    base: int
    top: int
    root: BlockId
    changed: tuple[BlockId, ...]


@dataclass(frozen=True)
class Built:
    """The fork that holds what was written; where the base is 0, for each changed block its pixels of each class, then
    its observed pixels without a class."""

    fork: icechunk.ForkSession
    counts: Mapping[BlockId, list[int]]


def subtrees(base: int, top: int, changed: Sequence[BlockId]) -> Iterator[Subtree]:
    """The subtrees from the shards `changed` of the level `base` up to the level `top`."""
    below: dict[BlockId, list[BlockId]] = {}
    for slot in changed:
        below.setdefault(_above(slot, top - base), []).append(slot)
    return (Subtree(base, top, root, tuple(slots)) for root, slots in below.items())


def build(fork: bytes, layout: Layout, time: int, subtree: Subtree) -> Built:
    """Writes the levels base + 1 .. top of a subtree through a fork. In memory is one shard of each level at a time."""
    session: icechunk.ForkSession = pickle.loads(fork)
    builder = _Builder(session_group(session), layout, time, subtree)
    for name in LEVEL_ARRAYS:
        builder.shard(name, subtree.top, subtree.root)
    return Built(session, builder.counts)


def _above(slot: BlockId, levels: int) -> BlockId:
    return slot[0] >> levels, slot[1] >> levels


class _Builder:
    def __init__(self, group: zarr.Group, layout: Layout, time: int, subtree: Subtree) -> None:
        self.layout, self.time, self.base = layout, time, subtree.base
        self.counts: dict[BlockId, list[int]] = {}
        levels = range(subtree.base, subtree.top + 1)
        self._changed = {level: {_above(slot, level - subtree.base) for slot in subtree.changed} for level in levels}
        self._arrays = {(name, level): store.array(group, name, level) for level in levels for name in LEVEL_ARRAYS}
        self._observations = store.array(group, "observations")

    def shard(self, name: str, level: int, slot: BlockId) -> np.ndarray:
        """A shard (side, side) uint8 of a level, no data beyond the array; what is to change is made and written."""
        if level == self.base or slot not in self._changed[level]:
            value_HW = self._read(self._arrays[name, level], slot)
            if level == 0 and name == "landcover" and slot in self._changed[0]:
                self.counts[slot] = self._count(value_HW, slot)
            return value_HW
        side = self.layout.extent.grid.block
        value_HW, half = np.zeros((side, side), np.uint8), side // 2
        for dy, dx in QUADRANTS:
            quarter_HW = REDUCTIONS[name](self.shard(name, level - 1, (2 * slot[0] + dy, 2 * slot[1] + dx)))
            value_HW[dy * half : (dy + 1) * half, dx * half : (dx + 1) * half] = quarter_HW
        target = self._arrays[name, level]
        rows, cols = self._window(target, slot)
        target[self.time, rows, cols] = value_HW[: rows.stop - rows.start, : cols.stop - cols.start]
        return value_HW

    def _read(self, source: zarr.Array, slot: BlockId) -> np.ndarray:
        side = self.layout.extent.grid.block
        value_HW = np.zeros((side, side), source.dtype)
        rows, cols = self._window(source, slot)
        if rows.start < rows.stop and cols.start < cols.stop:
            value_HW[: rows.stop - rows.start, : cols.stop - cols.start] = source[self.time, rows, cols]
        return value_HW

    def _window(self, source: zarr.Array, slot: BlockId) -> tuple[slice, slice]:
        """The pixels of a shard that its array has."""
        side = self.layout.extent.grid.block
        rows, cols = (
            slice(at * side, min((at + 1) * side, length)) for at, length in zip(slot, source.shape[1:], strict=True)
        )
        return rows, cols

    def _count(self, landcover_HW: np.ndarray, slot: BlockId) -> list[int]:
        pixels = [int(np.count_nonzero(landcover_HW == row["code"])) for row in self.layout.classes]
        if landcover_HW.all():
            return [*pixels, 0]
        observed_HW = self._read(self._observations, slot) > 0
        return [*pixels, int(np.count_nonzero(observed_HW & (landcover_HW == 0)))]
