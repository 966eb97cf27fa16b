"""The verb that judges a map by a labelled sample: accuracy."""

import math
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pipeline.cli.options import AsJson, CubeFolder, Dask, OfVersion, Readers
from pipeline.console.output import to_json
from pipeline.errors import UserError

if TYPE_CHECKING:
    from pipeline.analysis.accuracy import AccuracyReport
    from pipeline.analysis.estimators import Accuracy, Estimate

app = typer.Typer()


@app.command()
def accuracy(
    cube: CubeFolder,
    samples: Annotated[Path, typer.Option(metavar="FILE", help="a sample of `idgbr sample`, with labels")],
    version: OfVersion = None,
    label: Annotated[str, typer.Option(metavar="COLUMN", help="labels: class names or codes")] = "label",
    alternate: Annotated[
        str | None, typer.Option(metavar="COLUMN", help="second labels; default: `alternate`, if the file has it")
    ] = None,
    zones: Annotated[
        Path | None, typer.Option(metavar="FILE", help="estimate in each polygon of a vector file too")
    ] = None,
    name: Annotated[str | None, typer.Option(metavar="COLUMN", help="names of zones; default: their number")] = None,
    layer: Annotated[str | None, typer.Option(help="of a GeoPackage of zones that has several")] = None,
    by: Annotated[
        str | None, typer.Option(metavar="COLUMN", help="zones are the values of a column of the sample")
    ] = None,
    keep: Annotated[
        bool, typer.Option("--keep/--no-keep", help="keep the result with the version, and in its STAC item")
    ] = True,
    workers: Readers = 2,
    dask: Dask = "threads",
    as_json: AsJson = False,
) -> None:
    """Estimates a map's accuracy and the areas of its classes, with 95 % intervals, from a labelled sample.

    A version of after the sample was drawn can be judged too: strata are then those of the older map.

    Example: `idgbr accuracy cube --samples sample.gpkg`
    """
    from pipeline.analysis.accuracy import accuracy as judge
    from pipeline.analysis.accuracy import keep as keep_report
    from pipeline.analysis.accuracy import zones_of_file
    from pipeline.analysis.sample_files import read_plots
    from pipeline.analysis.workers import dask_workers
    from pipeline.console.progress import progress_bar
    from pipeline.cube.cube import Cube

    opened = Cube.open(cube)
    plots = read_plots(samples)
    if by is not None and zones is not None:
        raise UserError("--by and --zones both say what the zones are; give one of them")
    masks = plots.groups(by) if by is not None else {}
    if zones is not None:
        masks = zones_of_file(opened, plots, zones, name, layer)
    with progress_bar("accuracy") as progress, dask_workers(dask, workers, opened):
        report = judge(opened, plots, version, label, alternate, masks, workers, progress)
    if keep:
        keep_report(opened, report)
    if as_json:
        print(to_json(report))
    else:
        _print(report)


def _print(report: "AccuracyReport") -> None:
    from pipeline.console.tables import print_table

    since = f", change since {report.before}" if report.before else ""
    _print_accuracy(f"version {report.version}, period from {report.period}{since}", report.primary)
    for zone, of_zone in report.zones.items():
        _print_accuracy(zone, of_zone)
    rows = [
        ("strata", "of this version" if report.sampled == report.version else f"of version {report.sampled}"),
        ("points where the map has no class", str(report.without_class)),
    ]
    if report.either is not None:
        rows.append(("overall, primary or alternate label", _percent(report.either.overall)))
    rows += [(f"{zone}: too few to estimate", f"{points} points") for zone, points in report.small_zones.items()]
    print_table("", rows)


def _print_accuracy(title: str, accuracy: "Accuracy") -> None:
    from pipeline.console.tables import print_table

    rows = [
        (
            of.name,
            _percent(of.users),
            _percent(of.producers),
            _area(of.area),
            str(of.mapped),
            str(of.reference),
        )
        for of in accuracy.classes
    ]
    columns = "class", "user's, %", "producer's, %", "area, km2", "mapped", "labelled"
    print_table(f"{title}: overall, %: {_percent(accuracy.overall)}; {accuracy.units:,} points", rows, columns)


def _percent(estimate: "Estimate | None") -> str:
    if estimate is None:
        return "no point"
    return f"{estimate.value * 100:.1f} ({estimate.low * 100:.1f} to {estimate.high * 100:.1f})"


def _area(estimate: "Estimate") -> str:
    """With as many decimals as give the half of the interval three digits."""
    from pipeline.analysis.estimators import Z95

    half = estimate.standard_error * Z95
    decimals = max(2 - math.floor(math.log10(half)), 0) if half else 2
    return f"{estimate.value:,.{decimals}f} ± {half:,.{decimals}f}"
