"""Limit of the number of blocks of a region."""

import math

from pipeline.config.region import Region
from pipeline.errors import UserError


def check_size(region: Region) -> None:
    """Raises UserError if a region has more blocks than its `max_blocks`."""
    blocks, grid = most_blocks(region), region.grid
    if blocks > region.max_blocks:
        raise UserError(
            f"the region {region.name} has about {blocks:,} blocks of {grid.block} pixels of {grid.resolution:g} m, "
            f"but max_blocks is {region.max_blocks:,}: choose a smaller area, or a coarser grid.resolution, or raise "
            "max_blocks in the region file"
        )


def most_blocks(region: Region) -> int:
    """Number of blocks of a region, or an upper bound of it, in a time that does not depend on it.

    A polygon touches no more than the blocks that fit into it and three for each block's side along its edges.
    """
    extent = region.extent
    whole = math.prod(extent.block_range.shape)
    if extent.area is None:
        return whole
    side = extent.grid.block * extent.grid.resolution
    return min(whole, math.ceil(extent.area.area / side**2 + 3 * extent.area.length / side) + 4)
