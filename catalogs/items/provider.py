"""What describes one kind of item: its product, where what a scene needs is kept, the unit of its mosaics."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

from catalogs.items.acquisition import Acquisition
from catalogs.items.mask import MaskRule

FROM_ITEM: Literal["item"] = "item"
"""A value that each item declares (`raster:bands`, or `bands` of STAC 1.1)."""
Declared = float | Literal["item"]


@dataclass(frozen=True, slots=True)
class Unit:
    """The unit of a mosaic: value = stored * `scale` + `offset`, stored from 1 to 32,766; stored 0 is no data."""

    name: str = "reflectance"
    scale: float = 0.0001
    offset: float = 0.0

    @property
    def steps(self) -> float:
        """Stored numbers per one of the unit."""
        return 1 / self.scale


REFLECTANCE = Unit()


@dataclass(frozen=True, slots=True)
class Band:
    """The asset that holds a band, and which band of it: its number from 1, its name in the item, None for its only
    one. `scale`, `offset`: other than the product's."""

    asset: str
    number: int | str | None = None
    scale: Declared | None = None
    offset: Declared | None = None


@dataclass(frozen=True, slots=True)
class Product:
    """What holds for a product from any provider: value = DN * `scale` + `offset` where DN is not `nodata`.

    The value is in the `unit`. A `nodata` of None: every DN is data, but what the file itself marks. `valid`: lowest
    and highest DN that are data. `dtypes`: types that its rasters may have; empty: any. `rule`: of its mask, None
    without one. From processing baseline `later_offset_since` on the offset is `later_offset`. `levels`: the texts that
    name the product level. `platforms`: empty for any. `repeat_days`: the repeat cycle of one satellite, 0 where passes
    are not counted. `acquisition` gives tile and pass of an item.
    """

    levels: tuple[str, ...]
    platforms: tuple[str, ...]
    repeat_days: int
    scale: Declared
    offset: Declared
    nodata: Declared | None
    rule: MaskRule | None
    acquisition: Callable[[Mapping[str, Any], datetime], Acquisition]
    later_offset_since: str | None = None
    later_offset: float = 0.0
    unit: Unit = REFLECTANCE
    valid: tuple[float, float] | None = None
    dtypes: tuple[str, ...] = ("uint16",)


@dataclass(frozen=True, slots=True)
class Provider:
    """Where one kind of item keeps what a scene needs.

    An item is of this kind if its collection is one of `collections` (empty: one that no other row lists), if it has
    one of the row's assets, and if it has the asset `layout_asset`. Properties that begin with one of `namespaces`, and
    band files below `hosts`, belong to this row; an item of another row must not have them. `bands`: by role. `mask`:
    the mask's asset, None without one. `baseline`: the properties that may hold the processing baseline.
    `offset_removed`: the property that is true if the provider has removed the later offset from the files.
    `trusts_items`: an item that declares another scale, offset or nodata than the product's is refused; where False,
    the product's count.
    """

    name: str
    urls: tuple[str, ...]
    collections: tuple[str, ...]
    product: Product
    bands: Mapping[str, Band] = field(hash=False)
    mask: Band | None
    baseline: tuple[str, ...] = ()
    hosts: tuple[str, ...] = ()
    namespaces: tuple[str, ...] = ()
    layout_asset: str | None = None
    offset_removed: str | None = None
    trusts_items: bool = True

    @property
    def keys(self) -> tuple[str, ...]:
        """The keys of all its assets."""
        mask = () if self.mask is None else (self.mask.asset,)
        return tuple(dict.fromkeys((*(band.asset for band in self.bands.values()), *mask)))


def by_asset(keys: Mapping[str, str]) -> dict[str, Band]:
    """Bands that are each the only one of their asset."""
    return {role: Band(key) for role, key in keys.items()}
