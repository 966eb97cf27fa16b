"""What truly happened to the ground of a region, and when."""

from dataclasses import dataclass
from datetime import date

import numpy as np
import shapely
from affine import Affine
from rasterio.features import rasterize

from catalogs.simulated import World, truths
from pipeline.config.region import Region
from pipeline.geometry.grid import Window

EPOCH = date(1970, 1, 1)


@dataclass(frozen=True)
class Ground:
    """Of the region's pixels, HW. first, last: classes on the first and the last day. event: number of the change that
    gave a pixel another class, from 1, 0 = none. changed_on: its day since 1970-01-01, 0 = none. events: kind and day
    of each change. floods: first and last day, and the pixels of each."""

    first_HW: np.ndarray
    last_HW: np.ndarray
    event_HW: np.ndarray
    changed_on_HW: np.ndarray
    events: tuple[tuple[str, int], ...]
    floods: tuple[tuple[int, int, np.ndarray], ...]

    def flooded(self, since: int, until: int) -> np.ndarray:
        """Pixels that were flooded on any day of a span."""
        wet_HW = np.zeros(self.event_HW.shape, bool)
        for start, end, flood_HW in self.floods:
            if start <= until and end >= since:
                wet_HW |= flood_HW
        return wet_HW


def ground(world: World, region: Region, first: str, last: str) -> Ground:
    """Of a world with a history, whose changes of classes lie apart."""
    assert world.history is not None, "the land of a year changes"
    window, step = region.extent.window, region.extent.grid.resolution
    first_HW, last_HW = (cut(world, truth_HW, window) for truth_HW in truths(world, [first, last]))
    event_HW, changed_on_HW = changed_on(world, window, step, first_HW != last_HW)
    changes = world.history.changes
    return Ground(
        first_HW,
        last_HW,
        event_HW,
        changed_on_HW,
        tuple((change.kind, day_number(change.day)) for change in changes if change.kind != "flood"),
        tuple(
            (day_number(change.day), day_number(change.until), burnt(change.area, window, step))
            for change in changes
            if change.until is not None
        ),
    )


def changed_on(world: World, window: Window, step: float, changed_HW: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The number, from 1, and the day of the change that gave a pixel another class, 0 = none. changed: whether its
    class has changed. step: metres a pixel."""
    assert world.history is not None, "the land of a year changes"
    changes = [change for change in world.history.changes if change.kind != "flood"]
    event_HW = np.zeros(changed_HW.shape, np.uint16)
    for number, change in enumerate(changes, 1):
        event_HW[burnt(change.area, window, step) & changed_HW] = number
    return event_HW, np.array([0, *(day_number(change.day) for change in changes)], np.uint16)[event_HW]


def burnt(wkt: str, window: Window, step: float) -> np.ndarray:
    """The pixels of a window that an area (EPSG:3035) touches."""
    transform = Affine(step, 0, window.x0 * step, 0, -step, -window.y0 * step)
    pairs = [(shapely.from_wkt(wkt), 1)]
    return rasterize(pairs, window.shape, transform=transform, all_touched=True, dtype="uint8") > 0


def cut(world: World, truth_HW: np.ndarray, window: Window) -> np.ndarray:
    """The truth of a window, at 10 m."""
    top, left = window.y0 + round(world.bounds[3] / 10), window.x0 - round(world.bounds[0] / 10)
    rows, cols = window.shape
    return truth_HW[top : top + rows, left : left + cols]


def parts(region: Region) -> dict[tuple[int, int], tuple[slice, slice]]:
    """Where each block lies in arrays of the region's pixels."""
    extent = region.extent
    return {b: extent.covered(b).slices((extent.window.y0, extent.window.x0)) for b in extent.blocks()}


def day_number(day: str) -> int:
    """Days since 1970-01-01."""
    return (date.fromisoformat(day) - EPOCH).days
