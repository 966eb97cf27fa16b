"""How many passes a period should hold by the calendar of the orbits, and how many of them the catalog has."""

import re
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta

from catalogs.items.acquisition import SECOND, SENSED
from catalogs.scene import Scene


@dataclass(frozen=True, slots=True)
class PassCount:
    """The passes of one platform on one orbit over one tile; `expected` counts those found and those `missing`."""

    platform: str
    orbit: int
    tile: str
    expected: int
    found: int
    missing: tuple[date, ...]


def count_passes(
    scenes: Iterable[Scene], start: datetime, end: datetime, months: Collection[int] = ()
) -> list[PassCount]:
    """Expected and found passes of every (platform, orbit, tile) that has a scene, in that order.

    A pass is due every `repeat` days, counted from the tile's first scene; `start` and `end` (with time zone) both
    belong to the period, `months` (1 to 12, UTC) narrow it, all if empty. Give every scene found, cloudy ones too:
    what selection left out was not missing. A scene without an orbit number counts nowhere. The calendar knows no
    launch, pause or move of a platform: what is missing is not in the catalog, but it may never have been sensed.
    """
    groups: dict[tuple[str, int, str], list[Scene]] = defaultdict(list)
    for scene in scenes:
        if scene.orbit is not None and _within(scene.datetime, start, end, months):
            groups[scene.platform, scene.orbit, scene.tile].append(scene)
    return [_passes(*key, groups[key], start, end, months) for key in sorted(groups)]


def _passes(
    platform: str,
    orbit: int,
    tile: str,
    scenes: list[Scene],
    start: datetime,
    end: datetime,
    months: Collection[int],
) -> PassCount:
    first = min(scene.datetime for scene in scenes)
    repeat = timedelta(days=scenes[0].repeat)
    found = {round((scene.datetime - first) / repeat) for scene in scenes}
    numbers = range(-((first - start) // repeat), (end - first) // repeat + 1)
    due = {number for number in numbers if _within(first + number * repeat, start, end, months)}
    missing = tuple((first + number * repeat).astimezone(UTC).date() for number in sorted(due - found))
    return PassCount(platform, orbit, tile, len(found) + len(missing), len(found), missing)


def _within(time: datetime, start: datetime, end: datetime, months: Collection[int]) -> bool:
    return start <= time <= end and (not months or time.astimezone(UTC).month in months)


HALF_ORBIT = timedelta(days=10) / 143 / 2
"""Of Sentinel-2, which flies 143 orbits in 10 days (50 minutes): only the sunlit half of an orbit is mapped."""


def assign_passes(scenes: Iterable[Scene]) -> list[Scene]:
    """The scenes in their order, each with a pass that does not depend on which fields its item has.

    A scene without a datatake ("sensed-" in its pass) is of the platform's pass that began last before it, less than
    half an orbit ago. That is a datatake another scene names, or the pass of the first scene in it that has none.
    """
    scenes = list(scenes)
    unnamed = [scene for scene in scenes if _overpass(scene).startswith(SENSED)]
    begun: dict[str, list[tuple[datetime, str]]] = defaultdict(list)
    for platform, overpass in sorted({(scene.platform, _overpass(scene)) for scene in scenes}):
        if re.fullmatch(r"\d{8}T\d{6}", overpass):
            begun[platform].append((datetime.strptime(overpass, SECOND).replace(tzinfo=UTC), overpass))
    found = {}
    for scene in sorted(unnamed, key=lambda scene: (scene.datetime, scene.id)):
        starts = begun[scene.platform]
        place = bisect_right(starts, scene.datetime, key=lambda start: start[0])
        if not place or scene.datetime - starts[place - 1][0] >= HALF_ORBIT:
            starts.insert(place, (scene.datetime, _overpass(scene)))
            place += 1
        found[scene.acquisition] = "/".join((scene.platform, starts[place - 1][1], scene.tile))
    return [replace(scene, acquisition=found.get(scene.acquisition, scene.acquisition)) for scene in scenes]


def _overpass(scene: Scene) -> str:
    return scene.acquisition.split("/")[1]
