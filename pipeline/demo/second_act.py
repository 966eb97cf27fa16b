"""`idgbr demo --second-act`: new scenes arrive, an update maps what they change, and the truth judges it."""

import json
import time as clock
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import xarray as xr

from catalogs.simulated import serve
from pipeline.analysis.diff import diff
from pipeline.analysis.picture import draw_maps
from pipeline.console.output import from_here, to_json, write_text
from pipeline.console.progress import progress_bar
from pipeline.console.tables import print_table
from pipeline.cube import tags, versions
from pipeline.cube.cube import Cube
from pipeline.cube.open import open_cube
from pipeline.demo.command_line import command_line
from pipeline.demo.found_change import ClassPixels, FoundChange, class_pixels
from pipeline.demo.ground import finished_world, read_truth, write_region
from pipeline.demo.mapping import map_region
from pipeline.demo.news import LAST_DAY, arrive
from pipeline.errors import UserError
from pipeline.execution.report import Report
from pipeline.geometry.grid import LONLAT, transformer

FIRST_ACT = "first-act"
"""Tag of the version that the first act published."""
ROWS = 8
DETAIL = 300
"""Pixels a side of the picture's detail: most of the corner in which land changes."""


@dataclass(frozen=True)
class SecondAct:
    """What this call did, and what the land's change has become in the cube since the first act.

    new_scenes: that arrived. blocks: of the region; this call asked the change model about `asked` of them, screened
    out `screened_out` and mapped `mapped`, neighbours of changed blocks with them. found: where change was found,
    beside the truth. changes: from class to class. differing: pixels of another class than after the first act, of the
    blocks that were mapped again. seconds: of this call. cube, picture: files.
    """

    new_scenes: int
    blocks: int
    asked: int
    screened_out: int
    mapped: int
    found: FoundChange
    changes: list[ClassPixels]
    differing: int
    seconds: float
    cube: str
    picture: str


def run_second_act(folder: Path, json_file: Path | None) -> None:
    """Lets land change and scenes arrive, updates the cube, prints what changed beside the truth, and draws it.

    An interrupted act is continued; one that is over has nothing to do and tells again what it found, also to
    `json_file`, if it is given. Raises UserError where `folder` contains no finished demonstration.
    """
    start = clock.perf_counter()
    world, cube = finished_world(folder), _mapped(folder)
    if FIRST_ACT not in versions.user_tags(cube):
        tags.add(cube, FIRST_ACT)
    with progress_bar("simulate") as show:
        world, new = arrive(world, lambda done, total: show(done, total, ""))
    with serve(world.folder) as url:
        region = write_region(folder, world, url)
        report = map_region(region, refresh=True)
    before, after = open_cube(region.cube, FIRST_ACT), open_cube(region.cube)
    old_HW, new_HW = (each.landcover.values[0] for each in (before, after))
    was_HW, is_HW = (read_truth(world, after, day) for day in (None, LAST_DAY))
    changed_HW = after.change.values[0] > 0
    names = {0: "no data"} | {row["code"]: row["name"] for row in json.loads(after.attrs["classes"])}
    labels = {
        "map before": old_HW,
        "map after": new_HW,
        "change found": new_HW * changed_HW,
        "true change": is_HW * (was_HW != is_HW),
    }
    picture = draw_maps(folder / "second-act.png", after, labels, DETAIL, by="true change")
    act = SecondAct(
        new_scenes=len(new),
        blocks=len(list(region.extent.blocks())),
        asked=report.change.asked if report.change else 0,
        screened_out=report.change.outcomes.get("screened_out", 0) if report.change else 0,
        mapped=report.done.segment,
        found=FoundChange.of(was_HW, is_HW, changed_HW, region.grid.resolution),
        changes=class_pixels(np.stack([old_HW, new_HW]), np.stack([was_HW, is_HW]), changed_HW, names),
        differing=diff(cube, FIRST_ACT, versions.NEWEST).report().pixels.changed,
        seconds=round(clock.perf_counter() - start, 1),
        cube=str(region.cube),
        picture=str(picture),
    )
    _print(act, report, _point(after, was_HW != is_HW))
    if json_file is not None:
        write_text(json_file, to_json(act, indent=1) + "\n")


def _mapped(folder: Path) -> Cube:
    """The cube of a demonstration. Raises UserError where nothing is published in it."""
    cube = Cube.find(folder / "cube")
    if cube is None or not versions.is_published(cube, versions.head(cube)):
        raise UserError(
            f"{folder} holds a demonstration without a map: finish it with `{command_line()} demo {folder}`"
        )
    return cube


def _point(cube: xr.Dataset, true_HW: np.ndarray) -> str:
    """LON,LAT of the pixel whose true change is surest."""
    y, x = np.unravel_index(np.argmax(cube.change.values[0] * true_HW), true_HW.shape)
    longitude, latitude = transformer(cube.attrs["crs"], LONLAT).transform(float(cube.x[x]), float(cube.y[y]))
    return f"{longitude:.5f},{latitude:.5f}"


def _print(act: SecondAct, report: Report, point: str) -> None:
    print_table(
        "pixels from class to class, the most frequent in truth",
        [(each.from_, each.to, f"{each.found:,}", f"{each.true:,}") for each in act.changes[:ROWS]],
        ("from", "to", "found", "true"),
    )
    blocks = [
        ("asked", f"{act.asked} blocks, of them {act.screened_out} screened out: the same ground"),
        ("mapped", f"{act.mapped} of {act.blocks} blocks, with neighbours; others keep every byte"),
    ]
    found, elsewhere = act.found, act.differing - sum(each.found for each in act.changes)
    print_table(
        "second act" if report.done_anything else "second act: nothing to do, the map has seen every scene",
        [
            ("new scenes", f"{act.new_scenes}"),
            *(blocks if report.done_anything else []),
            ("true change", f"{found.true_km2:.2f} km2 in {found.places} places"),
            ("found", f"{_percent(found.share_found)} of it, and {found.places_found} of the places"),
            ("right", f"{_percent(found.share_true)} of what was found"),
            ("elsewhere", f"{elsewhere:,} pixels of another class: flicker of the map"),
            ("seconds", f"{act.seconds:.0f}"),
        ],
    )
    command, cube = command_line(), from_here(Path(act.cube))
    print("try next, as it stands here:\n")
    print(f"{command} diff {cube} {FIRST_ACT} newest")
    print(f"{command} query {cube} --point {point}")
    print(f"{command} history {cube}")
    print(f"\nlook at {act.picture}: the change that was found, beside the true one")


def _percent(share: float | None) -> str:
    return "none" if share is None else f"{share:.0%}"
