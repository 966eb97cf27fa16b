"""What the items of each kind of catalog look like, as data: one row per kind."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from catalogs.errors import CatalogError
from catalogs.fields import identity


@dataclass(frozen=True, slots=True)
class Provider:
    """Where an item of these collections keeps what a scene needs.

    `assets` and `mask` list asset keys in order of preference; `clear` are the mask values that mean clear ground.
    DN of baselines from `shifted_since` on carry `shift`, unless the property `shift_undone` says it was taken out.
    """

    name: str
    collections: tuple[str, ...]
    assets: Mapping[str, tuple[str, ...]]
    mask: tuple[str, ...]
    clear: tuple[int, ...]
    scale: float
    nodata: float
    shifted_since: tuple[int, int]
    shift: int
    shift_undone: str


# Scene classification: 4 vegetation, 5 not vegetated, 6 water, 7 unclassified, 11 snow (Sentinel-2 L2A ATBD, table 3).
SENTINEL2_L2A = Provider(
    name="Sentinel-2 L2A",
    collections=("sentinel-2-l2a", "sentinel-2-c1-l2a"),
    assets=MappingProxyType(
        {
            "blue": ("blue", "B02"),
            "green": ("green", "B03"),
            "red": ("red", "B04"),
            "rededge1": ("rededge1", "B05"),
            "rededge2": ("rededge2", "B06"),
            "rededge3": ("rededge3", "B07"),
            "nir": ("nir", "B08"),
            "nir08": ("nir08", "B8A"),
            "swir16": ("swir16", "B11"),
            "swir22": ("swir22", "B12"),
        }
    ),
    mask=("scl", "SCL"),
    clear=(4, 5, 6, 7, 11),
    scale=0.0001,
    nodata=0.0,
    shifted_since=(4, 0),
    shift=-1000,
    shift_undone="earthsearch:boa_offset_applied",
)

PROVIDERS = (SENTINEL2_L2A,)


def provider_of(item: Mapping[str, Any]) -> Provider:
    """The row for the item's collection; CatalogError if there is none."""
    collection = item.get("collection")
    for provider in PROVIDERS:
        if collection in provider.collections:
            return provider
    known = ", ".join(name for provider in PROVIDERS for name in provider.collections)
    raise CatalogError(f"item {identity(item)} is of collection {collection!r}, but this system reads {known}")
