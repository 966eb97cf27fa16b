"""How well the maps of neighbouring regions agree where both have one."""

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date
from functools import partial

import numpy as np

from cluster import gather
from pipeline.continent.regional import Regional
from pipeline.cube import store
from pipeline.geometry.grid import BlockId

Overlap = tuple[int, int, tuple[date, date], BlockId]
"""Indices of two cubes, a period, and a block that both have."""


@dataclass(frozen=True)
class Seam:
    """Two cubes in a period. blocks: that both have. pixels: of these with a class in both maps. same: how many of them
    have the same class. equal: their share, None without such pixels."""

    a: str
    b: str
    period: date
    blocks: int
    pixels: int
    same: int
    equal: float | None


def seams(
    regionals: Sequence[Regional],
    overlaps: Sequence[Overlap],
    workers: int = 2,
    progress: Callable[[int, int], None] | None = None,
) -> list[Seam]:
    """The seam of each pair of cubes and period among `overlaps`; reads the land cover of these blocks."""
    fresh = [replace(regional) for regional in regionals]  # Without the group that each keeps open.
    counts = gather(partial(_equal_pixels, fresh), overlaps, workers=workers, progress=progress)
    total: defaultdict[tuple[int, int, date], np.ndarray] = defaultdict(lambda: np.zeros(3, np.int64))
    for (a, b, (start, _), _), count in zip(overlaps, counts, strict=True):
        total[a, b, start] += (1, *count)
    return [
        Seam(regionals[a].name, regionals[b].name, start, blocks, pixels, same, same / pixels if pixels else None)
        for (a, b, start), (blocks, pixels, same) in sorted((key, value.tolist()) for key, value in total.items())
    ]


def overlaps(regionals: Sequence[Regional]) -> Iterator[Overlap]:
    """Every block that two cubes have, for each pair of cubes and period."""
    for a, first in enumerate(regionals):
        for b, second in enumerate(regionals[a + 1 :], start=a + 1):
            blocks = first.layout.extent.block_range & second.layout.extent.block_range
            if blocks.empty:
                continue
            for period in sorted(first.periods.keys() & second.periods.keys()):
                both_YX = np.logical_and(*(each.record("landcover", period, blocks) for each in (first, second)))
                for row, col in np.argwhere(both_YX).tolist():
                    yield a, b, period, (blocks.y0 + row, blocks.x0 + col)


def _equal_pixels(regionals: Sequence[Regional], overlap: Overlap) -> tuple[int, int]:
    """Pixels of a block with a class in both maps, and with the same one."""
    *pair, period, block = overlap
    maps = []
    for regional in (regionals[index] for index in pair):
        extent = regional.layout.extent
        landcover = store.array(regional.group, "landcover")
        maps.append(store.read_window(landcover, regional.periods[period], extent, extent.grid.block_window(block)))
    a_HW, b_HW = maps
    return int(((a_HW > 0) & (b_HW > 0)).sum()), int(((a_HW == b_HW) & (a_HW > 0)).sum())
