"""The verb that makes one cube of many: join."""

from typing import Annotated

import typer

from pipeline.cli.options import AsJson, Dask, Readers, box
from pipeline.console.output import to_json

app = typer.Typer()


@app.command()
def join(
    continent: Annotated[str, typer.Argument(metavar="CONTINENT", help="the cube to make or to bring up to date")],
    cubes: Annotated[list[str], typer.Argument(metavar="CUBE...", help="all cubes of regions that it is joined from")],
    prefer: Annotated[str, typer.Option(help="which of several maps of a block: newest or most-observed")] = "newest",
    bbox: Annotated[
        str | None,
        typer.Option(metavar="W,S,E,N", help="degrees; room for cubes to come; default: the window around the cubes"),
    ] = None,
    drop: Annotated[bool, typer.Option("--drop", help="let blocks of cubes go that are not named any more")] = False,
    workers: Readers = 2,
    dask: Dask = "threads",
    as_json: AsJson = False,
) -> None:
    """Joins the published cubes of regions into one, which is published as a new version; copies only what has changed.

    The same command again goes on with an interrupted one, and after updates of regions brings the continent up to
    date.

    Example: `idgbr join continent north south`
    """
    from catalogs.area import bbox_polygon
    from pipeline.console.progress import progress_bar
    from pipeline.console.tables import print_table
    from pipeline.continent.join import join as join_cubes

    bounds = None if bbox is None else box(bbox)
    if bounds is not None:
        bbox_polygon(*bounds)
    with progress_bar("join") as progress:
        report = join_cubes(
            continent,
            cubes,
            prefer=prefer,  # type: ignore[arg-type]
            bbox=bounds,
            drop=drop,
            workers=workers,
            dask=dask,
            progress=progress,
        )
    if as_json:
        print(to_json(report))
        return
    rows = [
        ("version", report.version),
        ("blocks copied", f"{report.copied:,} ({report.bytes / 1e6:,.1f} MB)"),
        ("kept", f"{report.kept:,}"),
        ("emptied", f"{report.emptied:,}"),
        ("cut by a region's edge", f"{report.cut:,} ({report.cut_pixels:,} pixels)"),
        ("seconds", f"{report.seconds['total']:.1f}"),
    ]
    print_table(f"{continent}: {'published' if report.published else 'nothing new'}", rows)
    print_table(
        "cubes",
        [(each.cube, each.version, f"{each.blocks:,}", f"{each.copied:,}") for each in report.cubes],
        ("cube", "version", "blocks", "copied"),
    )
    seams = [
        (each.a, each.b, str(each.period), f"{each.blocks:,}", f"{each.pixels:,}", _percent(each.equal))
        for each in report.seams
    ]
    print_table("overlaps", seams, ("cube", "and", "period from", "blocks", "pixels", "same class"))


def _percent(share: float | None) -> str:
    return "-" if share is None else f"{share:.2%}"
