"""Selection of the scenes to use, in a total order, with the reason why each other is excluded."""

from collections import defaultdict
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime

import numpy as np
import shapely
from shapely.geometry.base import BaseGeometry

from catalogs.errors import CatalogError
from catalogs.items.harmonise import UNOFFICIAL
from catalogs.passes import assign_passes
from catalogs.scene import Scene

NEW_GROUND = 0.05


@dataclass(frozen=True, slots=True)
class Selection:
    """The scenes to use, ordered by (datetime, id), and for each other scene, by id, why it is excluded."""

    scenes: list[Scene]
    exclusions: dict[str, str] = field(default_factory=dict)


def select(
    scenes: Iterable[Scene],
    max_cloud: float = 100.0,
    months: Collection[int] = (),
    area: BaseGeometry | None = None,
    min_clear_share: float = 0.0,
) -> Selection:
    """One scene per acquisition, independent of the order of `scenes`.

    Of the processings of one acquisition the newest baseline is kept, then the latest generated. An older processing
    stays beside it only if more than 5 % of its footprint is ground that the kept ones do not show (a tile received in
    parts). After that choice these are excluded: scenes outside `months` (1 to 12, UTC; all if empty), scenes cloudier
    than `max_cloud` percent, and scenes whose expected clear share is less than `min_clear_share` (0 to 1). The
    expected clear share is the scene's footprint in the `area` (longitude and latitude; None for everywhere) times its
    cloud-free share, relative to what all scenes of its tile cover of the area; a scene without a cloud value counts as
    clear. The choice is made per tile of the whole area, never per block, so that it does not depend on the block size.
    """
    if not 0 <= min_clear_share <= 1:
        raise CatalogError(f"min_clear_share is {min_clear_share}, but it must lie within 0 and 1")
    processings: dict[str, list[Scene]] = defaultdict(list)
    for scene in assign_passes(scenes):
        processings[scene.acquisition].append(scene)
    exclusions: dict[str, str] = {}
    kept = [scene for group in processings.values() for scene in _newest(group, exclusions)]
    kept = [scene for scene in kept if _in_months(scene, months, exclusions)]
    kept = [scene for scene in kept if _clear_enough(scene, max_cloud, exclusions)]
    if min_clear_share > 0:
        tiles: dict[str, list[Scene]] = defaultdict(list)
        for scene in kept:
            tiles[scene.tile].append(scene)
        kept = [scene for tile in tiles.values() for scene in _contributing(tile, area, min_clear_share, exclusions)]
    kept.sort(key=lambda scene: (scene.datetime, scene.id))
    return Selection(kept, dict(sorted(exclusions.items())))


def processing_order(scene: Scene) -> tuple[str, datetime, datetime, str]:
    """Sort key of the processings of one acquisition, oldest first; unofficial ones, which tell no baseline, before."""
    baseline = "" if scene.baseline == UNOFFICIAL else scene.baseline
    return baseline, scene.generated, scene.updated, scene.id


def _newest(group: list[Scene], exclusions: dict[str, str]) -> list[Scene]:
    kept: list[Scene] = []
    shown: BaseGeometry = shapely.Polygon()
    for scene in sorted(group, key=processing_order, reverse=True):
        if shapely.difference(scene.footprint, shown).area > NEW_GROUND * scene.footprint.area:
            kept.append(scene)
            shown = shapely.union(shown, scene.footprint)
        elif kept:
            exclusions[scene.id] = (
                f"{kept[0].id} is a newer processing (baseline {kept[0].baseline}) of the same acquisition"
            )
        else:
            exclusions[scene.id] = "its footprint covers no ground"
    return kept


def _in_months(scene: Scene, months: Collection[int], exclusions: dict[str, str]) -> bool:
    inside = not months or scene.datetime.astimezone(UTC).month in months
    if not inside:
        exclusions[scene.id] = f"it was sensed on {scene.datetime:%Y-%m-%d}, which is in none of the months wanted"
    return inside


def _clear_enough(scene: Scene, max_cloud: float, exclusions: dict[str, str]) -> bool:
    inside = scene.cloud_cover is None or scene.cloud_cover <= max_cloud
    if not inside:
        exclusions[scene.id] = f"its cloud cover of {scene.cloud_cover:g} % is above max_cloud {max_cloud:g} %"
    return inside


def _contributing(
    tile: list[Scene], area: BaseGeometry | None, min_clear_share: float, exclusions: dict[str, str]
) -> list[Scene]:
    """Areas are in square degrees: within one tile their ratio is that of ground areas to about 1 %."""
    footprints = np.array([scene.footprint for scene in tile])
    covered = shapely.union_all(footprints)
    inside = covered if area is None else shapely.intersection(covered, area)
    shown = shapely.area(shapely.intersection(footprints, inside))
    clear = shown * [1 - (scene.cloud_cover or 0) / 100 for scene in tile]
    kept = []
    for scene, share in zip(tile, clear / inside.area if inside.area else np.zeros(len(tile)), strict=True):
        if share >= min_clear_share:
            kept.append(scene)
        else:
            exclusions[scene.id] = (
                f"it is expected to show {100 * share:.2g} % of its tile's ground in the area clear, less than the "
                f"{100 * min_clear_share:g} % of min_clear_share"
            )
    return kept
