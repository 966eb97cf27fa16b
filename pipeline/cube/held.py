"""Runs that a gate held back: mapped whole, not published, and kept on their branch until somebody decides.

A held run is what its file says as long as its branch stands where it stood then, or one commit further: there an
interrupted `accept` leaves it.
"""

from dataclasses import asdict, dataclass
from datetime import datetime
from itertools import islice
from typing import Any

from pydantic import TypeAdapter

from pipeline.cube import versions
from pipeline.cube.cube import Cube
from pipeline.cube.versions import Origin
from pipeline.errors import UserError
from pipeline.storage.json_file import read_json


@dataclass(frozen=True)
class Held:
    """run: id. reason: what the gates said. base: the version that would be replaced. snapshot: the end of the run's
    branch. origin: what its version records. report: the run's report, as JSON."""

    run: str
    reason: str
    since: datetime
    base: str
    snapshot: str
    origin: Origin
    report: dict[str, Any]


def hold(cube: Cube, held: Held) -> None:
    """Keeps that a run is held."""
    cube.files.write(_file(held.run), TypeAdapter(Held).dump_json(held, indent=1).decode() + "\n")


def held_runs(cube: Cube) -> list[Held]:
    """Every run that is held, the last one first. Raises RunError for a damaged file."""
    branches = [branch for branch in cube.repository.list_branches() if branch.startswith(versions.RUN)]
    found = [held for branch in branches if (held := _read(cube, branch.removeprefix(versions.RUN)))]
    return sorted(found, key=lambda held: held.since, reverse=True)


def held_run(cube: Cube, run: str) -> Held:
    """A run that is held, by its id or its branch. Raises UserError where it is not."""
    runs = {held.run: held for held in held_runs(cube)}
    name = run.removeprefix(versions.RUN)
    if name not in runs:
        raise UserError(f"no run {run!r:.100} is held back in this cube; held are: {', '.join(runs) or 'none'}")
    return runs[name]


def accept(cube: Cube, held: Held, because: str) -> str:
    """Publishes a held run; returns the version, which records why. Raises RunError if `main` has moved since."""
    record = Origin(**{**asdict(held.origin), "because": because})
    return versions.publish(cube, f"{versions.RUN}{held.run}", held.base, record)


def discard(cube: Cube, held: Held) -> None:
    """Deletes the branch of a held run: what it mapped goes with the next pruning."""
    versions.delete_branch(cube, f"{versions.RUN}{held.run}")


def _file(run: str) -> str:
    return f"runs/{run}/held.json"


def _read(cube: Cube, run: str) -> Held | None:
    if not cube.files.exists(_file(run)):
        return None
    held = read_json(cube.files, _file(run), Held, "the run is judged again")
    last_two = islice(cube.repository.ancestry(branch=f"{versions.RUN}{run}"), 2)
    return held if held.snapshot in {snapshot.id for snapshot in last_two} else None
