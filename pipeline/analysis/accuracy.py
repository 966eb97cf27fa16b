"""The accuracy of a version's map and the areas of its classes, from a labelled sample."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import numpy as np
import shapely

from pipeline.analysis.estimators import Accuracy, assess
from pipeline.analysis.sample_files import ALTERNATE, LABEL, PlotTable
from pipeline.analysis.sampling import Sample, cube_digest, draw, strata_at
from pipeline.analysis.strata import NONE, Progress, StratifiedMap, Stratum
from pipeline.console.html import Tabular
from pipeline.console.output import to_json
from pipeline.cube import assessments, versions
from pipeline.cube.cube import Cube
from pipeline.cube.items import publish_items
from pipeline.cube.schema import Layout
from pipeline.errors import UserError
from pipeline.geometry.grid import LONLAT, transformer
from pipeline.geometry.pixel_area import pixel_areas
from pipeline.geometry.project import on_grid
from pipeline.geometry.vectors import column, read_vectors

ZONE_POINTS = 30
"""A zone with fewer points of the sample is named, but not estimated: its interval would mislead."""


@dataclass(frozen=True)
class StratumSize:
    """A stratum: its pixels, and the points that were drawn of them."""

    name: str
    pixels: int
    points: int


@dataclass(frozen=True)
class AccuracyReport(Tabular):
    """Accuracy of a version in a period, or of its change since the period from `before`; areas are in km2.

    sampled: the version whose map the strata are. without_class: points where the judged version has no class; they
    count as errors. primary: by the primary labels. either: a point is right if its primary or its alternate label is
    the map's class; None without alternate labels. zones: by zone, of primary labels. small_zones: number of points of
    zones that have too few.
    """

    version: str
    sampled: str
    period: date
    before: date | None
    points: int
    strata: list[StratumSize]
    without_class: int
    primary: Accuracy
    either: Accuracy | None
    zones: dict[str, Accuracy]
    small_zones: dict[str, int]


def accuracy(
    cube: Cube,
    plots: PlotTable,
    version: str | None = None,
    label: str = LABEL,
    alternate: str | None = None,
    zones: Mapping[str, np.ndarray] | None = None,
    workers: int = 2,
    progress: Progress | None = None,
) -> AccuracyReport:
    """Judges a version, by default the newest, by a labelled sample of this cube.

    label, alternate: names of the columns of labels, which are class names or codes; alternate labels are by default
    those of the column "alternate" if there is one. zones: for each name, whether each
    row of `plots` lies in it. Raises UserError where the rows are not the sample of their design, or are not labelled.
    """
    sample, rank_N = _sample_of(cube, plots, workers, progress)
    judged = versions.resolve(cube, version)
    of = StratifiedMap(cube, judged, sample.design.period, sample.design.before)
    labels = [stratum.name for stratum in sample.legend]
    reference_N = _codes(plots, label, sample.legend)
    if (reference_N == NONE).any():
        unlabelled = int((reference_N == NONE).sum())
        raise UserError(
            f"{unlabelled} of the {len(rank_N)} points in {plots.path} have no {label!r}; label them all, for leaving "
            "some out would bias the result"
        )
    row_N, col_N, stratum_N = (of_N[rank_N] for of_N in (sample.row_N, sample.col_N, sample.stratum_N))
    map_N = stratum_N if judged == sample.design.version else strata_at(of, row_N, col_N, workers, progress)
    area_N = pixel_areas(sample.layout.extent.grid, row_N, col_N) / 1e6

    def assessed(labels_N: np.ndarray, domain_N: np.ndarray | None = None) -> Accuracy:
        return assess(stratum_N, map_N, labels_N, sample.pixels_S, labels, area_N, domain_N)

    other_N = np.full(len(rank_N), NONE)
    if alternate is not None or ALTERNATE in plots.columns:
        other_N = _codes(plots, alternate or ALTERNATE, sample.legend)
    either = None
    if (other_N != NONE).any():
        either = assessed(np.where((other_N == map_N) & (other_N != NONE), other_N, reference_N))
    inside = {name: (zone_N, int(zone_N.sum())) for name, zone_N in (zones or {}).items()}
    points_S = np.bincount(stratum_N, minlength=len(labels)).tolist()
    return AccuracyReport(
        version=judged,
        sampled=sample.design.version,
        period=sample.design.period,
        before=sample.design.before,
        points=len(rank_N),
        strata=[StratumSize(*row) for row in zip(labels, sample.pixels_S.tolist(), points_S, strict=True)],
        without_class=int((map_N == NONE).sum()),
        primary=assessed(reference_N),
        either=either,
        zones={
            name: assessed(reference_N, zone_N) for name, (zone_N, points) in inside.items() if points >= ZONE_POINTS
        },
        small_zones={name: points for name, (_, points) in inside.items() if points < ZONE_POINTS},
    )


def zones_of_file(
    cube: Cube, plots: PlotTable, file: Path, name: str | None = None, layer: str | None = None
) -> dict[str, np.ndarray]:
    """For each zone of a vector file, whether each plot's centre lies in it. name: the column of their names.

    Zones are numbered from 1 where no column is given, and zones of one name are one zone. Raises UserError.
    """
    frame = read_vectors(file, layer=layer)
    extent = Layout.of(cube.group(snapshot=versions.resolve(cube))).extent
    names = [str(n + 1) for n in range(len(frame))] if name is None else column(frame, name, file)
    x_N, y_N = transformer(LONLAT, extent.grid.crs).transform(plots.lon_N, plots.lat_N)
    zones: dict[str, np.ndarray] = {}
    shapes = on_grid(frame.geometry.array, frame.crs, extent, extent.grid.resolution / 10)
    for zone, shape in zip(names, shapes, strict=True):
        inside_N = np.asarray(shapely.contains_xy(shape, x_N, y_N))
        zones[zone] = zones.get(zone, np.zeros(len(inside_N), bool)) | inside_N
    return zones


def keep(cube: Cube, report: AccuracyReport) -> str:
    """Keeps a report with its version and in the version's STAC item; returns its file in the cube.

    Raises RunError where a run holds the cube.
    """
    with cube.lease("accuracy", report.version) as held:
        name = assessments.write(held, report.version, report.period, report.before, to_json(report, indent=1))
        publish_items(held)
    return name


def _sample_of(cube: Cube, plots: PlotTable, workers: int, progress: Progress | None) -> tuple[Sample, np.ndarray]:
    """The sample that the rows' design draws, and for each row its index in it. Raises UserError."""
    design, path = plots.design, plots.path
    here = cube_digest(Layout.of(cube.group(snapshot=versions.resolve(cube))))
    if design.cube != here:
        raise UserError(
            f"{path} is a sample of another cube ({design.cube}, not {here}): of another region, grid or class table; "
            "name the cube that it was drawn from"
        )
    if design.version not in {version.snapshot for version in versions.history(cube)}:
        raise UserError(
            f"{path} was drawn from version {design.version}, which this cube does not have: it is a sample of another "
            "cube, or the version was pruned; 'idgbr tag' keeps a version that is sampled"
        )
    sample = draw(cube, design, workers, progress=progress)
    points_S = np.bincount(sample.stratum_N, minlength=len(sample.legend))
    for stratum, points, pixels in zip(sample.legend, points_S.tolist(), sample.pixels_S.tolist(), strict=True):
        if points < min(2, pixels):
            raise UserError(
                f"stratum {stratum.name!r} has {points} points of {pixels:,} pixels in {path}, but a variance needs 2; "
                "draw a sample with 2 points or more in every stratum"
            )
    _check_plots(plots, len(sample.row_N))
    rank_N = plots.plot_N - 1
    grid = sample.layout.extent.grid
    x_N, y_N = transformer(LONLAT, grid.crs).transform(plots.lon_N, plots.lat_N)
    at_N2 = np.floor(np.stack([-np.asarray(y_N), np.asarray(x_N)], 1) / grid.resolution)
    moved_N = (at_N2 != np.stack([sample.row_N, sample.col_N], 1)[rank_N]).any(1)
    if moved_N.any():
        n = int(np.argmax(moved_N))
        raise UserError(
            f"{int(moved_N.sum())} points in {path} lie outside the design, such as plot {plots.plot_N[n]} at "
            f"{plots.lon_N[n]:.6f},{plots.lat_N[n]:.6f}, which is not the pixel that was drawn; restore their places"
        )
    return sample, rank_N


def _check_plots(plots: PlotTable, count: int) -> None:
    numbers, repeats = np.unique(plots.plot_N, return_counts=True)
    if (repeats > 1).any():
        raise UserError(
            f"plot {numbers[repeats > 1][0]} stands {repeats.max()} times in {plots.path}; give one row for each plot"
        )
    outside = numbers[(numbers < 1) | (numbers > count)]
    if len(outside):
        raise UserError(
            f"{len(outside)} plots in {plots.path} lie outside the design, which drew plots 1 to {count}, such as "
            f"{outside[0]}; take them out"
        )
    if len(numbers) < count:
        missing = np.setdiff1d(np.arange(1, count + 1), numbers)
        raise UserError(
            f"{len(missing)} of the {count} points that were drawn are missing from {plots.path}, such as plot "
            f"{missing[0]}; give all of them, for leaving some out would bias the result"
        )


def _codes(plots: PlotTable, name: str, legend: Sequence[Stratum]) -> np.ndarray:
    """Index into the legend of the labels of a column, int64; NONE where there is none. Raises UserError."""
    index = {key.lower(): n for n, stratum in enumerate(legend) for key in (stratum.name, stratum.key)} | {"": NONE}
    code_N = np.empty(len(plots.plot_N), np.int64)
    for n, value in enumerate(plots.column(name)):
        if value.lower() not in index:
            raise UserError(
                f"plot {plots.plot_N[n]} in {plots.path} has {name!r} {value!r:.60}, which is no class of the map; "
                f"use one of {', '.join(stratum.name for stratum in legend)}"
            )
        code_N[n] = index[value.lower()]
    return code_N
