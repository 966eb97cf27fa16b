"""Verbs that read a published map: query."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pipeline.cli.options import AsJson, CubeFolder, OfVersion, box, day, numbers
from pipeline.console.output import check_writable, to_json
from pipeline.errors import UserError

if TYPE_CHECKING:
    from pipeline.analysis.point_result import PointResult

app = typer.Typer()


@app.command()
def query(
    cube: CubeFolder,
    point: Annotated[str | None, typer.Option(metavar="LON,LAT", help="degrees")] = None,
    bbox: Annotated[str | None, typer.Option(metavar="W,S,E,N", help="degrees; needs --out")] = None,
    polygon: Annotated[
        Path | None, typer.Option(metavar="FILE", help="GeoJSON, GeoPackage, Shapefile or GeoParquet; needs --out")
    ] = None,
    out: Annotated[Path | None, typer.Option(metavar="FILE.tif", help="write the box or polygon as GeoTIFF")] = None,
    array: Annotated[str | None, typer.Option(help="map that --out holds; default: landcover")] = None,
    period: Annotated[
        str | None, typer.Option(metavar="START", help="first day, for --out; default: the newest period")
    ] = None,
    version: OfVersion = None,
    as_json: AsJson = False,
) -> None:
    """Prints what the map says of a point, for each period: class, confidence, dates, scenes. Or cuts out a part of it.

    Example: `idgbr query cube --point 12.01,48.49`

    Example: `idgbr query cube --polygon district.gpkg --out district.tif`
    """
    if sum(place is not None for place in (point, bbox, polygon)) != 1:
        raise UserError("give one of --point, --bbox and --polygon")
    if point is None:
        if as_json:
            raise UserError("--json is for --point; a box or polygon is written to --out")
        _cut(cube, bbox, polygon, out, array or "landcover", period, version)
        return
    if out is not None or array is not None or period is not None:
        raise UserError("--out, --array and --period are for --bbox and --polygon; a point is printed, all of it")
    from pipeline.analysis.query import point as query_point

    lon, lat = numbers(point, "--point", "LON,LAT", "12.01,48.49")
    result = query_point(cube, lon, lat, version)
    print(to_json(result)) if as_json else _print(result)


def _cut(
    cube: str,
    bbox: str | None,
    polygon: Path | None,
    out: Path | None,
    array: str,
    period: str | None,
    version: str | None,
) -> None:
    from pipeline.analysis import clip
    from pipeline.cube.cube import Cube

    if out is None:
        raise UserError("--bbox and --polygon write a GeoTIFF; give --out FILE.tif")
    if out.suffix.lower() not in (".tif", ".tiff"):
        raise UserError(f"--out is {out}; name a file that ends in .tif")
    check_writable(out)
    start = day(period, "--period")
    opened = Cube.open(cube)
    if bbox is not None:
        dataset = clip.clip_box(opened, box(bbox), version)
    else:
        dataset = clip.clip_file(opened, polygon or "", version)
    time = clip.time_of(dataset, start)
    clip.write_geotiff(dataset, array, time, out)
    first = str(dataset.time.values[time])[:10]
    print(f"{array} of the period from {first}, {dataset.sizes['y']} x {dataset.sizes['x']} pixels, written to {out}")


def _print(result: "PointResult") -> None:
    from pipeline.console.tables import listing, print_table

    for period in result.periods:
        rows = [
            ("period", " to ".join(period.period)),
            ("class", f"{period.class_} (code {period.landcover})"),
            ("coarse class", period.coarse),
            ("confidence", f"{period.confidence_percent} %"),
            ("refined", period.refined),
            ("clear observations", str(period.observations)),
            ("first and last", f"{period.first_clear or 'none'}, {period.last_clear or 'none'}"),
            *([("change", f"{period.change_percent} %, seen on {period.change_day}")] if period.change_day else []),
            *(
                (f"{period.unit} {band}", "no data" if value is None else f"{value:.4f}")
                for band, value in period.reflectance.items()
            ),
            ("block", f"{result.block}, {period.block_state}"),
            *(
                ()
                if period.source is None
                else [("joined from", f"{period.source.cube}, version {period.source.version}")]
            ),
            ("run", period.run or "not recorded, or parts of several"),
            ("scenes", "not recorded" if period.scenes is None else listing(period.scenes)),
        ]
        print_table(f"{result.lon}, {result.lat}", rows)
