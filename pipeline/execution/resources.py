"""Worker counts and resources of a run."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from cluster import GroupPolicy, WorkerGroup
from pipeline.errors import UserError
from pipeline.geometry.grid import BlockId

SEGMENT_CONCURRENCY = 2
"""Blocks that a worker segments concurrently: reading and writing one overlap with computing the other."""


@dataclass(frozen=True)
class WorkerCounts:
    """Number of workers that a run asks for.

    workers: those that segment. gpus: GPUs of each of them (0.5: two share one); None means 1 where the cluster has
    GPUs and 0 elsewhere. mosaic_workers: further workers that only mosaic; None means the CPUs left over beside workers
    with GPUs, and 0 beside workers without, which then mosaic too.
    """

    workers: int = 1
    gpus: float | None = None
    mosaic_workers: int | None = None


def worker_groups(counts: WorkerCounts, mosaic_bytes: int, segment_bytes: int, screens: bool = False) -> GroupPolicy:
    """The worker groups of a run; the bytes are what a worker of each stage needs of memory.

    `screens`: workers also ask a change model, on the devices that segment, and copy blocks, beside those that mosaic.
    """
    screen, copy = ({"screen": 1}, {"copy": 1}) if screens else ({}, {})

    def groups(available: Mapping[str, float]) -> Sequence[WorkerGroup]:
        gpus = (1.0 if available.get("GPU") else 0.0) if counts.gpus is None else counts.gpus
        spare_cpus = max(int(available.get("CPU", 1)) - counts.workers, 1)
        mosaic_workers = (spare_cpus if gpus else 0) if counts.mosaic_workers is None else counts.mosaic_workers
        if not mosaic_workers:
            memory = max(segment_bytes, mosaic_bytes)
            both = {"segment": SEGMENT_CONCURRENCY, "mosaic": 1, **screen, **copy}
            return [WorkerGroup(counts.workers, both, gpus=gpus, memory=memory, memory_headroom=memory)]
        segment = {"segment": SEGMENT_CONCURRENCY, **screen}
        return [
            WorkerGroup(counts.workers, segment, gpus=gpus, memory=segment_bytes, memory_headroom=segment_bytes),
            WorkerGroup(mosaic_workers, {"mosaic": 1, **copy}, memory=mosaic_bytes, memory_headroom=mosaic_bytes),
        ]

    return groups


def check_memory(groups: Sequence[WorkerGroup], available: float, busiest: tuple[BlockId, int] | None) -> None:
    """Raises UserError if the groups may need more than `available` bytes; `busiest` is the block of most passes."""
    needed = sum(group.workers * group.memory for group in groups)
    if needed > available:
        workers = " and ".join(f"{group.workers} of {group.memory / 1e9:.1f} GB" for group in groups)
        block = f", for block {busiest[0]} of {busiest[1]} passes" if busiest else ""
        raise UserError(
            f"the workers ({workers}{block}) may need {needed / 1e9:.1f} GB of memory, but this machine has "
            f"{available / 1e9:.1f} GB: give fewer --workers or --mosaic-workers, a smaller grid.block, or a larger "
            "machine"
        )
