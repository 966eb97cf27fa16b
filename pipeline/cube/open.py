"""Open a cube as an xarray dataset."""

from pathlib import Path

import xarray as xr
import zarr

from pipeline.cube import versions
from pipeline.cube.cube import Cube
from pipeline.cube.schema import Layout


def open_cube(path: str | Path, version: str | None = None) -> xr.Dataset:
    """A published version of a cube, the newest by default, as a lazy dataset cropped to its region.

    Variables mosaic (time, band, y, x), landcover, coarse, confidence, refined and observations (time, y, x) are
    integers with 0 = no data; first_clear and last_clear (time, y, x) are datetime64 with 1970-01-01 = no data. Class
    codes, names and colours are CF flags. Raises UserError where there is no such cube or version.
    """
    return open_version(Cube.open(path), version)


def open_version(cube: Cube, version: str | None = None) -> xr.Dataset:
    """`open_cube` of a cube that is open already."""
    snapshot = versions.resolve(cube, version)
    session = cube.repository.readonly_session(snapshot_id=snapshot)
    dataset = xr.open_zarr(session.store, consolidated=False, mask_and_scale=False, chunks=None, decode_coords="all")
    layout = Layout.of(zarr.open_group(session.store, mode="r"))
    rows, cols = layout.extent.window.slices(layout.extent.origin)
    cropped = dataset.isel(y=rows, x=cols)
    return cropped.assign_attrs(crs=layout.extent.grid.crs, version_id=snapshot)
