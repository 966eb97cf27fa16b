"""Which scenes are used, and in which order."""

from collections import defaultdict
from collections.abc import Iterable

import shapely
from shapely.geometry.base import BaseGeometry

from catalogs.scene import Scene

NEW_GROUND = 0.05


def select(scenes: Iterable[Scene], max_cloud: float = 100.0) -> list[Scene]:
    """One scene per acquisition, ordered by (datetime, id) whatever the order given.

    Of the processings of one acquisition the newest baseline is kept, then the latest generated. An older one stays
    beside it only where more than 5 % of its footprint is ground the kept ones do not show (a tile received in parts).
    Scenes cloudier than `max_cloud` percent are left out, after that choice; one without a cloud value stays.
    """
    processings: dict[str, list[Scene]] = defaultdict(list)
    for scene in scenes:
        processings[scene.acquisition].append(scene)
    kept = [scene for group in processings.values() for scene in _newest(group)]
    clear = (scene for scene in kept if scene.cloud_cover is None or scene.cloud_cover <= max_cloud)
    return sorted(clear, key=lambda scene: (scene.datetime, scene.id))


def _newest(group: list[Scene]) -> list[Scene]:
    kept: list[Scene] = []
    shown: BaseGeometry = shapely.Polygon()
    for scene in sorted(
        group, key=lambda scene: (scene.baseline, scene.generated, scene.updated, scene.id), reverse=True
    ):
        if shapely.difference(scene.footprint, shown).area > NEW_GROUND * scene.footprint.area:
            kept.append(scene)
            shown = shapely.union(shown, scene.footprint)
    return kept
