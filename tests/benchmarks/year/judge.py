"""What the updates of a year caught, missed and took for a change, from the versions that they published."""

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import zarr
from scipy.stats import beta

from pipeline.change.alerts import Alerts, without
from pipeline.change.layer import Layer
from pipeline.change.outcome import Outcome
from pipeline.change.parts import SIDE, mask_of
from pipeline.change.score import PERCENT, in_patches
from pipeline.change.verdict import verdict
from pipeline.config.region import Region
from pipeline.config.sections import ChangeSettings
from pipeline.cube import store
from pipeline.cube.cube import Cube
from pipeline.cube.schema import CHANGES, pixel_maps
from pipeline.geometry.grid import Window
from year.ground import Ground, day_number, parts

TAIL = 0.025
KM2 = 1e-4
"""Of a pixel of 10 m."""
FIELDS = 30, 40
"""Codes of grass and crops."""
ARRAYS = ("mosaic", "landcover", "coarse", "confidence", "refined", "observations")


@dataclass(frozen=True)
class Alarm:
    """A block that went on by its score. cause: "change" where the ground had truly changed, else what its pixels that
    seemed to have changed mostly are: "flood", "field", "other" ground, or "unseen" before. change_HW: these pixels."""

    evening: int
    block: tuple[int, int]
    score: int
    cause: str
    change_HW: np.ndarray


@dataclass(frozen=True)
class Event:
    """A change that a clear view shows by the last evening. number: of `Ground.event_HW`. km2: what is seen of it;
    caught_km2: what the gated map was made from after it. delay: evenings from the first after the change to that map,
    None where it never came."""

    number: int
    kind: str
    km2: float
    caught_km2: float
    delay: int | None

    @property
    def caught(self) -> bool:
        return self.delay is not None


class Versions:
    """Arrays of the region's pixels in versions of its cube."""

    def __init__(self, region: Region) -> None:
        self.region, self.cube = region, Cube.open(region.cube)

    def pixels(self, version: str, name: str) -> np.ndarray:
        extent, group = self.region.extent, self.cube.group(snapshot=version)
        if name in CHANGES and name not in pixel_maps(group):
            return np.zeros(extent.window.shape, np.uint16)
        return store.read_window(store.array(group, name), 0, extent, extent.window)

    def blocks(self, version: str, name: str) -> np.ndarray:
        group = self.cube.group(snapshot=version)
        if f"blocks/{name}" not in group:
            return np.zeros(self.region.extent.block_range.shape, np.uint8)
        found: zarr.Array = store.array(group, f"blocks/{name}")
        return np.asarray(found[0])


def alarms(region: Region, ground: Ground, rows: list[dict], pixels: int) -> list[Alarm]:
    """Of all evenings but the first. rows: `number`, `evening` and `version` of each."""
    at, versions, found = parts(region), Versions(region), []
    for last, row in pairwise(rows):
        before, after = last["version"], row["version"]
        if before == after:
            continue
        day = day_number(row["evening"])
        went_YX = versions.blocks(before, "mosaic") != versions.blocks(after, "mosaic")
        went_YX &= versions.blocks(after, "outcome") == Outcome.CHANGED
        score_YX = versions.blocks(after, "score")
        known_HW = versions.pixels(before, "last_clear")
        late_HW = (ground.changed_on_HW > known_HW) & (ground.changed_on_HW <= day)
        layers = [tuple(versions.pixels(each, name) for name in CHANGES) for each in (before, after)]
        seen_HW = new_changes(*layers)
        wet_HW = ground.flooded(int(known_HW[known_HW > 0].min()), day)
        for block, part in at.items():
            slot = region.extent.slot(block)
            if went_YX[slot]:
                truly = bool(in_patches(late_HW[part], pixels).any())
                cause = "change" if truly else cause_of(seen_HW[part], wet_HW[part], ground.first_HW[part])
                found.append(Alarm(row["number"], block, int(score_YX[slot]), cause, seen_HW[part]))
    return found


def new_changes(before: Layer, after: Layer) -> np.ndarray:
    """The pixels of the change layer that an update wrote."""
    return ((before[0] != after[0]) | (before[1] != after[1])) & (after[0] > 0)


def cause_of(seen_HW: np.ndarray, wet_HW: np.ndarray, class_HW: np.ndarray) -> str:
    """What most of the pixels are that seemed to have changed."""
    if not seen_HW.any():
        return "unseen"
    if wet_HW[seen_HW].mean() > 0.5:
        return "flood"
    return "field" if np.isin(class_HW[seen_HW], FIELDS).mean() > 0.5 else "other"


def events(
    ground: Ground, rows: list[dict], known: Iterable[np.ndarray], whole_HW: np.ndarray, pixels: int
) -> list[Event]:
    """The changes after the first map that can be seen by the last evening, in pieces of at least so many pixels.

    known: last clear day of the gated cube after each of `rows`, HW; whole: that of the cube in which everything is
    mapped. A change is caught when the map of half of what is seen of it was made after it.
    """
    days = [day_number(row["evening"]) for row in rows]
    shown_HW = (ground.changed_on_HW > days[0]) & (whole_HW >= ground.changed_on_HW)
    numbers = np.unique(ground.event_HW[shown_HW]).tolist()
    pieces = {number: in_patches(shown_HW & (ground.event_HW == number), pixels) for number in numbers}
    seen = {number: seen_HW for number, seen_HW in pieces.items() if seen_HW.any()}
    caught, area = dict[int, int](), dict.fromkeys(seen, 0)
    for row, known_HW in zip(rows, known, strict=True):
        for number, seen_HW in seen.items():
            area[number] = int((known_HW[seen_HW] >= ground.events[number - 1][1]).sum())
            if number not in caught and 2 * area[number] >= seen_HW.sum():
                caught[number] = row["number"]
    found = []
    for number, seen_HW in seen.items():
        kind, day = ground.events[number - 1]
        first = next(row["number"] for row, evening in zip(rows, days, strict=True) if evening >= day)
        delay = caught[number] - first if number in caught else None
        found.append(Event(number, kind, int(seen_HW.sum()) * KM2, area[number] * KM2, delay))
    return found


def asks(region: Region, rows: list[dict]) -> dict[tuple[int, int], list[np.ndarray]]:
    """Last clear day of each mosaic of a block that the change model was asked about, HW.

    rows: `version` of each evening, and `mosaics`, the snapshot of those that it compared, or None.
    """
    versions, found = Versions(region), dict[tuple[int, int], list[np.ndarray]]()
    for last, row in pairwise(rows):
        if row["mosaics"] is None:
            continue
        asked_YX = versions.blocks(row["mosaics"], "screened") != versions.blocks(last["version"], "screened")
        day_HW = versions.pixels(row["mosaics"], "last_clear")
        for block, part in parts(region).items():
            if asked_YX[region.extent.slot(block)]:
                found.setdefault(block, []).append(day_HW[part])
    return found


def shown(region: Region, rows: list[dict], days_of: dict[tuple[int, int], list[np.ndarray]]) -> np.ndarray:
    """Last clear day of the newest mosaics, whether they are mapped or not, HW. days_of: see `asks`."""
    at, shown_HW = parts(region), Versions(region).pixels(rows[-1]["version"], "last_clear")
    for block, days in days_of.items():
        shown_HW[at[block]] = np.maximum(shown_HW[at[block]], days[-1])
    return shown_HW


def confirmable(
    region: Region,
    ground: Ground,
    rows: list[dict],
    days_of: dict[tuple[int, int], list[np.ndarray]],
    pixels: int,
    confirm: int,
) -> np.ndarray:
    """Last clear day of the maps that a change model without any error would have left, HW."""
    at, first_HW = parts(region), Versions(region).pixels(rows[0]["version"], "last_clear")
    extent, settings = region.extent, ChangeSettings(model="any", threshold=1.0, confirm=confirm, better=0)
    for block, days in days_of.items():
        part, windows = at[block], (extent.covered(block), extent.grid.block_window(block))
        first_HW[part] = without_error(first_HW[part], days, ground.changed_on_HW[part], settings, pixels, *windows)
    return first_HW


def without_error(
    map_HW: np.ndarray,
    days: list[np.ndarray],
    changed_on_HW: np.ndarray,
    settings: ChangeSettings,
    pixels: int,
    window: Window,
    block: Window,
) -> np.ndarray:
    """Last clear day of a block's map after updates that know where the ground has changed. map: before them; days: of
    the mosaic of each."""
    all_HW, none_88 = np.ones(map_HW.shape, bool), np.zeros((SIDE, SIDE))
    alerts = Alerts(none_88.astype(np.uint8), none_88.astype(np.uint16))
    for day_HW in days:
        late_HW = (changed_on_HW > map_HW) & (changed_on_HW <= day_HW)
        percent_HW = np.where(late_HW, np.uint8(PERCENT), np.uint8(0))
        said, _ = verdict(percent_HW, all_HW, all_HW, day_HW, alerts, 0, settings, pixels, window, block)
        map_HW = np.where(mask_of(said.parts, window, block), day_HW, map_HW)
        left = (without(each_88.ravel(), said.parts) for each_88 in (said.alerts.count_88, said.alerts.day_88))
        alerts = Alerts(*(each_P.reshape(SIDE, SIDE) for each_P in left))
    return map_HW


def kept(region: Region, ground: Ground, rows: list[dict], went: set[tuple[int, int]]) -> dict[str, int]:
    """Blocks on whose ground nothing changed: all, those with the bytes of the first map, and of the others those that
    went on themselves; the rest was mapped for what it sees of its neighbours. Apart: those of them that lie beside no
    block of changed ground either, and so see none of it."""
    versions, ends = Versions(region), (rows[0]["version"], rows[-1]["version"])
    quiet = {block: part for block, part in parts(region).items() if not ground.event_HW[part].any()}
    same = set(quiet)
    for name in ARRAYS:
        first, last = (versions.pixels(version, name) for version in ends)
        same = {block for block in same if np.array_equal(first[..., *quiet[block]], last[..., *quiet[block]])}
    changed = parts(region).keys() - quiet.keys()
    far = {(y, x) for y, x in quiet if not any(max(abs(y - by), abs(x - bx)) == 1 for by, bx in changed)}
    return {
        "quiet_blocks": len(quiet),
        "kept_bytes": len(same),
        "went_on": len(went & (set(quiet) - same)),
        "far_from_changes": len(far),
        "far_kept_bytes": len(same & far),
    }


def exact_interval(hits: int, trials: int) -> tuple[float, float]:
    """Of a share, 95 %, by Clopper and Pearson (1934)."""
    low = beta.ppf(TAIL, hits, trials - hits + 1) if hits else 0.0
    high = beta.ppf(1 - TAIL, hits + 1, trials - hits) if hits < trials else 1.0
    return float(low), float(high)
