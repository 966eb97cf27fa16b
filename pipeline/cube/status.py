"""How far a cube is, from the cube alone."""

from dataclasses import dataclass

import numpy as np
import zarr

from pipeline.cube import versions
from pipeline.cube.cube import Cube
from pipeline.cube.held import held_runs
from pipeline.cube.run_progress import RunProgress, run_progress, runs_under_way
from pipeline.cube.schema import STATES
from pipeline.cube.store import array
from pipeline.storage import lease


@dataclass(frozen=True)
class Status:
    """The state of a cube; `dataclasses.asdict` of it is the JSON for programs.

    published: the newest version; None where nothing is published. versions: how many are kept. blocks: number of
    blocks of all periods by state, empty where nothing is published. held_by: the process that holds the cube, in
    words. running: the progress of each run under way, by its id. held: why a gate held back each run that is mapped
    and not published, by its id.
    """

    published: str | None
    versions: int
    blocks: dict[str, int]
    held_by: str | None
    running: dict[str, RunProgress]
    held: dict[str, str]


def status(cube: Cube) -> Status:
    """The newest version, who holds the cube, and the progress of each run under way. Raises RunError."""
    history = versions.history(cube)
    held = {each.run: each.reason for each in held_runs(cube)}
    running = sorted(runs_under_way(cube) - held.keys())
    published, holder = cube.branch_group(versions.MAIN), lease.holder(cube.files)
    return Status(
        published=history[0].snapshot if history else None,
        versions=len(history),
        blocks={} if published is None else _blocks_by_state(published),
        held_by=None if holder is None else str(holder),
        running={run: run_progress(cube, run, holder) for run in running},
        held=held,
    )


def _blocks_by_state(group: zarr.Group) -> dict[str, int]:
    counts = np.bincount(np.asarray(array(group, "blocks/state")).ravel(), minlength=len(STATES))
    return dict(zip(STATES, counts.tolist(), strict=True))
