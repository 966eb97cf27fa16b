"""Reading a cube: the whole of it as a lazy dataset, or what it says of one point."""

from pathlib import Path
from typing import Any

import numpy as np

from pipeline.cube.cube import Cube
from pipeline.cube.open import open_version
from pipeline.cube.schema import STATES, Layout
from pipeline.cube.store import array
from pipeline.errors import UserError


def point(path: str | Path, lon: float, lat: float, version: str | None = None) -> dict[str, Any]:
    """What a cube says of the pixel under a point (degrees), a list with one entry a period. Raises UserError
    outside the region."""
    opened = Cube.open(path)
    cube = open_version(opened, version)
    group = opened.group(snapshot=cube.attrs["version_id"])
    layout = Layout.of(group)
    extent = layout.extent
    row, col = extent.grid.pixel_of(lon, lat)
    w = extent.window
    if not (w.y0 <= row < w.y1 and w.x0 <= col < w.x1):
        raise UserError(f"point {lon},{lat} lies outside the cube's region; give a longitude and latitude inside it")
    block = row // extent.grid.block, col // extent.grid.block
    pixel = cube.isel(y=row - w.y0, x=col - w.x0)
    names = {row["code"]: row["name"] for row in layout.classes}
    states = np.asarray(array(group, "blocks/state")[:, *extent.slot(block)])
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
