"""Read an asset of a scene."""

import numpy as np

from catalogs import Asset
from catalogs.access import Access, redact
from pipeline.raster.read import Part, Raster, read_part
from pipeline.raster.retry import ReadError


def read_asset(asset: Asset, raster: Raster, part: Part, access: Access, *dtypes: str) -> np.ndarray:
    """A part of an asset, HW. Raises ReadError, also where its type is none of `dtypes`."""
    pixel_HW = read_part(asset.href, raster, part, access)
    if pixel_HW.dtype not in dtypes:
        raise ReadError(
            f"{redact(asset.href)} holds {pixel_HW.dtype}, but {asset.role} must hold {' or '.join(dtypes)}"
        )
    return pixel_HW
