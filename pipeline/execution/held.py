"""Runs that a gate held back: what is kept of one, and its publication by somebody's decision."""

import json
from dataclasses import asdict, replace
from datetime import UTC, datetime

from pipeline.cube import held
from pipeline.cube.cube import Cube
from pipeline.cube.held import Held
from pipeline.cube.items import publish_items
from pipeline.cube.versions import Origin
from pipeline.errors import RunHeld, UserError
from pipeline.execution.report import Report
from pipeline.execution.report_page import finish_report
from pipeline.execution.screen import drop_screens
from pipeline.execution.task import run_folder


def hold_back(cube: Cube, base: str, origin: Origin, report: Report, reason: RunHeld) -> None:
    """Keeps of a run what its publication needs; `report` is of the end of its branch."""
    kept = replace(origin, degraded=report.count.degraded, gates=reason.gates)
    facts = json.loads(json.dumps(asdict(report)))
    held.hold(cube, Held(origin.run, str(reason), datetime.now(UTC), base, report.version, kept, facts))


def publish_held(cube: Cube, run: str, because: str) -> str:
    """Publishes a run that a gate held back, with its STAC items and its report; returns the version.

    run: its id or its branch. because: recorded in the version. The cube must be leased. Raises UserError for another
    run or no reason, and RunError if another run has published since.
    """
    if not because.strip():
        raise UserError("--because is empty; say why this version is right although a gate held it back")
    kept = held.held_run(cube, run)
    cube.files.write(f"{run_folder(kept.run)}/report.json", json.dumps(kept.report, indent=1) + "\n")
    version = held.accept(cube, kept, because.strip())
    drop_screens(cube)
    publish_items(cube, kept.origin.runs)
    finish_report(cube, version)
    return version


def discard_held(cube: Cube, run: str) -> str:
    """Deletes the branch of a run that a gate held back; returns the run's id. The cube must be leased."""
    kept = held.held_run(cube, run)
    held.discard(cube, kept)
    drop_screens(cube)
    return kept.run
