"""Verbs that make maps: demo, plan, run, update."""

import json
import os
from contextlib import redirect_stdout
from pathlib import Path
from typing import Annotated

import typer

from pipeline.cli.options import AsJson, RegionFile
from pipeline.console.output import check_folder
from pipeline.execution.resources import WorkerCounts

Picture = Annotated[Path | None, typer.Option(metavar="FILE.png", help="also draw the mosaic and the maps")]
Workers = Annotated[int, typer.Option(min=1, help="worker processes")]
Helpers = Annotated[
    int | None,
    typer.Option(min=0, help="further workers that only mosaic; default: the CPUs beside workers with GPUs, else 0"),
]
Gpus = Annotated[
    float | None,
    typer.Option(min=0, help="GPUs of each worker, such as 0.5; default: 1 where there are GPUs, else 0"),
]
Price = Annotated[float | None, typer.Option(min=0, help="of an hour of one worker: adds what the run costs")]
Address = Annotated[
    str | None,
    typer.Option(
        help="none (this process), local (a Ray of its own), auto (the Ray around it; default in a Ray job) "
        "or ray://host:port; default elsewhere: local"
    ),
]

app = typer.Typer()


@app.command()
def demo(
    folder: Annotated[Path, typer.Argument(help="where to make it")] = Path("out/demo"),
    json_file: Annotated[
        Path | None, typer.Option("--json", metavar="FILE", help="write scores and seconds to FILE")
    ] = None,
    seed: Annotated[int, typer.Option(help="of the simulated world")] = 1,
) -> None:
    """Simulates a region of two UTM zones, serves it as STAC, maps it on a local Ray, and compares the map with the
    truth.

    Example: `idgbr demo --json scores.json`
    """
    from pipeline.demo import run_demo

    if json_file is not None:
        check_folder(json_file)
    run_demo(folder, seed, json_file)


@app.command()
def plan(
    region_file: RegionFile,
    workers: Workers = 1,
    helpers: Helpers = None,
    price: Price = None,
    as_json: AsJson = False,
) -> None:
    """Shows what a run would do: scenes, blocks, what is due, and from what earlier runs took, what it will take.

    Example: `idgbr plan region.yaml --workers 4 --price 2.5`
    """
    from pipeline.config.region import load
    from pipeline.console.progress import stages
    from pipeline.planning.describe import facts, show
    from pipeline.planning.plan import plan as make_plan

    region = load(region_file)
    with stages() as shown:
        found = facts(make_plan(region, count=shown.count), workers, helpers or 0, price)
    print(json.dumps(found)) if as_json else show(found)


@app.command()
def run(
    region_file: RegionFile,
    address: Address = None,
    workers: Workers = 1,
    helpers: Helpers = None,
    gpus: Gpus = None,
    price: Price = None,
    picture: Picture = None,
    as_json: AsJson = False,
) -> None:
    """Maps a region and publishes it; the same command again continues where it was stopped.

    Example: `idgbr run region.yaml --workers 2`
    """
    _run(region_file, address, WorkerCounts(workers, gpus, helpers), price, picture, as_json, refresh=False)


@app.command()
def update(
    region_file: RegionFile,
    address: Address = None,
    workers: Workers = 1,
    helpers: Helpers = None,
    gpus: Gpus = None,
    price: Price = None,
    picture: Picture = None,
    as_json: AsJson = False,
) -> None:
    """Looks for new acquisitions and maps again only the blocks that they touch. For cron.

    Example: `idgbr update region.yaml`
    """
    _run(region_file, address, WorkerCounts(workers, gpus, helpers), price, picture, as_json, refresh=True)


def _run(
    region_file: Path,
    address: str | None,
    counts: WorkerCounts,
    price: float | None,
    picture: Path | None,
    as_json: bool,
    refresh: bool,
) -> None:
    from dataclasses import asdict

    from pipeline.config.region import load
    from pipeline.console.progress import stages
    from pipeline.console.tables import table
    from pipeline.execution.run import run as run_region
    from pipeline.execution.summary import summary

    region = load(region_file)
    if picture is not None:
        from pipeline.analysis.picture import draw_maps

        check_folder(picture)
    # Ray prints to stdout, which is for results, when it loses a node.
    with stages() as shown, Path(os.devnull).open("w") as nowhere, redirect_stdout(nowhere):
        where = address or ("auto" if "RAY_ADDRESS" in os.environ else "local")
        report = run_region(
            region,
            workers=counts.workers,
            mosaic_workers=counts.mosaic_workers,
            gpus=counts.gpus,
            price_per_worker_hour=price,
            address=where,
            refresh=refresh,
            listener=shown.listen,
            count=shown.count,
        )
    if picture is not None:
        from pipeline.cube.open import open_cube

        cube = open_cube(region.cube).sel(time=[str(region.period[0])])
        draw_maps(picture, cube, {"coarse": cube.coarse.values[0], "refined": cube.landcover.values[0]})
    if as_json:
        print(json.dumps(asdict(report)))
    else:
        table(f"{region.name}: {'published' if report.done_anything else 'nothing to do'}", summary(report))
