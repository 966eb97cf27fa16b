"""`idgbr demo`: map a simulated world as a real one would be, and compare the map with the truth."""

import json
import os
import shutil
import sys
import threading
import time as clock
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from urllib.parse import urlsplit

import numpy as np
import rasterio
import xarray as xr
import yaml
from rasterio.windows import Window

from catalogs.simulated import ServerError, World, open_world, serve, simulate
from idgbr.metrics import Evaluation, EvaluationScores
from pipeline.analysis.picture import draw_maps
from pipeline.config.region import Region, load
from pipeline.console.output import to_json, write_text
from pipeline.console.progress import CONSOLE, progress_bar, stage_progress
from pipeline.console.tables import print_table
from pipeline.cube.open import open_cube
from pipeline.errors import UserError
from pipeline.execution.report import Report
from pipeline.execution.run import run
from pipeline.execution.summary import summary
from pipeline.geometry.grid import LONLAT, transformer
from pipeline.training.evaluate import print_scores

MODEL = "simulated-s2"
KILOMETRES = 21.0
"""Side of the simulated world."""
DOUBTS = "about metadata of scenes, by design: the simulated ones have the flaws of real catalogs (applied.json)"
MARGIN = 0.029
"""Share of the world's side that is left unmapped at each edge."""


@dataclass(frozen=True, kw_only=True)
class DemoScores(EvaluationScores):
    """Scores against the truth of the simulated world. seconds: of the demonstration. cube: its folder."""

    seconds: float
    cube: str


def run_demo(folder: Path, seed: int, json_file: Path | None) -> None:
    """Simulates a world, serves it as STAC, maps it, prints scores and areas against the truth, and draws the maps.

    What `folder` already contains is reused. Scores go to `json_file` too, if it is given. Raises UserError where the
    folder contains the world of another seed.
    """
    start = clock.perf_counter()
    world = _world(folder / "world", seed)
    with serve(world.folder) as url:
        region = write_region(folder, world, url)
        with stage_progress() as progress:
            report = run(
                region,
                workers=2,
                address="local",
                listener=progress.listen,
                count=progress.count,
                progress=progress.measure,
            )
    cube = open_cube(region.cube)
    truth_HW = read_truth(world, cube)
    labels = {"coarse": cube.coarse.values[0], "refined": cube.landcover.values[0], "truth": truth_HW}
    scores = _scores(labels, cube)
    picture = draw_maps(folder / "demo.png", cube, labels)
    seconds = clock.perf_counter() - start
    _print(report, scores, _areas(truth_HW, cube), picture, region, seconds)
    if json_file is not None:
        facts = DemoScores(**vars(scores), seconds=round(seconds, 1), cube=str(region.cube))
        write_text(json_file, to_json(facts, indent=1) + "\n")


def serve_demo(folder: Path) -> None:
    """Serves the catalog of a finished demonstration where its region.yaml expects it, until the process is stopped.

    Raises UserError where `folder` contains no finished demonstration, the region expects another catalog, or its port
    is taken.
    """
    path = folder / "region.yaml"
    if not (path.is_file() and (folder / "world" / "world.json").is_file()):
        raise UserError(f"{folder} holds no demonstration: make one with `{command_line()} demo {folder}`")
    address = urlsplit(str(load(path).catalog))
    if address.hostname != "127.0.0.1" or not address.port:
        raise UserError(f"{path} has catalog: {address.geturl()}, which is not the demonstration's on 127.0.0.1")
    with ExitStack() as stack:
        try:
            url = stack.enter_context(serve(folder / "world", address.port))
        except ServerError as error:
            raise UserError(
                f"{str(error).rstrip('.')}; `{command_line()} demo {folder}` writes a free port into {path}"
            ) from error
        print(f"the catalog of {folder} is at {url} until Ctrl-C; in another terminal:\n")
        print(f"{command_line()} update {path}", flush=True)
        threading.Event().wait()


def _world(folder: Path, seed: int) -> World:
    if (folder / "world.json").is_file():
        world = open_world(folder)
        if world.seed != seed:
            raise UserError(f"{folder} holds the world of seed {world.seed}, not {seed}; name another folder")
        return world
    with progress_bar("simulate") as show:
        return simulate(folder, seed, kilometres=KILOMETRES, progress=lambda done, total: show(done, total, ""))


def write_region(folder: Path, world: World, catalog: str, model: str = MODEL, block: int = 1024) -> Region:
    """Writes the region file that maps a whole world as region.yaml, and loads it."""
    days = [date.fromisoformat(overpass.day) for overpass in world.dates]
    content = {
        "name": "demo",
        "cube": "cube",
        "catalog": catalog,
        "allowed_paths": [str(world.folder.resolve())],
        "bbox": list(inner_bounds(world)),
        "period": [min(days).replace(day=1), max(days).replace(day=28)],
        "grid": {"crs": "europe", "resolution": 10, "block": block},
        "model": model,
    }
    path = folder / "region.yaml"
    path.write_text(yaml.safe_dump(content, sort_keys=False))
    return load(path)


def inner_bounds(world: World) -> tuple[float, float, float, float]:
    """(west, south, east, north), in degrees, of a region whose pixels all lie inside the world.

    The bounds in degrees of a square of the grid contain more than the square, hence the margin.
    """
    left, bottom, right, top = world.bounds
    margin = MARGIN * (right - left)
    to_lonlat = transformer("EPSG:3035", LONLAT)
    return to_lonlat.transform_bounds(left + margin, bottom + margin, right - margin, top - margin)


def read_truth(world: World, cube: xr.Dataset) -> np.ndarray:
    """The true class codes of the cube's pixels, uint8 HW."""
    with rasterio.open(world.truth) as source:
        row, col = source.index(float(cube.x[0]), float(cube.y[0]))
        return source.read(1, window=Window(col, row, cube.sizes["x"], cube.sizes["y"]))


def _scores(labels: dict[str, np.ndarray], cube: xr.Dataset) -> EvaluationScores:
    classes = json.loads(cube.attrs["classes"])
    codes, names = [row["code"] for row in classes], [row["name"] for row in classes]
    return Evaluation.of(labels["truth"], labels["coarse"], labels["refined"], codes).scores(names)


def _areas(truth_HW: np.ndarray, cube: xr.Dataset) -> dict[str, float]:
    """km2 by class name."""
    classes, pixel_km2 = json.loads(cube.attrs["classes"]), json.loads(cube.attrs["grid"])["resolution"] ** 2 / 1e6
    return {row["name"]: float((truth_HW == row["code"]).sum()) * pixel_km2 for row in classes}


def command_line() -> str:
    """What calls this command from the working directory, also where its environment is not activated."""
    found = shutil.which("idgbr")
    own = Path(sys.executable).with_name("idgbr")
    if (found and Path(found).samefile(own)) or not own.exists():
        return "idgbr"
    return os.path.relpath(own) if own.is_relative_to(Path.cwd()) else str(own)


def _print(
    report: Report,
    scores: EvaluationScores,
    true_km2: dict[str, float],
    picture: Path,
    region: Region,
    seconds: float,
) -> None:
    print_table(
        "area, km2",
        [(name, f"{report.areas_km2[name]:.2f}", f"{km2:.2f}") for name, km2 in true_km2.items()],
        ("class", "mapped", "true"),
    )
    print_scores("against the truth, %", scores)
    print_table(
        "run",
        [
            ("doubts", f"{len(report.warnings)} {DOUBTS}") if name == "warnings" else (name, value)
            for name, value in summary(report)
        ],
    )
    west, south, east, north = region.area.bounds
    command, point = command_line(), f"{(west + east) / 2:.4f},{(south + north) / 2:.4f}"
    print(f"done in {seconds:.0f} s; try next, as it stands here:\n")
    print(f"{command} query {region.cube} --point {point}")
    print(f"{command} history {region.cube}")
    print(f"{command} demo {picture.parent} --serve\n")
    print(f"look at {picture}; in Python: pipeline.open_cube({str(region.cube)!r})")
    CONSOLE.print()
