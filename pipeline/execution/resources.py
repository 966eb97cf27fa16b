"""Who works for a run: workers with a device each, which segment, and beside them workers that mosaic."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from cluster import Crew, Crews
from pipeline.errors import UserError
from pipeline.geometry.grid import BlockId

AHEAD = 2
"""Blocks that a worker segments side by side: one is read or written while the device computes the other."""


@dataclass(frozen=True)
class Hands:
    """How many workers a run asks for.

    workers: those that segment. gpus: what of a GPU each takes (0.5: two share one); None is 1 where the cluster has
    GPUs and 0 elsewhere. helpers: further workers that mosaic; None is the CPUs left over beside workers with GPUs, and
    0 beside workers without, which then mosaic as well.
    """

    workers: int = 1
    gpus: float | None = None
    helpers: int | None = None


def crews(hands: Hands, mosaic_bytes: int, segment_bytes: int) -> Crews:
    """The crews of a run whose blocks take so much memory."""

    def of(there: Mapping[str, float]) -> Sequence[Crew]:
        gpus = (1.0 if there.get("GPU") else 0.0) if hands.gpus is None else hands.gpus
        left = max(int(there.get("CPU", 1)) - hands.workers, 1)
        helpers = (left if gpus else 0) if hands.helpers is None else hands.helpers
        lanes = {"segment": AHEAD} if helpers else {"segment": AHEAD, "mosaic": 1}
        each = segment_bytes if helpers else max(segment_bytes, mosaic_bytes)
        found = [Crew(hands.workers, lanes, gpus=gpus, memory=each, room=each)]
        if helpers:
            found.append(Crew(helpers, {"mosaic": 1}, memory=mosaic_bytes, room=mosaic_bytes))
        return found

    return of


def check_memory(crews: Sequence[Crew], there: float, busiest: tuple[BlockId, int] | None) -> None:
    """Raises UserError where the crews may need more memory than there is; `busiest` is the block of most passes."""
    needed = sum(crew.workers * crew.memory for crew in crews)
    if needed > there:
        workers = " and ".join(f"{crew.workers} of {crew.memory / 1e9:.1f} GB" for crew in crews)
        why = f", for block {busiest[0]} of {busiest[1]} passes" if busiest else ""
        raise UserError(
            f"the workers ({workers}{why}) may need {needed / 1e9:.1f} GB of memory, but this machine "
            f"has {there / 1e9:.1f} GB: give fewer --workers or --helpers, or a smaller grid.block, or a larger machine"
        )
