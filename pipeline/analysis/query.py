"""What a cube says of one point."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import zarr

from pipeline.analysis.point_result import REFINED, PeriodAtPoint, PointResult
from pipeline.analysis.run_scenes import scenes_of
from pipeline.cube import versions
from pipeline.cube.block_runs import RUN, keeps_blocks
from pipeline.cube.cube import Cube
from pipeline.cube.periods import periods_of
from pipeline.cube.schema import STATES, Layout, pixel_maps
from pipeline.cube.sources import SOURCE, Source, is_joined, read_sources
from pipeline.cube.store import Pixel, array, read_pixels
from pipeline.cube.versions import Origin
from pipeline.errors import RunError, UserError
from pipeline.storage.location import parse_location


@dataclass(frozen=True)
class Points:
    """A version, opened to be asked about any number of points: what they share is read once.

    periods: along time. maps: arrays of pixels. sources: of the blocks of a joined cube, None in another.
    """

    cube: Cube
    snapshot: str
    group: zarr.Group
    layout: Layout
    periods: tuple[tuple[date, date], ...]
    maps: tuple[str, ...]
    origin: Origin | None
    sources: tuple[Source, ...] | None

    @staticmethod
    def of(cube: Cube, snapshot: str) -> "Points":
        group = cube.group(snapshot=snapshot)
        origin = versions.origin_of(cube, snapshot) if versions.is_published(cube, snapshot) else None
        sources = tuple(read_sources(group)) if is_joined(group) else None
        periods = tuple(periods_of(group))
        return Points(cube, snapshot, group, Layout.of(group), periods, pixel_maps(group), origin, sources)

    def at(
        self, lon: float, lat: float, read: Callable[[Sequence[Pixel]], list[np.ndarray]] = read_pixels
    ) -> PointResult:
        """What the version says of a point (degrees). Raises UserError for one outside the region, and DamagedChunk."""
        extent = self.layout.extent
        row, col = extent.grid.pixel_of(lon, lat)
        window = extent.window
        if not (window.y0 <= row < window.y1 and window.x0 <= col < window.x1):
            raise UserError(
                f"point {lon},{lat} lies outside the cube's region; give a longitude and latitude inside it"
            )
        block = row // extent.grid.block, col // extent.grid.block
        pixel, slot = (row - extent.origin[0], col - extent.origin[1]), extent.slot(block)
        kept = (RUN,) if RUN in self.group else ()
        records = ("blocks/state", "blocks/landcover", *kept, *(() if self.sources is None else (SOURCE,)))
        place = {**dict.fromkeys((*self.maps, "mosaic"), pixel), **dict.fromkeys(records, slot)}
        values = read([(array(self.group, name), at) for name, at in place.items()])
        found = dict(zip(place, values, strict=True))
        periods = [
            self._period(time, {name: along[time] for name, along in found.items() if len(along) > time}, lon, lat)
            for time in range(len(self.periods))
        ]
        model = None if self.origin is None else self.origin.model
        return PointResult(lon, lat, self.snapshot, block, model, periods)

    def _period(self, time: int, read: dict[str, np.ndarray], lon: float, lat: float) -> PeriodAtPoint:
        """read: by name of the array, its values in this period."""
        start, end = map(str, self.periods[time])
        unit, names = self.layout.unit, {row["code"]: row["name"] for row in self.layout.classes}
        value = {name: int(read[name]) for name in self.maps}
        source = None if self.sources is None or not read[SOURCE] else self.sources[int(read[SOURCE]) - 1]
        runs = ((self.origin and self.origin.runs) or {}) if source is None else source.runs
        run = runs.get(start)
        if source is None and keeps_blocks(self.group, start, run):
            run = f"{int(read[RUN]):016x}" if read.get(RUN) else None
        scenes = None if run is None else self._scenes(source, run, lon, lat)
        return PeriodAtPoint(
            period=(start, end),
            landcover=value["landcover"],
            class_=names.get(value["landcover"], "no data"),
            coarse=names.get(value["coarse"], "no data"),
            confidence_percent=value["confidence"],
            refined=REFINED[value["refined"]],
            observations=value["observations"],
            first_clear=_date(value["first_clear"]),
            last_clear=_date(value["last_clear"]),
            change_percent=value.get("change", 0),
            change_day=_date(value.get("change_day", 0)),
            reflectance={
                band: value / unit.steps + unit.offset if value else None
                for band, value in zip(self.layout.bands, read["mosaic"].tolist(), strict=True)
            },
            unit=unit.name,
            block_state=STATES[int(read["blocks/state"])],
            made_from=f"{int(read['blocks/landcover']):016x}",
            run=run,
            scenes=None if scenes is None else list(scenes),
            scene_times=scenes,
            source=source,
        )

    def _scenes(self, source: Source | None, run: str, lon: float, lat: float) -> dict[str, str] | None:
        """The scenes of a run that hold a point; None where they, or the source's cube, cannot be read any more."""
        if source is None:
            found = scenes_of(self.cube.location, self.snapshot, run)
        else:
            try:
                found = scenes_of(parse_location(source.cube), source.version, run)
            except (UserError, RunError):
                return None
        return None if found is None else found.at(lon, lat)


def point(path: str | Path, lon: float, lat: float, version: str | None = None) -> PointResult:
    """Reads the pixel under a point (degrees), by default of the newest version.

    Raises UserError for a point outside the region.
    """
    cube = Cube.open(path)
    return Points.of(cube, versions.readable(cube, version)).at(lon, lat)


def _date(day: int) -> date | None:
    return date(1970, 1, 1) + timedelta(day) if day else None
