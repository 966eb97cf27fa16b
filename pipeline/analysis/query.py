"""Reading a cube: the whole of it as a lazy dataset, or what it says of one point."""

from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
import zarr

from pipeline.cube import store, versions
from pipeline.errors import UserError
from pipeline.cube.schema import STATES, Layout


def open_cube(path: str | Path, version: str | None = None) -> xr.Dataset:
    """A published version of a cube, the newest by default, as a lazy dataset cropped to its region.

    Variables mosaic (time, band, y, x) and landcover, coarse, confidence, refined, observations (time, y, x), all
    integers with 0 = no data; class codes, names and colours are CF flags. Raises UserError where there is no such
    cube or version.
    """
    repository = store.repository(path)
    snapshot = versions.resolve(repository, version)
    session = repository.readonly_session(snapshot_id=snapshot)
    dataset = xr.open_zarr(session.store, consolidated=False, mask_and_scale=False, chunks=None, decode_coords="all")
    layout = Layout.of(zarr.open_group(session.store, mode="r"))
    rows, cols = layout.extent.window.slices(layout.extent.origin)
    cropped = dataset.isel(y=rows, x=cols)
    return cropped.assign_attrs(crs=layout.extent.grid.crs, version_id=snapshot)


def point(path: str | Path, lon: float, lat: float, version: str | None = None) -> dict[str, Any]:
    """What a cube says of the pixel under a point (degrees), a list with one entry a period. Raises UserError
    outside the region."""
    cube = open_cube(path, version)
    repository = store.repository(path)
    group = store.reader(repository, snapshot=cube.attrs["version_id"])
    layout = Layout.of(group)
    extent = layout.extent
    row, col = extent.grid.pixel_of(lon, lat)
    w = extent.window
    if not (w.y0 <= row < w.y1 and w.x0 <= col < w.x1):
        raise UserError(f"point {lon},{lat} lies outside the cube's region; give a longitude and latitude inside it")
    block = row // extent.grid.block, col // extent.grid.block
    pixel = cube.isel(y=row - w.y0, x=col - w.x0)
    names = {row["code"]: row["name"] for row in layout.classes}
    states = np.asarray(store.array(group, "blocks/state")[:, *extent.slot(block)])
    periods = []
    for t, state in enumerate(states):
        at = pixel.isel(time=t)
        code, coarse = int(at.landcover), int(at.coarse)
        periods.append(
            {
                "period": [str(day)[:10] for day in cube.time_bnds.values[t]],
                "landcover": code,
                "class": names.get(code, "no data"),
                "coarse": names.get(coarse, "no data"),
                "confidence_percent": int(at.confidence),
                "refined": ["not considered", "confirmed", "changed"][int(at.refined)],
                "observations": int(at.observations),
                "reflectance": {
                    str(band): float(value) / 10_000
                    for band, value in zip(cube.band.values, at.mosaic.values, strict=True)
                },
                "block_state": STATES[int(state)],
            }
        )
    return {"lon": lon, "lat": lat, "version": cube.attrs["version_id"], "block": list(block), "periods": periods}
