"""Verbs that make one map of many pixels or periods: reduce fractions, majority, stable, first-last."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from pipeline.cli.options import AsJson, CubeFolder, Dask, OfVersion, Period, Readers, day
from pipeline.console.output import to_json

if TYPE_CHECKING:
    from pipeline.analysis.reduce import Reduction

Out = Annotated[Path, typer.Option(metavar="FILE", help="a new GeoTIFF, .tif, or folder of Zarr, .zarr")]

app = typer.Typer()
verbs = typer.Typer(help="Make one map of many pixels, or of many periods.", no_args_is_help=True)
app.add_typer(verbs, name="reduce")


@verbs.command()
def fractions(
    cube: CubeFolder,
    pixels: Annotated[int, typer.Option(min=1, metavar="N", help="pixels a side of a cell")],
    out: Out,
    period: Period = None,
    version: OfVersion = None,
    workers: Readers = 2,
    dask: Dask = "threads",
    as_json: AsJson = False,
) -> None:
    """Writes the share of each class in cells of N x N pixels, and the share that is mapped.

    Example: `idgbr reduce fractions cube --pixels 100 --out fractions.tif`
    """
    from pipeline.analysis import reduce

    _reduce(cube, workers, dask, as_json, reduce.fractions, out, pixels, day(period, "--period"), version)


@verbs.command()
def majority(
    cube: CubeFolder,
    out: Out,
    version: OfVersion = None,
    workers: Readers = 2,
    dask: Dask = "threads",
    as_json: AsJson = False,
) -> None:
    """Writes the class of most periods; at a tie the one that was mapped last.

    Example: `idgbr reduce majority cube --out usual.tif`
    """
    from pipeline.analysis import reduce

    _reduce(cube, workers, dask, as_json, reduce.majority, out, version)


@verbs.command()
def stable(
    cube: CubeFolder,
    periods: Annotated[int, typer.Option(min=1, metavar="N", help="for which a class must hold, or win by confidence")],
    out: Out,
    version: OfVersion = None,
    workers: Readers = 2,
    dask: Dask = "threads",
    as_json: AsJson = False,
) -> None:
    """Writes the map of every period without episodes shorter than N periods that are not surer than their neighbours.

    Example: `idgbr reduce stable cube --periods 2 --out stable.zarr`
    """
    from pipeline.analysis import reduce

    _reduce(cube, workers, dask, as_json, reduce.stable, out, periods, version)


@verbs.command("first-last")
def first_last(
    cube: CubeFolder,
    class_: Annotated[str, typer.Option("--class", metavar="CLASS", help="name or code")],
    out: Out,
    version: OfVersion = None,
    workers: Readers = 2,
    dask: Dask = "threads",
    as_json: AsJson = False,
) -> None:
    """Writes the first and the last year in which a class was mapped.

    Example: `idgbr reduce first-last cube --class "Built-up" --out built.tif`
    """
    from pipeline.analysis import reduce

    _reduce(cube, workers, dask, as_json, reduce.first_last, out, class_, version)


def _reduce(
    cube: str,
    workers: int,
    dask: str,
    as_json: bool,
    reduction: "Callable[..., Reduction]",
    out: Path,
    *arguments: Any,
) -> None:
    from pipeline.analysis.result import check_target
    from pipeline.analysis.workers import dask_workers
    from pipeline.console.progress import progress_bar
    from pipeline.console.tables import print_table
    from pipeline.cube.cube import Cube

    check_target(out)
    opened = Cube.open(cube)
    with progress_bar("reduce") as progress, dask_workers(dask, workers, opened):
        made = reduction(
            opened, out, *arguments, workers=workers, progress=lambda done, total: progress(done, total, "")
        )
    if as_json:
        print(to_json(made))
        return
    rows = [("version", made.version), ("metres a pixel", f"{made.resolution:g}"), ("bands", ", ".join(made.bands))]
    print_table(f"written {made.out}", rows)
