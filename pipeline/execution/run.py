"""The one write path: plan, mosaic, segment, aggregate, publish. The driver keeps nothing that is not in the cube."""

import os
import time as clock
from collections.abc import Callable
from functools import partial

import icechunk
import zarr

from cluster import Listener, machine_memory, pool
from pipeline.analysis import aggregate
from pipeline.config.region import Region
from pipeline.cube import store, versions
from pipeline.cube.create import prepare
from pipeline.cube.records import held
from pipeline.cube.schema import check
from pipeline.errors import RunError
from pipeline.execution.commit import Progress
from pipeline.execution.gates import check_gates
from pipeline.execution.publish import publish_item
from pipeline.execution.report import Report, write_report
from pipeline.execution.resources import WorkerCounts, check_memory, worker_groups
from pipeline.execution.schedule import work
from pipeline.execution.task import run_folder
from pipeline.execution.worker import Worker
from pipeline.planning.estimate import estimate, known_cost, measured, taken
from pipeline.planning.memory import worker_bytes
from pipeline.planning.plan import Plan, plan
from pipeline.planning.totals import survey
from pipeline.scenes.decisions import write_decisions
from pipeline.scenes.item_list import write_items
from pipeline.scenes.provenance import write_provenance
from pipeline.storage import files, lease


def run(
    region: Region,
    *,
    workers: int = 1,
    mosaic_workers: int | None = None,
    gpus: float | None = None,
    price_per_worker_hour: float | None = None,
    address: str = "none",
    refresh: bool = False,
    listener: Listener | None = None,
    count: Callable[[str, int], None] | None = None,
) -> Report:
    """Maps what is due of a region and publishes the new version; the same call again continues an interrupted one.

    `workers`, `mosaic_workers` and `gpus` are those of `WorkerCounts`, `address` that of `cluster.pool`, `count` that
    of `plan`. `price_per_worker_hour` adds the money to the report. `refresh` searches for new acquisitions first.
    Raises what `plan` raises, PoolError, and RunError: where another run holds the cube, where blocks failed, or where
    a gate keeps the version from being published.
    """
    begun = clock.perf_counter()
    planned = plan(region, refresh, count)
    repository = store.repository(region.cube, create=True)
    with store.writing(region.cube), lease.held(region.cube, {"run": planned.run, "name": region.name}) as mine:
        return _run(
            planned,
            repository,
            mine,
            begun,
            WorkerCounts(workers, gpus, mosaic_workers),
            price_per_worker_hour,
            address,
            listener,
        )


def _run(
    planned: Plan,
    repository: icechunk.Repository,
    mine: lease.Lease,
    begun: float,
    counts: WorkerCounts,
    price_per_worker_hour: float | None,
    address: str,
    listener: Listener | None,
) -> Report:
    region, cube, folder = planned.region, planned.region.cube, run_folder(planned.run)
    progress = Progress()
    check(store.peek(repository, versions.MAIN), planned.layout, region.period)
    base = versions.begin(repository, planned.branch)
    before = survey(planned)
    expected = estimate(
        before, known_cost(repository), counts.workers, counts.mosaic_workers or 0, price_per_worker_hour
    )
    progress.seconds["plan"] = clock.perf_counter() - begun
    version = base
    if set(before.kinds) == {"same"} and versions.is_published(repository, base):
        versions.drop(repository, planned.branch)
    else:
        files.write(cube, f"{folder}/region.json", region.model_dump_json(indent=1))
        write_items(cube, f"{folder}/scenes.parquet", planned.items)
        write_decisions(cube, f"{folder}/offsets.json", planned.decisions)
        write_provenance(cube, f"{folder}/applied.json", planned.selection, planned.decisions)
        time = _prepared(repository, planned)
        if before.due:
            worked = clock.perf_counter()
            factory = partial(Worker, region, planned.run, planned.model_digest, planned.model.settings.bands)
            wanted = worker_groups(counts, *worker_bytes(planned, before))
            if address in ("none", "local"):
                check_memory(wanted({"CPU": os.cpu_count() or 1}), machine_memory(), before.busiest)
            with pool(factory, wanted, address) as group:
                progress.seconds["start"] = clock.perf_counter() - worked
                work(planned, before, group, repository, time, progress, mine.check, listener)
            progress.seconds["work"] = clock.perf_counter() - worked
        aggregated = clock.perf_counter()
        aggregate.aggregate_blocks(repository, planned.branch, planned.layout, time, counts.workers)
        progress.seconds["aggregate"] = clock.perf_counter() - aggregated
        degraded = _validated(repository, planned, progress)
        gates = check_gates(repository, planned.branch, planned.layout, time, region.gates)
        about = {
            "run": planned.run,
            "name": region.name,
            "blocks": before.blocks - before.kinds["same"],
            "degraded": degraded,
            "model": planned.model_digest[:16],
            "cost": measured(before, progress.work),
            "gates": {gate.name: gate.value for gate in gates},
        }
        mine.check()
        version = versions.publish(repository, planned.branch, base, about)
    progress.seconds["total"] = clock.perf_counter() - begun
    took = taken(progress.work, progress.seconds.get("work", 0.0), counts.workers, price_per_worker_hour)
    report = Report.of(planned, version, before, expected, took, progress)
    publish_item(planned, version)
    if report.done_anything or not files.exists(cube, f"{folder}/report.json"):
        write_report(cube, folder, report)
    return report


def _prepared(repository: icechunk.Repository, planned: Plan) -> int:
    session = repository.writable_session(planned.branch)
    time = prepare(zarr.open_group(session.store), planned.layout, planned.region.period)
    if session.has_uncommitted_changes:
        session.commit("arrays")
    return time


def _validated(repository: icechunk.Repository, planned: Plan, progress: Progress) -> int:
    """Whether the branch holds what was planned of every block, but for what was lost; returns how many blocks are
    degraded. Raises RunError."""
    found = held(repository, planned.region, planned.branch)
    assert found is not None, "a run's branch has its period"
    blocks = degraded = 0
    for block in planned.blocks_of.plans(found, None):
        blocks += 1
        differs = block.mosaic_due or block.landcover_due
        if differs and found.of(block.block) != planned.fingerprints(block.block, progress.lost):
            raise RunError(f"block {block.block} is not what was planned: not published; run again")
        degraded += found.degraded(block.block)
    allowed = planned.region.max_degraded
    if degraded > allowed * blocks:
        raise RunError(
            f"{degraded} of {blocks} blocks lack a scene that could not be read, more than max_degraded "
            f"{allowed:.1%} allows: not published; run again to try them again, or raise max_degraded"
        )
    return degraded
