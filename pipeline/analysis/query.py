"""What a cube says of one point."""

import json
from dataclasses import dataclass
from datetime import date, timedelta
from io import BytesIO
from pathlib import Path

import shapely
import zarr

from pipeline.console.html import Tabular
from pipeline.cube import versions
from pipeline.cube.cube import Cube
from pipeline.cube.periods import periods_of
from pipeline.cube.schema import STATES, Layout, pixel_maps
from pipeline.cube.sources import Source, source_of
from pipeline.cube.store import array, read_together
from pipeline.errors import RunError, UserError
from pipeline.geometry.grid import BlockId

REFINED = ("not considered", "confirmed", "changed")
"""Meaning of the codes of `refined`."""


@dataclass(frozen=True)
class PeriodAtPoint:
    """One period of the pixel under a point.

    period: first and last day. landcover: class code, 0 = no data. class_, coarse: class names. first_clear and
    last_clear: days of the first and last clear observation, None where there was none. change_percent, change_day:
    probability of the last change that an update mapped, and the day on which it was seen; 0 and None where there is
    none. reflectance: by band; in a cube of another unit than reflectance, the value in that. unit: its name.
    block_state: one of `STATES`. made_from: fingerprint of what the block's map was made from, hexadecimal. run: id of
    the run that made the period, and scenes: ids of its scenes whose footprint holds the point, and scene_times: when
    each was taken; None where the version does not say. source: in a joined cube, the version of the region's cube that
    the block was copied from; run and scenes are those of it.
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
    change_percent: int
    change_day: date | None
    reflectance: dict[str, float]
    unit: str
    block_state: str
    made_from: str
    run: str | None
    scenes: list[str] | None
    scene_times: dict[str, str] | None
    source: Source | None


@dataclass(frozen=True)
class PointResult(Tabular):
    """A point in degrees, the version that was read, the block of the point, and all periods of the version.

    model: first 16 digits of the digest of the model that the version's run mapped with, None where it does not say.
    """

    lon: float
    lat: float
    version: str
    block: BlockId
    model: str | None
    periods: list[PeriodAtPoint]


def point(path: str | Path, lon: float, lat: float, version: str | None = None) -> PointResult:
    """Reads the pixel under a point (degrees), by default of the newest version.

    Raises UserError for a point outside the region.
    """
    cube = Cube.open(path)
    snapshot = versions.readable(cube, version)
    return point_of(cube, snapshot, cube.group(snapshot=snapshot), lon, lat)


def point_of(cube: Cube, snapshot: str, group: zarr.Group, lon: float, lat: float) -> PointResult:
    """`point` of a version that is open already."""
    layout = Layout.of(group)
    grid, window = layout.extent.grid, layout.extent.window
    row, col = grid.pixel_of(lon, lat)
    if not (window.y0 <= row < window.y1 and window.x0 <= col < window.x1):
        raise UserError(f"point {lon},{lat} lies outside the cube's region; give a longitude and latitude inside it")
    block = row // grid.block, col // grid.block
    slot = layout.extent.slot(block)
    origin = versions.origin_of(cube, snapshot) if versions.is_published(cube, snapshot) else None
    runs_of_map, model = (origin.runs or {}, origin.model) if origin is not None else ({}, None)
    names = {row["code"]: row["name"] for row in layout.classes}
    states, made = read_together(
        *((array(group, f"blocks/{name}"), (slice(None), *slot)) for name in ("state", "landcover"))
    )
    at = row - layout.extent.origin[0], col - layout.extent.origin[1]
    maps, periods = pixel_maps(group), []
    for time, (start, end) in enumerate(periods_of(group)):
        *pixels, mosaic = read_together(
            *((array(group, name), (time, *at)) for name in maps),
            (array(group, "mosaic"), (time, slice(None), *at)),
        )
        values = dict(zip(maps, map(int, pixels), strict=True))
        source = source_of(group, time, slot)
        runs, of = (runs_of_map, cube) if source is None else (source.runs, _cube_of(source))
        run = runs.get(str(start))
        scenes = None if run is None or of is None else _scenes(of, run, lon, lat)
        periods.append(
            PeriodAtPoint(
                period=(str(start), str(end)),
                landcover=values["landcover"],
                class_=names.get(values["landcover"], "no data"),
                coarse=names.get(values["coarse"], "no data"),
                confidence_percent=values["confidence"],
                refined=REFINED[values["refined"]],
                observations=values["observations"],
                first_clear=_date(values["first_clear"]),
                last_clear=_date(values["last_clear"]),
                change_percent=values.get("change", 0),
                change_day=_date(values.get("change_day", 0)),
                reflectance={
                    band: value / layout.unit.steps + layout.unit.offset
                    for band, value in zip(layout.bands, mosaic.tolist(), strict=True)
                },
                unit=layout.unit.name,
                block_state=STATES[int(states[time])],
                made_from=f"{int(made[time]):016x}",
                run=run,
                scenes=None if scenes is None else sorted(scenes),
                scene_times=scenes,
                source=source,
            )
        )
    return PointResult(lon, lat, snapshot, block, model, periods)


def _cube_of(source: Source) -> Cube | None:
    """The cube that a block was copied from; None where it cannot be opened any more."""
    try:
        return Cube.find(source.cube)
    except (UserError, RunError):
        return None


def _date(day: int) -> date | None:
    return date(1970, 1, 1) + timedelta(day) if day else None


def _scenes(cube: Cube, run: str, lon: float, lat: float) -> dict[str, str] | None:
    """The scenes that a run used and whose footprint holds a point, with their times.

    None where the run's files are gone, or pyarrow, which the base install lacks, is not there to read them.
    """
    applied, items = (f"runs/{run}/{name}" for name in ("applied.json", "scenes.parquet"))
    if not (cube.files.exists(applied) and cube.files.exists(items)):
        return None
    try:
        from pyarrow import parquet
    except ModuleNotFoundError:
        return None
    used = {scene["id"]: scene["datetime"] for scene in json.loads(cube.files.read(applied))["used"]}
    table = parquet.read_table(BytesIO(cube.files.read(items)), columns=["id", "geometry"])
    shapes = shapely.from_wkb(table["geometry"].to_pylist())
    holds_N = shapely.intersects_xy(shapes, lon, lat)
    there = {str(name) for name, holds in zip(table["id"].to_pylist(), holds_N, strict=True) if holds}
    return {name: used[name] for name in sorted(there & used.keys())}
