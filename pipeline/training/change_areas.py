"""Pairs of mosaics of simulated worlds whose land has changed between them, kept as a folder of `A/`, `B/` and `label/`
with the same stems; and each mosaic of two seasons with its classes as a labelled area (`images/`, `labels/`) of the
same folder.
"""

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

import catalogs
from catalogs import Query
from pipeline.geometry.grid import Grid, Window
from pipeline.scenes.resolve import resolve_or_drop
from pipeline.training.areas import Area, complete_mosaic, write, write_raster
from pipeline.training.recipe import Report

if TYPE_CHECKING:
    from catalogs.simulated import Overpass, World

GRID = Grid("EPSG:3035", 10.0, 2048)
CHANGED = 255
CHANGES_PER_KM2 = 3.0
FLOODS = 1
PASSES = (2, 4)
CLEAR, CLOUDY = 0.03, 0.45


class Seasons(NamedTuple):
    """The two periods of a pair: first and last month and year of each. With `keep`, the second mosaic holds the scenes
    of the first period as well."""

    before: tuple[int, int]
    after: tuple[int, int]
    years: int
    keep: bool = False


PLANS = (
    Seasons((4, 6), (8, 9), 0),
    Seasons((5, 8), (5, 8), 1),
    Seasons((6, 7), (9, 10), 0),
    Seasons((5, 6), (8, 9), 0, keep=True),
    Seasons((1, 3), (5, 7), 0),
    Seasons((1, 4), (5, 8), 0, keep=True),
    Seasons((9, 11), (2, 4), 1),
    Seasons((1, 2), (9, 11), 0),
)
"""Spring and late summer of one year, the same months of two years, summer and autumn, a mosaic that goes on with more
scenes than it had; winter and summer, the same going on, autumn and spring, winter and autumn."""


@dataclass(frozen=True)
class ChangeArea:
    """Reflectance x 10,000 of two mosaics of one window (uint16 BHW, 0 no data), the WorldCover classes of both days,
    and 255 where they differ and both mosaics hold data (uint8 HW)."""

    before_BHW: np.ndarray
    after_BHW: np.ndarray
    class_before_HW: np.ndarray
    class_after_HW: np.ndarray
    label_HW: np.ndarray
    grid: Grid
    window: Window


def from_history(folder: Path, seed: int, kilometres: float) -> ChangeArea:
    """A simulated world whose land changes between two periods, seen by other scenes in each.

    Between the periods fields are harvested, crops rotate, plants grow, water floods; seeds take turns with `PLANS`.
    """
    from catalogs.simulated import Span, simulate, truths

    rng = np.random.default_rng([seed, 20])
    plan = PLANS[seed % len(PLANS)]
    year = 2024
    before = _passes(rng, year, plan.before, int(rng.integers(*PASSES, endpoint=True)))
    number = len(before) + 2 if plan.keep else int(rng.integers(*PASSES, endpoint=True))
    after = _passes(rng, year + plan.years, plan.after, number)
    last, first = max(each.day for each in before), min(each.day for each in after)
    between = [date.fromisoformat(day) + timedelta(days=step) for day, step in ((last, 1), (first, -1))]
    span = Span(between[0].isoformat(), between[1].isoformat(), CHANGES_PER_KM2, FLOODS)
    world = simulate(folder, seed, kilometres=kilometres, dates=[*before, *after], history=span)

    window = window_of(world)

    def mosaic(start: date, end: date) -> np.ndarray:
        midnight = time(tzinfo=UTC)
        query = Query(
            str(world.catalog),
            "sentinel-2-l2a",
            world.bounds_lonlat,
            datetime.combine(start, midnight),
            datetime.combine(end + timedelta(days=1), midnight),
        )
        return complete_mosaic(GRID, window, resolve_or_drop(catalogs.search(query)))

    begin = date(year, 1, 1)
    before_BHW = mosaic(begin, between[0])
    after_BHW = mosaic(begin if plan.keep else between[1], date(year + plan.years, 12, 31))
    class_before_HW, class_after_HW = truths(world, [last, first])
    seen_HW = before_BHW.any(axis=0) & after_BHW.any(axis=0)
    label_HW = np.where((class_before_HW != class_after_HW) & seen_HW, CHANGED, 0).astype(np.uint8)
    return ChangeArea(before_BHW, after_BHW, class_before_HW, class_after_HW, label_HW, GRID, window)


def window_of(world: "World") -> Window:
    """The pixels of a world."""
    left, bottom, right, top = (round(side / GRID.resolution) for side in world.bounds)
    return Window(-top, left, -bottom, right)


def stem(seed: int, kilometres: float) -> str:
    """For example history-401-4km."""
    return f"history-{seed}-{kilometres:g}km"


def make_pairs(seeds: Sequence[int], kilometres: float, data: Path, report: Report) -> None:
    """Makes the pairs that the folder `data` lacks. Bands are described in the files of A and B."""
    for done, seed in enumerate(seeds, 1):
        name = stem(seed, kilometres)
        if not (data / "label" / f"{name}.tif").is_file():
            with tempfile.TemporaryDirectory() as folder:
                write_pair(data, name, from_history(Path(folder) / "world", seed, kilometres))
        report(done, len(seeds), f"pair {name}")


def write_pair(data: Path, name: str, area: ChangeArea) -> None:
    """Adds one pair and its labelled areas to a folder; the label last, so that what has one is whole."""
    from catalogs.simulated import WORLDCOVER

    classes = [dict(row) for row in WORLDCOVER]
    for part, image_BHW, class_HW in (
        ("A", area.before_BHW, area.class_before_HW),
        ("B", area.after_BHW, area.class_after_HW),
    ):
        single = Area(image_BHW, class_HW, area.grid, area.window)
        write(data, f"{name}-{part}", single, classes, catalogs.ROLES)
    write_dates(data, name, area)


def write_dates(data: Path, name: str, area: ChangeArea) -> None:
    """Adds one pair to a folder, without labelled areas; the label last."""
    for part, image_BHW in (("A", area.before_BHW), ("B", area.after_BHW)):
        write_raster(data / part / f"{name}.tif", image_BHW, area.grid, area.window, nodata=0, names=catalogs.ROLES)
    write_raster(data / "label" / f"{name}.tif", area.label_HW[None], area.grid, area.window)


def _passes(rng: np.random.Generator, year: int, months: tuple[int, int], number: int) -> "list[Overpass]":
    """Passes of different days in the months from first to last, the first of them clear."""
    from catalogs.simulated import Overpass

    begin, end = date(year, months[0], 1), date(year, months[1], 28)
    days = np.sort(rng.choice((end - begin).days + 1, number, replace=False))
    clear = int(rng.integers(number))
    passes = []
    for index, day in enumerate(days):
        settings: dict[str, Any] = {
            "platform": ("sentinel-2a", "sentinel-2b")[int(rng.integers(2))],
            "cloudiness": CLEAR if index == clear else round(float(rng.uniform(0, CLOUDY)), 3),
        }
        passes.append(Overpass((begin + timedelta(days=int(day))).isoformat(), **settings))
    return passes
