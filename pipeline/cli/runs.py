"""Verbs that make maps: plan, run, update."""

import os
from contextlib import redirect_stdout
from pathlib import Path
from typing import Annotated

import typer

from pipeline.cli.options import DASK, MOST, AsJson, RegionFile, finite
from pipeline.console.output import check_writable, from_here, to_json, write_text
from pipeline.errors import UserError
from pipeline.execution.resources import WorkerCounts

Plot = Annotated[Path | None, typer.Option(metavar="FILE.png", help="also draw the mosaic and the maps")]
Workers = Annotated[int, typer.Option(min=1, max=MOST, help="worker processes")]
MosaicWorkers = Annotated[
    int | None,
    typer.Option(
        min=0, max=MOST, help="further workers that only mosaic; default: the CPUs beside workers with GPUs, else 0"
    ),
]
Gpus = Annotated[
    float | None,
    typer.Option(
        min=0, callback=finite, help="GPUs of each worker, such as 0.5; default: 1 where there are GPUs, else 0"
    ),
]
Price = Annotated[float | None, typer.Option(min=0, callback=finite, help="adds a cost estimate")]
Address = Annotated[
    str | None,
    typer.Option(
        help="none (this process), local (a Ray of its own), auto (the Ray around it; default in a Ray job) "
        "or ray://host:port; default elsewhere: local"
    ),
]
Dask = Annotated[
    str | None,
    typer.Option(
        metavar="ADDRESS", help=f"where blocks are aggregated: {DASK}; default: the region file's, else threads"
    ),
]

app = typer.Typer()


@app.command()
def plan(
    region_file: RegionFile,
    workers: Workers = 1,
    mosaic_workers: MosaicWorkers = None,
    price_per_worker_hour: Price = None,
    html: Annotated[
        Path | None,
        typer.Option("--html", metavar="FILE.html", help="also draw footprints, coverage and clear views as a page"),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Shows what a run would do: its scenes, its blocks, which of them are due, and an estimate of time and cost.

    Example: `idgbr plan region.yaml --workers 4 --price-per-worker-hour 2.5`
    """
    from pipeline.config.region_file import load

    if html is not None:
        check_writable(html)

    # A file with a fault is told before the seconds that torch takes to import.
    region = load(region_file)
    from pipeline.console.progress import stage_progress
    from pipeline.planning.describe import describe, print_description
    from pipeline.planning.plan import plan as make_plan

    with stage_progress() as progress:
        planned = make_plan(region, count=progress.count)
        description = describe(planned, workers, mosaic_workers or 0, price_per_worker_hour, progress.count)
    if html is not None:
        from pipeline.planning.plan_page import plan_page

        write_text(html, plan_page(planned, description))
    print(to_json(description)) if as_json else print_description(description)


@app.command()
def run(
    region_file: RegionFile,
    address: Address = None,
    dask: Dask = None,
    workers: Workers = 1,
    mosaic_workers: MosaicWorkers = None,
    gpus: Gpus = None,
    price_per_worker_hour: Price = None,
    plot: Plot = None,
    mosaic_only: Annotated[
        bool, typer.Option("--mosaic-only", help="end when the mosaics are made; the same without it goes on")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Maps a region and publishes the map; the same command again continues an interrupted run.

    Example: `idgbr run region.yaml --workers 2`
    """
    counts = WorkerCounts(workers, gpus, mosaic_workers)
    if mosaic_only and plot is not None:
        raise UserError("--plot draws a map, which --mosaic-only does not make; give one of them")
    _run(region_file, address, dask, counts, price_per_worker_hour, plot, as_json, mosaic_only=mosaic_only)


@app.command()
def update(
    region_file: RegionFile,
    address: Address = None,
    dask: Dask = None,
    workers: Workers = 1,
    mosaic_workers: MosaicWorkers = None,
    gpus: Gpus = None,
    price_per_worker_hour: Price = None,
    plot: Plot = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="show what would be done; write nothing")] = False,
    every: Annotated[
        str | None, typer.Option(metavar="INTERVAL", help="go on and update every 30m, 6h or 1d, until stopped")
    ] = None,
    suggest_threshold: Annotated[
        float | None,
        typer.Option(
            metavar="RECALL",
            min=0,
            max=1,
            callback=finite,
            help="only tell the threshold that the audits suggest for this recall",
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Searches for new acquisitions and maps again only the blocks that they touch. For cron.

    Where the region file names a change model, blocks whose ground has not changed keep their map.

    Exit code 75: another run holds the cube.

    Example: `idgbr update region.yaml`
    """
    counts = WorkerCounts(workers, gpus, mosaic_workers)
    if suggest_threshold is not None:
        _suggest(region_file, suggest_threshold, as_json)
        return
    if every is not None and dry_run:
        raise UserError("--every and --dry-run do not go together; give one of them")
    if dry_run:
        _look_ahead(region_file, counts, price_per_worker_hour, as_json)
        return

    def once() -> None:
        _run(region_file, address, dask, counts, price_per_worker_hour, plot, as_json, refresh=True)

    if every is None:
        once()
        return
    from pipeline.cli.updates import update_every

    update_every(every, once)


def _look_ahead(region_file: Path, counts: WorkerCounts, price_per_worker_hour: float | None, as_json: bool) -> None:
    """Prints what an update would do, and writes nothing."""
    from pipeline.config.region_file import load

    region = load(region_file)
    from pipeline.change.preview import preview, print_preview
    from pipeline.console.progress import stage_progress
    from pipeline.planning.describe import describe
    from pipeline.planning.plan import plan as make_plan

    with stage_progress() as progress:
        planned = make_plan(region, refresh=True, count=progress.count, dry=True)
        description = describe(
            planned, counts.workers, counts.mosaic_workers or 0, price_per_worker_hour, progress.count
        )
        update = preview(planned, description)
    print(to_json(update)) if as_json else print_preview(update)


def _suggest(region_file: Path, recall: float, as_json: bool) -> None:
    """Prints the threshold that the audits of the region's cube suggest."""
    from pipeline.change.threshold import suggest_threshold
    from pipeline.config.region_file import load
    from pipeline.console.tables import print_table
    from pipeline.cube.cube import Cube
    from pipeline.execution.change_report import read_audits
    from pipeline.execution.change_summary import with_interval

    region = load(region_file)
    if region.change is None:
        raise UserError(f"{region_file} has no section 'change', whose threshold could be set; add it")
    suggestion = suggest_threshold(read_audits(Cube.open(region.cube)), recall)
    if as_json:
        print(to_json(suggestion))
        return
    rows = [
        ("change.threshold", f"{suggestion.threshold:.2f} (now {region.change.threshold:.2f})"),
        ("recall by area", with_interval(suggestion.recall, percent=True)),
        ("blocks mapped", f"{suggestion.mapped:.1%} of those asked about"),
        ("judged", f"{suggestion.blocks} blocks of {suggestion.audits} updates"),
    ]
    print_table(f"for a recall of {recall:.1%}", rows)


def _run(
    region_file: Path,
    address: str | None,
    dask: str | None,
    counts: WorkerCounts,
    price_per_worker_hour: float | None,
    plot: Path | None,
    as_json: bool,
    refresh: bool = False,
    mosaic_only: bool = False,
) -> None:
    from pipeline.config.region_file import load

    region = load(region_file)
    from pipeline.console.progress import stage_progress
    from pipeline.console.tables import print_table
    from pipeline.execution.run import run as run_region
    from pipeline.execution.summary import area_rows, summary

    if plot is not None:
        from pipeline.analysis.picture import check_picture, draw_maps

        check_picture(plot)
        check_writable(plot)
    # Ray prints to stdout, which is for results, when it loses a node.
    with stage_progress() as progress, Path(os.devnull).open("w") as nowhere, redirect_stdout(nowhere):
        report = run_region(
            region,
            workers=counts.workers,
            mosaic_workers=counts.mosaic_workers,
            gpus=counts.gpus,
            price_per_worker_hour=price_per_worker_hour,
            address=address or ("auto" if os.environ.get("RAY_ADDRESS") else "local"),
            dask=dask,
            refresh=refresh,
            mosaic_only=mosaic_only,
            listener=progress.listen,
            count=progress.count,
            progress=progress.measure,
        )
    if plot is not None:
        from pipeline.cube.open import open_cube

        cube = open_cube(region.cube).sel(time=[str(region.period[0])])
        draw_maps(plot, cube, {"coarse": cube.coarse.values[0], "refined": cube.landcover.values[0]})
    if as_json:
        print(to_json(report))
    elif mosaic_only and report.blocks.new + report.blocks.changed:
        print_table(f"{region.name}: mosaics made, not mapped", summary(report))
        print(f"look at them: pipeline.open_cube({from_here(region.cube)!r}, 'run-{report.run}').mosaic")
        print(f"go on: idgbr run {region_file}")
    else:
        print_table(f"{region.name}: {'published' if report.published else 'nothing to do'}", summary(report))
        if areas := area_rows(report):
            print_table("area of this period", areas, ("class", "km2", "share"))
