"""Cloud Optimized GeoTIFFs of an array of a cube: one file, or tiles with a virtual raster of them all.

Blocks are read once each and written as parts; GDAL's COG driver then streams the parts into the file. Overviews are
the cube's own levels where it has them; of the other arrays GDAL makes them.
"""

import errno
import shutil
import time as clock
from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
import rasterio.shutil
from pyproj import CRS
from rasterio._err import CPLE_BaseError
from rasterio.errors import RasterioError

from catalogs.atomic import atomic_write
from pipeline.cube.cube import Cube
from pipeline.cube.geozarr import transform_of
from pipeline.cube.schema import CHANGES, DAYS
from pipeline.export.parts import BLOCK, corners, overview_count, region_window, write_parts
from pipeline.export.source import Source, open_source
from pipeline.export.target import PARTS, Exported, Progress, resumable, size_of
from pipeline.export.vrt import Piece, Raster, write_class_names, write_vrt
from pipeline.geometry.grid import Window

CACHE_MB = 128
"""GDAL's cache of blocks."""


def export_cog(
    cube: Cube,
    target: str | Path,
    name: str = "landcover",
    version: str | None = None,
    start: date | None = None,
    tile: int | None = None,
    workers: int = 2,
    progress: Progress | None = None,
) -> Exported:
    """Writes an array of one period as a COG, or as a folder of COGs of `tile` x `tile` blocks and a VRT of them.

    The region's window is grown so that it starts on a whole pixel of each overview; 0 is no data. Tiles without data
    are left out. Class arrays get a colour table and, in NAME.aux.xml, the class names. `start`: first day of the
    period, by default the last one. Raises what `open_source`, `Source.pyramid` and `resumable` raise.
    """
    begun, target = clock.monotonic(), Path(target)
    source = open_source(cube, version, start)
    source.pyramid(name)
    request = {"kind": "cog", **source.request(), "array": name, "tile": tile}
    with resumable(target, cube, request, (".tif", ".tiff") if tile is None else ("",)) as scratch:
        if tile is None:
            write_cog(source, name, scratch / target.name, scratch / PARTS, workers, progress)
        else:
            _write_tiles(source, name, scratch / target.name, scratch / PARTS, tile, workers, progress)
    files, count = size_of(target)
    periods = [source.period[0]]
    return Exported("cog", target, source.version, periods, [name], files, count, clock.monotonic() - begun)


def write_cog(
    source: Source,
    name: str,
    file: Path,
    parts: Path,
    workers: int,
    progress: Progress | None = None,
    window: Window | None = None,
) -> None:
    """Writes a COG of an array in a window of its pixels, by default the region's, unless it is there.

    `parts`: a folder for parts, which are not written again where they are there. A window that is given and holds no
    data makes no file.
    """
    if file.exists():
        return
    whole = window or region_window(source)
    levels = source.pyramid(name)[: 1 + overview_count(whole)]
    pieces = [write_parts(source, level, n, whole, parts / str(n), workers, progress) for n, level in enumerate(levels)]
    if window is not None and not pieces[0]:
        return
    vrts = [parts / f"{n}.vrt" for n in range(len(levels))]
    for n in reversed(range(len(levels))):
        write_vrt(vrts[n], _raster(source, name, whole, n), pieces[n], vrts[1:] if n == 0 else ())
    file.parent.mkdir(parents=True, exist_ok=True)
    if classes := _classes(source, name):
        write_class_names(file, classes)
    with atomic_write(file) as draft:
        copy_as_cog(vrts[0], draft, _resampling(source, name), workers)
    shutil.rmtree(parts)


def _write_tiles(
    source: Source, name: str, folder: Path, parts: Path, tile: int, workers: int, progress: Progress | None
) -> None:
    region, side = region_window(source), tile * source.layout.extent.grid.block
    tiles = [Window(y, x, y + side, x + side) & region for y, x in corners(region, side)]
    folder.mkdir(exist_ok=True)
    pieces = []
    for done, window in enumerate(tiles, start=1):
        at = f"{window.y0 // side}-{window.x0 // side}"
        file = folder / f"{name}-{at}.tif"
        write_cog(source, name, file, parts / at, workers, window=window)
        if file.exists():
            pieces.append(Piece(file, (window.y0 - region.y0, window.x0 - region.x0), window.shape))
        if progress is not None:
            progress(done, len(tiles), "tiles")
    write_vrt(folder / f"{name}.vrt", _raster(source, name, region, 0), pieces)


def _classes(source: Source, name: str) -> Sequence[Mapping[str, Any]]:
    """The class table for an array of classes, none for others."""
    return source.layout.classes if "flag_colors" in source.pyramid(name)[0].attrs else ()


def _raster(source: Source, name: str, window: Window, n: int) -> Raster:
    extent, (first, last) = source.layout.extent, source.period
    a, b, c, d, e, f = transform_of(extent, 0)
    place = a * 2**n, b, c + a * window.x0, d, e * 2**n, f + e * window.y0
    full = source.pyramid(name)[0]
    classes = _classes(source, name)
    tags = {"ARRAY": name, "VERSION": source.version, "PERIOD": f"{first}/{last}"}
    tags |= {f"CLASS_{row['code']}": row["name"] for row in classes}
    bands = source.layout.bands if name == "mosaic" else (str(full.attrs["long_name"]),)
    rows, cols = (-(-side // 2**n) for side in window.shape)
    return Raster(
        (rows, cols),
        str(full.dtype),
        CRS(extent.grid.crs).to_wkt(),
        place,
        bands,
        classes,
        tags,
        unit=str(full.attrs.get("units", "")),
        scale=float(str(full.attrs.get("scale_factor", 1))),
        offset=float(str(full.attrs.get("add_offset", 0))),
    )


def _resampling(source: Source, name: str) -> str:
    """How GDAL makes the overviews of an array that has none in the cube."""
    if name in (*DAYS, *CHANGES):
        return "NEAREST"
    return "MODE" if "flag_values" in source.pyramid(name)[0].attrs else "AVERAGE"


def copy_as_cog(raster: Path, file: Path, resampling: str, workers: int) -> None:
    """Copies a raster that GDAL reads to a new COG, whose overviews are resampled so where it has none."""
    options = {
        "COMPRESS": "DEFLATE",
        "BLOCKSIZE": str(BLOCK),
        "BIGTIFF": "IF_SAFER",
        "OVERVIEW_RESAMPLING": resampling,
        "NUM_THREADS": str(workers),
    }
    try:
        with rasterio.Env(GDAL_CACHEMAX=CACHE_MB, CPL_LOG="/dev/null"):
            rasterio.shutil.copy(raster, file, driver="COG", **options)
        whole = _is_whole(file)
    except (RasterioError, CPLE_BaseError):
        whole = False
    if not whole:
        raise OSError(errno.ENOSPC, "GDAL could not write all of it, as on a full disk")


def _is_whole(file: Path) -> bool:
    """Whether each block has its size before it and its last bytes twice, as GDAL's COG driver writes them.

    GDAL (3.10) tells no failure of what it writes when it closes a file.
    """
    with rasterio.open(file) as dataset, file.open("rb") as raw:
        for overview, factor in enumerate([1, *dataset.overviews(1)], start=-1):
            for y, x in np.ndindex(*(-(-side // (factor * BLOCK)) for side in dataset.shape)):
                at, size = (_block_tag(dataset, f"BLOCK_{what}_{x}_{y}", overview) for what in ("OFFSET", "SIZE"))
                raw.seek(max(at - 4, 0))
                block = raw.read(size + 8)
                if len(block) != size + 8 or block[:4] != size.to_bytes(4, "little") or block[-4:] != block[-8:-4]:
                    return False
    return True


def _block_tag(dataset: rasterio.DatasetReader, name: str, overview: int) -> int:
    return int(dataset.get_tag_item(name, "TIFF", 1, None if overview < 0 else overview) or 0)
