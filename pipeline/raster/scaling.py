"""Scale and offset that a raster's own tags declare, beside those of its item."""

from math import isclose

import rasterio

from catalogs import Asset
from catalogs.access import redact
from pipeline.raster.retry import ReadError

NONE = 1.0, 0.0
"""GDAL's scale and offset of a band that declares neither."""


def own_scaling(dataset: rasterio.DatasetReader, band: int = 1) -> tuple[float, float]:
    """(scale, offset) of a band by the file's own tags; NONE where it has none. Overviews do not repeat them."""
    return float(dataset.scales[band - 1]), float(dataset.offsets[band - 1])


def own_offset(asset: Asset, scaling: tuple[float, float]) -> float | None:
    """The offset of values that a file's own `scaling` declares; None if it declares nothing.

    A scale of 1 says nothing of the unit: its offset is in DN. Raises ReadError for any other scale than the item's.
    """
    scale, offset = scaling
    if scaling == NONE:
        return None
    if scale != 1 and not isclose(scale, asset.scale, rel_tol=1e-6):
        raise ReadError(f"{redact(asset.href)} declares scale {scale:g}, but its item says {asset.scale:g}")
    return offset * asset.scale / scale


def check_scaling(asset: Asset, scaling: tuple[float, float]) -> None:
    """Raises ReadError where a file's own `scaling` contradicts what its item's facts, or its pixels, have decided."""
    own = own_offset(asset, scaling)
    allowed = asset.file_offsets or (asset.offset,)
    if own is not None and not any(isclose(own, offset, abs_tol=1e-6) for offset in allowed):
        raise ReadError(
            f"{redact(asset.href)} declares offset {own:g}, but by its item it is {asset.offset:g}: one is wrong"
        )
