"""What an update with a change model did: how many blocks it asked about, kept, audited and mapped, and what that
saved."""

import json
from collections import Counter
from dataclasses import asdict, dataclass, field

import numpy as np
from pydantic import TypeAdapter

from pipeline.analysis.diff import ClassChange, Difference, compare
from pipeline.change.audit import Audit, Judged, judge
from pipeline.change.outcome import Outcome
from pipeline.change.parts import mask_of
from pipeline.change.plans import GatedPlan
from pipeline.change.records import SCORE
from pipeline.cube import versions
from pipeline.cube.cube import Cube
from pipeline.errors import RunError
from pipeline.execution.screen import Screening
from pipeline.execution.screen_audit import judged_blocks
from pipeline.execution.task import Source, Work, run_folder
from pipeline.planning.estimate import measured_cost
from pipeline.planning.totals import Totals


@dataclass(frozen=True)
class ChangeReport:
    """An update with a change model.

    asked: blocks that it was asked about. outcomes: number of blocks by `Outcome`, in lower case; those that no new
    scene touches are left out. reasons: the same, in words. replaced_km2: with a new mosaic, None in reports of before
    it was counted. neighbours: blocks mapped because they see a mosaic that was replaced. audited, mapped:
    blocks. device_seconds: of the change model (screen), the audit and the map, without those before an interruption.
    audit: what it says, None where nothing was audited. changes: pixels from class to class, the most frequent first.
    """

    asked: int
    outcomes: dict[str, int]
    reasons: dict[str, str]
    replaced_km2: float | None = field(default=None, kw_only=True)
    neighbours: int
    audited: int
    mapped: int
    device_seconds: dict[str, float]
    audit: Audit | None
    changes: list[ClassChange]


def change_report(cube: Cube, screening: Screening, time: int, work: Work) -> ChangeReport:
    """The report of an update whose branch is complete; keeps the blocks of its audit in the folder of its run."""
    plan, asked = screening.plan, int(screening.plan.questions.asked_YX.sum())
    snapshot = str(cube.repository.lookup_branch(plan.branch))
    new = Source(snapshot, time)
    detected = judged_blocks(cube, plan, screening.detected_YX, screening.records[SCORE], new)
    judged = [*detected, *screening.judged]
    _write(cube, plan.run, judged)
    counts = Counter(Outcome(value) for value in plan.outcome_YX.ravel().tolist())
    del counts[Outcome.NOT_ASKED]
    audit_seconds = screening.audit_seconds
    seconds = {
        "screen": work.seconds["screen.device"],
        "audit": audit_seconds,
        "map": work.seconds["segment.device"] - audit_seconds,
    }
    block_km2 = (plan.extent.grid.block * plan.extent.grid.resolution) ** 2 / 1e6
    audit = None
    if screening.judged:
        at_once = (work.blocks["screen"], work.blocks["audit"]) == (asked, len(screening.judged))
        spent = seconds["screen"] + audit_seconds if at_once else None
        audit = judge(judged, screening.sizes, block_km2, spent)
    return ChangeReport(
        asked=asked,
        outcomes={outcome.name.lower(): count for outcome, count in sorted(counts.items())},
        reasons={outcome.name.lower(): outcome.reason for outcome in sorted(counts)},
        replaced_km2=round(_replaced(plan) * plan.extent.grid.resolution**2 / 1e6, 3),
        neighbours=int((plan.due_YX & ~plan.goes_on_YX).sum()),
        audited=len(screening.judged),
        mapped=int(plan.due_YX.sum()),
        device_seconds={part: round(value, 2) for part, value in seconds.items()},
        audit=audit,
        changes=_changes(cube, screening, new),
    )


def screened_cost(screening: Screening, totals: Totals, work: Work) -> dict[str, float]:
    """Fields of `Cost`, from the mosaics that were made and the windows that were mapped."""
    made = Totals(bytes=screening.made.bytes if work.blocks["mosaic"] else 0, windows=totals.windows)
    seconds: dict[str, float] = dict(work.seconds)
    seconds["segment.device"] = work.seconds["segment.device"] - screening.audit_seconds
    return measured_cost(made, seconds)


def read_audits(cube: Cube) -> list[list[Judged]]:
    """The judged blocks of every update in the history of the newest version, newest first. Raises RunError."""
    names = [f"{run_folder(version.origin.run)}/audit.json" for version in versions.history(cube)]
    audits = []
    for name in dict.fromkeys(names):
        if cube.files.exists(name):
            try:
                audits.append(TypeAdapter(list[Judged]).validate_json(cube.files.read(name)))
            except ValueError as error:
                raise RunError(f"{cube.location}/{name} is damaged; delete it, and its audit is forgotten") from error
    return audits


def _write(cube: Cube, run: str, judged: list[Judged]) -> None:
    cube.files.write(f"{run_folder(run)}/audit.json", json.dumps([asdict(each) for each in judged]) + "\n")


def _replaced(plan: GatedPlan) -> int:
    """Pixels of the region with another mosaic than before."""
    extent = plan.extent
    blocks = [block for block in extent.blocks() if plan.replaced_YX[extent.slot(block)]]
    count = 0
    for block in blocks:
        parts = int(plan.parts_YX[extent.slot(block)])
        count += int(np.count_nonzero(mask_of(parts, extent.covered(block), extent.grid.block_window(block))))
    return count


def _changes(cube: Cube, screening: Screening, new: Source) -> list[ClassChange]:
    plan, reference = screening.plan, screening.plan.questions.reference
    before, after = cube.group(snapshot=reference.snapshot), cube.group(snapshot=new.snapshot)
    compared, blocks = compare((before, reference.time), (after, new.time))
    period = plan.region.period[0]
    return Difference(reference.snapshot, new.snapshot, period, plan.layout, compared, blocks).report().changes
