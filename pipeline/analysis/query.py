"""What a cube says of one point."""

import json
from dataclasses import dataclass
from datetime import date
from io import BytesIO
from pathlib import Path

import numpy as np
import shapely

from pipeline.console.html import Tabular
from pipeline.cube import versions
from pipeline.cube.cube import Cube
from pipeline.cube.open import open_version
from pipeline.cube.schema import STATES, Layout
from pipeline.cube.sources import Source, source_of
from pipeline.cube.store import array
from pipeline.errors import RunError, UserError
from pipeline.geometry.grid import BlockId

REFINED = ("not considered", "confirmed", "changed")
"""Meaning of the codes of `refined`."""


@dataclass(frozen=True)
class PeriodAtPoint:
    """One period of the pixel under a point.

    period: first and last day. landcover: class code, 0 = no data. class_, coarse: class names. first_clear and
    last_clear: days of the first and last clear observation, None where there was none. reflectance: 0 to 1, by band.
    block_state: one of `STATES`. made_from: fingerprint of what the block's map was made from, hexadecimal. run: id of
    the run that made the period, and scenes: ids of its scenes whose footprint holds the point; None where the version
    does not say. source: in a joined cube, the version of the region's cube that the block was copied from; run
    and scenes are those of it.
    """

    period: tuple[str, str]
    landcover: int
    class_: str
    coarse: str
    confidence_percent: int
    refined: str
    observations: int
    first_clear: date | None
    last_clear: date | None
    reflectance: dict[str, float]
    block_state: str
    made_from: str
    run: str | None
    scenes: list[str] | None
    source: Source | None


@dataclass(frozen=True)
class PointResult(Tabular):
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
    made = np.asarray(array(group, "blocks/landcover")[:, *layout.extent.slot(block)])
    runs = next((v.origin.runs for v in versions.history(cube) if v.snapshot == snapshot), None) or {}
    for time, state in enumerate(states):
        values = pixel.isel(time=time)
        first, last = (str(day)[:10] for day in dataset.time_bnds.values[time])
        source = source_of(group, time, layout.extent.slot(block))
        run, origin = (runs.get(first), cube) if source is None else (source.runs.get(first), _cube_of(source))
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
                first_clear=_date(values.first_clear.values),
                last_clear=_date(values.last_clear.values),
                reflectance={str(band): float(value) / 10_000 for band, value in reflectance},
                block_state=STATES[int(state)],
                made_from=f"{int(made[time]):016x}",
                run=run,
                scenes=None if run is None or origin is None else _scenes(origin, run, lon, lat),
                source=source,
            )
        )
    return PointResult(lon, lat, snapshot, block, periods)


def _cube_of(source: Source) -> Cube | None:
    """The cube that a block was copied from; None where it cannot be opened any more."""
    try:
        return Cube.find(source.cube)
    except (UserError, RunError):
        return None


def _date(day: np.ndarray) -> date | None:
    return None if np.isnat(day) else day.astype("datetime64[D]").item()


def _scenes(cube: Cube, run: str, lon: float, lat: float) -> list[str] | None:
    """The scenes that a run used and whose footprint holds a point.

    None where the run's files are gone, or pyarrow, which the base install lacks, is not there to read them.
    """
    applied, items = (f"runs/{run}/{name}" for name in ("applied.json", "scenes.parquet"))
    if not (cube.files.exists(applied) and cube.files.exists(items)):
        return None
    try:
        from pyarrow import parquet
    except ModuleNotFoundError:
        return None
    used = {scene["id"] for scene in json.loads(cube.files.read(applied))["used"]}
    table = parquet.read_table(BytesIO(cube.files.read(items)), columns=["id", "geometry"])
    shapes = shapely.from_wkb(table["geometry"].to_pylist())
    holds_N = shapely.intersects_xy(shapes, lon, lat)
    return sorted({str(name) for name, holds in zip(table["id"].to_pylist(), holds_N, strict=True) if holds} & used)
