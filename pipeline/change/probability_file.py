"""A map of probabilities as one file, copied from its parts one after another."""

import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
import zarr
from pyproj import CRS
from rasterio.errors import NotGeoreferencedWarning
from rasterio.windows import Window as RasterWindow

from pipeline.change.dates import TwoDates
from pipeline.export.cog import copy_as_cog
from pipeline.geometry.grid import Window
from pipeline.storage.consolidate import consolidate

NAME = "probability of change"
TILE = 512
THREADS = 2


def write_probability(
    out: Path,
    scratch: Path,
    dates: TwoDates,
    parts: Sequence[tuple[Window, Path]],
    tags: Mapping[str, str],
    chunk: int,
) -> None:
    """Writes `out`, which is not there yet or was not finished, as a COG (.tif) or Zarr (.zarr); parts: .npy files.

    A plain GeoTIFF lies in the folder `scratch` meanwhile.
    """
    if out.suffix == ".zarr":
        _write_zarr(out, dates, parts, tags, chunk)
        return
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NotGeoreferencedWarning)
        _write_cog(out, scratch / "plain.tif", dates, parts, tags)


def _write_cog(
    out: Path, plain: Path, dates: TwoDates, parts: Sequence[tuple[Window, Path]], tags: Mapping[str, str]
) -> None:
    rows, cols = dates.window.shape
    placed = (
        {} if dates.transform is None else {"crs": dates.wkt or None, "transform": rasterio.Affine(*dates.transform)}
    )
    options: dict[str, Any] = {"tiled": True, "blockxsize": TILE, "blockysize": TILE, "compress": "zstd"}
    with rasterio.open(
        plain,
        "w",
        driver="GTiff",
        height=rows,
        width=cols,
        count=1,
        dtype="float32",
        nodata=float("nan"),
        bigtiff="if_safer",
        **options,
        **placed,
    ) as target:
        target.descriptions = (NAME,)
        target.update_tags(**tags)
        for window, file in parts:
            place = RasterWindow.from_slices(*window.slices((dates.window.y0, dates.window.x0)))
            target.write(np.load(file), 1, window=place)
    copy_as_cog(plain, out, "AVERAGE", THREADS)


def _write_zarr(
    out: Path, dates: TwoDates, parts: Sequence[tuple[Window, Path]], tags: Mapping[str, str], chunk: int
) -> None:
    rows, cols = dates.window.shape
    group = zarr.create_group(out, attributes={"Conventions": "CF-1.11", **tags}, overwrite=True)
    attributes: dict[str, Any] = {"long_name": NAME, "units": "1"}
    if dates.transform is not None and dates.wkt:
        a, b, c, d, e, f = dates.transform
        attributes["grid_mapping"] = "spatial_ref"
        crs = {**CRS(dates.wkt).to_cf(), "GeoTransform": f"{c} {a} {b} {f} {d} {e}"}
        group.create_array("spatial_ref", data=np.array(0), attributes=crs)
        for axis, start, step, length in (("y", f, e, rows), ("x", c, a, cols)):
            centre = start + (np.arange(length) + 0.5) * step
            group.create_array(axis, data=centre, dimension_names=(axis,))
    array = group.create_array(
        "probability",
        shape=(rows, cols),
        chunks=(min(chunk, rows), min(chunk, cols)),
        dtype="float32",
        fill_value=float("nan"),
        dimension_names=("y", "x"),
        attributes=attributes,
    )
    for window, file in parts:
        array[window.slices((dates.window.y0, dates.window.x0))] = np.load(file)
    consolidate(out)
