"""The verb that asks a map about zones: stats."""

from datetime import date
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pipeline.cli.options import AsJson, CubeFolder, Dask, OfVersion, OwnCode, Period, Readers, day
from pipeline.console.messages import tell
from pipeline.console.output import check_writable, to_json
from pipeline.errors import UserError

if TYPE_CHECKING:
    from pipeline.analysis.area_interval import AreaErrors
    from pipeline.analysis.stats import ZoneChanges, ZoneStats
    from pipeline.cube.cube import Cube

ROWS = 40

app = typer.Typer()


class By(StrEnum):
    period = "period"


@app.command()
def stats(
    cube: CubeFolder,
    zones: Annotated[Path, typer.Option(metavar="FILE", help="GeoJSON, GeoPackage, Shapefile or GeoParquet, any CRS")],
    name: Annotated[str | None, typer.Option(metavar="COLUMN", help="names the zones; default: numbers from 1")] = None,
    layer: Annotated[str | None, typer.Option(help="of a GeoPackage that has several")] = None,
    by: Annotated[By | None, typer.Option(help="every period, not the newest alone")] = None,
    period: Period = None,
    from_period: Annotated[
        str | None, typer.Option(metavar="START", help="what changed since the period from START")
    ] = None,
    from_version: Annotated[str | None, typer.Option(metavar="VERSION", help="what changed since a version")] = None,
    confidence: Annotated[bool, typer.Option("--confidence", help="its mean too; reads all pixels of zones")] = False,
    intervals: Annotated[
        str | None,
        typer.Option(
            metavar="MODEL",
            help="95 % intervals of areas, by the errors of the map's model: its folder or name",
        ),
    ] = None,
    code: OwnCode = None,
    version: OfVersion = None,
    out: Annotated[
        Path | None, typer.Option(metavar="FILE", help="write a table, .csv or (Geo)Parquet, .parquet")
    ] = None,
    workers: Readers = 2,
    dask: Dask = "threads",
    as_json: AsJson = False,
) -> None:
    """Prints the area of each class in each zone, in hectares, or the change between two periods or versions.

    Areas are true: pixels on the border of a zone count by their covered part, and pixels of a grid that is not
    equal-area by their area on the ellipsoid.

    Example: `idgbr stats cube --zones districts.gpkg --name district --out areas.csv`
    """
    from pipeline.analysis import zone_tables
    from pipeline.analysis.stats import all_periods
    from pipeline.analysis.stats import changes as change_in
    from pipeline.analysis.stats import stats as stats_of
    from pipeline.analysis.workers import dask_workers
    from pipeline.analysis.zones import zones_of
    from pipeline.console.progress import progress_bar
    from pipeline.cube.cube import Cube

    change = from_period is not None or from_version is not None
    if change and (by or confidence or intervals):
        raise UserError(
            "--by, --confidence and --intervals go with areas, not with --from-period or --from-version; leave them out"
        )
    if by and period:
        raise UserError("--by period means every period, --period one; give one of them")
    if out is not None:
        zone_tables.check_suffix(out)
        check_writable(out)
    start, before = day(period, "--period"), day(from_period, "--from-period")
    opened = Cube.open(cube)
    errors = None if intervals is None else _area_errors(opened, version, intervals, code)
    places = zones_of(opened, zones, name, layer)
    if places.outside:
        outside = f"{len(places.outside)} of {len(places.names)} zones do not touch the cube's region"
        tell(f"{outside}; they have no area")
    result: ZoneStats | ZoneChanges
    with progress_bar("stats") as progress, dask_workers(dask, workers, opened):

        def count(done: int, total: int) -> None:
            progress(done, total, "")

        if change:
            old = (from_version or version, before or start)
            result = change_in(opened, places, old, (version, start), workers, count)
        else:
            periods = all_periods(opened, version) if by else None if start is None else [start]
            result = stats_of(opened, places, version, periods, confidence, errors, workers, count)
    if out is not None:
        zone_tables.write(result, places, out)
    if as_json:
        print(to_json(result))
    else:
        _print(result, out)


def _area_errors(cube: "Cube", version: str | None, place: str, code: str | None) -> "AreaErrors":
    """Those of the model that made a version. Raises UserError for another model, or one that does not know them."""
    from idgbr import IDGBRPipeline
    from idgbr.coarse import read_code
    from idgbr.settings import AREA_SIDE
    from pipeline.analysis.area_interval import AreaErrors
    from pipeline.config.model import model_at
    from pipeline.cube import versions

    with model_at(place) as folder:
        model = IDGBRPipeline.from_pretrained(folder, code=None if code is None else read_code(code))
    snapshot = versions.resolve(cube, version)
    made_by = versions.origin_of(cube, snapshot).model
    if made_by is None or not model.digest.startswith(made_by):
        raise UserError(
            f"version {snapshot} was made by the model of digest {made_by or 'not recorded'}, but {place} has "
            f"{model.digest[:16]}; name the model that made the map"
        )
    if model.settings.area_errors is None:
        raise UserError(f"the model {place} does not know its errors of areas; train it with calibrate: true")
    return AreaErrors(dict(zip(model.settings.codes, model.settings.area_errors, strict=True)), AREA_SIDE)


def _print(result: "ZoneStats | ZoneChanges", out: Path | None) -> None:
    from pipeline.analysis.zone_tables import rows_of, title_of
    from pipeline.console.tables import print_table

    columns, rows = rows_of(result)
    if out is not None:
        print(f"{len(rows):,} rows written to {out}")
        return
    texts = [[_text(value) for value in row] for row in rows[:ROWS]]
    print_table(title_of(result), texts, columns)
    if len(rows) > ROWS:
        print(f"and {len(rows) - ROWS:,} more: --out or --json has all")


def _text(value: str | int | float | date | None) -> str:
    return "" if value is None else f"{value:,.4f}" if isinstance(value, float) else str(value)
