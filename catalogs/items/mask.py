"""Rules that turn a mask raster into clear ground and cloud."""

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from catalogs.errors import CatalogError

SIZES = {np.dtype(np.uint8): 256, np.dtype(np.uint16): 65536}


@dataclass(frozen=True, slots=True)
class MaskRule:
    """How to read a mask of uint8 or uint16; CatalogError for a rule that cannot be applied.

    By codes: a value in `clear` is clear ground, a value in `cloud` is cloud, cirrus or shadow, any other is neither.
    By `bits`: `clear`, `cloud` and `bad` are bit numbers. A pixel is clear if all `clear` bits are set and no `cloud`
    or `bad` bit is; it is cloud if a `cloud` bit is set. Cloud is dilated by `dilate` metres.
    """

    clear: tuple[int, ...]
    cloud: tuple[int, ...] = ()
    bits: bool = False
    bad: tuple[int, ...] = ()
    dilate: float = 0.0

    def __post_init__(self) -> None:
        highest = 15 if self.bits else 65535
        unit = "bit" if self.bits else "value"
        numbers = (*self.clear, *self.cloud, *self.bad)
        for number in numbers:
            if isinstance(number, bool) or not isinstance(number, int) or not 0 <= number <= highest:
                raise CatalogError(
                    f"the mask names {unit} {number!r:.80}, but it must be a whole number from 0 to {highest}"
                )
        if not self.clear:
            raise CatalogError(f"the mask names no clear {unit}: without one nothing is ever clear")
        if len(set(numbers)) < len(numbers):
            raise CatalogError(f"the mask names a {unit} twice among clear {self.clear} and cloud {self.cloud}")
        if self.bad and not self.bits:
            raise CatalogError("the mask names bad values, but only bits can be bad: leave them out of clear and cloud")
        if not 0 <= self.dilate <= 10_000:
            raise CatalogError(f"the mask grows by {self.dilate} m, but it must lie within 0 and 10,000 m")

    def is_clear(self, mask: NDArray[np.integer]) -> NDArray[np.bool_]:
        """True where the ground is clear, before dilation; CatalogError for a mask that is not uint8 or uint16."""
        return self._look_up(mask, 0)

    def is_cloud(self, mask: NDArray[np.integer]) -> NDArray[np.bool_]:
        """True where cloud, cirrus or shadow is, before dilation; gaps and defects are neither clear nor cloud."""
        return self._look_up(mask, 1)

    @property
    def outside(self) -> int:
        """The value for pixels without a mask: the lowest value that is neither clear nor cloud."""
        clear, cloud = _tables(self)
        return int(np.argmin(clear | cloud))

    def _look_up(self, mask: NDArray[np.integer], table: int) -> NDArray[np.bool_]:
        if mask.dtype not in SIZES:
            raise CatalogError(f"a mask is of {mask.dtype}, but it must be uint8 or uint16")
        return _tables(self)[table][: SIZES[mask.dtype]][mask]


@dataclass(frozen=True, slots=True)
class MaskAsset:
    """A mask other than the provider's own, read by this rule: the asset with this key of each item. `band`: its number
    or name in the asset, None for its first."""

    asset: str
    rule: MaskRule
    band: int | str | None = None

    def __post_init__(self) -> None:
        if not isinstance(self.asset, str) or not self.asset:
            raise CatalogError(f"the mask's asset is {self.asset!r:.80}, but it must be the key of an asset")


@dataclass(frozen=True, slots=True)
class MaskFiles:
    """Masks that somebody made, read by this rule: for each item the file at `path`, in which {id} stands for the
    item's id. `band`: its number, None for the first."""

    path: str
    rule: MaskRule
    band: int | None = None

    def __post_init__(self) -> None:
        if not Path(self.path).is_absolute() or "{id}" not in self.path or not self.path.isprintable():
            raise CatalogError(
                f"the mask's path is {self.path!r:.200}, but it must be whole and hold {{id}}, the id of an item"
            )

    def file(self, name: str) -> str:
        """The mask of the item with this id."""
        if "/" in name or name in (".", ".."):
            raise CatalogError(f"item {name} has an id with which no file of a mask can be named")
        return self.path.replace("{id}", name)


MaskChoice = MaskAsset | MaskFiles


@lru_cache(maxsize=32)
def _tables(rule: MaskRule) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """(clear, cloud) for each of the 65536 possible values."""
    values = np.arange(65536)
    if not rule.bits:
        return np.isin(values, rule.clear), np.isin(values, rule.cloud)
    clear, cloud, bad = (sum(1 << bit for bit in bits) for bits in (rule.clear, rule.cloud, rule.bad))
    return (values & (clear | cloud | bad)) == clear, (values & cloud) > 0


# Sentinel-2 scene classification (L2A ATBD, table 3): 0 no data, 1 saturated or defective, 2 dark or shaded by terrain,
# 3 cloud shadow, 4 vegetation, 5 not vegetated, 6 water, 7 unclassified, 8 and 9 cloud of medium and high probability,
# 10 thin cirrus, 11 snow. Cloud is dilated by 3 pixels of the 20 m grid, the default of Fmask 4 (GERSL/Fmask), because
# classifications miss the rims of clouds. Shadow is not clear, but is not dilated: on many dates rivers and ponds are
# classified as shadow, and dilation would remove their banks (seen on 33TWL and 33TWM).
SCL = MaskRule(clear=(4, 5, 6, 7, 11), cloud=(8, 9, 10), dilate=60.0)

# Landsat Collection 2 QA_PIXEL (USGS LSDS-1619): bit 0 fill, 1 dilated cloud, 2 cirrus, 3 cloud, 4 shadow, 5 snow,
# 7 water, 10 and 11 the confidence of shadow, low (01) or high (11). Bit 10 is set wherever there is an image, and not
# in the value 0, which means no raster at all. Bit 6, called clear, is set under dilated cloud (21826) and unset over
# some water (21888), so it is not used. There is no further dilation: bit 1 is cloud as dilated by USGS.
QA_PIXEL = MaskRule(clear=(10,), cloud=(2, 3, 4), bits=True, bad=(0, 1))

# HLS v2 (User Guide, table 9): Fmask has bit 1 cloud, 2 next to cloud or shadow, 3 shadow, 4 snow, 5 water, 6 and 7 the
# aerosol level; 255 is fill. No bit is set wherever there is an image, so that the rule is one of values.
HLS_FMASK = MaskRule(
    clear=tuple(value for value in range(255) if not value & 0b1110),
    cloud=tuple(value for value in range(255) if value & 0b1010),
)

# Geoscience Australia's Analysis Ready Data, oa_fmask: 0 no data, 1 clear land, 2 cloud, 3 shadow, 4 snow, 5 water.
OA_FMASK = MaskRule(clear=(1, 4, 5), cloud=(2, 3))
