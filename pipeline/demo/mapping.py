"""The run of an act, on a local Ray, with its bars."""

from pipeline.config.region import Region
from pipeline.console.progress import stage_progress
from pipeline.execution.report import Report
from pipeline.execution.run import run

WORKERS = 2


def map_region(region: Region, refresh: bool = False) -> Report:
    """refresh: search for new scenes, as an update does."""
    with stage_progress() as progress:
        return run(
            region,
            workers=WORKERS,
            address="local",
            refresh=refresh,
            listener=progress.listen,
            count=progress.count,
            progress=progress.measure,
        )
