"""Verbs that read the versions of a cube: status, history, diff."""

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Annotated

import typer

from pipeline.cli.options import AsJson, CubeFolder, Dask, Readers, Version, day
from pipeline.console.output import to_json

if TYPE_CHECKING:
    from pipeline.cube.history import HistoryEntry
    from pipeline.cube.run_progress import RunProgress
    from pipeline.cube.status import Status

ROWS = 20

app = typer.Typer()


@app.command()
def status(
    cube: CubeFolder,
    watch: Annotated[
        bool, typer.Option("--watch", help="go on while a run works in the cube; --json: a line for each change")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Shows how far a cube is: published versions, and runs under way.

    Example: `idgbr status cube --watch`
    """
    from pipeline.console.tables import live_table, print_table
    from pipeline.cube.cube import Cube
    from pipeline.cube.status import status as status_of
    from pipeline.cube.watch import watch as watch_cube

    opened = Cube.open(cube)
    found = watch_cube(opened) if watch else iter([status_of(opened)])
    if as_json:
        for each in found:
            print(to_json(each), flush=True)
    elif watch:
        with live_table() as show:
            for each in found:
                show(cube, _status_rows(each))
    else:
        print_table(cube, _status_rows(next(found)))


def _status_rows(found: "Status") -> list[tuple[str, str]]:
    return [
        ("published", found.published or "nothing yet"),
        ("versions", str(found.versions)),
        *((f"blocks {state.replace('_', ' ')}", f"{count:,}") for state, count in found.blocks.items()),
        ("held by", found.held_by or "nobody"),
        *((f"run {run}", _progress(at)) for run, at in found.running.items()),
        *((f"held run {run}", reason) for run, reason in found.held.items()),
    ]


STAGES = {
    "stopped": "nobody works for it; the same run again goes on",
    "plan": "plans and starts",
    "screen": "asks which blocks have changed",
    "mosaic": "mosaics",
    "landcover": "maps",
    "aggregate": "aggregates and publishes",
}


def _progress(at: "RunProgress") -> str:
    words = [STAGES[at.stage]]
    for done, of, name in ((at.mosaic, at.of_mosaic, "mosaics"), (at.landcover, at.of_landcover, "maps")):
        words.append(f"{done:,} {name}" if of is None else f"{done:,} of {of:,} {name}")
    if at.expected_end is not None and (left := at.expected_end - datetime.now(UTC)) > timedelta(seconds=1):
        words.append(f"about {timedelta(seconds=round(left.total_seconds()))} left")
    return ", ".join(words)


@app.command()
def history(cube: CubeFolder, as_json: AsJson = False) -> None:
    """Lists the versions, newest first, with their tags and what a rollback withdrew.

    Example: `idgbr history cube`
    """
    from pipeline.console.tables import print_table
    from pipeline.cube.cube import Cube
    from pipeline.cube.history import entries

    found = entries(Cube.open(cube))
    if as_json:
        print(to_json(found))
    else:
        print_table("versions", [(entry.version, _description(entry)) for entry in found])


def _description(entry: "HistoryEntry") -> str:
    from pipeline.console.tables import number_of

    blocks = number_of(entry.blocks, "block")
    words = [f"{entry.published:%Y-%m-%d %H:%M} UTC, {blocks}, {entry.degraded} degraded"]
    words += [f"tag {name}" for name in entry.tags]
    words += [f"rolled back to {entry.rolled_back_to}"] if entry.rolled_back_to else []
    words += ["withdrawn"] if entry.withdrawn else []
    words += [f"published because {entry.because}"] if entry.because else []
    words += [str(accuracy) for accuracy in entry.accuracy]
    return ", ".join(words)


@app.command()
def diff(
    cube: CubeFolder,
    a: Version,
    b: Version,
    period: Annotated[
        str | None, typer.Option(metavar="START", help="first day of the period; default: the newest that both have")
    ] = None,
    workers: Readers = 2,
    dask: Dask = "threads",
    as_json: AsJson = False,
) -> None:
    """Shows which blocks differ from version A to B and how many pixels changed from which class into which.

    A run that a gate held back is named by its branch, run-ID, which the run printed.

    Example: `idgbr diff cube previous newest`
    """
    from pipeline.analysis.diff import diff as compare
    from pipeline.analysis.workers import dask_workers
    from pipeline.console.progress import progress_bar
    from pipeline.console.tables import print_table
    from pipeline.cube.cube import Cube

    start = day(period, "--period")
    opened = Cube.open(cube)
    with progress_bar("diff") as progress, dask_workers(dask, workers, opened):
        difference = compare(opened, a, b, start, workers, lambda done, total: progress(done, total, ""))
    report = difference.report()
    if as_json:
        print(to_json(report))
        return
    title = (
        f"{report.a} to {report.b}, period from {report.period}: {report.blocks.differing} of {report.blocks.compared} "
        f"blocks differ, {report.pixels.changed:,} pixels ({report.pixels.changed_km2:,.2f} km2) changed"
    )
    rows = [(change.from_, change.to, f"{change.pixels:,}", f"{change.km2:,.4f}") for change in report.changes]
    print_table(title, rows[:ROWS], ("from", "to", "pixels", "km2"))
    if len(rows) > ROWS:
        print(f"and {len(rows) - ROWS} more: --json lists all")
