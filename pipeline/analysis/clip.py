"""A part of a map, of a box or a polygon: as xarray, or as GeoTIFF."""

import json
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import shapely
import xarray as xr
from pyproj import CRS
from shapely.geometry.base import BaseGeometry

from pipeline.analysis.colours import rgb
from pipeline.cube.cube import Cube
from pipeline.cube.open import open_version
from pipeline.cube.schema import Layout
from pipeline.errors import RunError, UserError
from pipeline.geometry.area_mask import area_mask
from pipeline.geometry.extent import Extent
from pipeline.geometry.grid import LONLAT, Window
from pipeline.geometry.project import box_of, on_grid
from pipeline.geometry.vectors import read_vectors

STRAY = 1e-3
"""Of a pixel; see `project.on_grid`."""
STRIP = 2048
"""Rows that are written at a time."""
LABELS = ("landcover", "coarse")


def clip(cube: Cube, area: BaseGeometry, version: str | None = None, crs: str = LONLAT) -> xr.Dataset:
    """The dataset of `open_cube`, cut to the pixels whose centre lies in a polygon; lazy.

    area: a polygon of `crs`, by default in degrees. Pixels outside it are 0, or NaT. Raises UserError for one that does
    not touch the region.
    """
    dataset = open_version(cube, version)
    extent = Layout.of(cube.group(snapshot=dataset.attrs["version_id"])).extent
    (shape,) = on_grid([area], CRS(crs), extent, STRAY * extent.grid.resolution)
    window = _window(extent, shape)
    part = dataset.isel(dict(zip(("y", "x"), window.slices((extent.window.y0, extent.window.x0)), strict=True)))
    mask_HW = area_mask(shape, extent.grid, window)
    if mask_HW.all():
        return part
    mask = xr.DataArray(mask_HW, dims=("y", "x"))
    kept = {name: _masked(data, mask) for name, data in part.data_vars.items() if {"y", "x"} <= set(data.dims)}
    return part.assign(kept)


def clip_box(cube: Cube, bounds: tuple[float, float, float, float], version: str | None = None) -> xr.Dataset:
    """`clip` to west, south, east, north in degrees; west > east means across the antimeridian."""
    return clip(cube, box_of(bounds), version)


def clip_file(cube: Cube, file: str | Path, version: str | None = None) -> xr.Dataset:
    """`clip` to all polygons of a vector file together."""
    frame = read_vectors(file)
    return clip(cube, shapely.union_all(np.asarray(frame.geometry.array)), version, frame.crs.to_wkt())


def write_geotiff(dataset: xr.Dataset, name: str, time: int, file: Path) -> None:
    """Writes a variable of one period, a strip at a time; the file is whole or not there.

    Classes get their names and colours. Raises UserError for a variable that is no map, and RunError where the file
    cannot be written.
    """
    import rasterio
    from rasterio.errors import RasterioError
    from rasterio.transform import Affine

    maps = [
        str(key)
        for key, data in dataset.data_vars.items()
        if set(data.dims) == {"time", "y", "x"} and data.dtype.kind == "u"
    ]
    if name not in maps:
        raise UserError(f"there is no map {name!r:.40}; name one of {', '.join(maps)}")
    map_HW = dataset[name].isel(time=time)
    step = float(json.loads(dataset.attrs["grid"])["resolution"])
    transform = Affine(step, 0, float(dataset.x[0]) - step / 2, 0, -step, float(dataset.y[0]) + step / 2)
    rows, cols = map_HW.shape
    profile: dict[str, Any] = {"driver": "GTiff", "dtype": map_HW.dtype, "count": 1, "height": rows, "width": cols}
    profile |= {"crs": dataset.attrs["crs"], "transform": transform, "nodata": 0, "compress": "deflate"}
    profile |= {"tiled": True, "blockxsize": 512, "blockysize": 512, "bigtiff": "if_safer"}
    part = file.with_name(f".{file.name}.part")
    try:
        with rasterio.open(part, "w", **profile) as opened:
            for y in range(0, rows, STRIP):
                strip = map_HW.isel(y=slice(y, y + STRIP)).values
                opened.write(strip, 1, window=((y, y + len(strip)), (0, cols)))
            opened.update_tags(version=dataset.attrs["version_id"])
            if name in LABELS:
                opened.write_colormap(1, _colours(map_HW.attrs))
        part.replace(file)
    except (OSError, RasterioError) as error:
        raise RunError(f"{file} cannot be written ({' '.join(str(error).split())[:160]}); name another file") from None
    finally:
        part.unlink(missing_ok=True)


def _window(extent: Extent, shape: BaseGeometry) -> Window:
    if not shape.is_empty:
        window = extent.grid.window_around(shape.bounds, "the polygon") & extent.window
        if not window.empty:
            return window
    raise UserError("the box or polygon does not touch the cube's region; see that its coordinates are right")


def _masked(data: xr.DataArray, mask: xr.DataArray) -> xr.DataArray:
    nothing = np.datetime64("NaT", "ns") if data.dtype.kind == "M" else data.dtype.type(0)
    return data.where(mask, nothing)


def _colours(attributes: dict[Any, Any]) -> dict[int, tuple[int, int, int, int]]:
    colours = str(attributes["flag_colors"]).split()
    parts = [rgb(colour) for colour in colours]
    return {0: (0, 0, 0, 0)} | {int(k): (*part, 255) for k, part in zip(attributes["flag_values"], parts, strict=True)}


def time_of(dataset: xr.Dataset, start: date | None) -> int:
    """Index along time of the period that starts on a day; of the newest where none is named. Raises UserError."""
    days = dataset.time.values.astype("datetime64[D]").tolist()
    if start is None:
        return int(dataset.time.values.argmax())
    if start not in days:
        raise UserError(f"there is no period from {start}; give one of {', '.join(map(str, sorted(days)))}")
    return int(days.index(start))
