"""Cloud-optimised GeoTIFFs of one band."""

from pathlib import Path

import numpy as np
import rasterio
from affine import Affine
from numpy.typing import NDArray
from rasterio.enums import Resampling

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
    profile = {
        "driver": "COG",
        "height": value_HW.shape[0],
        "width": value_HW.shape[1],
        "count": 1,
        "dtype": value_HW.dtype,
        "crs": crs,
        "transform": transform,
        "nodata": 0,
        "compress": "deflate",
        "level": 3,
        "predictor": 2,
        "blocksize": 512,
        "overview_resampling": resampling.name,
    }
    with rasterio.open(path, "w", **profile) as target:
        target.write(value_HW, 1)
        if colours:
            target.write_colormap(1, colours)
