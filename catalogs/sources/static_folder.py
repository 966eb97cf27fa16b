"""Items of a static catalog on disk."""

import json
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from catalogs.errors import CatalogError
from catalogs.items import fields
from catalogs.sources.crawl import crawl

MAX_DOCUMENTS = 10_000_000


def items(catalog: str | Path, collection: str) -> Iterator[dict[str, Any]]:
    """Every item of the collection that the catalog's links reach, with local hrefs made absolute paths.

    `catalog` is a folder with a catalog.json or collection.json, such a file, or a file with a FeatureCollection of
    items. CatalogError if a file is missing or not STAC, or if a link or a local href leads out of the catalog's
    folder.
    """
    start = _start(Path(catalog))
    folder = start.parent.resolve()
    resolve_link, resolve_assets = partial(_resolve_link, folder), partial(_with_absolute_paths, folder)
    return crawl(str(start.resolve()), collection, _read, resolve_link, resolve_assets, MAX_DOCUMENTS)


def local_path(base: Path, href: object) -> Path | None:
    """The file that an href in the folder `base` refers to; None if it is not the href of a file."""
    if not isinstance(href, str):
        return None
    try:
        parts = urlsplit(href)
        if parts.scheme == "file" and parts.netloc in ("", "localhost"):
            return Path(unquote(parts.path)).resolve()
        return (base / href).resolve() if not parts.scheme else None
    except ValueError:
        return None


def _start(path: Path) -> Path:
    if path.is_file():
        return path
    for name in ("catalog.json", "collection.json"):
        if (path / name).is_file():
            return path / name
    raise CatalogError(
        f"no STAC catalog at {path}: give a folder with a catalog.json, a .json file, a list of items (.parquet or "
        ".ndjson), or an http(s) URL"
    )


def _read(path: str) -> Any:
    try:
        return json.loads(Path(path).read_bytes())
    except FileNotFoundError:
        raise CatalogError(f"the catalog links to {path}, which is not there") from None
    except (OSError, ValueError, RecursionError) as error:
        raise CatalogError(f"{path} cannot be read as JSON: {error}") from None


def _resolve_link(folder: Path, path: str, href: object) -> str:
    target = local_path(Path(path).parent, href)
    if target is None or not target.is_relative_to(folder):
        raise CatalogError(f"{path} links to {href!r}, which is outside the catalog's folder {folder}")
    return str(target)


def _with_absolute_paths(folder: Path, item: dict[str, Any], path: str) -> dict[str, Any]:
    present, assets = item.get("assets"), {}
    if not isinstance(present, dict):
        return item
    for key, asset in present.items():
        target = local_path(Path(path).parent, asset.get("href")) if isinstance(asset, dict) else None
        if target is not None and not target.is_relative_to(folder):
            raise CatalogError(
                f"item {fields.identity(item)} has href {asset['href']!r} for asset {key}, "
                f"which is outside the catalog's folder {folder}"
            )
        assets[key] = asset if target is None else {**asset, "href": str(target)}
    return {**item, "assets": assets}
