"""A run, the only path that writes maps: plan, mosaic, segment, aggregate, publish. All its state is in the cube."""

import time as clock
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from functools import partial

from cluster import Listener
from cluster.ray_session import check_address
from pipeline.analysis import aggregate
from pipeline.analysis.workers import check_scheduler, dask_workers
from pipeline.change.questions import find_questions
from pipeline.config.region import Region
from pipeline.cube import versions
from pipeline.cube.checked_store import session_group
from pipeline.cube.create import add_period
from pipeline.cube.cube import Cube
from pipeline.cube.items import publish_items
from pipeline.cube.run_progress import write_due
from pipeline.cube.schema import check_layout
from pipeline.errors import RunHeld, UserError
from pipeline.execution.change_report import change_report, screened_cost
from pipeline.execution.commit import Committer
from pipeline.execution.crew import Crew
from pipeline.execution.gates import check_blocks, check_gates
from pipeline.execution.held import hold_back
from pipeline.execution.inputs import write_inputs
from pipeline.execution.report import Report, report, write_report
from pipeline.execution.report_page import finish_report, write_page
from pipeline.execution.resources import WorkerCounts
from pipeline.execution.schedule import Scheduler
from pipeline.execution.screen import Screening, drop_screens, screen
from pipeline.execution.stac_item import write_version_item
from pipeline.execution.task import Work, run_folder
from pipeline.planning.estimate import estimate, latest_cost, measured_cost, measured_estimate
from pipeline.planning.plan import NO_MODEL, Plan, plan
from pipeline.planning.totals import Totals, block_totals


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
    mosaic_only: bool = False,
    listener: Listener | None = None,
    count: Callable[[str, int], None] | None = None,
    progress: Callable[[str, int, int], None] | None = None,
) -> Report:
    """Maps what is due of a region and publishes the new version; the same call again continues an interrupted one.

    `workers`, `mosaic_workers` and `gpus` are those of `WorkerCounts`, `address` that of `cluster.pool`, `count` that
    of `plan`. `progress` is called with a stage besides those of the workers (their start, and what reads finished
    blocks), how many are done, and of how many. `dask` is the address of `cluster.dask_client` where finished blocks
    are aggregated, by default the region's. `price_per_worker_hour` adds the money to the report. `refresh` searches
    for new acquisitions first, and asks the change model of the region, if it names one, which blocks may keep their
    map. `mosaic_only` ends when the mosaics that are due are on the run's branch; nothing is published, and the same
    call without it goes on from there. Raises what `plan` raises, PoolError, RunError if another run holds the cube or
    blocks failed, and RunHeld if a gate keeps the version from being published.
    """
    begun = clock.perf_counter()
    seconds: dict[str, float] = {}
    check_scheduler(dask or region.dask)
    check_address(address)
    counts = WorkerCounts(workers, gpus, mosaic_workers)
    if region.model is None:
        raise UserError(NO_MODEL.format(name=region.name))
    planned = plan(region, refresh, count)
    cube = planned.cube or Cube.create(region.cube)
    with cube.lease(planned.run, region.name) as cube, ExitStack() as stack:
        planned = replace(planned, cube=cube)
        check_layout(cube.branch_group(versions.MAIN), planned.layout, region.period)
        questions = find_questions(planned, region.change) if refresh and region.change else None
        tell = partial(progress, "start") if progress and address != "none" else lambda done, total: None
        crew = stack.enter_context(Crew(counts, address, seconds, questions, tell))
        news, screening, work = planned.news, None, Work()
        if questions is not None:
            cube.hold_for(questions.id)
            with _timed(seconds, "screen"):
                screening = screen(cube, planned, questions, crew.hire, listener)
            planned, work = screening.plan, screening.work
        elif refresh:
            drop_screens(cube)
        totals = block_totals(planned, count)
        idle = set(totals.kinds) == {"same"} and not (screening and screening.plan.decided)
        base = versions.head(cube) if screening and idle else versions.start_branch(cube, planned.branch)
        expected = estimate(
            totals, latest_cost(cube), counts.workers, counts.mosaic_workers or 0, price_per_worker_hour
        )
        seconds["plan"] = clock.perf_counter() - begun - seconds.get("screen", 0.0)
        version, change = base, None

        def reported(snapshot: str) -> Report:
            seconds["total"] = clock.perf_counter() - begun
            took = measured_estimate(work.seconds, seconds.get("work", 0.0), counts.workers, price_per_worker_hour)
            return report(cube, planned, news, snapshot, totals, expected, took, work, seconds, change, version != base)

        if idle and versions.is_published(cube, base):
            versions.delete_branch(cube, planned.branch)
        else:
            if (sums := cube.sums(base)) is not None:
                sums.check_all()
            write_inputs(cube, planned)
            time = _prepare_arrays(cube, planned)
            if screening is not None:
                screening.write(cube, time)
            write_due(cube, planned.run, totals.to_mosaic, 0 if mosaic_only else totals.to_segment)
            if mosaic_only:
                with _timed(seconds, "work"):
                    committer = Committer(cube, planned, time)
                    pool = crew.hire(planned, totals)
                    work += Scheduler(planned, totals, pool, committer, listener, segments=False).run()
                return reported(str(cube.repository.lookup_branch(planned.branch)))
            if totals.due:
                with _timed(seconds, "work"):
                    work += _map(cube, planned, screening, totals, time, crew, listener)
            crew.close()
            with _timed(seconds, "aggregate"), dask_workers(dask or region.dask, counts.workers, cube):
                told = None if progress is None else partial(progress, "aggregate")
                aggregate.aggregate_blocks(cube, planned.branch, planned.layout, time, counts.workers, told)
            if screening is not None:
                change = change_report(cube, screening, time, work)
            cost = measured_cost(totals, work.seconds) if screening is None else screened_cost(screening, totals, work)
            origin = _origin(planned, versions.runs_of(cube, base), totals, cost)
            unpublished = reported(str(cube.repository.lookup_branch(planned.branch)))
            try:
                degraded = check_blocks(cube, planned, work.lost)
                gates = check_gates(cube, planned.branch, planned.layout, time, region.gates)
            except RunHeld as reason:
                hold_back(cube, base, origin, unpublished, reason)
                raise
            _keep(cube, unpublished)
            origin = replace(origin, degraded=degraded, gates={gate.name: gate.value for gate in gates})
            version = versions.publish(cube, planned.branch, base, origin)
            if screening is not None:
                drop_screens(cube)
        result = reported(version)
        if screening is not None and idle:
            publish_items(cube)
        else:
            write_version_item(cube, planned)
            if _keep(cube, result):
                write_page(cube, planned.run)
        finish_report(cube, version)
        cube.check()
        return result


def _keep(cube: Cube, result: Report) -> bool:
    """Writes a report into its run's folder, unless a call that did nothing finds one there; whether it did."""
    new = result.done_anything or not cube.files.exists(f"{run_folder(result.run)}/report.json")
    if new:
        write_report(cube.files, run_folder(result.run), result)
    return new


def _map(
    cube: Cube,
    planned: Plan,
    screening: Screening | None,
    totals: Totals,
    time: int,
    crew: Crew,
    listener: Listener | None,
) -> Work:
    """Maps what is due. Of an update with a change model the new mosaics are there, and are copied."""
    workers = crew.hire(planned, totals)
    if screening is None:
        return Scheduler(planned, totals, workers, Committer(cube, planned, time), listener).run()
    committer = Committer(cube, planned, time, screening.source, screening.plan.copies_landcover)
    return Scheduler(planned, totals, workers, committer, listener, ("copy", "segment")).run()


def _prepare_arrays(cube: Cube, planned: Plan) -> int:
    """Makes what is missing of the arrays on the run's branch; returns the index of its period."""
    session = cube.repository.writable_session(planned.branch)
    time = add_period(session_group(session), planned.layout, planned.region.period)
    if session.has_uncommitted_changes:
        cube.commit(session, "arrays")
    return time


def _origin(planned: Plan, runs: Mapping[str, str], totals: Totals, cost: dict[str, float]) -> versions.Origin:
    """What the version records of this run before it is judged, and of the `runs` before; `cost` calibrates the
    estimates of later runs."""
    return versions.Origin(
        run=planned.run,
        name=planned.region.name,
        blocks=totals.blocks - totals.kinds["same"],
        degraded=0,
        runs={**runs, str(planned.region.period[0]): planned.run},
        model=planned.model_digest[:16],
        cost=cost,
    )


@contextmanager
def _timed(seconds: dict[str, float], part: str) -> Iterator[None]:
    """Sets the wall-clock seconds of a part of the run."""
    begun = clock.perf_counter()
    yield
    seconds[part] = clock.perf_counter() - begun
