"""Scenes whose items name no datatake, brought into the passes they belong to."""

import re
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from catalogs.items.acquisition import SECOND, SENSED
from catalogs.scene import Scene

HALF_ORBIT = timedelta(days=10) / 143 / 2
"""Of Sentinel-2, which flies 143 orbits in 10 days (50 minutes): only the sunlit half of an orbit is mapped."""


def joined(scenes: Iterable[Scene]) -> list[Scene]:
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
