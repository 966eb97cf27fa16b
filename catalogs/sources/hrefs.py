"""Hrefs of items made absolute. One that must not be followed is withheld, which concerns only who reads that asset."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urljoin, urlsplit

from catalogs.errors import CatalogError
from catalogs.items.fields import WITHHELD


def resolve_hrefs(item: dict[str, Any], resolve: Callable[[str], str]) -> dict[str, Any]:
    """The item with `resolve(href)` for the href of each asset; withheld where that raises CatalogError."""
    assets = item.get("assets")
    if not isinstance(assets, dict):
        return item
    return {**item, "assets": {key: _resolve(asset, resolve) for key, asset in assets.items()}}


def absolute_url(base: str, href: object) -> str | None:
    """A URL that may be relative to `base`; None if it is none."""
    try:
        return urljoin(base, href) if isinstance(href, str) else None
    except ValueError:
        return None


def local_path(folder: Path, href: object) -> Path | None:
    """The file that an href in a document of `folder` refers to, symlinks resolved; None if it is not that of a file.

    An href is a URL reference, but many catalogs write plain paths: percent codes, `?` and `#` belong to the name where
    such a file is there.
    """
    if not isinstance(href, str):
        return None
    try:
        parts = urlsplit(href)
        path = unquote(parts.path)
        if parts.scheme == "file" and parts.netloc in ("", "localhost"):
            return Path(os.path.realpath(path))
        if parts.scheme or parts.netloc:
            return None
        plain, decoded = folder / href, folder / path
        there = decoded if path and os.access(decoded, os.F_OK) and not os.access(plain, os.F_OK) else plain
        return Path(os.path.realpath(there))
    except ValueError:
        return None


def _resolve(asset: Any, resolve: Callable[[str], str]) -> Any:
    href = asset.get("href") if isinstance(asset, dict) else None
    if not isinstance(href, str):
        return asset
    try:
        return {**asset, "href": resolve(href)}
    except CatalogError as error:
        return {**asset, "href": "", WITHHELD: str(error)}
