"""Signed hrefs of items: what is stored, and what is only known to the process that searched."""

from collections.abc import Iterable, Mapping
from typing import Any

from catalogs.secrets import split_signature, without_secrets

SIGNED = "idgbr:signed"
"""Field of an asset whose href its catalog had signed: it cannot be read without a new search."""


def detach_signatures(items: Iterable[dict[str, Any]]) -> tuple[list[dict[str, Any]], dict[str, str]]:
    """The items without secrets, their signed assets marked, and the secret query of each signed href by its rest."""
    signatures: dict[str, str] = {}
    return [_without_signatures(item, signatures) for item in items], signatures


def is_signed(items: Iterable[Mapping[str, Any]]) -> bool:
    """Whether a stored item has an asset that was signed."""
    assets = (item.get("assets") for item in items)
    return any(
        isinstance(asset, Mapping) and bool(asset.get(SIGNED))
        for each in assets
        if isinstance(each, Mapping)
        for asset in each.values()
    )


def _without_signatures(item: dict[str, Any], signatures: dict[str, str]) -> dict[str, Any]:
    clean, assets = without_secrets(item), item.get("assets")
    for key, asset in assets.items() if isinstance(assets, Mapping) else ():
        href = asset.get("href") if isinstance(asset, Mapping) else None
        base, signature = split_signature(href) if isinstance(href, str) else ("", "")
        if signature:
            signatures[base] = signature
            clean["assets"][key] |= {"href": base, SIGNED: True}
    return item if clean == item else clean
