"""The one write path: plan, mosaic, segment, aggregate, publish. The driver keeps nothing that is not in the cube."""

import time as clock
from collections import Counter
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
from pipeline.layout import DEGRADED, prepare
from pipeline.plan import Plan, plan
from pipeline.report import Report, publish_item, write_report
from pipeline.worker import Worker, run_folder


def run(
    region: Region,
    *,
    workers: int = 1,
    address: str = "none",
    refresh: bool = False,
    listener: Listener | None = None,
) -> Report:
    """Maps what is due of a region and publishes the new version; the same call again continues an interrupted one.

    `refresh` looks for new acquisitions first. `workers` and `address` are `cluster.pool`'s. Raises what `plan` raises,
    and RunError.
    """
    begun = clock.perf_counter()
    planned = plan(region, refresh)
    blocks = list(planned.blocks())
    kinds = Counter(block.kind for block in blocks)
    progress = Progress(seconds={"plan": clock.perf_counter() - begun})
    repository = store.repository(region.cube, create=True)
    if set(kinds) == {"same"} and planned.branch not in repository.list_branches():
        return Report.of(planned, versions.resolve(repository), kinds, progress)

    folder = run_folder(region.cube, planned.run)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "region.json").write_text(region.model_dump_json(indent=1))
    scenelist.write(folder / "scenes.parquet", planned.items)
    base = versions.begin(repository, planned.branch)
    time = _prepared(repository, planned)
    committer = Committer(repository, planned, time, progress, listener)
    with pool(partial(Worker, region, planned.run), workers=workers, address=address) as crew:
        committer.stage("mosaic", crew, [block for block in blocks if block.mosaic_due])
        committer.stage("segment", crew, [block for block in blocks if block.landcover_due])
    aggregated = clock.perf_counter()
    aggregate.update(repository, planned.branch, planned.layout, time, workers)
    progress.seconds["aggregate"] = clock.perf_counter() - aggregated
    degraded = _validated(repository, planned, time)
    about = {
        "run": planned.run,
        "name": region.name,
        "blocks": len(blocks) - kinds["same"],
        "degraded": degraded,
        "model": planned.model_digest[:16],
    }
    version = versions.publish(repository, planned.branch, base, about)
    progress.seconds["total"] = clock.perf_counter() - begun
    report = Report.of(planned, version, kinds, progress)
    publish_item(planned, version)
    write_report(folder, report)
    return report


def _prepared(repository: icechunk.Repository, planned: Plan) -> int:
    session = repository.writable_session(planned.branch)
    time = prepare(zarr.open_group(session.store), planned.layout, planned.region.period)
    if session.has_uncommitted_changes:
        session.commit("arrays")
    return time


def _validated(repository: icechunk.Repository, planned: Plan, time: int) -> int:
    """What stands between a finished run and its publication; returns how many blocks are degraded. Raises RunError."""
    group = store.reader(repository, branch=planned.branch)
    state, *made = (np.asarray(store.array(group, f"blocks/{name}")[time]) for name in ("state", "mosaic", "landcover"))
    missing = int(sum((fingerprint == 0).sum() for fingerprint in made))
    if missing:
        raise RunError(f"{missing} blocks are not finished: not published; run again")
    degraded, allowed = int((state == DEGRADED).sum()), planned.region.max_degraded
    if degraded > allowed * state.size:
        raise RunError(
            f"{degraded} of {state.size} blocks lack a scene that could not be read, more than max_degraded "
            f"{allowed:.1%} allows: not published; run again to try them again, or raise max_degraded"
        )
    return degraded
