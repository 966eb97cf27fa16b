"""The one write path: plan, mosaic, segment, aggregate, publish. The driver keeps nothing that is not in the cube."""

import time as clock
from collections import Counter
from collections.abc import Callable
from functools import partial

import icechunk
import numpy as np
import zarr

from catalogs import scenelist
from cluster import Listener, pool
from pipeline import aggregate, store, versions
from pipeline.commit import Committer, Progress
from pipeline.config import Region
from pipeline.errors import RunError
from pipeline.layout import DEGRADED, check, prepare
from pipeline.planner import BlockPlan, Lost, Plan, plan
from pipeline.report import Report, publish_item, write_report
from pipeline.scenes import write_applied, write_decisions
from pipeline.worker import Worker, run_folder


def run(
    region: Region,
    *,
    workers: int = 1,
    address: str = "none",
    refresh: bool = False,
    listener: Listener | None = None,
    count: Callable[[str, int], None] | None = None,
) -> Report:
    """Maps what is due of a region and publishes the new version; the same call again continues an interrupted one.

    `refresh` looks for new acquisitions first. `workers` and `address` are `cluster.pool`'s, `count` is `plan`'s.
    Raises what `plan` raises, and RunError.
    """
    begun = clock.perf_counter()
    planned = plan(region, refresh, count)
    repository = store.repository(region.cube, create=True)
    try:
        return _run(planned, repository, Progress(), begun, workers, address, listener)
    except icechunk.IcechunkError as error:
        reason = " ".join(str(error).split())[:200]
        raise RunError(
            f"the cube at {region.cube} cannot be written, or another run of the same region is under way ({reason}); "
            "what is committed is kept, run again"
        ) from error


def _run(
    planned: Plan,
    repository: icechunk.Repository,
    progress: Progress,
    begun: float,
    workers: int,
    address: str,
    listener: Listener | None,
) -> Report:
    region, folder = planned.region, run_folder(planned.region.cube, planned.run)
    check(store.peek(repository, versions.MAIN), planned.layout, region.period)
    base = versions.begin(repository, planned.branch)
    blocks = list(planned.blocks())
    kinds = Counter(block.kind for block in blocks)
    progress.seconds["plan"] = clock.perf_counter() - begun
    version = base
    if set(kinds) == {"same"} and versions.is_published(repository, base):
        versions.drop(repository, planned.branch)
    else:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "region.json").write_text(region.model_dump_json(indent=1))
        scenelist.write(folder / "scenes.parquet", planned.items)
        write_decisions(folder / "offsets.json", planned.decisions)
        write_applied(folder / "applied.json", planned.selection, planned.decisions)
        time = _prepared(repository, planned)
        committer = Committer(repository, planned, time, progress, listener)
        factory = partial(Worker, region, planned.run, planned.model_digest)
        with pool(factory, workers=workers, address=address) as crew:
            committer.stage("mosaic", crew, [block for block in blocks if block.mosaic_due])
            committer.stage("segment", crew, [block for block in blocks if _to_segment(planned, block, progress.lost)])
        aggregated = clock.perf_counter()
        aggregate.update(repository, planned.branch, planned.layout, time, workers)
        progress.seconds["aggregate"] = clock.perf_counter() - aggregated
        about = {
            "run": planned.run,
            "name": region.name,
            "blocks": len(blocks) - kinds["same"],
            "degraded": _validated(repository, planned, progress, time),
            "model": planned.model_digest[:16],
        }
        version = versions.publish(repository, planned.branch, base, about)
    progress.seconds["total"] = clock.perf_counter() - begun
    report = Report.of(planned, version, kinds, progress)
    publish_item(planned, version)
    if report.done_anything or not (folder / "report.json").is_file():
        write_report(folder, report)
    return report


def _prepared(repository: icechunk.Repository, planned: Plan) -> int:
    session = repository.writable_session(planned.branch)
    time = prepare(zarr.open_group(session.store), planned.layout, planned.region.period)
    if session.has_uncommitted_changes:
        session.commit("arrays")
    return time


def _to_segment(planned: Plan, block: BlockPlan, lost: Lost) -> bool:
    """What was due before, and what now sees a mosaic that lacks a scene."""
    return block.landcover_due or planned.fingerprints(block.block, lost)[1] != block.landcover


def _validated(repository: icechunk.Repository, planned: Plan, progress: Progress, time: int) -> int:
    """What stands between a finished run and its publication; returns how many blocks are degraded. Raises RunError."""
    group = store.reader(repository, branch=planned.branch)
    state_YX, mosaic_YX, landcover_YX = (
        np.asarray(store.array(group, f"blocks/{name}")[time]) for name in ("state", "mosaic", "landcover")
    )
    blocks = list(planned.extent.blocks())
    for block in blocks:
        slot = planned.extent.slot(block)
        if (int(mosaic_YX[slot]), int(landcover_YX[slot])) != planned.fingerprints(block, progress.lost):
            raise RunError(f"block {block} is not what was planned: not published; run again")
    degraded, allowed = int((state_YX == DEGRADED).sum()), planned.region.max_degraded
    if degraded > allowed * len(blocks):
        raise RunError(
            f"{degraded} of {len(blocks)} blocks lack a scene that could not be read, more than max_degraded "
            f"{allowed:.1%} allows: not published; run again to try them again, or raise max_degraded"
        )
    return degraded
