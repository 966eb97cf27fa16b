"""Join the cubes of regions into one cube of a continent."""

import pickle
import time as clock
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path

import numpy as np
import zarr

from cluster import gather
from pipeline.analysis.aggregate import aggregate_blocks
from pipeline.analysis.workers import dask_workers
from pipeline.console.output import to_json
from pipeline.continent.layout import Bbox, continent_layout
from pipeline.continent.plan import TAKEN_OVER, Square, chosen, continent_record, squares
from pipeline.continent.preference import PREFERENCES, Prefer
from pipeline.continent.regional import Regional, absolute, open_regionals
from pipeline.continent.report import JoinReport, Work, report
from pipeline.continent.seams import overlaps, seams
from pipeline.continent.shards import Origin, copy_blocks
from pipeline.continent.stac_item import write_join_items
from pipeline.cube import store, versions
from pipeline.cube.block_runs import keeps_blocks
from pipeline.cube.checked_store import session_group
from pipeline.cube.create import add_period
from pipeline.cube.cube import Cube
from pipeline.cube.items import publish_items
from pipeline.cube.schema import DEGRADED, Layout, period_index
from pipeline.cube.sources import SOURCE, Source, number_sources, prepare_sources
from pipeline.digest import json_digest
from pipeline.errors import UserError
from pipeline.storage.location import parse_location

BRANCH = "join"
BATCH = 8
"""Blocks of a Dask task; one of them is in memory at a time."""

Progress = Callable[[int, int, str], None]
"""(number done, total, what of)."""


def join(
    continent: str | Path,
    cubes: Sequence[str | Path],
    *,
    prefer: Prefer = "newest",
    bbox: Bbox | None = None,
    drop: bool = False,
    workers: int = 2,
    dask: str = "threads",
    progress: Progress | None = None,
) -> JoinReport:
    """Joins the newest versions of cubes into the cube `continent` and publishes it; copies only what has changed.

    The continent's window is the smallest that holds those of the cubes, or `bbox` (degrees), for good: further cubes
    must lie within it. Blocks are taken over whole, see `preference.choose`; levels are made anew where blocks changed.
    The same call again continues an interrupted one; with nothing new it publishes nothing. `drop` allows that a cube
    that blocks are from is not among `cubes`: they then go. `workers` and `dask` say where blocks are copied, see
    `cluster.dask_client`.

    Raises UserError for cubes that cannot be joined, and RunError where the continent is held by another process or a
    part of a cube is damaged.
    """
    begun = clock.perf_counter()
    seconds: dict[str, float] = {}
    if prefer not in PREFERENCES:
        raise UserError(f"prefer is {prefer!r}; give one of {', '.join(PREFERENCES)}")
    location = absolute(parse_location(continent))
    regionals = open_regionals(cubes, location)
    existing = Cube.find(location)
    published = None if existing is None else existing.branch_group(versions.MAIN)
    layout = continent_layout(published, regionals, location, bbox, drop)
    with ExitStack() as stack:
        cube = stack.enter_context((existing or Cube.create(location)).lease("join", str(location)))
        stack.enter_context(dask_workers(dask, workers, cube, *(regional.cube for regional in regionals)))
        layout = continent_layout(cube.branch_group(versions.MAIN), regionals, location, bbox, drop)
        base = _start(cube, layout)
        with _timed(seconds, "plan"):
            planned = list(squares(regionals, layout, cube.branch_group(BRANCH), prefer))
        due = sum(int(square.due_YX.sum()) for square in planned)
        work = Work()
        if due or _is_new(cube, base):
            with _timed(seconds, "copy"):
                _prepare(cube, layout, regionals)
                for square in planned:
                    if square.due_YX.any():
                        _copy_square(cube, layout, regionals, square, workers, work)
                        if progress is not None:
                            progress(work.done, due, "copy")
            with _timed(seconds, "aggregate"):
                for time in range(store.array(cube.group(branch=BRANCH), "time").shape[0]):
                    aggregate_blocks(cube, BRANCH, layout, time, workers, _part(progress, "aggregate"))
        with _timed(seconds, "seams"):
            shared = list(overlaps(regionals))
            agreement = seams(regionals, shared, workers, _part(progress, "seams"))
        run = json_digest([base, prefer, *([regional.name, regional.version] for regional in regionals)])[:16]
        version = _publish(cube, layout, regionals, base, run, work)
        seconds["total"] = clock.perf_counter() - begun
        result = report(version, version != base, regionals, planned, work, agreement, seconds)
        if result.published:
            cube.files.write(f"runs/{run}/report.json", to_json(result, indent=1) + "\n")
        publish_items(cube)
        cube.check()
        return result


def _start(cube: Cube, layout: Layout) -> str:
    """Makes the branch of the join, or goes on with that of an interrupted one; returns the head of `main`."""
    begun = cube.branch_group(BRANCH)
    if begun is not None and Layout.of(begun).as_attributes() != layout.as_attributes():
        versions.delete_branch(cube, BRANCH)
    return versions.start_branch(cube, BRANCH)


def _prepare(cube: Cube, layout: Layout, regionals: Sequence[Regional]) -> None:
    """Makes what is missing of the arrays and periods on the branch."""
    if (sums := cube.sums(versions.head(cube))) is not None:
        sums.check_all()
    session = cube.repository.writable_session(BRANCH)
    group = session_group(session)
    for period in sorted({period for regional in regionals for period in regional.periods}):
        add_period(group, layout, period)
    prepare_sources(group)
    if session.has_uncommitted_changes:
        cube.commit(session, "arrays")


def _copy_square(
    cube: Cube, layout: Layout, regionals: Sequence[Regional], square: Square, workers: int, work: Work
) -> None:
    """Copies what is due of a square and commits it together with its records."""
    session = cube.repository.writable_session(BRANCH)
    group = session_group(session)
    time = period_index(group, square.period[0])
    assert time is not None, "the branch has every period"
    due = square.due()
    origins = [
        Origin(regional.cube, regional.version, regional.layout, regional.periods.get(square.period, -1))
        for regional in regionals
    ]
    batches = [due[at : at + BATCH] for at in range(0, len(due), BATCH)]
    copied = gather(partial(copy_blocks, pickle.dumps(session.fork()), layout, time, origins), batches, workers=workers)
    session.merge(*(each.fork for each in copied))
    _write_records(session_group(session), layout, regionals, square, time)
    cube.commit(session, f"join: {len(due)} blocks")
    work.blocks.update(index for index, _ in due)
    work.bytes += sum(each.bytes for each in copied)


def _write_records(group: zarr.Group, layout: Layout, regionals: Sequence[Regional], square: Square, time: int) -> None:
    of = layout.extent.block_range
    at = time, *square.blocks.slices((of.y0, of.x0))
    due_YX = square.due_YX
    for name in TAKEN_OVER:
        now = continent_record(group, layout, name, square.period, square.blocks)
        new = chosen(regionals, name, square.period, square.blocks, square.choice_YX, now.copy())
        store.array(group, f"blocks/{name}")[at] = np.where(
            due_YX.reshape(*due_YX.shape, *(1,) * (now.ndim - 2)), new, now
        )
    taken = sorted(set(square.choice_YX[due_YX].tolist()) - {-1})
    number_of = np.zeros(len(regionals) + 1, np.uint32)
    number_of[taken] = number_sources(group, [_source(regionals[index]) for index in taken])
    source = store.array(group, SOURCE)
    source[at] = np.where(due_YX, number_of[square.choice_YX], np.asarray(source[at]))


def _source(regional: Regional) -> Source:
    """Without the runs of periods of whose blocks some are of earlier ones."""
    runs = versions.runs_of(regional.cube, regional.version)
    whole = {start: run for start, run in runs.items() if not keeps_blocks(regional.group, start, run)}
    return Source(regional.name, regional.version, whole)


def _publish(cube: Cube, layout: Layout, regionals: Sequence[Regional], base: str, run: str, work: Work) -> str:
    """Publishes the branch if it holds anything new, else deletes it; returns the newest version."""
    if _is_new(cube, base):
        group = cube.group(branch=BRANCH)
        days = np.asarray(store.array(group, "time")).astype("datetime64[D]").tolist()
        degraded = int((np.asarray(store.array(group, "blocks/state")) == DEGRADED).sum())
        runs = {str(day): f"{run}-{day}" for day in days}
        write_join_items(cube, layout, regionals, runs)
        origin = versions.Origin(run, str(cube.location), work.done, degraded, runs)
        return versions.publish(cube, BRANCH, base, origin)
    versions.delete_branch(cube, BRANCH)
    return base


def _is_new(cube: Cube, base: str) -> bool:
    """Whether the branch holds more than `base`, or `base` is no version."""
    return str(cube.repository.lookup_branch(BRANCH)) != base or not versions.is_published(cube, base)


def _part(progress: Progress | None, name: str) -> Callable[[int, int], None] | None:
    return None if progress is None else lambda done, total: progress(done, total, name)


@contextmanager
def _timed(seconds: dict[str, float], part: str) -> Iterator[None]:
    begun = clock.perf_counter()
    yield
    seconds[part] = clock.perf_counter() - begun
