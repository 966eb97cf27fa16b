"""Strata of a map for sampling: its classes, or change between two of its periods; and their pixels by block."""

from collections.abc import Callable
from dataclasses import dataclass, fields
from datetime import date
from functools import cached_property, partial
from typing import Any

import numpy as np
import zarr

from cluster import gather
from pipeline.cube import store
from pipeline.cube.cube import Cube
from pipeline.cube.periods import time_of
from pipeline.cube.schema import Layout
from pipeline.geometry.grid import BlockId

Progress = Callable[[int, int, str], None]
"""(number done, total, what of)."""

NONE = -1
"""Index of the stratum of pixels that have no class."""


@dataclass(frozen=True)
class Stratum:
    """key: short and unique: a class code, or "stable-" or "to-" and a class code. name: for people and labels."""

    key: str
    name: str


@dataclass(frozen=True)
class StratifiedMap:
    """A period of a version, divided into the strata of `legend`.

    Strata are the classes, or with `before` (first day of an earlier period) "stable X" and "to X" of each class X:
    pixels that had class X in both periods, and pixels that have it now and had another.
    """

    cube: Cube
    version: str
    period: date
    before: date | None = None

    @cached_property
    def group(self) -> zarr.Group:
        return self.cube.group(snapshot=self.version)

    @cached_property
    def layout(self) -> Layout:
        return Layout.of(self.group)

    def __getstate__(self) -> dict[str, Any]:
        """Without the open group, which another process cannot use."""
        return {field.name: getattr(self, field.name) for field in fields(self)}

    @cached_property
    def times(self) -> tuple[int, ...]:
        """Index along time of the period and, if there is one, of that before. Raises UserError."""
        return tuple(time_of(self.group, self.version, day) for day in (self.period, self.before) if day is not None)


def legend(layout: Layout, change: bool) -> tuple[Stratum, ...]:
    classes = [(str(row["code"]), str(row["name"])) for row in layout.classes]
    if not change:
        return tuple(Stratum(*row) for row in classes)
    pairs = (("stable-", "stable "), ("to-", "to "))
    return tuple(Stratum(key + code, word + name) for key, word in pairs for code, name in classes)


def noted(progress: Progress | None, note: str) -> Callable[[int, int], None] | None:
    """Progress of one kind of work, as `cluster.gather` tells it."""
    return None if progress is None else lambda done, total: progress(done, total, note)


def count_pixels(of: StratifiedMap, workers: int = 2, progress: Progress | None = None) -> np.ndarray:
    """Pixels of each stratum in each block, int64 (rows of blocks, columns, strata).

    Classes are counted in the cube already; for change both maps are read, a block at a time.
    """
    if of.before is None:
        return np.asarray(store.array(of.group, "blocks/pixels")[of.times[0]], np.int64)
    extent = of.layout.extent
    slots = [extent.slot(block) for block in extent.blocks()]
    counts_YXS = np.zeros((*extent.block_range.shape, 2 * len(of.layout.classes)), np.int64)
    found = gather(partial(_count, of), slots, workers=workers, progress=noted(progress, "change of blocks"))
    for slot, counts in zip(slots, found, strict=True):
        counts_YXS[slot] = counts
    return counts_YXS


def _count(of: StratifiedMap, slot: BlockId) -> list[int]:
    strata = 2 * len(of.layout.classes)
    counts: list[int] = np.bincount(read_strata(of, slot).ravel() - NONE, minlength=strata + 1)[1:].tolist()
    return counts


def read_strata(of: StratifiedMap, slot: BlockId) -> np.ndarray:
    """Index of the stratum of each pixel of a block, int16 HW."""
    classes, side = of.layout.classes, of.layout.extent.grid.block
    y, x = (index * side for index in slot)
    landcover = store.array(of.group, "landcover")
    index_C = np.full(256, NONE, np.int16)
    index_C[[row["code"] for row in classes]] = np.arange(len(classes))
    now_HW, *earlier = (index_C[np.asarray(landcover[time, y : y + side, x : x + side])] for time in of.times)
    if not earlier:
        return now_HW
    (before_HW,) = earlier
    changed_HW = np.where(now_HW == before_HW, now_HW, now_HW + len(classes))
    return np.where((now_HW == NONE) | (before_HW == NONE), NONE, changed_HW).astype(np.int16)
