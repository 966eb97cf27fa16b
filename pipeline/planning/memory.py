"""Memory bound of a worker, before it is started."""

from typing import NamedTuple

from pipeline.mosaic.block import READERS
from pipeline.mosaic.memory import mosaic_bytes
from pipeline.mosaic.params import mosaic_params
from pipeline.planning.plan import Plan
from pipeline.planning.totals import Totals
from pipeline.segment.block import segment_bytes
from pipeline.segment.kept import KEPT_BYTES

PROCESS_BYTES = 700 * 2**20
"""Memory of a worker besides a block and the weights of its model: interpreter, libraries and one batch of windows
(measured with the shipped model: 0.52 GB)."""


class WorkerMemory(NamedTuple):
    """Upper bounds in bytes of a worker that mosaics and of a worker that segments: 0 without a model."""

    mosaic: int
    segment: int

    def screening(self, screen_bytes: int) -> "WorkerMemory":
        """The bounds where workers that segment also ask a change model, one block at a time."""
        return self._replace(segment=max(self.segment, PROCESS_BYTES + screen_bytes))


def worker_memory(plan: Plan, totals: Totals) -> WorkerMemory:
    """Bounds for the busiest block that is due: passes kept in memory, scores of the whole block and of windows that
    are kept, and the weights."""
    grid = plan.extent.grid
    passes = totals.busiest[1] if totals.busiest else 0
    bands = len(plan.bands)
    mosaic = mosaic_bytes(grid, passes, bands, mosaic_params(plan.region), READERS) if passes else 0
    if plan.model is None:
        return WorkerMemory(PROCESS_BYTES + mosaic, 0)
    segment = segment_bytes(grid.block, bands, len(plan.settings.classes), plan.settings.window)
    networks = [network for network in (plan.model.coarse, plan.model.refiner) if network is not None]
    weights = sum(tensor.nbytes for network in networks for tensor in network.state_dict().values())
    return WorkerMemory(PROCESS_BYTES + mosaic, PROCESS_BYTES + weights + segment + KEPT_BYTES)
