"""What a cube says of one point."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from pipeline.cube.cube import Cube
from pipeline.cube.open import open_version
from pipeline.cube.schema import STATES, Layout
from pipeline.cube.store import array
from pipeline.errors import UserError
from pipeline.geometry.grid import BlockId

REFINED = ("not considered", "confirmed", "changed")
"""Meaning of the codes of `refined`."""


@dataclass(frozen=True)
class PeriodAtPoint:
    """One period of the pixel under a point.

    period: first and last day. landcover: class code, 0 = no data. class_, coarse: class names. reflectance: 0 to 1, by
    band. block_state: one of `STATES`.
    """

    period: tuple[str, str]
    landcover: int
    class_: str
    coarse: str
    confidence_percent: int
    refined: str
    observations: int
    reflectance: dict[str, float]
    block_state: str


@dataclass(frozen=True)
class PointResult:
    """A point in degrees, the version that was read, the block of the point, and all periods of the version."""

    lon: float
    lat: float
    version: str
    block: BlockId
    periods: list[PeriodAtPoint]


def point(path: str | Path, lon: float, lat: float, version: str | None = None) -> PointResult:
    """Reads the pixel under a point (degrees), by default of the newest version.

    Raises UserError for a point outside the region.
    """
    cube = Cube.open(path)
    dataset = open_version(cube, version)
    snapshot = dataset.attrs["version_id"]
    group = cube.group(snapshot=snapshot)
    layout = Layout.of(group)
    grid, window = layout.extent.grid, layout.extent.window
    row, col = grid.pixel_of(lon, lat)
    if not (window.y0 <= row < window.y1 and window.x0 <= col < window.x1):
        raise UserError(f"point {lon},{lat} lies outside the cube's region; give a longitude and latitude inside it")
    block = row // grid.block, col // grid.block
    pixel = dataset.isel(y=row - window.y0, x=col - window.x0)
    names = {row["code"]: row["name"] for row in layout.classes}
    states = np.asarray(array(group, "blocks/state")[:, *layout.extent.slot(block)])
    periods = []
    for time, state in enumerate(states):
        values = pixel.isel(time=time)
        first, last = (str(day)[:10] for day in dataset.time_bnds.values[time])
        reflectance = zip(dataset.band.values, values.mosaic.values, strict=True)
        periods.append(
            PeriodAtPoint(
                period=(first, last),
                landcover=int(values.landcover),
                class_=names.get(int(values.landcover), "no data"),
                coarse=names.get(int(values.coarse), "no data"),
                confidence_percent=int(values.confidence),
                refined=REFINED[int(values.refined)],
                observations=int(values.observations),
                reflectance={str(band): float(value) / 10_000 for band, value in reflectance},
                block_state=STATES[int(state)],
            )
        )
    return PointResult(lon, lat, snapshot, block, periods)
