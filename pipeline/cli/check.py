"""The verb that looks for damage in a cube: check."""

from typing import Annotated

import typer

from pipeline.cli.options import AsJson, CubeFolder, Dask, OfVersion, Readers
from pipeline.console.output import to_json

app = typer.Typer()


@app.command()
def check(
    cube: CubeFolder,
    version: OfVersion = None,
    heal: Annotated[bool, typer.Option("--heal", help="make damaged blocks of the newest version due again")] = False,
    workers: Readers = 2,
    dask: Dask = "threads",
    as_json: AsJson = False,
) -> None:
    """Reads everything of a version, and lists what is damaged or missing; exit code 1 if anything is.

    With `--heal` the next `run` of the region maps the damaged blocks, and no others, anew.

    Example: `idgbr check cube --heal`
    """
    from pipeline.analysis.check import check as check_cube
    from pipeline.analysis.workers import dask_workers
    from pipeline.console.progress import progress_bar
    from pipeline.console.tables import print_table
    from pipeline.cube import versions
    from pipeline.cube.cube import Cube
    from pipeline.cube.damage import NOT_HEALABLE
    from pipeline.cube.heal import heal as heal_cube
    from pipeline.errors import UserError

    opened = Cube.open(cube)
    snapshot = versions.resolve(opened, version)
    if heal and snapshot != versions.resolve(opened):
        raise UserError(f"--heal takes the newest version alone, not {version!r}; leave --version out")
    with progress_bar("check") as progress, dask_workers(dask, workers, opened):
        report = check_cube(opened, snapshot, workers, progress)
    if heal and report.damage:
        with opened.lease("heal", snapshot) as held:
            heal_cube(held, report.damage.values())
    if as_json:
        print(to_json(report))
    else:
        rows = [
            ("version", report.version),
            ("chunks read", f"{report.chunks:,}"),
            ("without checksums", ", ".join(report.unchecked) or "none"),
            *(("damaged", f"{place}: {damage.why}") for place, damage in report.damage.items()),
            *(("damaged", sentence) for sentence in report.files),
        ]
        if not all(damage.is_healable for damage in report.damage.values()):
            rows.append(("to mend it", NOT_HEALABLE))
        elif report.damage:
            rows.append(("to mend it", "run the region again" if heal else "idgbr check CUBE --heal, then run again"))
        print_table(f"{cube}: {'sound' if report.sound else 'damaged'}", rows)
    if not report.sound:
        raise typer.Exit(1)
