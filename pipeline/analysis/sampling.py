"""Draw a stratified random sample of pixels from a cube; only blocks that hold a sampled pixel are read.

A sample is a function of its design alone: the number that chooses a pixel counts the pixels of a stratum in the order
of the blocks and, within a block, of its rows, however blocks are read. Numbers are raw output of Philox, which NumPy
keeps the same in all its versions.
"""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from functools import partial

import numpy as np

from cluster import gather
from pipeline.analysis.strata import Progress, StratifiedMap, Stratum, count_pixels, legend, noted, read_strata
from pipeline.cube.cube import Cube
from pipeline.cube.schema import Layout
from pipeline.digest import json_digest
from pipeline.errors import RunError, UserError
from pipeline.geometry.grid import BlockId

MOST_SEED = 2**63 - 1

Ranks = tuple[tuple[int, int], ...]
"""(stratum, how many pixels of it come before in the block)."""


@dataclass(frozen=True)
class Design:
    """What a sample follows from. cube: digest of the grid, region and classes. points: by the key of each stratum."""

    cube: str
    version: str
    period: date
    before: date | None
    seed: int
    points: Mapping[str, int]


@dataclass(frozen=True)
class Sample:
    """N sampled pixels, in random order: absolute row and column on the grid, and index into `legend`.

    pixels_S: pixels of each stratum, those that none was drawn from included.
    """

    design: Design
    layout: Layout
    legend: tuple[Stratum, ...]
    pixels_S: np.ndarray
    row_N: np.ndarray
    col_N: np.ndarray
    stratum_N: np.ndarray


def cube_digest(layout: Layout) -> str:
    """Tells cubes of different regions, grids or classes apart."""
    grid, window, area = layout.extent.grid, layout.extent.window, layout.extent.area
    classes = [(row["code"], row["name"]) for row in layout.classes]
    place = grid.crs, grid.resolution, grid.block, window.y0, window.x0, window.y1, window.x1
    return json_digest([place, None if area is None else area.wkt, classes])[:16]


def draw(
    cube: Cube,
    design: Design,
    workers: int = 2,
    counts_YXS: np.ndarray | None = None,
    progress: Progress | None = None,
) -> Sample:
    """Draws the sample of a design; `counts_YXS` are the pixels of its strata by block where they are known.

    Raises UserError where a stratum has fewer pixels than points are asked for, and RunError where the map and the
    counts of its blocks disagree.
    """
    of = StratifiedMap(cube, design.version, design.period, design.before)
    strata = legend(of.layout, design.before is not None)
    counts_YXS = count_pixels(of, workers, progress) if counts_YXS is None else counts_YXS
    pixels_S: np.ndarray = counts_YXS.sum((0, 1))
    ranks: dict[BlockId, list[tuple[int, int]]] = defaultdict(list)
    for s, stratum in enumerate(strata):
        points, pixels = design.points.get(stratum.key, 0), int(pixels_S[s])
        if points > pixels:
            raise UserError(
                f"stratum {stratum.name!r} has {pixels} pixels, but {points} are to be drawn; ask for fewer"
            )
        for slot, rank in _places(_choose(design.seed, s, pixels, points), counts_YXS[:, :, s]):
            ranks[slot].append((s, rank))
    ids = [(slot, tuple(ranks[slot])) for slot in sorted(ranks)]
    blocks = gather(partial(_locate, of), ids, workers=workers, progress=noted(progress, "blocks with a point"))
    pixel_N3 = np.array([pixel for block in blocks for pixel in block], np.int64).reshape(-1, 3)
    row_N, col_N, stratum_N = pixel_N3.T
    order_N = np.argsort(_raw(design.seed, len(strata), len(row_N)), kind="stable")
    return Sample(design, of.layout, strata, pixels_S, row_N[order_N], col_N[order_N], stratum_N[order_N])


def _raw(seed: int, stream: int, count: int) -> np.ndarray:
    numbers: np.ndarray = np.random.Philox(key=np.array([seed, stream], np.uint64)).random_raw(count)
    return numbers


def _choose(seed: int, stream: int, size: int, count: int) -> np.ndarray:
    """`count` different numbers below `size`, sorted; every set of that many is as likely as any other."""
    if 2 * count >= size:
        return np.sort(np.argsort(_raw(seed, stream, size), kind="stable")[:count])
    drawn = 2 * count + 64
    while True:
        numbers = dict.fromkeys((int(raw) * size) >> 64 for raw in _raw(seed, stream, drawn))
        if len(numbers) >= count:
            return np.array(sorted(list(numbers)[:count]), np.int64)
        drawn *= 2


def _places(number_N: np.ndarray, counts_YX: np.ndarray) -> list[tuple[BlockId, int]]:
    """The block of each pixel of a stratum, and how many pixels of the stratum come before it there."""
    ends_B = np.cumsum(counts_YX.ravel())
    block_N = np.searchsorted(ends_B, number_N, side="right")
    rank_N = number_N - (ends_B - counts_YX.ravel())[block_N]
    rows, cols = np.divmod(block_N, counts_YX.shape[1])
    return [((y, x), rank) for y, x, rank in zip(rows.tolist(), cols.tolist(), rank_N.tolist(), strict=True)]


def _locate(of: StratifiedMap, id: tuple[BlockId, Ranks]) -> list[tuple[int, int, int]]:
    """Absolute row, column and stratum of pixels of a block."""
    (y, x), ranks = id
    stratum_HW = read_strata(of, (y, x))
    side, (row0, col0) = of.layout.extent.grid.block, of.layout.extent.origin
    pixels = []
    for s in sorted({s for s, _ in ranks}):
        in_stratum_HW = stratum_HW == s
        count_H = np.count_nonzero(in_stratum_HW, axis=1)
        end_H = np.cumsum(count_H)
        for rank in (rank for of_stratum, rank in ranks if of_stratum == s):
            if rank >= end_H[-1]:
                raise RunError(
                    f"block {(y, x)} of version {of.version} has fewer pixels of a class than were counted; "
                    "'idgbr check CUBE --heal' tells what is damaged"
                )
            row = int(np.searchsorted(end_H, rank, side="right"))
            col = int(np.flatnonzero(in_stratum_HW[row])[rank - (end_H[row] - count_H[row])])
            pixels.append((row0 + y * side + row, col0 + x * side + col, s))
    return pixels


def strata_at(
    of: StratifiedMap,
    row_N: np.ndarray,
    col_N: np.ndarray,
    workers: int = 2,
    progress: Progress | None = None,
) -> np.ndarray:
    """Index of the stratum of pixels, int64; NONE where the map has no class. Reads the blocks that hold them."""
    side, (row0, col0) = of.layout.extent.grid.block, of.layout.extent.origin
    slots = np.stack([(row_N - row0) // side, (col_N - col0) // side], 1)
    blocks: dict[BlockId, list[int]] = defaultdict(list)
    for n, (y, x) in enumerate(slots.tolist()):
        blocks[y, x].append(n)
    ids = [
        (slot, tuple(((row_N[blocks[slot]] - row0) % side * side + (col_N[blocks[slot]] - col0) % side).tolist()))
        for slot in blocks
    ]
    stratum_N = np.empty(len(row_N), np.int64)
    found = gather(partial(_read, of), ids, workers=workers, progress=noted(progress, "blocks that are judged"))
    for (slot, _), strata in zip(ids, found, strict=True):
        stratum_N[blocks[slot]] = strata
    return stratum_N


def _read(of: StratifiedMap, id: tuple[BlockId, tuple[int, ...]]) -> list[int]:
    slot, pixels = id
    strata: list[int] = read_strata(of, slot).ravel()[list(pixels)].tolist()
    return strata
