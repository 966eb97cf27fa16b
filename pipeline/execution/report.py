"""The report of a run: how much was mapped, how long it took, what is degraded, what it cost."""

import json
import os
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import zarr

from catalogs.secrets import redact
from pipeline.analysis.areas import class_areas
from pipeline.console.html import Tabular
from pipeline.cube import store
from pipeline.cube.cube import Cube
from pipeline.cube.records import BlockRows
from pipeline.cube.schema import DEGRADED, EMPTY, period_index
from pipeline.execution.change_report import ChangeReport
from pipeline.execution.task import Work
from pipeline.geometry.grid import BlockId
from pipeline.planning.estimate import Estimate
from pipeline.planning.plan import Plan
from pipeline.planning.totals import Totals
from pipeline.scenes.news import SceneNews
from pipeline.storage.files import Files
from pipeline.storage.location import Location

MAX_LISTED = 1000
"""Maximum number of blocks that a report lists of one kind."""


@dataclass(frozen=True)
class BlockCounts:
    """Blocks of the region, against the version published before."""

    new: int
    changed: int
    same: int


@dataclass(frozen=True)
class StageCounts:
    """Blocks by stage."""

    mosaic: int
    segment: int


@dataclass(frozen=True)
class ProblemCounts:
    """Blocks that lack a scene, that were never seen clear, and whose median pixel has fewer clear observations than
    the region
    asks for."""

    degraded: int
    unseen: int
    thin: int


@dataclass(frozen=True)
class PassCounts:
    """Satellite passes that the orbits let expect in the period, and those found."""

    expected: int
    found: int


@dataclass(frozen=True)
class Report(Tabular):
    """The report of a run; `asdict` of it is its JSON.

    scenes: number used. news: of scenes, since the version before. blocks: of the region. done: blocks that this run
    did. expected, took: the plan's estimate and the same as measured. count: blocks with problems; degraded, thin: the
    first 1,000 of these. left_out: items found and not used (the run's applied.json has the reasons). passes: satellite
    passes. warnings: what the search may have missed, and doubts about the metadata of scenes. lost: ids of the scenes
    that could not be read, with the reason. seconds: wall-clock time by part of the run. work: worker seconds by
    "stage.step". areas_km2: by class name, in the whole region. cube_bytes: size of the cube's folder, 0 on object
    storage. change: of an update with a change model that had something to ask. published: whether this run made
    `version`.
    """

    name: str
    run: str
    version: str
    scenes: int
    news: SceneNews
    blocks: BlockCounts
    done: StageCounts
    expected: Estimate
    took: Estimate
    count: ProblemCounts
    degraded: list[BlockId]
    thin: list[BlockId]
    left_out: int
    passes: PassCounts
    warnings: list[str]
    lost: dict[str, str]
    seconds: dict[str, float]
    work: dict[str, float]
    areas_km2: dict[str, float]
    region_km2: float
    cube_bytes: int
    change: ChangeReport | None = None
    published: bool = True

    @property
    def done_anything(self) -> bool:
        return self.done.mosaic + self.done.segment > 0


def report(
    cube: Cube,
    plan: Plan,
    news: SceneNews,
    version: str,
    totals: Totals,
    expected: Estimate,
    took: Estimate,
    work: Work,
    seconds: Mapping[str, float],
    change: ChangeReport | None = None,
    published: bool = True,
) -> Report:
    """The report of a run that ended with `version`; `totals` are those of its plan."""
    group = cube.group(snapshot=version)
    time = period_index(group, plan.region.period[0])
    assert time is not None, "a published version has its own period"
    count, degraded, thin = problems(plan, group, time)
    return Report(
        name=plan.region.name,
        run=plan.run,
        version=version,
        scenes=len(plan.scenes),
        news=news,
        blocks=BlockCounts(**{kind: totals.kinds[kind] for kind in ("new", "changed", "same")}),
        done=StageCounts(**{stage: work.blocks[stage] for stage in ("mosaic", "segment")}),
        expected=Estimate(**expected.rounded()),
        took=Estimate(**took.rounded()),
        count=count,
        degraded=degraded,
        thin=thin,
        left_out=len(plan.selection.exclusions),
        passes=PassCounts(sum(each.expected for each in plan.passes), sum(each.found for each in plan.passes)),
        warnings=plan.warnings,
        lost={scene: redact(reason) for lost in work.lost.values() for scene, reason in lost.items()},
        seconds={part: round(value, 2) for part, value in seconds.items()},
        work={step: round(value, 2) for step, value in work.seconds.items()},
        areas_km2=class_areas(group, time),
        region_km2=plan.region_km2,
        cube_bytes=cube_size(cube.location),
        change=change,
        published=published,
    )


def write_report(files: Files, folder: str, report: Report) -> None:
    files.write(f"{folder}/report.json", json.dumps(asdict(report), indent=1) + "\n")


def problems(plan: Plan, group: zarr.Group, time: int) -> tuple[ProblemCounts, list[BlockId], list[BlockId]]:
    """How many blocks are degraded, unseen and thin, and the first of the degraded and of the thin.

    A block that the region touches without the centre of a pixel has nothing to be seen: it is neither unseen nor thin.
    """
    extent, min_clear = plan.extent, plan.region.mosaic.min_clear
    states, clears = (BlockRows(store.array(group, f"blocks/{name}"), time) for name in ("state", "clear"))
    count = dict.fromkeys(("degraded", "unseen", "thin"), 0)
    degraded: list[BlockId] = []
    thin: list[BlockId] = []
    for iy, ix_N in extent.rows():
        y, x0 = extent.slot((iy, 0))
        state_N, clear_N = states.row(y)[ix_N + x0], clears.row(y)[ix_N + x0]
        seen_or_pixels = (n > 0 or extent.has_pixels((iy, ix)) for ix, n in zip(ix_N.tolist(), clear_N, strict=True))
        pixels_N = np.fromiter(seen_or_pixels, bool, len(ix_N))
        thin_N = pixels_N & (clear_N < min_clear)
        count["unseen"] += int((pixels_N & (state_N == EMPTY)).sum())
        for name, which_N, blocks in (("degraded", state_N == DEGRADED, degraded), ("thin", thin_N, thin)):
            count[name] += int(which_N.sum())
            blocks += [(iy, ix) for ix in ix_N[which_N].tolist()[: MAX_LISTED - len(blocks)]]
    return ProblemCounts(**count), degraded, thin


def cube_size(location: Location) -> int:
    """Bytes of a cube in a folder, of what does not vanish meanwhile; 0 for one on object storage."""
    total = 0
    for folder, _, names in os.walk(location) if isinstance(location, Path) else ():
        for name in names:
            with suppress(FileNotFoundError):
                total += Path(folder, name).stat().st_size
    return total
