"""Parts of an export: a shard of an array each, as a small GeoTIFF that GDAL reads."""

from collections.abc import Iterator
from functools import partial
from pathlib import Path

import numpy as np
import zarr
from rasterio.io import MemoryFile
from rasterio.transform import from_origin

from catalogs.atomic import atomic_write
from cluster import gather
from pipeline.cube.schema import halvings
from pipeline.export.source import Source
from pipeline.export.target import Progress
from pipeline.export.vrt import Piece
from pipeline.geometry.grid import Window

BLOCK = 512
"""Pixels of a side of a GeoTIFF's blocks."""


def region_window(source: Source) -> Window:
    """The region's window in the pixels of the arrays, grown to start at a pixel of the coarsest overview."""
    extent = source.layout.extent
    (row, col), w = extent.origin, extent.window
    step = 2 ** halvings(w.shape)
    y0, x0 = ((at // step) * step for at in (w.y0 - row, w.x0 - col))
    y1, x1 = (min(-(-at // step) * step, side) for at, side in zip((w.y1 - row, w.x1 - col), extent.shape, strict=True))
    return Window(y0, x0, y1, x1)


def overview_count(window: Window) -> int:
    """The number of overviews that a window needs and that start with a whole pixel."""
    count = 0
    while count < halvings(window.shape) and all(at % 2 ** (count + 1) == 0 for at in (window.y0, window.x0)):
        count += 1
    return count


def corners(window: Window, side: int) -> Iterator[tuple[int, int]]:
    """Upper left corners of the squares of a lattice that a window touches."""
    for y in range(window.y0 // side * side, window.y1, side):
        for x in range(window.x0 // side * side, window.x1, side):
            yield y, x


def write_parts(
    source: Source, level: zarr.Array, n: int, window: Window, folder: Path, workers: int, progress: Progress | None
) -> list[Piece]:
    """Writes a window of a level of the pyramid as one file a shard; returns those that hold data."""
    here = Window(window.y0 >> n, window.x0 >> n, *(-(-at // 2**n) for at in (window.y1, window.x1)))
    side = source.layout.extent.grid.block
    windows = [Window(y, x, y + side, x + side) & here for y, x in corners(here, side)]
    folder.mkdir(parents=True, exist_ok=True)
    count = None if progress is None else (lambda done, total: progress(done, total, f"at 1/{2**n}"))
    gather(partial(_write_part, level, source.time, folder), windows, workers=workers, progress=count)
    files = [(_part(folder, part), part) for part in windows]
    return [
        Piece(file, (part.y0 - here.y0, part.x0 - here.x0), part.shape) for file, part in files if file.stat().st_size
    ]


def _part(folder: Path, window: Window) -> Path:
    return folder / f"{window.y0}-{window.x0}.tif"


def _write_part(level: zarr.Array, time: int, folder: Path, window: Window) -> None:
    """Writes a part unless it is there; one without data is an empty file."""
    file = _part(folder, window)
    if file.exists():
        return
    values = np.asarray(level[time, ..., *window.slices((0, 0))])
    with atomic_write(file) as draft:
        draft.write_bytes(_geotiff(values.reshape(-1, *window.shape)) if values.any() else b"")


def _geotiff(values_BHW: np.ndarray) -> bytes:
    bands, rows, cols = values_BHW.shape
    with MemoryFile() as memory:
        with memory.open(
            driver="GTiff",
            width=cols,
            height=rows,
            count=bands,
            dtype=values_BHW.dtype,
            transform=from_origin(0, rows, 1, 1),
            tiled=True,
            blockxsize=BLOCK,
            blockysize=BLOCK,
            compress="ZSTD",
            zstd_level=1,
        ) as file:
            file.write(values_BHW)
        return bytes(memory.getbuffer())
