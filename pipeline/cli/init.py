"""The verb that begins: a region file and recipes from a box."""

import re
from datetime import date
from pathlib import Path
from typing import Annotated

import typer

from pipeline.cli.options import AsJson, box, finite
from pipeline.console.output import to_json
from pipeline.errors import UserError

app = typer.Typer()


@app.command()
def init(
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="to write region.yaml and the two recipes into")],
    bbox: Annotated[str, typer.Option(metavar="W,S,E,N", help="degrees; W > E across the antimeridian")],
    period: Annotated[str, typer.Option(metavar="FIRST,LAST", help="days, such as 2024-05-01,2024-08-31")],
    catalog: Annotated[str, typer.Option(help="URL of a STAC API or static catalog, or a path")],
    labels: Annotated[
        str, typer.Option(metavar="NAME", help="a collection of maps, a raster or vector file, or a cube")
    ] = "esa-worldcover",
    labels_catalog: Annotated[
        str | None, typer.Option(metavar="CATALOG", help="of the labels; default: that of the scenes")
    ] = None,
    column: Annotated[str | None, typer.Option(help="of vector labels: tells the class")] = None,
    collection: Annotated[
        str | None, typer.Option(metavar="NAME", help="of the scenes; default: the first known one that has some")
    ] = None,
    crs: Annotated[
        str | None, typer.Option(metavar="CRS", help="of the grid; default: the UTM zone of the box's centre")
    ] = None,
    resolution: Annotated[
        float | None, typer.Option(min=0.1, callback=finite, help="metres; default: the collection's")
    ] = None,
    steps: Annotated[int, typer.Option(min=1, max=10**9, help="of training, of each network")] = 2000,
    as_json: AsJson = False,
) -> None:
    """Writes a region file and two recipes for a box, and tells what the map will cost. Overwrites nothing.

    Example: `idgbr init tyrol --bbox 11.3,47.2,11.5,47.3 --period 2021-06-01,2021-08-31 --catalog CATALOG`
    """
    bounds = box(bbox)
    days = _period(period)
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_-]*", name := folder.resolve().name):
        raise UserError(f"the folder is called {name!r:.80}, which also names the region; use a to z, digits and -")
    from catalogs.area import bbox_polygon
    from pipeline.planning.draft import Wish, draft

    bbox_polygon(*bounds)
    from pipeline.console.progress import stage_progress
    from pipeline.console.tables import print_table

    wish = Wish(bounds, days, catalog, labels, collection, labels_catalog, column, crs, resolution, steps)
    with stage_progress() as progress:
        result = draft(wish, folder, name.lower().replace("_", "-")[:63], progress.count)
    if as_json:
        print(to_json(result))
        return
    plan = result.plan
    seconds = None if plan.estimate is None else plan.estimate["seconds"]
    print_table(
        str(folder),
        [
            ("scenes", f"{len(plan.scenes)} of {result.collection}"),
            ("grid", f"{result.crs}, {result.resolution:g} m"),
            ("pixels", f"{result.pixels:,} in {plan.to_mosaic} blocks, {plan.region_km2:,.2f} km2"),
            ("to read", f"{plan.gb_to_read:,.3f} GB in {plan.views} views, besides the labels'"),
            ("time", "known after a first run of the cube" if seconds is None else f"{seconds:g} s"),
            ("classes", ", ".join(result.classes)),
            *(("note", note) for note in result.notes),
        ],
    )
    for command in result.commands:
        print(command)


def _period(text: str) -> tuple[date, date]:
    try:
        first, last = (date.fromisoformat(day.strip()) for day in text.split(","))
    except ValueError:
        raise UserError(
            f"--period is {text!r:.80}; give the first and the last day, such as 2024-05-01,2024-08-31"
        ) from None
    if first > last:
        raise UserError(f"--period starts on {first}, after its end on {last}; give the first day first")
    return first, last
