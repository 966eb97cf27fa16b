"""Satellite passes: how many a period should have and how many are in a catalog; which pass a scene belongs to."""

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
    """The passes of one platform on one orbit over one tile: `expected` = `found` + the number of `missing` dates."""

    platform: str
    orbit: int
    tile: str
    expected: int
    found: int
    missing: tuple[date, ...]


def count_passes(
    scenes: Iterable[Scene], start: datetime, end: datetime, months: Collection[int] = ()
) -> list[PassCount]:
    """Expected and found passes of every (platform, orbit, tile) that has a scene, ordered by these.

    A pass is expected every `repeat_days` from the tile's first scene on. `start` and `end` (with time zone) are both
    inclusive; `months` (1 to 12, UTC; all if empty) restrict the period. Pass all scenes, cloudy ones too: a scene that
    selection excludes is not missing. Scenes without an orbit number are not counted. Launches, pauses and moves of a
    platform are not considered: a missing pass is not in the catalog, but may never have been acquired.
    """
    groups: dict[tuple[str, int, str], list[Scene]] = defaultdict(list)
    for scene in scenes:
        if scene.orbit is not None and _within(scene.datetime, start, end, months):
            groups[scene.platform, scene.orbit, scene.tile].append(scene)
    return [_pass_count(*key, groups[key], start, end, months) for key in sorted(groups)]


def _pass_count(
    platform: str,
    orbit: int,
    tile: str,
    scenes: list[Scene],
    start: datetime,
    end: datetime,
    months: Collection[int],
) -> PassCount:
    first = min(scene.datetime for scene in scenes)
    repeat = timedelta(days=scenes[0].repeat_days)
    found = {round((scene.datetime - first) / repeat) for scene in scenes}
    numbers = range(-((first - start) // repeat), (end - first) // repeat + 1)
    due = {number for number in numbers if _within(first + number * repeat, start, end, months)}
    missing = tuple((first + number * repeat).astimezone(UTC).date() for number in sorted(due - found))
    return PassCount(platform, orbit, tile, len(found) + len(missing), len(found), missing)


def _within(time: datetime, start: datetime, end: datetime, months: Collection[int]) -> bool:
    return start <= time <= end and (not months or time.astimezone(UTC).month in months)


HALF_ORBIT = timedelta(days=10) / 143 / 2
"""Of Sentinel-2, which flies 143 orbits in 10 days: 50 minutes. A datatake is within the sunlit half of an orbit."""


def assign_passes(scenes: Iterable[Scene]) -> list[Scene]:
    """The scenes in the given order, each with a pass that does not depend on which fields its item has.

    A scene without a datatake ("sensed-" in its pass) is assigned to the latest pass of its platform that began before
    it and less than half an orbit ago: a datatake that another scene names, or else the pass of the first scene of the
    pass that names none.
    """
    scenes = list(scenes)
    unnamed = [scene for scene in scenes if _overpass(scene).startswith(SENSED)]
    pass_starts: dict[str, list[tuple[datetime, str]]] = defaultdict(list)
    for platform, overpass in sorted({(scene.platform, _overpass(scene)) for scene in scenes}):
        if re.fullmatch(r"\d{8}T\d{6}", overpass):
            pass_starts[platform].append((datetime.strptime(overpass, SECOND).replace(tzinfo=UTC), overpass))
    assigned = {}
    for scene in sorted(unnamed, key=lambda scene: (scene.datetime, scene.id)):
        starts = pass_starts[scene.platform]
        index = bisect_right(starts, scene.datetime, key=lambda start: start[0])
        if not index or scene.datetime - starts[index - 1][0] >= HALF_ORBIT:
            starts.insert(index, (scene.datetime, _overpass(scene)))
            index += 1
        assigned[scene.acquisition] = "/".join((scene.platform, starts[index - 1][1], scene.tile))
    return [replace(scene, acquisition=assigned.get(scene.acquisition, scene.acquisition)) for scene in scenes]


def _overpass(scene: Scene) -> str:
    return scene.acquisition.split("/")[1]
