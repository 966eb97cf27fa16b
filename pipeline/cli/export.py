"""The verb that writes a map in other formats: export."""

from datetime import date, datetime
from pathlib import Path
from typing import Annotated

import typer

from pipeline.cli.options import AsJson, CubeFolder
from pipeline.console.output import to_json
from pipeline.errors import UserError

app = typer.Typer()


@app.command()
def export(
    cube: CubeFolder,
    cog: Annotated[
        Path | None, typer.Option(metavar="FILE.tif", help="write a Cloud Optimized GeoTIFF; with --tile a folder")
    ] = None,
    zarr: Annotated[
        Path | None, typer.Option(metavar="FOLDER.zarr", help="write plain Zarr, which needs no Icechunk")
    ] = None,
    array: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME", help="array to export, may be repeated for --zarr; default: landcover, there all"),
    ] = None,
    version: Annotated[
        str | None, typer.Option(help="a version that `history` names, or a tag; default: the newest")
    ] = None,
    period: Annotated[
        str | None, typer.Option(metavar="START", help="first day of the period; default: the newest, for --zarr all")
    ] = None,
    tile: Annotated[int | None, typer.Option(min=1, metavar="N", help="cut into tiles of N x N blocks")] = None,
    workers: Annotated[int, typer.Option(min=1, max=1024, help="threads that read and compress")] = 2,
    as_json: AsJson = False,
) -> None:
    """Writes a version of the map as files that other tools open.

    An export that is interrupted goes on where it stopped when the same command is given again.

    Example: `idgbr export cube --cog landcover.tif`
    """
    from pipeline.console.progress import progress_bar
    from pipeline.cube.cube import Cube
    from pipeline.export.cog import export_cog
    from pipeline.export.plain_zarr import export_zarr

    _check_one({"--cog FILE.tif": cog, "--zarr FOLDER.zarr": zarr})
    if tile is not None and cog is None:
        raise UserError("--tile cuts what --cog writes; leave it out")
    start, names = _start(period), array or ["landcover"]
    if cog is not None and len(names) > 1:
        raise UserError(f"a GeoTIFF holds one array, not {', '.join(names)}; give --array once, and a command for each")
    opened = Cube.open(cube)
    with progress_bar("export") as progress:
        if cog is not None:
            done = export_cog(opened, cog, names[0], version, start, tile, workers, progress)
        if zarr is not None:
            done = export_zarr(opened, zarr, array, version, start, workers, progress)
    print(to_json(done) if as_json else done.line())


def _check_one(targets: dict[str, Path | None]) -> None:
    asked = [name for name, target in targets.items() if target is not None]
    if len(asked) != 1:
        raise UserError(f"one export is written at a time; give one of {', '.join(targets)}, not {len(asked)} of them")


def _start(period: str | None) -> date | None:
    try:
        return None if period is None else datetime.strptime(period, "%Y-%m-%d").date()
    except ValueError:
        raise UserError(f"--period is {period!r}; give the first day of a period, such as 2024-05-01") from None
