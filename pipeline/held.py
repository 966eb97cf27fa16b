"""What a cube already has of a region's blocks, in one period: the fingerprints it was made from."""

from dataclasses import dataclass

import numpy as np

from pipeline import store
from pipeline.config import Region
from pipeline.grid import BlockId, Extent
from pipeline.layout import period_index


@dataclass(frozen=True)
class Held:
    extent: Extent
    mosaic_YX: np.ndarray
    landcover_YX: np.ndarray

    def of(self, block: BlockId) -> tuple[int, int]:
        """The fingerprints of a block's mosaic and land cover; 0 where it has none."""
        slot = self.extent.slot(block)
        return int(self.mosaic_YX[slot]), int(self.landcover_YX[slot])


def held(region: Region, branch: str) -> Held | None:
    """What a branch holds of the region's period; None if there is no such cube, branch or period."""
    if not store.exists(region.cube):
        return None
    repository = store.repository(region.cube)
    group = store.peek(repository, branch) if branch in repository.list_branches() else None
    if group is None:
        return None
    time = period_index(group, region.period[0])
    if time is None:
        return None
    mosaic_YX, landcover_YX = (
        np.asarray(store.array(group, f"blocks/{name}")[time]) for name in ("mosaic", "landcover")
    )
    return Held(region.extent, mosaic_YX, landcover_YX) if mosaic_YX.shape == region.extent.block_range.shape else None
