"""How much of a block the scenes can show, by footprints and cloud shares: an estimate, before a pixel is read."""

from collections.abc import Sequence
from dataclasses import dataclass

import shapely
from shapely.geometry.base import BaseGeometry

from catalogs import Scene
from pipeline.footprint import ground
from pipeline.grid import BlockId, Extent


@dataclass(frozen=True)
class Coverage:
    """`share`: of the block's ground in the region that some scene covers. `clear`: how many clear passes a pixel may
    expect on average."""

    share: float
    clear: float


def coverage(extent: Extent, block: BlockId, passes: Sequence[Sequence[Scene]]) -> Coverage:
    """What the passes, given as their tiles' scenes, can show of a block. A scene without a cloud value counts as
    clear."""
    wanted: BaseGeometry = shapely.box(*extent.grid.bounds(extent.covered(block)))
    if extent.area is not None:
        wanted = shapely.intersection(wanted, extent.area)
    seen, clear = [], 0.0
    for scenes in passes:
        shown = [shapely.intersection(ground(scene, extent.grid.crs), wanted) for scene in scenes]
        areas = [part.area for part in shown]
        if sum(areas) > 0:
            free = sum(a * (1 - (s.cloud_cover or 0) / 100) for a, s in zip(areas, scenes, strict=True)) / sum(areas)
            seen.append(shapely.union_all(shown))
            clear += free * seen[-1].area / wanted.area
    return Coverage(min(shapely.union_all(seen).area / wanted.area, 1.0) if seen else 0.0, clear)
