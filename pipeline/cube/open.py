"""Open a cube as an xarray dataset."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import xarray as xr
import zarr

from pipeline.cube import versions
from pipeline.cube.cube import Cube
from pipeline.cube.days import as_dates
from pipeline.cube.schema import CHANGES, DAYS, Layout, pixel_maps
from pipeline.cube.store import array
from pipeline.errors import UserError

OF_WHOLE_BLOCKS = ("spatial:", "GeoTransform", "zarr_conventions", "multiscales")
"""Attributes that are right for the cube's arrays and for no crop of them; the coordinates y and x are for any."""


def open_cube(
    path: str | Path, version: str | None = None, level: int = 0, chunks: Mapping[str, int] | None = None
) -> xr.Dataset:
    """A published version of a cube, the newest by default, as a lazy dataset cropped to its region.

    Variables mosaic (time, band, y, x), landcover, coarse, confidence, refined and observations (time, y, x) are
    integers with 0 = no data; first_clear and last_clear (time, y, x) are datetime64 with NaT = no data. After an
    update with a change model there are change (percent) and change_day (datetime64) too, see `change.layer`. Class
    codes, names and colours are CF flags. The place of the pixels is said by y and x (centres) and `spatial_ref` (CRS)
    alone, so that it is right for any part of the dataset and any copy. Attributes are text, numbers or lists of
    numbers, so that they fit into NetCDF: `grid`, `bands`, `classes` and `version` are JSON; `cube` is the cube's
    location, where `.idgbr` of the dataset finds its coarse levels.

    level: N gives landcover and confidence at 2**N times the pixel size. chunks: None for arrays that are read when
    they are indexed; a mapping for Dask arrays of one chunk a shard, of other sizes for the dimensions that it names.

    Raises UserError where there is no such cube, version or level. Reading a chunk that is damaged raises DamagedChunk,
    a RunError, and so does reading in a process that was forked after a cube was opened: start workers by forkserver or
    spawn, such as `DataLoader(..., multiprocessing_context="forkserver")`.
    """
    dataset = open_version(Cube.open(path), version, level)
    return dataset if chunks is None else _chunked(dataset, chunks)


def open_version(cube: Cube, version: str | None = None, level: int = 0) -> xr.Dataset:
    """`open_cube` of a cube that is open already."""
    snapshot = versions.readable(cube, version)
    group = cube.group(snapshot=snapshot)
    layout = Layout.of(group)
    if level not in range(layout.levels + 1):
        raise UserError(f"the cube has levels 0 to {layout.levels}, not {level}; name one of them")
    dataset = _level(cube.store(snapshot), group, level)
    cropped = _crop(dataset, layout, level)
    for variable in cropped.variables.values():
        variable.attrs = _portable(variable.attrs)
    cropped.attrs = _portable(
        group.attrs.asdict() | {"crs": layout.extent.grid.crs, "version_id": snapshot, "cube": str(cube.location)}
    )
    return cropped


def _level(store: Any, group: zarr.Group, level: int) -> xr.Dataset:
    days = [name for name in pixel_maps(group) if name in (*DAYS, CHANGES[1])]
    times: Any = {name: name not in days for name in ("time", "time_bnds", *days)}
    dataset = xr.open_zarr(
        store,
        group=str(level),
        consolidated=False,
        mask_and_scale=False,
        decode_times=times,
        chunks=None,
        decode_coords="all",
    )
    if level:
        return dataset
    dataset = dataset.assign_coords(band=dataset.band.astype(object))
    return dataset.assign({name: as_dates(dataset[name].variable, array(group, name)) for name in days})


def _crop(dataset: xr.Dataset, layout: Layout, level: int) -> xr.Dataset:
    """The part in the region's window; what is left of each shard is a preferred chunk."""
    side = layout.extent.grid.block
    parts = {
        axis: slice(part.start >> level, -(-part.stop >> level))
        for axis, part in zip(("y", "x"), layout.extent.window.slices(layout.extent.origin), strict=True)
    }
    shards: dict[Any, Any] = {"time": 1, **{axis: _shards(part, side) for axis, part in parts.items()}}
    cropped = dataset.isel(parts)
    for variable in cropped.variables.values():
        variable.encoding["preferred_chunks"] = {name: shards.get(name, size) for name, size in variable.sizes.items()}
    return cropped


def _shards(part: slice, side: int) -> tuple[int, ...]:
    """Lengths of the parts of shards, one every `side` pixels, that lie in `part`."""
    starts = range(part.start - part.start % side, part.stop, side)
    return tuple(min(start + side, part.stop) - max(start, part.start) for start in starts)


def _chunked(dataset: xr.Dataset, chunks: Mapping[str, int]) -> xr.Dataset:
    stored = {name: data.chunk(data.encoding["preferred_chunks"]) for name, data in dataset.data_vars.items()}
    return dataset.assign(stored).chunk(chunks)


def _portable(attributes: dict[str, Any]) -> dict[str, Any]:
    """Attributes that any NetCDF can hold and that are right for any part of the arrays; null is left out."""
    return {
        name: value if _is_portable(value) else json.dumps(value)
        for name, value in attributes.items()
        if value is not None and not name.startswith(OF_WHOLE_BLOCKS)
    }


def _is_portable(value: Any) -> bool:
    numbers = value if isinstance(value, list) else [value]
    return isinstance(value, str) or all(type(number) in (int, float) for number in numbers)
