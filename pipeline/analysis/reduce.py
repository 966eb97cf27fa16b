"""Reductions of a published map: class fractions on coarser cells, and maps made of the series of all periods."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from cluster import gather
from pipeline.analysis.cells import Cells, Tile, class_counts, split
from pipeline.analysis.result import Bands, result, write_tile
from pipeline.analysis.series import first_and_last, most_frequent, smoothed
from pipeline.cube import store, versions
from pipeline.cube.cube import Cube
from pipeline.cube.periods import periods_of, time_of
from pipeline.cube.schema import Layout, class_flags
from pipeline.errors import UserError

Progress = Callable[[int, int], None]
SIDE = 256
"""Largest number of cells a side of a tile of fractions."""
BLOCKS = 4
"""Blocks a side that a tile of fractions covers at most, unless a cell is larger."""
STRIP = 256
"""Rows and columns of a block whose series are in memory at a time."""


@dataclass(frozen=True)
class Reduction:
    """What was written: the file, its array and bands, the version read, and metres a pixel."""

    out: Path
    array: str
    bands: list[str]
    version: str
    resolution: float


@dataclass(frozen=True)
class _Maps:
    """A version's maps, and the indices of its periods in the order of their first days."""

    cube: Cube
    version: str
    layout: Layout
    times: list[int]
    days: list[date]

    @staticmethod
    def of(cube: Cube, version: str | None) -> "_Maps":
        snapshot = versions.resolve(cube, version)
        group = cube.group(snapshot=snapshot)
        firsts = [first for first, _ in periods_of(group)]
        times = sorted(range(len(firsts)), key=firsts.__getitem__)
        return _Maps(cube, snapshot, Layout.of(group), times, sorted(firsts))

    def code(self, name: str) -> int:
        """Raises UserError for what is neither a class's name nor its code."""
        for row in self.layout.classes:
            if name in (row["name"], str(row["code"])):
                return int(row["code"])
        there = ", ".join(f"{row['name']} ({row['code']})" for row in self.layout.classes)
        raise UserError(f"the cube has no class {name!r:.80}; give one of {there}")


def fractions(
    cube: Cube,
    out: Path,
    pixels: int,
    period: date | None = None,
    version: str | None = None,
    workers: int = 2,
    progress: Progress | None = None,
) -> Reduction:
    """Writes the share of each class among the mapped pixels of each cell of `pixels` x `pixels`, float32.

    The last band, `mapped`, is the share of the cell's pixels that have a class; where it is 0 the others are NaN.
    Raises UserError for a period or a version that is not there, and what `result.check_target` raises.
    """
    if pixels < 1:
        raise UserError(f"cells of {pixels} pixels a side were asked for; give 1 or more")
    maps = _Maps.of(cube, version)
    side = max(1, min(SIDE, BLOCKS * maps.layout.extent.grid.block // pixels))
    names = [*(row["name"] for row in maps.layout.classes), "mapped"]
    bands = Bands("fraction", names, "float32", float("nan"), {"long_name": "share of the mapped pixels", "units": "1"})
    time = time_of(cube.group(snapshot=maps.version), maps.version, period)
    make = partial(_fractions, maps, time)
    return _write(maps, out, Cells(maps.layout.extent, pixels, side), bands, make, workers, progress)


def majority(
    cube: Cube, out: Path, version: str | None = None, workers: int = 2, progress: Progress | None = None
) -> Reduction:
    """Writes the class of most periods, uint8: see `series.most_frequent`. Raises as `fractions` does."""
    maps = _Maps.of(cube, version)
    return _write_series(maps, out, ["landcover"], "uint8", most_frequent, ("landcover",), workers, progress)


def stable(
    cube: Cube,
    out: Path,
    periods: int,
    version: str | None = None,
    workers: int = 2,
    progress: Progress | None = None,
) -> Reduction:
    """Writes the series without episodes of fewer than `periods` periods, a band a period, uint8: `series.smoothed`.

    Raises as `fractions` does.
    """
    if periods < 1:
        raise UserError(f"a class cannot hold for {periods} periods; give 1 or more")
    maps = _Maps.of(cube, version)
    names, smooth = [day.isoformat() for day in maps.days], partial(smoothed, periods=periods)
    return _write_series(maps, out, names, "uint8", smooth, ("landcover", "confidence"), workers, progress)


def first_last(
    cube: Cube,
    out: Path,
    class_: str,
    version: str | None = None,
    workers: int = 2,
    progress: Progress | None = None,
) -> Reduction:
    """Writes the first and the last year in which a class (name or code) was mapped, uint16; 0 where it never was.

    The year of a period is that of its first day. Raises as `fractions` does.
    """
    maps = _Maps.of(cube, version)
    year_T = np.array([day.year for day in maps.days])
    find = partial(first_and_last, year_T=year_T, code=maps.code(class_))
    return _write_series(maps, out, ["first", "last"], "uint16", find, ("landcover",), workers, progress)


def _fractions(maps: _Maps, time: int, cells: Cells, tile: Tile) -> np.ndarray:
    source = store.array(maps.cube.group(snapshot=maps.version), "landcover")
    codes = [row["code"] for row in maps.layout.classes]
    count_KYX = class_counts(source, time, cells, cells.of(tile), codes)
    mapped_YX = count_KYX.sum(0)
    share_KYX = np.where(mapped_YX > 0, count_KYX / np.maximum(mapped_YX, 1), np.nan)
    return np.concatenate([share_KYX, mapped_YX[None] / cells.pixels**2]).astype(np.float32)


def _series(
    maps: _Maps, names: Sequence[str], reduce: Callable[..., np.ndarray], count: int, cells: Cells, tile: Tile
) -> np.ndarray:
    """Reduces the series of a tile's pixels, STRIP x STRIP at a time; (count, rows, columns)."""
    group, window = maps.cube.group(snapshot=maps.version), cells.of(tile)
    sources = [store.array(group, name) for name in names]
    value_BHW = np.zeros((count, *window.shape), np.uint16)
    for part in split(window, STRIP):
        series = [
            np.stack([store.read_window(source, time, cells.extent, part).ravel() for time in maps.times])
            for source in sources
        ]
        if series[0].any():
            value_BHW[:, *part.slices((window.y0, window.x0))] = reduce(*series).reshape(count, *part.shape)
    return value_BHW


def _write_series(
    maps: _Maps,
    out: Path,
    bands: list[str],
    dtype: str,
    reduce: Callable[..., np.ndarray],
    names: Sequence[str],
    workers: int,
    progress: Progress | None,
) -> Reduction:
    cells = Cells(maps.layout.extent, 1, maps.layout.extent.grid.block)
    described = (
        Bands("year", bands, dtype, 0, {})
        if dtype == "uint16"
        else Bands("landcover", bands, dtype, 0, class_flags(maps.layout))
    )
    make = partial(_series, maps, names, reduce, len(bands))
    return _write(maps, out, cells, described, make, workers, progress)


def _write(
    maps: _Maps,
    out: Path,
    cells: Cells,
    bands: Bands,
    make: Callable[[Cells, Tile], np.ndarray],
    workers: int,
    progress: Progress | None,
) -> Reduction:
    with result(out, cells, bands) as path:
        gather(partial(_write_tile, path, bands, cells, make), cells.tiles(), workers, progress)
    resolution = maps.layout.extent.grid.resolution * cells.pixels
    return Reduction(out, bands.array, list(bands.names), maps.version, resolution)


def _write_tile(path: Path, bands: Bands, cells: Cells, make: Callable[[Cells, Tile], Any], tile: Tile) -> None:
    write_tile(path, bands, cells, tile, make(cells, tile))
