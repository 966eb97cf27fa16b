"""What a map says of zones: the area of each class, its confidence, and what changed."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np
import zarr

from cluster import gather
from pipeline.analysis.area_interval import AreaErrors
from pipeline.analysis.question import Layer
from pipeline.analysis.zone_counts import band_counts
from pipeline.analysis.zone_weights import band_weights
from pipeline.analysis.zones import Zones
from pipeline.console.html import Tabular
from pipeline.cube import store, versions
from pipeline.cube.cube import Cube
from pipeline.cube.periods import periods_of, time_of
from pipeline.cube.schema import Layout
from pipeline.geometry.areal_scale import is_equal_area
from pipeline.geometry.borders import Borders, borders_of
from pipeline.geometry.coverage import Edges, edges_of
from pipeline.geometry.extent import Extent

NO_DATA = "no data"

Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class ClassInZone:
    """One class in one zone and period.

    share: of the mapped area of the zone, 0 to 1; None where nothing of it is mapped. confidence_percent: the mean;
    None where it was not asked for, or there is none of the class. area_interval: low and high of the true area in
    hectares, at 95 %; None where it was not asked for, or the zone is too small for one.
    """

    zone: str
    period: tuple[date, date]
    code: int
    class_: str
    hectares: float
    share: float | None
    confidence_percent: float | None
    area_interval: tuple[float, float] | None


@dataclass(frozen=True)
class ChangeInZone:
    """The area of one zone that had one class and has another, or the same, by name; "no data" where there is none.

    index: the zone's place in the file, from 0; names need not be unique.
    """

    index: int
    zone: str
    from_: str
    to: str
    hectares: float


@dataclass(frozen=True)
class ZoneArea:
    """A zone, its true area, and how much of it has a class in each period, or in both maps that are compared."""

    zone: str
    hectares: float
    mapped_hectares: list[float]


@dataclass(frozen=True)
class ZoneStats(Tabular):
    """The answer for all zones, in their order. outside: zones that do not touch the cube's region."""

    version: str
    periods: list[tuple[date, date]]
    zones: list[ZoneArea]
    classes: list[ClassInZone]
    outside: list[str]


@dataclass(frozen=True)
class ZoneChanges(Tabular):
    """What changed in all zones, in their order; (version, first day of the period) of both maps."""

    before: tuple[str, date]
    after: tuple[str, date]
    zones: list[ZoneArea]
    changes: list[ChangeInZone]
    outside: list[str]


def all_periods(cube: Cube, version: str | None = None) -> list[date]:
    """The first days of the periods of a version, in time's order."""
    return sorted(first for first, _ in periods_of(cube.group(snapshot=versions.resolve(cube, version))))


def stats(
    cube: Cube,
    zones: Zones,
    version: str | None = None,
    periods: Sequence[date] | None = None,
    confidence: bool = False,
    errors: AreaErrors | None = None,
    workers: int = 2,
    progress: Progress | None = None,
) -> ZoneStats:
    """The area of each class in each zone.

    periods: their first days; by default the newest. confidence: also its mean, for which all pixels of the zones are
    read. errors: those of the map's model, for intervals of the areas. Areas are true: pixels of a grid that is not
    equal-area count with their area on the ellipsoid, and are all read then. Raises UserError for a version or period
    that is not there.
    """
    snapshot = versions.resolve(cube, version)
    group = cube.group(snapshot=snapshot)
    layout = Layout.of(group)
    times = [time_of(group, snapshot, day) for day in ([None] if periods is None else periods)]
    by_pixel = not is_equal_area(layout.extent)
    layers = [_class_layer(group, layout, time, by_pixel) for time in times]
    if confidence:
        layers += [_class_layer(group, layout, time, by_pixel, "confidence") for time in times]
    sum_LZM = _sums(layout.extent, layers, by_pixel, zones, workers, progress)
    area_TZK = sum_LZM[: len(times), :, :-1]
    mapped_TZ = area_TZK.sum(2)
    bounds = [periods_of(group)[time] for time in times]
    pixel = layout.extent.grid.resolution**2 / 1e4

    def interval(t: int, z: int, k: int) -> tuple[float, float] | None:
        if errors is None:
            return None
        return errors.interval(layout.classes[k]["code"], float(area_TZK[t, z, k]), float(mapped_TZ[t, z]), pixel)

    rows = [
        ClassInZone(
            zone=name,
            period=period,
            code=row["code"],
            class_=row["name"],
            hectares=float(area_TZK[t, z, k]),
            share=float(area_TZK[t, z, k] / mapped_TZ[t, z]) if mapped_TZ[t, z] else None,
            confidence_percent=(
                float(sum_LZM[len(times) + t, z, k] / area_TZK[t, z, k]) if confidence and area_TZK[t, z, k] else None
            ),
            area_interval=interval(t, z, k),
        )
        for z, name in enumerate(zones.names)
        for t, period in enumerate(bounds)
        for k, row in enumerate(layout.classes)
    ]
    return ZoneStats(snapshot, bounds, _areas(zones, mapped_TZ), rows, list(zones.outside))


def changes(
    cube: Cube,
    zones: Zones,
    before: tuple[str | None, date | None],
    after: tuple[str | None, date | None] = (None, None),
    workers: int = 2,
    progress: Progress | None = None,
) -> ZoneChanges:
    """The change matrix of each zone between two maps, each (version, first day of a period); None: the newest.

    Blocks that were made from the same inputs are not read. Raises UserError for a version or period that is not there.
    """
    snapshots = [versions.resolve(cube, version) for version, _ in (before, after)]
    groups = [cube.group(snapshot=snapshot) for snapshot in snapshots]
    times = [time_of(*at) for at in zip(groups, snapshots, (before[1], after[1]), strict=True)]
    layout = Layout.of(groups[1])
    by_pixel = not is_equal_area(layout.extent)
    maps, made = (
        tuple((store.array(group, name), time) for group, time in zip(groups, times, strict=True))
        for name in ("landcover", "blocks/landcover")
    )
    codes = tuple(row["code"] for row in layout.classes)
    pixels = None if by_pixel else (store.array(groups[1], "blocks/pixels"), times[1])
    layer = Layer(maps, codes, pixels=pixels, made=made)
    names = [*(row["name"] for row in layout.classes), NO_DATA]
    area_ZAB = _sums(layout.extent, [layer], by_pixel, zones, workers, progress)[0].reshape(-1, len(names), len(names))
    area_ZAB[:, -1, -1] = 0
    rows = [
        ChangeInZone(int(z), zones.names[z], names[a], names[b], float(area_ZAB[z, a, b]))
        for z, a, b in np.argwhere(area_ZAB > 0)
    ]
    areas = _areas(zones, area_ZAB[:, :-1, :-1].sum((1, 2))[None])
    old, new = (
        (snapshot, periods_of(group)[time][0]) for snapshot, group, time in zip(snapshots, groups, times, strict=True)
    )
    return ZoneChanges(old, new, areas, rows, list(zones.outside))


def _class_layer(group: zarr.Group, layout: Layout, time: int, by_pixel: bool, weight: str | None = None) -> Layer:
    return Layer(
        maps=((store.array(group, "landcover"), time),),
        codes=tuple(row["code"] for row in layout.classes),
        weight=None if weight is None else (store.array(group, weight), time),
        pixels=None if by_pixel or weight else (store.array(group, "blocks/pixels"), time),
    )


def _sums(
    extent: Extent, layers: Sequence[Layer], by_pixel: bool, zones: Zones, workers: int, progress: Progress | None
) -> np.ndarray:
    """Hectares by weight, (layer, zone, value); of a single map without the last value."""
    edges = edges_of(zones.shapes, extent.grid)
    counted = [n for n, layer in enumerate(layers) if layer.weight is None and not by_pixel]
    weighed = [n for n in range(len(layers)) if n not in counted]
    band = _Band(
        extent,
        tuple(layers),
        counted,
        weighed,
        by_pixel,
        edges if weighed else None,
        borders_of(edges) if counted else None,
    )
    sum_LZM = np.zeros((len(layers), len(zones.names), layers[0].size))
    for parts in gather(band.sums, _bands(extent, edges), workers, progress):
        for numbers, owner_Z, sums in parts:
            for n, part_ZM in zip(numbers, sums, strict=True):
                sum_LZM[n, owner_Z] += part_ZM
    return sum_LZM if by_pixel else sum_LZM * (extent.grid.resolution**2 / 1e4)


@dataclass(frozen=True)
class _Band:
    """Sums of one row of blocks: of layers that are counted, and of those that are weighed pixel by pixel."""

    extent: Extent
    layers: tuple[Layer, ...]
    counted: list[int]
    weighed: list[int]
    by_pixel: bool
    edges: Edges | None
    borders: Borders | None

    def sums(self, iy: int) -> list[tuple[list[int], np.ndarray, list[np.ndarray]]]:
        """Numbers of layers, the zones in the row, and for each layer the sums (zone, value)."""
        counted, weighed = (tuple(self.layers[n] for n in numbers) for numbers in (self.counted, self.weighed))
        parts = []
        if self.borders is not None:
            parts.append((self.counted, *band_counts(self.extent, counted, self.borders, iy)))
        if self.edges is not None:
            parts.append((self.weighed, *band_weights(self.extent, weighed, self.by_pixel, self.edges, iy)))
        return parts


def _bands(extent: Extent, edges: Edges) -> list[int]:
    """Rows of blocks that a zone touches."""
    top, bottom = (function(edges.from_N2[:, 1]) // extent.grid.block for function in (np.min, np.max))
    rows = extent.block_range
    return [row for row in range(rows.y0, rows.y1) if top <= row <= bottom]


def _areas(zones: Zones, mapped_TZ: np.ndarray) -> list[ZoneArea]:
    return [
        ZoneArea(name, float(zones.hectares[z]), [float(area) for area in mapped_TZ[:, z]])
        for z, name in enumerate(zones.names)
    ]
