"""Verbs that read a published map: query."""

import math
from typing import Annotated

import typer

from pipeline.cli.options import AsJson, CubeFolder
from pipeline.console.output import to_json
from pipeline.errors import UserError

app = typer.Typer()


@app.command()
def query(
    cube: CubeFolder,
    point: Annotated[str, typer.Option(metavar="LON,LAT", help="degrees")],
    version: Annotated[
        str | None, typer.Option(help="a version that `history` names, or a tag; default: the newest")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Prints what the map says of a point: class, confidence, reflectance, for each period.

    Example: `idgbr query cube --point 12.01,48.49`
    """
    from pipeline.analysis.query import point as query_point
    from pipeline.console.tables import print_table

    try:
        lon, lat = (float(part) for part in point.split(","))
        if not (math.isfinite(lon) and math.isfinite(lat)):
            raise ValueError
    except ValueError:
        raise UserError(f"--point is {point!r:.80}; give LON,LAT in degrees, such as 12.01,48.49") from None
    result = query_point(cube, lon, lat, version)
    if as_json:
        print(to_json(result))
        return
    for period in result.periods:
        rows = [
            ("period", " to ".join(period.period)),
            ("class", f"{period.class_} (code {period.landcover})"),
            ("coarse class", period.coarse),
            ("confidence", f"{period.confidence_percent} %"),
            ("refined", period.refined),
            ("clear observations", str(period.observations)),
            *((f"reflectance {band}", f"{value:.4f}") for band, value in period.reflectance.items()),
            ("block", f"{result.block}, {period.block_state}"),
        ]
        print_table(f"{lon}, {lat}", rows)
