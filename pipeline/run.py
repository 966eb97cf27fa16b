"""The one write path: mosaic, segment, commit, aggregate, publish. The driver keeps nothing that is not in the cube."""

import pickle
import time as clock
from collections import Counter
from dataclasses import dataclass, field
from functools import partial

import icechunk
import numpy as np
import zarr

from catalogs import scenelist
from cluster import Listener, Pool, pool, watch
from pipeline import aggregate, store, versions
from pipeline.config import Region
from pipeline.errors import RunError
from pipeline.grid import BlockId
from pipeline.layout import DEGRADED, EMPTY, MAPPED, prepare
from pipeline.plan import BlockPlan, Plan, held_by, plan
from pipeline.report import Report, publish_item, write_report
from pipeline.worker import Done, Task, Worker, run_folder


@dataclass
class _Progress:
    """What a run has done so far, for its report."""

    done: Counter[str] = field(default_factory=Counter)
    seconds: dict[str, float] = field(default_factory=dict)
    work: Counter[str] = field(default_factory=Counter)
    lost: dict[str, str] = field(default_factory=dict)


def run(
    region: Region, *, workers: int = 1, address: str = "none", refresh: bool = False, listener: Listener | None = None
) -> Report:
    """Maps a region, or what is still due of it, and publishes the new version; the same call again continues an
    interrupted one.

    `refresh` looks for new acquisitions first. `workers` and `address` are `cluster.pool`'s. Raises what `plan`
    raises, and RunError.
    """
    begun = clock.perf_counter()
    planned = plan(region, refresh)
    progress = _Progress(seconds={"plan": clock.perf_counter() - begun})
    held, index = held_by(region, planned.run)
    blocks = list(planned.blocks(held, index))
    kinds = Counter(block.kind for block in blocks)
    due = [block for block in blocks if block.mosaic_due or block.landcover_due]
    repository = store.repository(region.cube, create=True)
    if not due and f"run-{planned.run}" not in repository.list_branches():
        return Report.of(planned, versions.resolve(repository), kinds, progress, index)

    folder = run_folder(region.cube, planned.run)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "region.json").write_text(region.model_dump_json(indent=1))
    scenelist.write(folder / "scenes.parquet", planned.items)
    base = versions.head(repository)
    branch = versions.begin(repository, planned.run)
    time = _prepared(repository, branch, planned)

    with pool(partial(Worker, region, planned.run), workers=workers, address=address) as crew:
        committer = _Committer(repository, branch, time, region, progress, listener)
        committer.stage("mosaic", crew, [block for block in due if block.mosaic_due])
        committer.stage("segment", crew, [block for block in due if block.landcover_due])
    started = clock.perf_counter()
    aggregate.update(
        repository, branch, planned.layout, time, [b.block for b in due if b.landcover_due], workers, listener
    )
    progress.seconds["aggregate"] = clock.perf_counter() - started
    state = np.asarray(store.array(store.reader(repository, branch=branch), "blocks/state")[time])
    _validate(region, state)
    about = {
        "run": planned.run,
        "name": region.name,
        "blocks": len(due),
        "degraded": int((state == DEGRADED).sum()),
        "model": planned.model_digest[:16],
    }
    version = versions.publish(repository, branch, base, about)
    progress.seconds["total"] = clock.perf_counter() - begun
    report = Report.of(planned, version, kinds, progress, time)
    publish_item(planned, version)
    write_report(folder, report)
    return report


def _prepared(repository: icechunk.Repository, branch: str, planned: Plan) -> int:
    session = repository.writable_session(branch)
    time = prepare(zarr.open_group(session.store), planned.layout, planned.region.period)
    if session.has_uncommitted_changes:
        session.commit("arrays")
    return time


class _Committer:
    """Sends blocks to the workers, merges what comes back and commits it with the blocks' fingerprints: what is
    committed is finished."""

    def __init__(
        self,
        repository: icechunk.Repository,
        branch: str,
        time: int,
        region: Region,
        progress: _Progress,
        listener: Listener | None,
    ) -> None:
        self.repository, self.branch, self.time, self.region, self.progress, self.listener = (
            repository,
            branch,
            time,
            region,
            progress,
            listener,
        )
        self.extent = region.extent

    def stage(self, name: str, crew: Pool, blocks: list[BlockPlan]) -> None:
        """Runs one stage over its blocks. Raises RunError after the others are committed, if some failed."""
        begun = clock.perf_counter()
        session = self.repository.writable_session(self.branch)
        fork, snapshot = pickle.dumps(session.fork()), str(session.snapshot_id)
        plans = {block.block: block for block in blocks}
        tasks = (Task(block.block, block.scenes, self.time, fork, snapshot) for block in blocks)
        waiting: list[Done] = []
        failed: dict[BlockId, str] = {}
        for outcome in watch(name, len(blocks), crew.map(name, tasks), self.listener):
            if outcome.error:
                failed[outcome.task.block] = outcome.error
                continue
            waiting.append(outcome.result)
            if len(waiting) == self.region.commit_every:
                self._commit(name, waiting, plans)
                waiting = []
        if waiting:
            self._commit(name, waiting, plans)
        self.progress.seconds[name] = clock.perf_counter() - begun
        if failed:
            block, error = next(iter(failed.items()))
            raise RunError(
                f"{len(failed)} of {len(blocks)} blocks failed to {name}, the first at block {block}: "
                f"{error}; the others are kept, run again after mending the cause"
            )

    def _commit(self, name: str, waiting: list[Done], plans: dict[BlockId, BlockPlan]) -> None:
        session = self.repository.writable_session(self.branch)
        session.merge(*(done.fork for done in waiting))
        group = zarr.open_group(session.store)
        rows, cols = zip(*(self.extent.slot(done.block) for done in waiting), strict=True)
        at = (np.full(len(waiting), self.time), np.array(rows), np.array(cols))
        if name == "mosaic":
            finished = [0 if done.lost else plans[done.block].mosaic for done in waiting]
            store.array(group, "blocks/state").vindex[at] = np.array(
                [DEGRADED if done.lost else MAPPED if done.seen else EMPTY for done in waiting], np.uint8
            )
        else:
            finished = [plans[done.block].landcover for done in waiting]
        store.array(group, f"blocks/{'mosaic' if name == 'mosaic' else 'landcover'}").vindex[at] = np.array(
            finished, np.uint64
        )
        session.commit(f"{name}: {len(waiting)} blocks")
        self.progress.done[name] += len(waiting)
        for done in waiting:
            self.progress.work.update({f"{name}.{step}": seconds for step, seconds in done.seconds.items()})
            self.progress.lost.update(done.lost)


def _validate(region: Region, state: np.ndarray) -> None:
    """What stands between a finished run and its publication. Raises RunError."""
    degraded = float((state == DEGRADED).mean())
    if degraded > region.max_degraded:
        raise RunError(
            f"{degraded:.1%} of the blocks lack a scene that could not be read, more than "
            f"max_degraded {region.max_degraded:.1%}: not published; "
            "run again to try them again, or raise max_degraded"
        )
