"""Bytes of memory that a worker takes."""

from pipeline.mosaic.block import READERS
from pipeline.mosaic.memory import mosaic_bytes
from pipeline.mosaic.params import mosaic_params
from pipeline.planning.estimate import PROCESS_BYTES
from pipeline.planning.plan import Plan
from pipeline.planning.totals import Survey
from pipeline.segment.block import memory as segment_memory


def worker_bytes(plan: Plan, survey: Survey) -> tuple[int, int]:
    """What a worker may take at most that mosaics the busiest block, and one that segments."""
    passes = survey.busiest[1] if survey.busiest else 0
    settings, region = plan.model.settings, plan.region
    bands = len(settings.bands)
    mosaic = mosaic_bytes(plan.extent.grid, passes, bands, mosaic_params(region), READERS) if passes else 0
    segment = segment_memory(plan.extent.grid.block, bands, len(settings.classes), settings.window)
    return PROCESS_BYTES + mosaic, PROCESS_BYTES + segment
