"""What a run did: how much, how long, what is degraded, what it cost."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import zarr

from catalogs.publish import write_item
from pipeline import store
from pipeline.commit import Progress
from pipeline.layout import DEGRADED, EMPTY, Layout, period_index
from pipeline.planner import Plan


@dataclass(frozen=True)
class Report:
    """One run.

    `done` counts blocks a stage really did; `seconds` is the clock per stage, `work` the workers' time per step;
    `areas_km2` by class name in the whole region; `lost` names scenes that could not be read. `thin` are blocks whose
    median pixel has fewer clear observations than the region asks for. `left_out` counts items found and not used (the
    run's applied.json says why), `passes` those the orbits' calendar expects and those found, `warnings` what the
    metadata left in doubt.
    """

    name: str
    run: str
    version: str
    scenes: int
    blocks: dict[str, int]
    done: dict[str, int]
    degraded: list[tuple[int, int]]
    unseen: int
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
    def of(plan: Plan, version: str, kinds: Mapping[str, int], progress: Progress) -> "Report":
        repository = store.repository(plan.region.cube)
        group = store.reader(repository, snapshot=version)
        extent = plan.extent
        time = period_index(group, plan.region.period[0])
        assert time is not None, "a published version has its own period"
        state = np.asarray(store.array(group, "blocks/state")[time])
        return Report(
            name=plan.region.name,
            run=plan.run,
            version=version,
            scenes=len(plan.scenes),
            blocks={kind: kinds.get(kind, 0) for kind in ("new", "changed", "same")},
            done={stage: progress.done[stage] for stage in ("mosaic", "segment")},
            degraded=[
                (int(y) + extent.block_range.y0, int(x) + extent.block_range.x0)
                for y, x in np.argwhere(state == DEGRADED)
            ],
            unseen=int((state == EMPTY).sum()),
            thin=_thin(plan, np.asarray(store.array(group, "blocks/clear")[time])),
            left_out=len(plan.selection.left),
            passes={
                "expected": sum(known.expected for known in plan.passes),
                "found": sum(known.found for known in plan.passes),
            },
            warnings=sorted(decision.why for decision in plan.decisions.values()),
            lost={name: why for lost in progress.lost.values() for name, why in lost.items()},
            seconds={stage: round(s, 2) for stage, s in progress.seconds.items()},
            work={step: round(s, 2) for step, s in progress.work.items()},
            areas_km2=areas(group, time),
            region_km2=plan.region_km2,
            cube_bytes=sum(f.stat().st_size for f in plan.region.cube.rglob("*") if f.is_file()),
        )

    @property
    def done_anything(self) -> bool:
        return any(self.done.values())


def _thin(plan: Plan, clear_YX: np.ndarray) -> list[tuple[int, int]]:
    few = plan.region.mosaic.min_clear
    return [block for block in plan.extent.blocks() if clear_YX[plan.extent.slot(block)] < few]


def areas(group: zarr.Group, time: int) -> dict[str, float]:
    """km2 of each class in a period, from the blocks' counts; true areas on an equal-area grid."""
    layout = Layout.of(group)
    pixels = np.asarray(store.array(group, "blocks/pixels")[time]).sum((0, 1), dtype=np.int64)
    return {
        row["name"]: float(count) * layout.extent.grid.resolution**2 / 1e6
        for row, count in zip(layout.classes, pixels, strict=True)
    }


def write_report(folder: Path, report: Report) -> Path:
    path = folder / "report.json"
    partial = path.with_suffix(".partial")
    partial.write_text(json.dumps(asdict(report), indent=1) + "\n")
    partial.replace(path)
    return path


def publish_item(plan: Plan, version: str) -> Path:
    """Writes the STAC item of a published version into the cube's folder."""
    from datetime import UTC, datetime, time

    region, layout = plan.region, plan.layout
    r, w = layout.extent.grid.resolution, layout.extent.window
    start, end = region.period
    return write_item(
        region.cube / "stac" / f"{region.name}-{start}.json",
        id=f"{region.name}-{start}",
        footprint=region.searched,
        start=datetime.combine(start, time.min, UTC),
        end=datetime.combine(end, time.max, UTC),
        crs=layout.extent.grid.crs,
        shape_YX=w.shape,
        transform=(r, 0.0, w.x0 * r, 0.0, -r, -w.y0 * r),
        classes=layout.classes,
        store=str(region.cube / "store"),
        snapshot=version,
        scenes=[scene.id for scene in plan.scenes],
    )


def summary(report: Report) -> list[tuple[str, str]]:
    """The report in rows of (what, how much) for people."""
    b, s = report.blocks, report.seconds
    rows: list[tuple[str, Any]] = [
        ("version", report.version),
        ("scenes", report.scenes),
        ("blocks", f"{b['new']} new, {b['changed']} changed, {b['same']} same; mapped {report.done['segment']}"),
        ("degraded", ", ".join(map(str, report.degraded)) or "none"),
        ("never seen clear", f"{report.unseen} blocks"),
        ("fewer clear views than asked", ", ".join(map(str, report.thin)) or "none"),
        ("items left out", f"{report.left_out} (see applied.json of run {report.run})"),
        ("passes", f"{report.passes['found']} found of {report.passes['expected']} that the orbits let expect"),
        ("region", f"{report.region_km2:,.1f} km2"),
        ("seconds", ", ".join(f"{stage} {value:.1f}" for stage, value in s.items())),
        ("worker seconds", ", ".join(f"{step} {value:.1f}" for step, value in report.work.items()) or "none"),
        ("cube", f"{report.cube_bytes / 1e6:,.1f} MB"),
    ]
    if total := s.get("total"):
        rows.append(("speed", f"{report.region_km2 / total * 3600:,.0f} km2/h"))
    if report.warnings:
        rows.append(("in doubt", f"{len(report.warnings)} scenes (see applied.json), the first: {report.warnings[0]}"))
    rows += [("lost scene", f"{scene}: {why}") for scene, why in report.lost.items()]
    return [(what, str(value)) for what, value in rows]
