"""How far a run under way is, from what the run said when it began and from its branch."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal

import icechunk
import numpy as np
import zarr
from pydantic import TypeAdapter

from pipeline.cube import versions
from pipeline.cube.cube import Cube
from pipeline.cube.store import array
from pipeline.storage.holder import Holder
from pipeline.storage.json_file import read_json


@dataclass(frozen=True)
class Due:
    """What was due when a run began, or went on: blocks to mosaic and to map, and those it had committed by then."""

    begun: datetime
    mosaic: int
    landcover: int
    mosaic_before: int
    landcover_before: int


@dataclass(frozen=True)
class RunProgress:
    """Blocks of all periods whose mosaic or map in a run's branch is not the newest version's.

    of_mosaic, of_landcover: how many there will be at the end of the run. stage: what it does now: "screen" where an
    update makes mosaics and asks its change model, of which the numbers then are; "stopped" where no process works for
    it. expected_end: by its speed since it began, at its last commit. None: not known.
    """

    mosaic: int = 0
    landcover: int = 0
    of_mosaic: int | None = None
    of_landcover: int | None = None
    stage: Literal["stopped", "plan", "screen", "mosaic", "landcover", "aggregate"] = "stopped"
    expected_end: datetime | None = None


def write_due(cube: Cube, run: str, mosaic: int, landcover: int) -> None:
    """Keeps what is due of a run that begins or goes on: blocks to mosaic and to map."""
    due = Due(datetime.now(UTC), mosaic, landcover, *_blocks_done(cube, run))
    _, file = _place(cube, run)
    cube.files.write(file, TypeAdapter(Due).dump_json(due, indent=1).decode() + "\n")


def run_progress(cube: Cube, run: str, holder: Holder | None) -> RunProgress:
    """The progress of a run that has a branch; `holder`: who holds the cube. Raises RunError."""
    mosaic, landcover = _blocks_done(cube, run)
    works = holder is not None and holder.run == run and not holder.dead
    branch, file = _place(cube, run)
    if not cube.files.exists(file):
        return RunProgress(mosaic, landcover, stage="plan" if works else "stopped")
    due = read_json(cube.files, file, Due, "it is written anew")
    of_mosaic, of_landcover = due.mosaic_before + due.mosaic, due.landcover_before + due.landcover
    if not works:
        return RunProgress(mosaic, landcover, of_mosaic, of_landcover)
    if branch.startswith(versions.SCREEN):
        return RunProgress(mosaic, landcover, of_mosaic, of_landcover, "screen")
    stage: Literal["mosaic", "landcover", "aggregate"] = "aggregate"
    if mosaic < of_mosaic:
        stage = "mosaic"
    elif landcover < of_landcover:
        stage = "landcover"
    ahead = of_mosaic - mosaic + of_landcover - landcover
    done = due.mosaic + due.landcover - ahead
    try:
        last = next(iter(cube.repository.ancestry(branch=branch))).written_at
    except icechunk.IcechunkError:  # it was published in between
        return RunProgress(mosaic, landcover, of_mosaic, of_landcover, stage)
    end = last + (last - due.begun) * (ahead / done) if done > 0 and last > due.begun else None
    return RunProgress(mosaic, landcover, of_mosaic, of_landcover, stage, end)


def runs_under_way(cube: Cube) -> set[str]:
    """Those that have a branch, also one where an update asks its change model."""
    names = (versions.RUN, versions.SCREEN)
    return {b.removeprefix(n) for b in cube.repository.list_branches() for n in names if b.startswith(n)}


def _place(cube: Cube, run: str) -> tuple[str, str]:
    """The branch where a run is now, and the file of what was due there.

    An update with a change model maps on one branch after it has asked on another.
    """
    begun, screen = f"{versions.RUN}{run}", f"{versions.SCREEN}{run}"
    if {begun, screen} & set(cube.repository.list_branches()) == {screen}:
        return screen, f"runs/{run}/screen.json"
    return begun, f"runs/{run}/due.json"


def _blocks_done(cube: Cube, run: str) -> tuple[int, int]:
    branch, published = cube.branch_group(_place(cube, run)[0]), cube.branch_group(versions.MAIN)
    if branch is None:
        return 0, 0
    return _count_new(branch, published, "mosaic"), _count_new(branch, published, "landcover")


def _count_new(run: zarr.Group, published: zarr.Group | None, name: str) -> int:
    new = np.asarray(array(run, f"blocks/{name}"))
    old = np.zeros_like(new)
    if published is not None:
        before = np.asarray(array(published, f"blocks/{name}"))
        old[: len(before)] = before
    return int(((new != old) & (new > 0)).sum())
