"""What the cube keeps of a run and of the version that it published."""

from dataclasses import dataclass
from datetime import date
from typing import Any

import zarr

from pipeline.cube import versions
from pipeline.cube.cube import Cube
from pipeline.cube.schema import Layout, period_index
from pipeline.cube.versions import Version
from pipeline.errors import RunError, UserError
from pipeline.execution.report import Report
from pipeline.execution.task import run_folder
from pipeline.storage.json_file import read_json


@dataclass(frozen=True)
class PeriodMap:
    """One period of a version."""

    group: zarr.Group
    time: int


@dataclass(frozen=True)
class ReportedRun:
    """A run, the version that it published, and its period there and in the version before, if it is there."""

    cube: Cube
    report: Report
    region: dict[str, Any]
    version: Version
    layout: Layout
    after: PeriodMap
    previous: str | None
    before: PeriodMap | None


def find_run(cube: Cube, run: str | None = None) -> ReportedRun:
    """A run, by default the newest version's.

    Raises UserError where the cube has no such run with a version, and RunError where its files are damaged.
    """
    history = [v for v in versions.history(cube) if v.origin.rolled_back_to is None]
    wanted = versions.origin_of(cube, versions.resolve(cube)).run if run is None else run
    version = next((v for v in history if v.origin.run == wanted), None)
    name = f"{run_folder(wanted)}/report.json"
    if version is None or not cube.files.exists(name):
        runs = [v.origin.run for v in history if cube.files.exists(f"{run_folder(v.origin.run)}/report.json")]
        raise UserError(
            f"the cube has no version with the report of a run {wanted!s:.100}; name one of "
            f"{', '.join(runs[:5]) or 'a cube that idgbr run has mapped'}"
        )
    report = read_json(cube.files, name, Report, "the run has no page then")
    region = read_json(cube.files, f"{run_folder(wanted)}/region.json", dict[str, Any], "the run has no page then")
    group, start = cube.group(snapshot=version.snapshot), date.fromisoformat(region["period"][0])
    time = period_index(group, start)
    if time is None:
        raise RunError(f"version {version.snapshot} has no period from {start}, which its run {wanted} mapped")
    ancestry = cube.repository.ancestry(snapshot_id=version.snapshot)
    previous = next((s.id for s in ancestry if s.id != version.snapshot and s.metadata.get("published")), None)
    before = None
    if previous is not None:
        old = cube.group(snapshot=previous)
        at = period_index(old, start)
        before = None if at is None else PeriodMap(old, at)
    return ReportedRun(cube, report, region, version, Layout.of(group), PeriodMap(group, time), previous, before)
