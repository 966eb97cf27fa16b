"""The verb that writes a map in other formats: export."""

from pathlib import Path
from typing import Annotated

import typer

from pipeline.cli.options import AsJson, CubeFolder, Dask, OfVersion, Readers, box, day, finite
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
    stac: Annotated[
        Path | None, typer.Option(metavar="FOLDER", help="write a STAC collection, items and their GeoTIFFs")
    ] = None,
    vector: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="write the areas of the classes as polygons: .parquet, .gpkg or .pmtiles"),
    ] = None,
    html: Annotated[
        Path | None, typer.Option(metavar="FILE.html", help="write one page of a small region that needs no server")
    ] = None,
    page: Annotated[
        bool, typer.Option("--page", help="put a page into the folder of --zarr that shows it from any web server")
    ] = False,
    array: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME",
            help="array to export, several for --zarr, --stac, --html; default: landcover, for --zarr, --html all",
        ),
    ] = None,
    version: OfVersion = None,
    period: Annotated[
        str | None,
        typer.Option(
            metavar="START", help="first day of the period; default: the newest, for --zarr, --stac, --html all"
        ),
    ] = None,
    bbox: Annotated[
        str | None,
        typer.Option(metavar="W,S,E,N", help="part of the region for --html, in degrees; default: the whole"),
    ] = None,
    tile: Annotated[int | None, typer.Option(min=1, metavar="N", help="cut into tiles of N x N blocks")] = None,
    class_: Annotated[
        list[str] | None,
        typer.Option("--class", metavar="NAME", help="class for --vector, may be repeated; default: all"),
    ] = None,
    min_area: Annotated[
        float, typer.Option(min=0, metavar="HECTARES", callback=finite, help="least area of a polygon of --vector")
    ] = 0.0,
    simplify: Annotated[
        float | None,
        typer.Option(min=0, metavar="METRES", callback=finite, help="tolerance of --vector; default: a pixel"),
    ] = None,
    workers: Readers = 2,
    dask: Dask = "threads",
    as_json: AsJson = False,
) -> None:
    """Writes a version of the map as files that other tools open.

    An export that is interrupted goes on where it stopped when the same command is given again.

    Example: `idgbr export cube --cog landcover.tif`
    """
    from pipeline.analysis.workers import dask_workers
    from pipeline.console.progress import progress_bar
    from pipeline.cube.cube import Cube
    from pipeline.export.cog import export_cog
    from pipeline.export.plain_zarr import export_zarr
    from pipeline.export.stac import export_stac
    from pipeline.export.vector import export_polygons

    _check_one(
        {
            "--cog FILE.tif": cog,
            "--zarr FOLDER.zarr": zarr,
            "--stac FOLDER": stac,
            "--vector FILE": vector,
            "--html FILE.html": html,
        }
    )
    start, names = day(period, "--period"), array or ["landcover"]
    if tile is not None and cog is None and vector is None:
        raise UserError("--tile cuts what --cog or --vector write; leave it out")
    if vector is None and (class_ or min_area or simplify is not None):
        raise UserError("--class, --min-area and --simplify are for polygons; give them with --vector FILE")
    if page and (zarr is None or "landcover" not in names):
        raise UserError("--page shows landcover of a --zarr export; give --zarr FOLDER.zarr, with landcover in it")
    if bbox is not None and html is None:
        raise UserError("--bbox cuts what --html shows; leave it out")
    if (vector is not None and names != ["landcover"]) or (cog is not None and len(names) > 1):
        allowed = "polygons are those of landcover" if vector is not None else "a GeoTIFF holds one array"
        raise UserError(f"{allowed}, not {', '.join(names)}; give --array once, and a command for each")
    part = None if bbox is None else box(bbox)
    opened = Cube.open(cube)
    with progress_bar("export") as progress, dask_workers(dask, workers, opened):
        if cog is not None:
            done = export_cog(opened, cog, names[0], version, start, tile, workers, progress)
        elif zarr is not None:
            beside = None
            if page:
                from pipeline.serve.static_page import NAME, static_page

                beside = {NAME: static_page()}
            done = export_zarr(opened, zarr, array, version, start, workers, progress, beside)
        elif stac is not None:
            done = export_stac(opened, stac, names, version, start, workers, progress)
        elif html is not None:
            from pipeline.serve.single_page import export_page

            done = export_page(opened, html, part, array, version, start, progress)
        elif vector is not None:
            done = export_polygons(opened, vector, class_, min_area, simplify, version, start, tile, workers, progress)
    print(to_json(done) if as_json else done.line())


def _check_one(targets: dict[str, Path | None]) -> None:
    asked = [name for name, target in targets.items() if target is not None]
    if len(asked) != 1:
        raise UserError(f"one export is written at a time; give one of {', '.join(targets)}, not {len(asked)} of them")
