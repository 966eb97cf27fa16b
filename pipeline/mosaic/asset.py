"""Read an asset of a scene."""

from collections.abc import Collection

import numpy as np

from catalogs import Asset, Scene
from catalogs.access import Access, redact
from pipeline.raster.level import Part, Raster
from pipeline.raster.read import read_part
from pipeline.raster.retry import ReadError

SATURATED = 65_535
"""DN of a saturated pixel: Sentinel-2 Products Specification (special value SATURATED), Landsat Collection 2 Level-2
Science Product Guide (saturate value of surface reflectance)."""


def read_band(asset: Asset, raster: Raster, part: Part, access: Access) -> np.ndarray:
    """DN of a part of a band, uint16 HW, 0 where it has no data or is saturated. Raises ReadError."""
    return _read(asset, raster, part, access, ("uint16",), int(asset.nodata), erased=(SATURATED,))


def read_mask(scene: Scene, raster: Raster, part: Part, access: Access) -> np.ndarray:
    """Codes or bits of a part of a scene's mask, uint8 or uint16 HW. Raises ReadError.

    Codes that the rule names keep their meaning, even where the file's nodata tag is one of them.
    """
    rule = scene.rule
    codes = () if rule.bits else (*rule.clear, *rule.cloud)
    return _read(scene.mask, raster, part, access, ("uint8", "uint16"), int(scene.mask.nodata), codes)


def _read(
    asset: Asset,
    raster: Raster,
    part: Part,
    access: Access,
    dtypes: tuple[str, ...],
    nodata: int,
    codes: Collection[int] = (),
    erased: Collection[int] = (),
) -> np.ndarray:
    if raster.dtype not in dtypes:
        raise ReadError(f"{redact(asset.href)} holds {raster.dtype}, but {asset.role} must hold {' or '.join(dtypes)}")
    return read_part(asset.href, raster, part, access, nodata, codes, erased)
