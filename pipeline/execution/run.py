"""A run, the only path that writes maps: plan, mosaic, segment, aggregate, publish. All its state is in the cube."""

import os
import time as clock
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import replace
from functools import partial

from cluster import Listener, Pool, machine_memory, pool
from pipeline.analysis import aggregate
from pipeline.analysis.workers import check_scheduler, dask_workers
from pipeline.config.region import Region
from pipeline.cube import versions
from pipeline.cube.checked_store import session_group
from pipeline.cube.create import add_period
from pipeline.cube.cube import Cube
from pipeline.cube.schema import check_layout
from pipeline.execution.commit import Committer
from pipeline.execution.gates import Gate, check_blocks, check_gates
from pipeline.execution.report import Report, report, write_report
from pipeline.execution.resources import WorkerCounts, check_memory, worker_groups
from pipeline.execution.schedule import Scheduler
from pipeline.execution.stac_item import write_run_item, write_version_item
from pipeline.execution.task import Work, run_folder
from pipeline.execution.worker import Worker
from pipeline.planning.estimate import estimate, latest_cost, measured_cost, measured_estimate
from pipeline.planning.memory import worker_memory
from pipeline.planning.plan import Plan, plan
from pipeline.planning.totals import Totals, block_totals
from pipeline.scenes.decisions import write_decisions
from pipeline.scenes.item_list import write_items
from pipeline.scenes.provenance import write_provenance


def run(
    region: Region,
    *,
    workers: int = 1,
    mosaic_workers: int | None = None,
    gpus: float | None = None,
    price_per_worker_hour: float | None = None,
    address: str = "none",
    dask: str | None = None,
    refresh: bool = False,
    listener: Listener | None = None,
    count: Callable[[str, int], None] | None = None,
    progress: Callable[[str, int, int], None] | None = None,
) -> Report:
    """Maps what is due of a region and publishes the new version; the same call again continues an interrupted one.

    `workers`, `mosaic_workers` and `gpus` are those of `WorkerCounts`, `address` that of `cluster.pool`, `count` that
    of `plan`. `progress` is called with a stage that reads finished blocks, how many are done, and of how many. `dask`
    is the address of `cluster.dask_client` where finished blocks are aggregated, by default the region's.
    `price_per_worker_hour` adds the money to the report. `refresh` searches for new acquisitions first.
    Raises what `plan` raises, PoolError, and RunError: if another run holds the cube, if blocks failed, or if a gate
    keeps the version from being published.
    """
    begun = clock.perf_counter()
    seconds: dict[str, float] = {}
    check_scheduler(dask or region.dask)
    counts = WorkerCounts(workers, gpus, mosaic_workers)
    planned = plan(region, refresh, count)
    cube = planned.cube or Cube.create(region.cube)
    with cube.lease(planned.run, region.name) as cube:
        planned = replace(planned, cube=cube)
        check_layout(cube.branch_group(versions.MAIN), planned.layout, region.period)
        base, news = versions.start_branch(cube, planned.branch), planned.news
        totals = block_totals(planned, count)
        expected = estimate(
            totals, latest_cost(cube), counts.workers, counts.mosaic_workers or 0, price_per_worker_hour
        )
        seconds["plan"] = clock.perf_counter() - begun
        work, version = Work(), base
        if set(totals.kinds) == {"same"} and versions.is_published(cube, base):
            versions.delete_branch(cube, planned.branch)
        else:
            if (sums := cube.sums(base)) is not None:
                sums.check_all()
            _write_inputs(cube, planned)
            time = _prepare_arrays(cube, planned)
            if totals.due:
                committer = Committer(cube, planned, time)
                with _timed(seconds, "work"), ExitStack() as pools:
                    with _timed(seconds, "start"):
                        worker_pool = pools.enter_context(_pool(planned, totals, counts, address))
                    work = Scheduler(planned, totals, worker_pool, committer, listener).run()
            with _timed(seconds, "aggregate"), dask_workers(dask or region.dask, counts.workers, cube):
                told = None if progress is None else partial(progress, "aggregate")
                aggregate.aggregate_blocks(cube, planned.branch, planned.layout, time, counts.workers, told)
            degraded = check_blocks(cube, planned, work.lost)
            gates = check_gates(cube, planned.branch, planned.layout, time, region.gates)
            origin = _origin(planned, versions.runs_of(cube, base), totals, work, degraded, gates)
            version = versions.publish(cube, planned.branch, base, origin)
        seconds["total"] = clock.perf_counter() - begun
        took = measured_estimate(work.seconds, seconds.get("work", 0.0), counts.workers, price_per_worker_hour)
        result = report(cube, planned, news, version, totals, expected, took, work, seconds)
        write_version_item(cube, planned)
        if result.done_anything or not cube.files.exists(f"{run_folder(planned.run)}/report.json"):
            write_report(cube.files, run_folder(planned.run), result)
        cube.check()
        return result


def _write_inputs(cube: Cube, planned: Plan) -> None:
    """Writes the inputs of the workers, and the provenance and the STAC item of the map."""
    files, folder = cube.files, run_folder(planned.run)
    files.write(f"{folder}/region.json", planned.region.to_json())
    write_items(files, f"{folder}/scenes.parquet", planned.items)
    write_decisions(files, f"{folder}/offsets.json", planned.decisions)
    write_provenance(files, f"{folder}/applied.json", planned.selection, planned.warnings)
    write_run_item(cube, planned)


def _prepare_arrays(cube: Cube, planned: Plan) -> int:
    """Makes what is missing of the arrays on the run's branch; returns the index of its period."""
    session = cube.repository.writable_session(planned.branch)
    time = add_period(session_group(session), planned.layout, planned.region.period)
    if session.has_uncommitted_changes:
        cube.commit(session, "arrays")
    return time


def _pool(planned: Plan, totals: Totals, counts: WorkerCounts, address: str) -> AbstractContextManager[Pool]:
    """The workers of a run. Raises UserError if this machine has too little memory for them."""
    bands, signatures = planned.model.settings.bands, planned.signatures
    factory = partial(Worker, planned.region, planned.run, planned.model_digest, bands, signatures)
    groups = worker_groups(counts, *worker_memory(planned, totals))
    if address in ("none", "local"):
        check_memory(groups({"CPU": os.cpu_count() or 1}), machine_memory(), totals.busiest)
    return pool(factory, groups, address)


def _origin(
    planned: Plan, runs: Mapping[str, str], totals: Totals, work: Work, degraded: int, gates: Sequence[Gate]
) -> versions.Origin:
    """What the version records of this run, and of the `runs` before; `cost` calibrates the estimates of later runs."""
    return versions.Origin(
        run=planned.run,
        name=planned.region.name,
        blocks=totals.blocks - totals.kinds["same"],
        degraded=degraded,
        runs={**runs, str(planned.region.period[0]): planned.run},
        model=planned.model_digest[:16],
        cost=measured_cost(totals, work.seconds),
        gates={gate.name: gate.value for gate in gates},
    )


@contextmanager
def _timed(seconds: dict[str, float], part: str) -> Iterator[None]:
    """Sets the wall-clock seconds of a part of the run."""
    begun = clock.perf_counter()
    yield
    seconds[part] = clock.perf_counter() - begun
