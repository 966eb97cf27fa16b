"""What a run did: how much, how long, what is degraded, what it cost."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import zarr

from pipeline.analysis.areas import class_areas
from pipeline.cube import store
from pipeline.cube.records import Stripes
from pipeline.cube.schema import DEGRADED, EMPTY, period_index
from pipeline.execution.commit import Progress
from pipeline.planning.estimate import Estimate
from pipeline.planning.plan import Plan
from pipeline.planning.totals import Survey
from pipeline.storage import files
from pipeline.storage.location import Place

LISTED = 1000
SHOWN = 12


@dataclass(frozen=True)
class Report:
    """One run.

    `done` counts blocks a stage really did; `seconds` is the clock per part, `work` the workers' time per step;
    `expected` what the plan estimated, and `took` the same as it was. `areas_km2` by class name in the whole region;
    `lost` names scenes that could not be read. `degraded` and `thin` list the first 1,000 blocks that lack a scene, and
    whose median pixel has fewer clear observations than the region asks for; `count` has how many there are, and how
    many were never `unseen` clear. `left_out` counts items found and not used (the run's applied.json says why),
    `passes` those the orbits' calendar expects and those found, `warnings` what the metadata left in doubt.
    """

    name: str
    run: str
    version: str
    scenes: int
    blocks: dict[str, int]
    done: dict[str, int]
    expected: dict[str, float | None]
    took: dict[str, float | None]
    count: dict[str, int]
    degraded: list[tuple[int, int]]
    thin: list[tuple[int, int]]
    left_out: int
    passes: dict[str, int]
    warnings: list[str]
    lost: dict[str, str]
    seconds: dict[str, float]
    work: dict[str, float]
    areas_km2: dict[str, float]
    region_km2: float
    cube_bytes: int

    @staticmethod
    def of(
        plan: Plan, version: str, before: Survey, expected: Estimate, took: Estimate, progress: Progress
    ) -> "Report":
        repository = store.repository(plan.region.cube)
        group = store.reader(repository, snapshot=version)
        time = period_index(group, plan.region.period[0])
        assert time is not None, "a published version has its own period"
        count, degraded, thin = _counted(plan, group, time)
        return Report(
            name=plan.region.name,
            run=plan.run,
            version=version,
            scenes=len(plan.scenes),
            blocks={kind: before.kinds[kind] for kind in ("new", "changed", "same")},
            done={stage: progress.done[stage] for stage in ("mosaic", "segment")},
            expected=expected.rounded(),
            took=took.rounded(),
            count=count,
            degraded=degraded,
            thin=thin,
            left_out=len(plan.selection.exclusions),
            passes={
                "expected": sum(known.expected for known in plan.passes),
                "found": sum(known.found for known in plan.passes),
            },
            warnings=sorted(decision.why for decision in plan.decisions.values()),
            lost={name: why for lost in progress.lost.values() for name, why in lost.items()},
            seconds={stage: round(s, 2) for stage, s in progress.seconds.items()},
            work={step: round(s, 2) for step, s in progress.work.items()},
            areas_km2=class_areas(group, time),
            region_km2=plan.region_km2,
            cube_bytes=_bytes(plan.region.cube),
        )

    @property
    def done_anything(self) -> bool:
        return any(self.done.values())


def _counted(
    plan: Plan, group: zarr.Group, time: int
) -> tuple[dict[str, int], list[tuple[int, int]], list[tuple[int, int]]]:
    """How many blocks are degraded, unseen and thin, and the first of the degraded and of the thin."""
    extent, few = plan.extent, plan.region.mosaic.min_clear
    states, clears = (Stripes(store.array(group, f"blocks/{name}"), time) for name in ("state", "clear"))
    count = dict.fromkeys(("degraded", "unseen", "thin"), 0)
    degraded: list[tuple[int, int]] = []
    thin: list[tuple[int, int]] = []
    for iy, ix_N in extent.rows():
        y, x0 = extent.slot((iy, 0))
        state_N, clear_N = states.row(y)[ix_N + x0], clears.row(y)[ix_N + x0]
        count["unseen"] += int((state_N == EMPTY).sum())
        for name, which_N, first in (("degraded", state_N == DEGRADED, degraded), ("thin", clear_N < few, thin)):
            count[name] += int(which_N.sum())
            first += [(iy, ix) for ix in ix_N[which_N].tolist()[: LISTED - len(first)]]
    return count, degraded, thin


def _bytes(cube: Place) -> int:
    """What a cube in a folder takes; 0 for one on object storage, which is not asked."""
    return sum(f.stat().st_size for f in cube.rglob("*") if f.is_file()) if isinstance(cube, Path) else 0


def write_report(cube: Place, folder: str, report: Report) -> None:
    files.write(cube, f"{folder}/report.json", json.dumps(asdict(report), indent=1) + "\n")


def summary(report: Report) -> list[tuple[str, str]]:
    """The report in rows of (what, how much) for people."""
    b, s = report.blocks, report.seconds
    rows: list[tuple[str, Any]] = [
        ("version", report.version),
        ("scenes", report.scenes),
        ("blocks", f"{b['new']} new, {b['changed']} changed, {b['same']} same; mapped {report.done['segment']}"),
        ("degraded", _listed(report.degraded, report.count["degraded"])),
        ("never seen clear", f"{report.count['unseen']} blocks"),
        ("fewer clear views than asked", _listed(report.thin, report.count["thin"])),
        ("items left out", f"{report.left_out} (see applied.json of run {report.run})"),
        ("passes", f"{report.passes['found']} found of {report.passes['expected']} that the orbits let expect"),
        ("region", f"{report.region_km2:,.1f} km2"),
        ("seconds", ", ".join(f"{stage} {value:.1f}" for stage, value in s.items())),
        ("worker seconds", ", ".join(f"{step} {value:.1f}" for step, value in report.work.items()) or "none"),
        ("cube", f"{report.cube_bytes / 1e6:,.1f} MB"),
    ]
    rows += [
        (what.replace("_", " "), f"{_known(report.expected[what])} expected, {_known(report.took[what])} took")
        for what in ("mosaic_seconds", "device_seconds", "seconds", "device_hours", "money")
        if report.took[what] is not None
    ]
    if total := s.get("total"):
        rows.append(("speed", f"{report.region_km2 / total * 3600:,.0f} km2/h"))
    if report.warnings:
        rows.append(("in doubt", f"{len(report.warnings)} scenes (see applied.json), the first: {report.warnings[0]}"))
    rows += [("lost scene", f"{scene}: {why}") for scene, why in report.lost.items()]
    return [(what, str(value)) for what, value in rows]


def _listed(blocks: list[tuple[int, int]], count: int) -> str:
    more = f" and {count - SHOWN} more" if count > SHOWN else ""
    return (", ".join(map(str, blocks[:SHOWN])) or "none") + more


def _known(value: float | None) -> str:
    return "nothing known" if value is None else f"{value:,.3g}"
