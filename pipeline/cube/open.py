"""Open a cube as an xarray dataset."""

import json
from pathlib import Path
from typing import Any

import xarray as xr

from pipeline.cube import versions
from pipeline.cube.cube import Cube
from pipeline.cube.days import as_dates
from pipeline.cube.schema import DAYS, Layout
from pipeline.cube.store import array

OF_WHOLE_BLOCKS = ("spatial:", "GeoTransform", "zarr_conventions", "multiscales")
"""Attributes that are right for the cube's arrays and for no crop of them; the coordinates y and x are for any."""


def open_cube(path: str | Path, version: str | None = None) -> xr.Dataset:
    """A published version of a cube, the newest by default, as a lazy dataset cropped to its region.

    Variables mosaic (time, band, y, x), landcover, coarse, confidence, refined and observations (time, y, x) are
    integers with 0 = no data; first_clear and last_clear (time, y, x) are datetime64 with NaT = no data. Class codes,
    names and colours are CF flags. The place of the pixels is said by y and x (centres) and `spatial_ref` (CRS) alone,
    so that it is right for any part of the dataset and any copy. Attributes are text, numbers or lists of numbers, so
    that they fit into NetCDF: `grid`, `bands`, `classes` and `version` are JSON.

    Raises UserError where there is no such cube or version. Reading a chunk that is damaged raises DamagedChunk, a
    RunError, and so does reading in a process that was forked after a cube was opened: start workers by forkserver or
    spawn, such as `DataLoader(..., multiprocessing_context="forkserver")`.
    """
    return open_version(Cube.open(path), version)


def open_version(cube: Cube, version: str | None = None) -> xr.Dataset:
    """`open_cube` of a cube that is open already."""
    snapshot = versions.resolve(cube, version)
    store = cube.store(snapshot)
    group = cube.group(snapshot=snapshot)
    times: Any = {name: name not in DAYS for name in ("time", "time_bnds", *DAYS)}
    dataset = xr.open_zarr(
        store,
        group="0",
        consolidated=False,
        mask_and_scale=False,
        decode_times=times,
        chunks=None,
        decode_coords="all",
    )
    dataset = dataset.assign_coords(band=dataset.band.astype(object))
    dataset = dataset.assign({name: as_dates(dataset[name].variable, array(group, name)) for name in DAYS})
    layout = Layout.of(group)
    rows, cols = layout.extent.window.slices(layout.extent.origin)
    cropped = dataset.isel(y=rows, x=cols)
    for variable in cropped.variables.values():
        variable.attrs = _portable(variable.attrs)
    cropped.attrs = _portable(group.attrs.asdict() | {"crs": layout.extent.grid.crs, "version_id": snapshot})
    return cropped


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
