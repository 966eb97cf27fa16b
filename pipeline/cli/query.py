"""Verbs that read a published map: query."""

import json
from typing import Annotated

import typer

from pipeline.cli.options import AsJson, CubeFolder
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
    """Tells what the map says of a point.

    Example: `idgbr query cube --point 12.01,48.49`
    """
    from pipeline.analysis.query import point as at_point
    from pipeline.console.tables import print_table

    try:
        lon, lat = (float(part) for part in point.split(","))
    except ValueError:
        raise UserError(f"--point is {point!r}; give LON,LAT in degrees, such as 12.01,48.49") from None
    facts = at_point(cube, lon, lat, version)
    if as_json:
        print(json.dumps(facts))
    else:
        for period in facts["periods"]:
            print_table(f"{lon}, {lat}", [(what, str(value)) for what, value in period.items()])
