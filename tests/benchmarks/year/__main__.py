"""Runs the evenings of a year, then prints what came of it."""

import argparse
import json
import shutil
import time
from collections import Counter
from contextlib import ExitStack
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from types import SimpleNamespace
from unittest.mock import patch

import numpy as np
import yaml

from catalogs import CatalogError
from catalogs.simulated import Evening, World, catalog_on, open_world, simulate_year
from cluster import Event, Finished
from idgbr.change import ChangeOutput, ChangePipeline
from pipeline.change.outcome import Outcome
from pipeline.change.score import patch_pixels
from pipeline.config.region import Region
from pipeline.config.region_file import load
from pipeline.config.sections import ChangeSettings
from pipeline.cube import versions
from pipeline.cube.cube import Cube
from pipeline.demo.ground import inner_bounds
from pipeline.execution import run as running
from pipeline.execution import screen, worker
from pipeline.execution.report import Report
from pipeline.planning.plan import plan
from pipeline.segment import batching
from year import pictures, report
from year.ground import ground
from year.mosaics import KeptMosaics

COLUMNS = ("evening", "new", "due", "asked", "went", "unasked", "mapped", "screen_s", "map_s", "everything_s")


@dataclass
class ChangeVectors:
    bands: tuple[str, ...] = ("blue", "green", "red", "nir")
    digest: str = "vectors"
    halo: int = 0
    batch_bytes: int = 0

    def to(self, device):
        return self

    def __call__(self, before_CHW, after_CHW, corner, part):
        length_HW = np.sqrt(((after_CHW.astype(np.float32) - before_CHW) ** 2).sum(0))
        length_HW[~(before_CHW.any(0) & after_CHW.any(0))] = np.nan
        return ChangeOutput(np.clip(length_HW / 2000, 0, 1))


def main() -> None:
    asked = _asked()
    asked.folder.mkdir(parents=True, exist_ok=True)
    world, evenings = _world(asked)
    gated = _region(asked, world, evenings, "gated")
    gated = gated.model_copy(
        update={
            "change": ChangeSettings(
                model=Path(asked.change),
                threshold=asked.threshold,
                min_area=asked.min_area,
                confirm=asked.confirm,
                better=asked.better,
                audit=asked.audit,
            )
        }
    )
    everything = _region(asked, world, evenings, "everything")
    cpu = SimpleNamespace(perf_counter=time.thread_time)
    with ExitStack() as stack:
        for module in (worker, batching):
            stack.enter_context(patch.object(module, "clock", cpu))
        stack.enter_context(
            patch.object(worker, "mosaic_block", KeptMosaics(asked.mosaics or asked.folder / "mosaics"))
        )
        if asked.change == "vectors":
            stack.enter_context(
                patch.object(ChangePipeline, "from_pretrained", classmethod(lambda cls, _: ChangeVectors()))
            )
        rows = _evenings(asked, world, evenings, gated, everything)
    if len(rows) < 2:
        return
    truth = ground(world, everything, rows[0]["evening"], rows[-1]["evening"])
    pixels = patch_pixels(asked.min_area, gated.extent.grid.resolution)
    result, found = report.judged(gated, everything, truth, rows, pixels, asked.confirm)
    report.show(result)
    if asked.json is not None:
        asked.json.write_text(json.dumps({**result, "rows": rows}, indent=1) + "\n")
    if asked.pictures is not None:
        pictures.draw(gated, truth, rows, found, asked.pictures)


def _asked() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="year", description="a simulated year of updates")
    parser.add_argument("--folder", type=Path, required=True, help="keeps the world, the cubes and the rows")
    parser.add_argument("--kilometres", type=float, default=18)
    parser.add_argument("--ground", type=float, help="kilometres a side that are mapped; default: all but an edge")
    parser.add_argument("--passes", type=int, default=24)
    parser.add_argument("--per-km2", type=float, default=0.05, help="changes of the land to a square kilometre")
    parser.add_argument("--floods", type=int, default=2, help="in the whole year")
    parser.add_argument("--begin", type=int, default=0, help="passes before that of the first map, which has them too")
    parser.add_argument(
        "--until", type=int, help="stop before this evening, and count up to it; the same command goes on later"
    )
    parser.add_argument("--seed", type=int, default=611)
    parser.add_argument("--block", type=int, default=512)
    parser.add_argument("--max-cloud", type=float, default=100, help="percent, as in a region file")
    parser.add_argument("--dilate", type=float, help="metres by which clouds and shadows grow; default: clouds, 60")
    parser.add_argument("--everything-every", type=int, default=1, help="evenings between two maps of everything")
    parser.add_argument("--model", default="simulated-s2", help="of the map: a shipped model or a folder")
    parser.add_argument("--change", default="vectors", help="a shipped change model, a folder, or vectors")
    parser.add_argument("--threshold", type=float, default=0.5)
    parser.add_argument("--min-area", type=float, default=0.25)
    parser.add_argument("--confirm", type=int, default=0, help="later updates that must see a change too")
    parser.add_argument("--better", type=float, default=0.3, help="0: maps for changes of the ground alone")
    parser.add_argument("--audit", type=float, default=0.0)
    parser.add_argument("--mosaics", type=Path, help="keeps the mosaics; default: FOLDER/mosaics")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--pictures", type=Path, help="a folder for wrong alarms and missed changes")
    return parser.parse_args()


def _world(asked: argparse.Namespace) -> tuple[World, list[Evening]]:
    path = asked.folder / "evenings.json"
    if not path.is_file():
        shutil.rmtree(asked.folder / "world", ignore_errors=True)
        begun = time.process_time()
        _, evenings = simulate_year(
            asked.folder / "world",
            asked.seed,
            asked.kilometres,
            passes=asked.passes,
            per_km2=asked.per_km2,
            floods=asked.floods,
        )
        path.write_text(json.dumps([asdict(evening) for evening in evenings]))
        print(f"simulated in {time.process_time() - begun:.0f} CPU seconds", flush=True)
    evenings = [Evening(**{**each, "withdrawn": tuple(each["withdrawn"])}) for each in json.loads(path.read_text())]
    return open_world(asked.folder / "world"), evenings


def _region(asked: argparse.Namespace, world: World, evenings: list[Evening], name: str) -> Region:
    (asked.folder / name).mkdir(exist_ok=True)
    path = asked.folder / name / "region.yaml"
    days = evenings[0].day, evenings[-1].day
    content = {
        "name": name,
        "cube": "cube",
        "catalog": str(world.catalog.resolve()),
        "bbox": list(inner_bounds(world if asked.ground is None else _middle(world, asked.ground))),
        "period": list(days),
        "grid": {"crs": "europe", "resolution": 10, "block": asked.block},
        "mosaic": {"method": "newest"},
        "model": asked.model,
        "max_cloud": asked.max_cloud,
        "gates": {"max_drift": 1, "max_lost_coverage": 1},
    }
    if asked.dilate is not None:
        content["mask"] = {"asset": "scl", "clear": [4, 5, 6, 7, 11], "cloud": [3, 8, 9, 10], "dilate": asked.dilate}
    path.write_text(yaml.safe_dump(content))
    return load(path)


def _middle(world: World, kilometres: float) -> World:
    """The world as if it were smaller."""
    west, south, east, north = world.bounds
    edge = ((east - west) - kilometres * 1000) / 2
    return replace(world, bounds=(west + edge, south + edge, east - edge, north - edge))


def _evenings(
    asked: argparse.Namespace, world: World, evenings: list[Evening], gated: Region, everything: Region
) -> list[dict]:
    """The rows of all evenings that were not away, kept in the folder as they come."""
    path = asked.folder / "rows.json"
    rows = json.loads(path.read_text()) if path.is_file() else []
    print(" ".join(f"{name:>{max(len(name), 7)}}" for name in COLUMNS))
    for row in rows:
        _show(row)
    until = asked.until or len(evenings)
    for number in range(asked.begin, until):
        if rows and number <= rows[-1]["number"]:
            continue
        with catalog_on(world.folder, evenings[number]):
            try:
                rows.append(_evening(asked, rows, number, number == until - 1, gated, everything))
            except CatalogError as error:
                print(f"{evenings[number].day:10} {str(error)[:80]}", flush=True)
                continue
        rows[-1]["evening"] = evenings[number].day
        path.write_text(json.dumps(rows, indent=1))
        _show(rows[-1])
    return rows


def _evening(
    asked: argparse.Namespace, rows: list[dict], number: int, last: bool, gated: Region, everything: Region
) -> dict:
    """A row. Of an evening that was stopped and is gone on with, the seconds are those after it."""
    part, mosaics, block_s = _updated(gated)
    wanted = {f"{b.block[0]},{b.block[1]}": b.landcover for b in plan(gated).blocks_of.plans(None, None)}
    had = rows[-1]["wanted"] if rows else {}
    counts = part.change.outcomes if part.change else {}
    outcomes = {outcome: counts.get(outcome.name.lower(), 0) for outcome in Outcome}
    whole = None
    if not rows:
        shutil.rmtree(asked.folder / "everything" / "cube", ignore_errors=True)
        shutil.copytree(asked.folder / "gated" / "cube", asked.folder / "everything" / "cube")
    elif last or (number - asked.begin) % asked.everything_every == 0:
        whole = running.run(everything, refresh=True)
    return {
        "evening": "",
        "number": number,
        "new": len(part.news.new) + len(part.news.reprocessed),
        "due": sum(had.get(block) != value for block, value in wanted.items()),
        "asked": part.change.asked if part.change else 0,
        "went": outcomes[Outcome.CHANGED],
        "unasked": sum(count for outcome, count in outcomes.items() if outcome.goes_on and outcome != Outcome.CHANGED),
        "mapped": part.done.segment,
        "screen_s": part.work.get("screen.device", 0.0),
        "map_s": part.work.get("segment.device", 0.0),
        "everything_s": None if whole is None else whole.work.get("segment.device", 0.0),
        "everything_blocks": None if whole is None else whole.done.segment,
        "block_s": block_s,
        "version": part.version,
        "mosaics": mosaics,
        "whole": None if whole is None else whole.version,
        "wanted": wanted,
        "outcomes": dict(Counter(counts)),
    }


def _updated(region: Region) -> tuple[Report, str | None, dict[str, float]]:
    """An update, the snapshot of the new mosaics that it compared, None if it compared none, and the device's seconds
    of each block that it mapped."""
    snapshots, block_s = list[str](), dict[str, float]()

    def drop(cube: Cube, but: str | None = None) -> None:
        branches = [branch for branch in cube.repository.list_branches() if branch.startswith(versions.SCREEN)]
        snapshots.extend(str(cube.repository.lookup_branch(branch)) for branch in branches)
        screen.drop_screens(cube, but)

    def listen(event: Event) -> None:
        if isinstance(event, Finished) and event.outcome.error is None and event.stage == "segment":
            y, x = event.outcome.task.block
            block_s[f"{y},{x}"] = event.outcome.result.seconds["device"]

    with patch.object(running, "drop_screens", drop):
        done = running.run(region, refresh=True, listener=listen)
    return done, snapshots[-1] if snapshots else None, block_s


def _show(row: dict) -> None:
    values = ("-" if row[name] is None else row[name] for name in COLUMNS)
    print(" ".join(f"{value:>{max(len(name), 7)}}" for value, name in zip(values, COLUMNS, strict=True)), flush=True)


if __name__ == "__main__":
    main()
