"""Cloud-optimised GeoTIFFs of one band."""

from pathlib import Path

import numpy as np
from affine import Affine
from numpy.typing import NDArray
from rasterio.enums import Resampling
from rasterio.io import MemoryFile
from rasterio.shutil import copy

Colours = dict[int, tuple[int, int, int, int]]


def write_cog(
    path: Path,
    value_HW: NDArray[np.generic],
    crs: str,
    transform: Affine,
    resampling: Resampling,
    colours: Colours | None = None,
) -> None:
    """Write `value_HW` with 0 as no data: deflate, predictor 2, tiles of 512, overviews by `resampling`."""
    height, width = value_HW.shape
    grid = {"height": height, "width": width, "crs": crs, "transform": transform}
    # Written as a COG at once, it would be compressed while no other thread can work.
    with MemoryFile() as memory:
        with memory.open(driver="GTiff", count=1, dtype=value_HW.dtype, nodata=0, **grid) as plain:
            plain.write(value_HW, 1)
            if colours:
                plain.write_colormap(1, colours)
        copy(
            memory.name,
            path,
            driver="COG",
            compress="deflate",
            level=3,
            predictor=2,
            blocksize=512,
            overview_resampling=resampling.name,
        )
