"""Read an asset of a scene."""

import numpy as np

from catalogs import Asset, Scene
from catalogs.access import Access, redact
from pipeline.raster.coding import Coding
from pipeline.raster.level import Part, Raster
from pipeline.raster.read import inspect, read_part
from pipeline.raster.retry import ReadError

CODES = ("uint8", "uint16")


def inspect_band(asset: Asset, resolution: float, access: Access) -> Raster:
    """The level of a band's raster that suits a grid of `resolution` metres; see `inspect`. Raises ReadError."""
    raster = inspect(asset.href, resolution, access, asset.checksum, asset.band or 1, asset.nodata)
    if asset.band is None and raster.bands > 1:
        raise ReadError(
            f"{redact(asset.href)} has {raster.bands} bands, but is the asset of {asset.role} alone; name its band in "
            "the provider, as {asset: image, band: 1}"
        )
    if raster.paletted and not asset.dtypes:
        raise ReadError(f"{redact(asset.href)} holds indices of a palette, which are no values of {asset.role}")
    return raster


def read_band(asset: Asset, raster: Raster, part: Part, access: Access) -> tuple[np.ndarray, Coding]:
    """Numbers of a part of a band, uint16 HW, 0 where it has no data, and what they mean. Raises ReadError."""
    coding = Coding.of(asset, raster.dtype)
    return read_part(asset.href, raster, part, access, band=asset.band or 1, coding=coding), coding


def read_mask(scene: Scene, raster: Raster, part: Part, access: Access) -> np.ndarray:
    """Codes or bits of a part of a scene's mask, uint8 or uint16 HW. Raises ReadError.

    Codes that the rule names keep their meaning, even where the file's nodata tag is one of them.
    """
    rule, mask = scene.rule, scene.mask
    assert rule is not None and mask is not None and mask.nodata is not None, "only a scene with a mask is asked"
    if raster.dtype not in CODES:
        raise ReadError(f"{redact(mask.href)} holds {raster.dtype}, but {mask.role} must hold {' or '.join(CODES)}")
    codes = () if rule.bits else (*rule.clear, *rule.cloud)
    return read_part(mask.href, raster, part, access, int(mask.nodata), codes, mask.band or 1)
