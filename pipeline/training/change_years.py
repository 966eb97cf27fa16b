"""Pairs of mosaics as updates compare them: the newest clear pixel of all passes of a simulated year so far, with the
clouds that scene classifications miss, the rims of passes, and floods that come and go.
"""

import tempfile
from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path

import numpy as np

import catalogs
from catalogs import Query
from pipeline.mosaic.block import mosaic_block
from pipeline.mosaic.fuse import EPOCH
from pipeline.mosaic.params import MosaicParams
from pipeline.scenes.resolve import resolve_or_drop
from pipeline.training.change_areas import CHANGED, GRID, ChangeArea, window_of, write_dates
from pipeline.training.recipe import Report

PASSES, DAYS = 16, 22
"""Of a year, and days from one to the next."""
SHOWN = ((2, 4), (3, 9), (4, 5), (5, 8), (6, 14), (8, 10), (9, 15), (11, 12))
"""The passes that the mosaics of a pair end with."""
CHANGES_PER_KM2 = 1.0
FLOODS = 6


def from_year(folder: Path, seed: int, kilometres: float) -> Iterator[ChangeArea]:
    """The pairs of `SHOWN`. A pixel's class of a date is that of its last clear day."""
    from catalogs.simulated import simulate_year, truths

    world, evenings = simulate_year(
        folder, seed, kilometres, passes=PASSES, every=DAYS, per_km2=CHANGES_PER_KM2, floods=FLOODS
    )
    days = [evening.day for evening in evenings]
    first, last = (datetime.combine(date.fromisoformat(day), time(tzinfo=UTC)) for day in (days[0], days[-1]))
    query = Query(str(world.catalog), "sentinel-2-l2a", world.bounds_lonlat, first, last + timedelta(days=1))
    scenes = resolve_or_drop(catalogs.search(query))
    window = window_of(world)
    truth_THW = np.stack(list(truths(world, days)))
    day_T = np.array([date.fromisoformat(day).toordinal() - EPOCH for day in days])

    def shown(number: int) -> tuple[np.ndarray, np.ndarray]:
        """Mosaic and classes after a pass."""
        upto = [scene for scene in scenes if scene.datetime.date().isoformat() <= days[number]]
        block = mosaic_block(GRID, window, upto, catalogs.ROLES, MosaicParams("newest"))
        at_HW = np.searchsorted(day_T, block.last_clear_HW).clip(max=number)
        return block.mosaic_BHW, np.take_along_axis(truth_THW, at_HW[None], 0)[0]

    dates = {number: shown(number) for number in sorted({number for pair in SHOWN for number in pair})}
    for pair in SHOWN:
        (before_BHW, class_before_HW), (after_BHW, class_after_HW) = (dates[number] for number in pair)
        seen_HW = before_BHW.any(axis=0) & after_BHW.any(axis=0)
        label_HW = np.where((class_before_HW != class_after_HW) & seen_HW, CHANGED, 0).astype(np.uint8)
        yield ChangeArea(before_BHW, after_BHW, class_before_HW, class_after_HW, label_HW, GRID, window)


def stems_of_year(seed: int, kilometres: float) -> list[str]:
    """For example year-601-4km-02-04, by the number of the last pass of each date."""
    return [f"year-{seed}-{kilometres:g}km-{before:02}-{after:02}" for before, after in SHOWN]


def make_years(seeds: Sequence[int], kilometres: float, data: Path, report: Report) -> None:
    """Makes the pairs that the folder `data` lacks, a year at a time."""
    for done, seed in enumerate(seeds, 1):
        names = stems_of_year(seed, kilometres)
        if not all((data / "label" / f"{name}.tif").is_file() for name in names):
            with tempfile.TemporaryDirectory() as folder:
                for name, area in zip(names, from_year(Path(folder) / "world", seed, kilometres), strict=True):
                    write_dates(data, name, area)
        report(done, len(seeds), f"pairs of the year {seed}")
