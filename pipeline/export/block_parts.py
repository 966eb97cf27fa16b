"""A raster that is computed block by block: parts that an interruption leaves, and one COG of them all."""

import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import rasterio
from rasterio.errors import NotGeoreferencedWarning
from rasterio.windows import Window as RasterWindow

from catalogs.atomic import atomic_write
from pipeline.export.cog import copy_as_cog
from pipeline.export.target import PARTS
from pipeline.geometry.grid import Window

TILE = 512
THREADS = 2

Parts = Sequence[tuple[Window, Path]]
"""Blocks and the .npy file of each."""


@dataclass(frozen=True)
class Picture:
    """What a raster of one band is apart from its pixels.

    window: in pixels of an absolute grid. wkt, transform: georeference of its first pixel, affine a, b, c, d, e, f; ""
    and None where there is none. resampling: of the overviews. colours: RGBA of values, for classes.
    """

    window: Window
    wkt: str
    transform: tuple[float, ...] | None
    dtype: str
    nodata: float
    name: str
    tags: Mapping[str, str]
    resampling: str
    colours: Mapping[int, tuple[int, int, int, int]] = field(default_factory=dict)


def blocks(window: Window, side: int) -> Iterator[Window]:
    """The squares of the absolute lattice of `side` px, as far as they lie in a window."""
    for y in range(window.y0 // side * side, window.y1, side):
        for x in range(window.x0 // side * side, window.x1, side):
            yield Window(y, x, y + side, x + side) & window


def part_of(folder: Path, block: Window) -> Path:
    return folder / PARTS / f"{block.y0}_{block.x0}.npy"


def write_part(folder: Path, block: Window, compute: Callable[[Window], np.ndarray]) -> None:
    """Computes and keeps a block, unless it is there from before an interruption."""
    file = part_of(folder, block)
    if not file.exists():
        array_HW = compute(block)
        with atomic_write(file) as draft, draft.open("wb") as target:
            np.save(target, array_HW)


def write_cog_of_parts(out: Path, plain: Path, picture: Picture, parts: Parts) -> None:
    """Writes a COG of the parts, one in memory at a time; `plain`: a GeoTIFF that lies there meanwhile."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NotGeoreferencedWarning)
        _write_plain(plain, picture, parts)
        copy_as_cog(plain, out, picture.resampling, THREADS)


def _write_plain(file: Path, picture: Picture, parts: Parts) -> None:
    rows, cols = picture.window.shape
    placed = (
        {}
        if picture.transform is None
        else {"crs": picture.wkt or None, "transform": rasterio.Affine(*picture.transform)}
    )
    with rasterio.open(
        file,
        "w",
        driver="GTiff",
        height=rows,
        width=cols,
        count=1,
        dtype=picture.dtype,
        nodata=picture.nodata,
        bigtiff="if_safer",
        tiled=True,
        blockxsize=TILE,
        blockysize=TILE,
        compress="zstd",
        **placed,
    ) as target:
        target.descriptions = (picture.name,)
        target.update_tags(**picture.tags)
        if picture.colours:
            target.write_colormap(1, dict(picture.colours))
        for window, part in parts:
            place = RasterWindow.from_slices(*window.slices((picture.window.y0, picture.window.x0)))
            target.write(np.load(part), 1, window=place)
