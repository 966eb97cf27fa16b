"""What a reduction writes: a folder of plain Zarr whose chunks the workers write, or a GeoTIFF copied from it."""

import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import zarr
from pyproj import CRS

from pipeline.analysis.cells import Cells
from pipeline.errors import UserError
from pipeline.storage.consolidate import consolidate


@dataclass(frozen=True)
class Bands:
    """The bands of a result: (band, y, x) of one type. names: of each band. attributes: of the array."""

    array: str
    names: Sequence[str]
    dtype: str
    nodata: float
    attributes: Mapping[str, Any]


def check_target(out: Path) -> None:
    """Raises UserError unless `out` is the name of a new .zarr folder or .tif file in a folder that is there."""
    if out.suffix not in (".zarr", ".tif"):
        raise UserError(f"{out} is no name for a result; end it in .zarr or .tif")
    if out.exists():
        raise UserError(f"{out} exists already; name another, or delete it")
    if not out.absolute().parent.is_dir():
        raise UserError(f"{out} cannot be written: there is no folder {out.absolute().parent}; make it or name another")


@contextmanager
def result(out: Path, cells: Cells, bands: Bands) -> Iterator[Path]:
    """Yields the path of a Zarr group, one chunk a tile, that becomes `out` when the block ends well.

    Raises what `check_target` raises.
    """
    check_target(out)
    part = out.absolute().with_name(f".{out.name}.{os.getpid()}.part")
    try:
        _create(part, cells, bands)
        yield part
        if out.suffix == ".tif":
            _copy_to_tiff(part, part.with_suffix(".tif"), cells, bands)
            part.with_suffix(".tif").rename(out)
        else:
            part.rename(out)
    finally:
        shutil.rmtree(part, ignore_errors=True)
        part.with_suffix(".tif").unlink(missing_ok=True)


def write_tile(path: Path, bands: Bands, cells: Cells, tile: tuple[int, int], value_BYX: np.ndarray) -> None:
    """Writes one chunk of a result, from whichever process."""
    rows, cols = cells.of(tile).slices((cells.window.y0, cells.window.x0))
    target = zarr.open_group(path, mode="r+")[bands.array]
    assert isinstance(target, zarr.Array)
    target[:, rows, cols] = value_BYX


def _transform(cells: Cells) -> tuple[float, float, float, float, float, float]:
    size = cells.extent.grid.resolution * cells.pixels
    return size, 0.0, cells.window.x0 * size, 0.0, -size, -cells.window.y0 * size


def _create(path: Path, cells: Cells, bands: Bands) -> None:
    group = zarr.create_group(path, attributes={"Conventions": "CF-1.11"})
    a, b, c, d, e, f = _transform(cells)
    rows, cols = cells.window.shape
    group.create_array(
        bands.array,
        shape=(len(bands.names), rows, cols),
        chunks=(len(bands.names), cells.side, cells.side),
        dtype=bands.dtype,
        fill_value=bands.nodata,
        dimension_names=("band", "y", "x"),
        attributes={"grid_mapping": "spatial_ref", "_FillValue": _encoded(bands), **bands.attributes},
    )
    names = np.array(bands.names, dtype=np.dtypes.StringDType())
    group.create_array("band", data=names, dimension_names=("band",))
    for axis, start, step, length in (("y", f, e, rows), ("x", c, a, cols)):
        attributes: Any = {"units": "m", "standard_name": f"projection_{axis}_coordinate", "axis": axis.upper()}
        centre = start + (np.arange(length) + 0.5) * step
        group.create_array(axis, data=centre, dimension_names=(axis,), attributes=attributes)
    crs = {**CRS(cells.extent.grid.crs).to_cf(), "GeoTransform": f"{c} {a} {b} {f} {d} {e}"}
    group.create_array("spatial_ref", data=np.array(0), attributes=crs)
    consolidate(path)


def _encoded(bands: Bands) -> Any:
    """The fill value as xarray writes it to the attributes of Zarr 3: floats as base64, integers as they are."""
    from xarray.backends.zarr import FillValueCoder

    return FillValueCoder.encode(np.dtype(bands.dtype).type(bands.nodata), np.dtype(bands.dtype))


def _copy_to_tiff(source: Path, target: Path, cells: Cells, bands: Bands) -> None:
    import rasterio
    from rasterio.windows import Window as TiffWindow

    array = zarr.open_group(source, mode="r")[bands.array]
    assert isinstance(array, zarr.Array)
    rows, cols = cells.window.shape
    with rasterio.open(
        target,
        "w",
        driver="GTiff",
        height=rows,
        width=cols,
        count=len(bands.names),
        dtype=bands.dtype,
        nodata=bands.nodata,
        crs=cells.extent.grid.crs,
        transform=rasterio.Affine(*_transform(cells)),
        tiled=True,
        blockxsize=256,
        blockysize=256,
        compress="deflate",
        interleave="band",
        bigtiff="if_safer",
    ) as file:
        file.descriptions = tuple(bands.names)
        for tile in cells.tiles():
            y, x = (slot.start for slot in cells.of(tile).slices((cells.window.y0, cells.window.x0)))
            height, width = cells.of(tile).shape
            value_BYX = np.asarray(array[:, y : y + height, x : x + width])
            file.write(value_BYX, window=TiffWindow(x, y, width, height))
