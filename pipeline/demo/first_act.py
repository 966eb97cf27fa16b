"""`idgbr demo`: map a simulated world as a real one would be, and compare the map with the truth."""

import json
import time as clock
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import xarray as xr

from catalogs.simulated import serve
from idgbr.metrics import Evaluation, EvaluationScores
from pipeline.analysis.picture import draw_maps
from pipeline.config.region import Region
from pipeline.console.output import from_here, to_json, write_text
from pipeline.console.progress import CONSOLE
from pipeline.console.tables import print_table
from pipeline.cube.open import open_cube
from pipeline.demo.command_line import command_line
from pipeline.demo.ground import make_world, read_truth, write_region
from pipeline.demo.mapping import map_region
from pipeline.demo.news import LAST_DAY
from pipeline.execution.report import Report
from pipeline.execution.summary import summary
from pipeline.training.evaluate import print_scores

DOUBTS = "about metadata of scenes, by design: the simulated ones have the flaws of real catalogs (applied.json)"


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
    world = make_world(folder, seed)
    with serve(world.folder) as url:
        region = write_region(folder, world, url)
        report = map_region(region)
    cube = open_cube(region.cube)
    truth_HW = read_truth(world, cube, LAST_DAY if world.history else None)
    labels = {"coarse": cube.coarse.values[0], "refined": cube.landcover.values[0], "truth": truth_HW}
    scores = _scores(labels, cube)
    picture = draw_maps(folder / "demo.png", cube, labels)
    seconds = clock.perf_counter() - start
    _print(report, scores, _areas(truth_HW, cube), picture, region, seconds)
    if json_file is not None:
        facts = DemoScores(**vars(scores), seconds=round(seconds, 1), cube=str(region.cube))
        write_text(json_file, to_json(facts, indent=1) + "\n")


def _scores(labels: dict[str, np.ndarray], cube: xr.Dataset) -> EvaluationScores:
    classes = json.loads(cube.attrs["classes"])
    codes, names = [row["code"] for row in classes], [row["name"] for row in classes]
    return Evaluation.of(labels["truth"], labels["coarse"], labels["refined"], codes).scores(names)


def _areas(truth_HW: np.ndarray, cube: xr.Dataset) -> dict[str, float]:
    """km2 by class name."""
    classes, pixel_km2 = json.loads(cube.attrs["classes"]), json.loads(cube.attrs["grid"])["resolution"] ** 2 / 1e6
    return {row["name"]: float((truth_HW == row["code"]).sum()) * pixel_km2 for row in classes}


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
    cube = from_here(region.cube)
    command, point = command_line(), f"{(west + east) / 2:.4f},{(south + north) / 2:.4f}"
    print(f"done in {seconds:.0f} s; try next, as it stands here:\n")
    print(f"{command} query {cube} --point {point}")
    print(f"{command} history {cube}")
    print(f"{command} demo {picture.parent} --second-act")
    print(f"{command} demo {picture.parent} --serve\n")
    print(f"look at {picture}")
    print(f"in Python: pipeline.open_cube({cube!r})")
    CONSOLE.print()
