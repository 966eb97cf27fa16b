"""Difference of two versions: which blocks differ, and how many pixels changed from which class to which."""

from collections import Counter, defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta
from functools import partial

import numpy as np
import zarr

from cluster import gather
from pipeline.analysis.areas import areal_weights
from pipeline.console.html import Tabular
from pipeline.cube import store, versions
from pipeline.cube.cube import Cube
from pipeline.cube.records import BlockRows
from pipeline.cube.schema import Layout
from pipeline.errors import UserError
from pipeline.geometry.grid import BlockId

Changes = list[tuple[int, int, int]]
"""(code before, code after, pixels), with 0 = no data. Unchanged pixels have one code twice; no data in both versions
is left out."""


@dataclass(frozen=True)
class ClassChange:
    """Pixels that changed from one class, by name, to another."""

    from_: str
    to: str
    pixels: int
    km2: float


@dataclass(frozen=True)
class CodeCount:
    """Pixels of one block with one class code before and another, or the same, after."""

    from_: int
    to: int
    pixels: int


@dataclass(frozen=True)
class BlockChange:
    """Number of changed pixels of a block, and all its counts."""

    block: BlockId
    changed: int
    changes: list[CodeCount]


@dataclass(frozen=True)
class BlockCounts:
    """Blocks of the region, and those whose maps were made from different inputs."""

    compared: int
    differing: int


@dataclass(frozen=True)
class PixelCounts:
    """Pixels of the differing blocks that have a class in either version, and those that changed."""

    read: int
    changed: int
    changed_km2: float


@dataclass(frozen=True)
class DifferenceReport(Tabular):
    """A difference in numbers, from version `a` to version `b`; changes are sorted by pixels."""

    a: str
    b: str
    period: date
    blocks: BlockCounts
    pixels: PixelCounts
    changes: list[ClassChange]
    per_block: list[BlockChange]


@dataclass(frozen=True)
class Difference:
    """Changes from snapshot `a` to `b` in one period, by block. compared: number of blocks of the region."""

    a: str
    b: str
    period: date
    layout: Layout
    compared: int
    blocks: dict[BlockId, Changes]

    @property
    def changes(self) -> Changes:
        """Changed pixels of all blocks together, the most frequent change first."""
        total: Counter[tuple[int, int]] = Counter()
        for changes in self.blocks.values():
            total.update({(old, new): pixels for old, new, pixels in changes if old != new})
        return [(old, new, pixels) for (old, new), pixels in total.most_common()]

    def _true_pixels(self) -> dict[tuple[int, int], float]:
        """Changed pixels by (code before, code after), each counted as its block's `areal_weights`."""
        weight_N = areal_weights(self.layout.extent, *np.array(list(self.blocks)).reshape(-1, 2).T)
        total: dict[tuple[int, int], float] = defaultdict(float)
        for weight, changes in zip(weight_N.tolist(), self.blocks.values(), strict=True):
            for old, new, pixels in changes:
                if old != new:
                    total[old, new] += pixels * weight
        return total

    def _km2(self, pixels: float) -> float:
        return pixels * self.layout.extent.grid.resolution**2 / 1e6

    def class_name(self, code: int) -> str:
        return {row["code"]: row["name"] for row in self.layout.classes}.get(code, "no data")

    def report(self) -> DifferenceReport:
        read = sum(pixels for changes in self.blocks.values() for _, _, pixels in changes)
        changes, true = self.changes, self._true_pixels()
        return DifferenceReport(
            a=self.a,
            b=self.b,
            period=self.period,
            blocks=BlockCounts(self.compared, len(self.blocks)),
            pixels=PixelCounts(read, sum(pixels for *_, pixels in changes), self._km2(sum(true.values()))),
            changes=[
                ClassChange(self.class_name(old), self.class_name(new), pixels, self._km2(true[old, new]))
                for old, new, pixels in changes
            ],
            per_block=[
                BlockChange(
                    block,
                    sum(pixels for old, new, pixels in changes if old != new),
                    [CodeCount(*change) for change in changes],
                )
                for block, changes in self.blocks.items()
            ],
        )


def diff(
    cube: Cube,
    a: str,
    b: str,
    start: date | None = None,
    workers: int = 2,
    progress: Callable[[int, int], None] | None = None,
) -> Difference:
    """Compares version `a` with `b`, by default in the newest period that both have.

    a, b: what `versions.readable` takes. Only blocks with different fingerprints are read. Raises UserError.
    """
    from_a, to_b = versions.readable(cube, a), versions.readable(cube, b)
    old, new = (cube.group(snapshot=snapshot) for snapshot in (from_a, to_b))
    period, times = _period((a, old), (b, new), start)
    compared, blocks = compare((old, times[0]), (new, times[1]), workers, progress)
    return Difference(from_a, to_b, period, Layout.of(new), compared, blocks)


def compare(
    old: tuple[zarr.Group, int],
    new: tuple[zarr.Group, int],
    workers: int = 2,
    progress: Callable[[int, int], None] | None = None,
) -> tuple[int, dict[BlockId, Changes]]:
    """Number of blocks, and the changes of those whose fingerprints differ, of two periods, each by its index."""
    layout = Layout.of(new[0])
    extent = layout.extent
    old_rows, new_rows = (BlockRows(store.array(group, "blocks/landcover"), time) for group, time in (old, new))
    compared, due = 0, []
    for iy, ix_N in extent.rows():
        y, x0 = extent.slot((iy, 0))
        differs_N = old_rows.row(y)[ix_N + x0] != new_rows.row(y)[ix_N + x0]
        compared += len(ix_N)
        due += [(iy, ix) for ix in ix_N[differs_N].tolist()]
    maps = [(store.array(group, "landcover"), time) for group, time in (old, new)]
    changes = gather(partial(_changes, layout, maps), due, workers=workers, progress=progress)
    return compared, dict(zip(due, changes, strict=True))


def _period(a: tuple[str, zarr.Group], b: tuple[str, zarr.Group], start: date | None) -> tuple[date, tuple[int, int]]:
    """The first day of the period to compare, and its index along time in both versions."""
    first = date(1970, 1, 1)
    days = [
        {first + timedelta(day): n for n, day in enumerate(np.asarray(store.array(group, "time")).tolist())}
        for _, group in (a, b)
    ]
    wanted = max(days[0].keys() & days[1].keys(), default=None) if start is None else start
    if wanted is None:
        raise UserError(f"versions {a[0]} and {b[0]} have no period in common; name two that have")
    for (version, _), starts in zip((a, b), days, strict=True):
        if wanted not in starts:
            raise UserError(
                f"version {version} has no period from {wanted}; give one of {', '.join(map(str, sorted(starts)))}"
            )
    return wanted, (days[0][wanted], days[1][wanted])


def _changes(layout: Layout, maps: list[tuple[zarr.Array, int]], block: BlockId) -> Changes:
    """Reads one block of both maps and counts its pairs of codes."""
    side = layout.extent.grid.block
    y, x = (index * side for index in layout.extent.slot(block))
    old_HW, new_HW = (np.asarray(landcover[time, y : y + side, x : x + side]) for landcover, time in maps)
    counts = np.bincount((old_HW.astype(np.uint16) * 256 + new_HW).ravel())
    counts[0] = 0
    return [(int(pair) // 256, int(pair) % 256, int(counts[pair])) for pair in np.flatnonzero(counts)]
