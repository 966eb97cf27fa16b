"""How much of a block the scenes can show, by footprints and cloud shares: an estimate, before a pixel is read."""

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
    """`share`: of the block's ground in the region that some scene covers. `clear`: how many clear passes a pixel may
    expect on average."""

    share: float
    clear: float


def coverage(extent: Extent, block: BlockId, passes: Sequence[Pass]) -> Coverage:
    """What the passes can show of a block. A scene without a cloud value counts as
    clear."""
    wanted: BaseGeometry = shapely.box(*extent.grid.bounds(extent.covered(block)))
    if extent.area is not None:
        wanted = shapely.intersection(wanted, extent.area)
    seen, clear = [], 0.0
    for known in passes:
        shown = [shapely.intersection(grid_footprint(scene, extent.grid.crs), wanted) for scene in known.scenes]
        areas = [part.area for part in shown]
        if sum(areas) > 0:
            frees = [area * (1 - (s.cloud_cover or 0) / 100) for area, s in zip(areas, known.scenes, strict=True)]
            seen.append(shapely.union_all(shown))
            clear += sum(frees) / sum(areas) * seen[-1].area / wanted.area
    return Coverage(min(shapely.union_all(seen).area / wanted.area, 1.0) if seen else 0.0, clear)
