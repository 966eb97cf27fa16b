"""The command `idgbr`. A verb imports what it needs when it runs."""

import json
import os
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from catalogs.errors import CatalogError, CatalogUnavailable
from cluster.errors import PoolError
from idgbr.errors import CheckpointError, InputError
from pipeline.errors import RunError, UserError
from pipeline.output import check_folder, check_writable, write_text

OURS = ("catalogs", "cluster", "idgbr", "pipeline")

app = typer.Typer(
    help="Large-area land cover: scenes in, boundary-refined and versioned maps out.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
)
training = typer.Typer(help="Train a network from a recipe file.", no_args_is_help=True)
app.add_typer(training, name="train")

RegionFile = Annotated[Path, typer.Argument(metavar="REGION.yaml", help="the region file")]
CubeFolder = Annotated[Path, typer.Argument(metavar="CUBE", help="the cube's folder")]
RecipeFile = Annotated[Path, typer.Argument(metavar="CONFIG.yaml", help="the recipe file")]
AsJson = Annotated[bool, typer.Option("--json", help="print JSON for programs")]
Picture = Annotated[Path | None, typer.Option(metavar="FILE.png", help="also draw the mosaic and the maps")]
Workers = Annotated[int, typer.Option(min=1, help="worker processes")]
Address = Annotated[
    str | None,
    typer.Option(
        help="none (this process), local (a Ray of its own), auto (the Ray around it; default in a Ray job) "
        "or ray://host:port; default elsewhere: local"
    ),
]


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
    from pipeline.demo import demonstrate

    if json_file is not None:
        check_folder(json_file)
    demonstrate(folder, seed, json_file)


@app.command()
def plan(region_file: RegionFile, as_json: AsJson = False) -> None:
    """Shows what a run would do: scenes, blocks, what is due.

    Example: `idgbr plan region.yaml --json`
    """
    from pipeline.config import load
    from pipeline.planned import facts, show
    from pipeline.planner import plan as make_plan
    from pipeline.progress import stages

    region = load(region_file)
    with stages() as shown:
        found = facts(make_plan(region, count=shown.count))
    print(json.dumps(found)) if as_json else show(found)


@app.command()
def run(
    region_file: RegionFile,
    address: Address = None,
    workers: Workers = 1,
    picture: Picture = None,
    as_json: AsJson = False,
) -> None:
    """Maps a region and publishes it; the same command again continues where it was stopped.

    Example: `idgbr run region.yaml --workers 2`
    """
    _run(region_file, address, workers, picture, as_json, refresh=False)


@app.command()
def update(
    region_file: RegionFile,
    address: Address = None,
    workers: Workers = 1,
    picture: Picture = None,
    as_json: AsJson = False,
) -> None:
    """Looks for new acquisitions and maps again only the blocks that they touch. For cron.

    Example: `idgbr update region.yaml`
    """
    _run(region_file, address, workers, picture, as_json, refresh=True)


def _run(
    region_file: Path, address: str | None, workers: int, picture: Path | None, as_json: bool, refresh: bool
) -> None:
    from dataclasses import asdict

    from pipeline.config import load
    from pipeline.progress import stages
    from pipeline.report import summary
    from pipeline.runner import run as run_region
    from pipeline.show import table

    region = load(region_file)
    if picture is not None:
        from pipeline.picture import maps

        check_folder(picture)
    with stages() as shown:
        where = address or ("auto" if "RAY_ADDRESS" in os.environ else "local")
        report = run_region(
            region, workers=workers, address=where, refresh=refresh, listener=shown.listen, count=shown.count
        )
    if picture is not None:
        from pipeline.query import open_cube

        cube = open_cube(region.cube).sel(time=[str(region.period[0])])
        maps(picture, cube, {"coarse": cube.coarse.values[0], "refined": cube.landcover.values[0]})
    if as_json:
        print(json.dumps(asdict(report)))
    else:
        table(f"{region.name}: {'published' if report.done_anything else 'nothing to do'}", summary(report))


@app.command()
def status(cube: CubeFolder, as_json: AsJson = False) -> None:
    """Shows how far a cube is: published versions, and runs under way.

    Example: `idgbr status cube --json`
    """
    from pipeline.show import table
    from pipeline.status import status as status_of

    facts = status_of(cube)
    print(json.dumps(facts)) if as_json else table(str(cube), [(what, str(value)) for what, value in facts.items()])


@app.command()
def history(cube: CubeFolder, as_json: AsJson = False) -> None:
    """Lists the published versions, newest first.

    Example: `idgbr history cube`
    """
    from pipeline import store, versions
    from pipeline.show import table

    known = versions.history(store.repository(cube))
    if as_json:
        print(json.dumps([{"version": v.snapshot, "published": v.published.isoformat(), **v.about} for v in known]))
    else:
        table(
            "versions",
            [
                (
                    v.snapshot,
                    f"{v.published:%Y-%m-%d %H:%M} UTC, {v.about['blocks']} blocks, {v.about['degraded']} degraded",
                )
                for v in known
            ],
        )


@app.command()
def query(
    cube: CubeFolder,
    point: Annotated[str, typer.Option(metavar="LON,LAT", help="degrees")],
    version: Annotated[str | None, typer.Option(help="a version that `history` names; default: the newest")] = None,
    as_json: AsJson = False,
) -> None:
    """Tells what the map says of a point.

    Example: `idgbr query cube --point 12.01,48.49`
    """
    from pipeline.query import point as at_point
    from pipeline.show import table

    try:
        lon, lat = (float(part) for part in point.split(","))
    except ValueError:
        raise UserError(f"--point is {point!r}; give LON,LAT in degrees, such as 12.01,48.49") from None
    facts = at_point(cube, lon, lat, version)
    if as_json:
        print(json.dumps(facts))
    else:
        for period in facts["periods"]:
            table(f"{lon}, {lat}", [(what, str(value)) for what, value in period.items()])


@training.command()
def coarse(config: RecipeFile) -> None:
    """Trains a coarse segmenter and writes a model folder.

    Example: `idgbr train coarse recipe.yaml`
    """
    _train(config, "coarse")


@training.command()
def refiner(config: RecipeFile) -> None:
    """Trains the boundary refiner of a model folder whose coarse segmenter is done.

    Example: `idgbr train refiner recipe.yaml`
    """
    _train(config, "refiner")


def _train(config: Path, network: Any) -> None:
    from pipeline.progress import counted
    from pipeline.score import NAMES
    from pipeline.show import table
    from pipeline.train import load, train

    recipe = load(config)
    with counted(network) as report:
        found = train(recipe, network, report)
    rows = [(NAMES[metric], *(f"{values[metric]:.2f}" for values in found.values())) for metric in NAMES]
    table(f"{recipe.model}, on areas kept out, %", rows, ("", *found))


@app.command()
def evaluate(
    model: Annotated[Path, typer.Option(metavar="DIR", help="the model's folder")],
    data: Annotated[Path, typer.Option(metavar="DIR", help="a folder of images/ and labels/ with the same stems")],
    ignore: Annotated[str, typer.Option(metavar="5,6", help="label values that mean no label")] = "",
    json_file: Annotated[Path | None, typer.Option("--json", metavar="FILE", help="write all scores to FILE")] = None,
) -> None:
    """Compares a model's coarse and refined maps with labels: in total, by class, by image.

    Example: `idgbr evaluate --model model --data aerial --ignore 5,6 --json scores.json`
    """
    from pipeline.evaluate import evaluate as evaluate_subject
    from pipeline.evaluate import prepare, show
    from pipeline.progress import counted

    try:
        ignored = [int(part) for part in ignore.split(",") if ignore]
    except ValueError:
        raise UserError(f"--ignore is {ignore!r}; give label values as whole numbers, such as 5,6") from None
    if json_file is not None:
        check_writable(json_file)
    subject = prepare(model, data, ignored)
    with counted("evaluate") as report:
        found = evaluate_subject(subject, report)
    if json_file is None:
        show(found)
    else:
        write_text(json_file, json.dumps(found, indent=1, allow_nan=False) + "\n")


def main() -> None:
    """Runs the command; whatever a user can cause ends in one sentence and exit code 1 (failed) or 2 (wrong use)."""
    try:
        app()
    except CatalogUnavailable as error:
        sys.exit(_told(error, 1))
    except (UserError, CatalogError, CheckpointError, InputError, PoolError) as error:
        sys.exit(_told(error, 2))
    except RunError as error:
        sys.exit(_told(error, 1))
    except ModuleNotFoundError as error:
        if error.name is None or error.name.split(".")[0] in OURS:
            raise
        sys.exit(_told(f"this verb needs {error.name}, which is not installed; pip install 'idgbr[demo]'", 1))
    except KeyboardInterrupt:
        sys.exit(_told("interrupted; the same command again continues", 130))


def _told(what: object, code: int) -> int:
    print(f"idgbr: {what}", file=sys.stderr)
    return code


if __name__ == "__main__":
    main()
