"""Estimate how much of a block its scenes show, from footprints and cloud cover, before any pixel is read."""

from collections.abc import Sequence
from dataclasses import dataclass

import shapely
from shapely.geometry.base import BaseGeometry

from pipeline.geometry.extent import Extent
from pipeline.geometry.footprint import grid_footprint
from pipeline.geometry.grid import BlockId
from pipeline.scenes.passes import Pass


@dataclass(frozen=True)
class Coverage:
    """`share`: share of the block's area in the region that any footprint covers, 0 to 1. `clear`: expected number of
    clear passes per pixel."""

    share: float
    clear: float


def coverage(extent: Extent, block: BlockId, passes: Sequence[Pass]) -> Coverage:
    """The expected coverage of a block by its passes. A scene without a cloud cover value counts as clear."""
    ground: BaseGeometry = shapely.box(*extent.grid.bounds(extent.covered(block)))
    if extent.area is not None:
        ground = shapely.intersection(ground, extent.area)
    parts, clear = [], 0.0
    for overpass in passes:
        shares = [shapely.intersection(grid_footprint(scene, extent.grid.crs), ground) for scene in overpass.scenes]
        areas = [part.area for part in shares]
        if sum(areas) > 0:
            clear_areas = [a * (1 - (s.cloud_cover or 0) / 100) for a, s in zip(areas, overpass.scenes, strict=True)]
            parts.append(shapely.union_all(shares))
            clear += sum(clear_areas) / sum(areas) * parts[-1].area / ground.area
    return Coverage(min(shapely.union_all(parts).area / ground.area, 1.0) if parts else 0.0, clear)
