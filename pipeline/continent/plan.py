"""Which blocks of a continent are taken from which cube, and which of them are due."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np
import shapely
import zarr

from pipeline.continent.preference import Offer, Prefer, choose
from pipeline.continent.regional import Regional
from pipeline.cube import store
from pipeline.cube.periods import periods_of
from pipeline.cube.schema import Layout, period_index
from pipeline.geometry.grid import BlockId, Window

SIDE = 64
"""Blocks per side of the squares that are committed together."""

TAKEN_OVER = ("mosaic", "landcover", "state", "clear", "pixels", "holes")
"""Records of a block that come with it."""


@dataclass(frozen=True)
class Square:
    """Blocks of one period. blocks: their absolute rectangle.

    choice_YX: index of the cube that each is taken from, -1 = none. due_YX: whether what the continent has is another.
    had_YX: whether the continent has a block. cut_YX: pixels of ground that another cube's region holds and that of the
    chosen one does not.
    """

    period: tuple[date, date]
    blocks: Window
    choice_YX: np.ndarray
    due_YX: np.ndarray
    had_YX: np.ndarray
    cut_YX: np.ndarray

    def due(self) -> list[tuple[int, BlockId]]:
        """(index of the cube, block) of what is due, in the order of blocks."""
        rows, cols = np.nonzero(self.due_YX)
        choice = self.choice_YX[rows, cols].tolist()
        return [
            (cube, (self.blocks.y0 + row, self.blocks.x0 + col))
            for cube, row, col in zip(choice, rows.tolist(), cols.tolist(), strict=True)
        ]


def squares(
    regionals: Sequence[Regional], layout: Layout, group: zarr.Group | None, prefer: Prefer
) -> Iterator[Square]:
    """The squares of SIDE x SIDE blocks of every period in which a cube has a block or the continent, `group`, has one.

    Periods come by their first day, squares row by row. A block is due if its fingerprints, state or counts are not
    those of the chosen cube, or if no cube has it any more.
    """
    whole = layout.extent.block_range
    for period in sorted({period for regional in regionals for period in regional.periods} | _periods(group)):
        for y in range(whole.y0, whole.y1, SIDE):
            for x in range(whole.x0, whole.x1, SIDE):
                blocks = Window(y, x, y + SIDE, x + SIDE) & whole
                square = _square(regionals, layout, group, prefer, period, blocks)
                if square.had_YX.any() or (square.choice_YX >= 0).any():
                    yield square


def _periods(group: zarr.Group | None) -> set[tuple[date, date]]:
    return set() if group is None else set(periods_of(group))


def _square(
    regionals: Sequence[Regional],
    layout: Layout,
    group: zarr.Group | None,
    prefer: Prefer,
    period: tuple[date, date],
    blocks: Window,
) -> Square:
    offers = [regional.offer(period, blocks) for regional in regionals]
    choice_YX = choose(np.stack([offer.rank(prefer) for offer in offers]))
    due_YX = np.zeros(blocks.shape, bool)
    had_YX = continent_record(group, layout, "landcover", period, blocks) != 0
    for name in TAKEN_OVER:
        now = continent_record(group, layout, name, period, blocks)
        differs = now != chosen(regionals, name, period, blocks, choice_YX, np.zeros_like(now))
        due_YX |= differs.reshape(*blocks.shape, -1).any(-1)
    cut_YX = _cut(regionals, offers, choice_YX, blocks)
    return Square(period, blocks, choice_YX, due_YX, had_YX, cut_YX)


def _cut(regionals: Sequence[Regional], offers: Sequence[Offer], choice_YX: np.ndarray, blocks: Window) -> np.ndarray:
    """Pixels of each block that lie in the region of a cube with a map of it and not in that of the chosen cube."""
    cut_YX = np.zeros(blocks.shape, np.int64)
    there_SYX = np.stack([offer.state_YX > 0 for offer in offers])
    own_YX = np.choose(np.maximum(choice_YX, 0), [offer.held_PYX[0] for offer in offers])
    grid = regionals[0].layout.extent.grid
    for row, col in np.argwhere((there_SYX.sum(0) > 1) & (own_YX < grid.block**2)).tolist():
        block = blocks.y0 + row, blocks.x0 + col
        parts = [r.ground(block) for r, there in zip(regionals, there_SYX[:, row, col], strict=True) if there]
        union = shapely.area(shapely.union_all(parts)) / grid.resolution**2
        cut_YX[row, col] = max(round(union) - int(own_YX[row, col]), 0)
    return cut_YX


def continent_record(
    group: zarr.Group | None, layout: Layout, name: str, period: tuple[date, date], blocks: Window
) -> np.ndarray:
    """`blocks/NAME` of a rectangle of absolute blocks of the continent; zeros where it lacks the period."""
    time = None if group is None else period_index(group, period[0])
    if group is None or time is None:
        classes = (len(layout.classes),) if name == "pixels" else ()
        return np.zeros((*blocks.shape, *classes), np.uint64)
    of = layout.extent.block_range
    return np.asarray(store.array(group, f"blocks/{name}")[time, *blocks.slices((of.y0, of.x0))])


def chosen(
    regionals: Sequence[Regional],
    name: str,
    period: tuple[date, date],
    blocks: Window,
    choice_YX: np.ndarray,
    into: np.ndarray,
) -> np.ndarray:
    """`into` with the records NAME of the chosen cubes; zero where there is none."""
    for index, regional in enumerate(regionals):
        taken_YX = choice_YX == index
        if taken_YX.any():
            into[taken_YX] = regional.record(name, period, blocks)[taken_YX]
    into[choice_YX < 0] = 0
    return into
