"""Which row of the providers an item belongs to, by its collection, its assets and where its files lie."""

from collections.abc import Collection, Mapping
from typing import Any

from catalogs.errors import CatalogError
from catalogs.items.fields import assets, brief, identity, properties
from catalogs.items.provider import Provider
from catalogs.items.providers import PROVIDERS

LEVELS = ("s2:product_type", "sentinel2:product_type", "product:type", "landsat:correction")


def provider_of(item: Mapping[str, Any], roles: Collection[str] | None = None) -> Provider:
    """The row of an item; CatalogError if no row or several rows fit, or if its fields point to another row.

    `roles`: those of the band files that are read (default: all); others have no say.
    """
    who, collection, present = identity(item), item.get("collection"), assets(item)
    _check_level(item)
    fitting = [row for row in PROVIDERS if _fits(row, collection, present)]
    if not fitting:
        all_collections = sorted({name for row in PROVIDERS for name in row.collections})
        if collection not in all_collections:
            raise CatalogError(
                f"item {who} is of collection {brief(collection)}, but this system reads {', '.join(all_collections)}"
            )
        wanted = "; ".join(
            f"{row.name}: {', '.join(band.asset for band in row.bands.values())}"
            for row in PROVIDERS
            if collection in row.collections
        )
        raise CatalogError(f"item {who} has none of the assets that {collection} has ({wanted})")
    if len(fitting) > 1:
        raise CatalogError(f"item {who} has assets of {' and of '.join(row.name for row in fitting)}: leave one kind")
    _check_origin(item, fitting[0], present, fitting[0].bands if roles is None else roles)
    return fitting[0]


def _fits(row: Provider, collection: Any, present: Mapping[str, Any]) -> bool:
    if row.collections:
        here = collection in row.collections
    else:
        here = not any(collection in other.collections for other in PROVIDERS)
    ours = any(key in present for key in row.keys)
    return here and ours and (row.layout_asset is None or row.layout_asset in present)


def _check_level(item: Mapping[str, Any]) -> None:
    levels = [level for row in PROVIDERS for level in row.product.levels]
    for name in LEVELS:
        level = properties(item).get(name)
        if level is not None and level not in levels:
            raise CatalogError(
                f"item {identity(item)} has {name} {brief(level)}, but maps are made from surface reflectance: "
                f"Level-2 products ({', '.join(sorted(set(levels)))})"
            )


def _check_origin(item: Mapping[str, Any], row: Provider, present: Mapping[str, Any], roles: Collection[str]) -> None:
    """Raises CatalogError if a property or a band file belongs to another row, whose DN mean other values."""
    for name in properties(item):
        owners = [other for other in PROVIDERS if name.startswith(other.namespaces)]
        if owners and row not in owners:
            raise CatalogError(f"item {identity(item)} looks like {row.name}, but {name} is of {owners[0].name}")
    for band in (row.bands[role] for role in row.bands if role in roles):
        asset = present.get(band.asset)
        href = asset.get("href") if isinstance(asset, Mapping) else None
        owners = [other for other in PROVIDERS if isinstance(href, str) and href.startswith(other.hosts)]
        if owners and row not in owners:
            raise CatalogError(
                f"item {identity(item)} looks like {row.name}, but its file {brief(href)} is of {owners[0].name}"
            )
