"""Items of a static catalog on disk."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from catalogs import fields
from catalogs.errors import CatalogError


def walk(catalog: str | Path, collection: str) -> Iterator[dict[str, Any]]:
    """Every item of the collection that the catalog's links reach, its local hrefs made whole paths.

    `catalog` is a folder that holds catalog.json or collection.json, or such a file, or one with items in a
    FeatureCollection. CatalogError when a file is missing or not STAC, or when a link or a local href leads out of
    the catalog's folder.
    """
    start = _start(Path(catalog))
    folder = start.parent.resolve()
    waiting, seen = [start.resolve()], set()
    while waiting:
        path = waiting.pop()
        if path in seen:
            continue
        seen.add(path)
        document = _read(path)
        kind = document.get("type")
        if kind in ("Feature", "FeatureCollection"):
            for item in [document] if kind == "Feature" else _features(path, document):
                if item.get("collection") == collection:
                    yield _with_whole_paths(item, path.parent, folder)
        elif kind == "Catalog" or (kind == "Collection" and document.get("id") == collection):
            waiting += [_below(folder, path, link) for link in reversed(_links(path, document))]
        elif kind == "Collection":
            waiting += [_below(folder, path, link) for link in _links(path, document, relations=("child",))]
        else:
            raise CatalogError(f"{path} is not STAC: its type is {kind!r}, not Catalog, Collection or Feature")


def _start(path: Path) -> Path:
    if path.is_file():
        return path
    for name in ("catalog.json", "collection.json"):
        if (path / name).is_file():
            return path / name
    raise CatalogError(f"no STAC catalog at {path}: give a folder with a catalog.json, a .json file, or an http(s) URL")


def _read(path: Path) -> dict[str, Any]:
    try:
        document = json.loads(path.read_bytes())
    except FileNotFoundError:
        raise CatalogError(f"the catalog links to {path}, which is not there") from None
    except (OSError, ValueError) as error:
        raise CatalogError(f"{path} cannot be read as JSON: {error}") from None
    if not isinstance(document, dict):
        raise CatalogError(f"{path} is not STAC: it must hold an object")
    return document


def _features(path: Path, document: dict[str, Any]) -> list[dict[str, Any]]:
    features = document.get("features")
    if not isinstance(features, list) or not all(isinstance(feature, dict) for feature in features):
        raise CatalogError(f"{path} is not STAC: its features must be a list of objects")
    return features


def _links(path: Path, document: dict[str, Any], relations: tuple[str, ...] = ("child", "item")) -> list[str]:
    try:
        return [link["href"] for link in document["links"] if link["rel"] in relations]
    except (KeyError, TypeError):
        raise CatalogError(f"{path} is not STAC: each of its links must have rel and href") from None


def _below(folder: Path, path: Path, href: object) -> Path:
    target = _local(path.parent, href)
    if target is None or not target.is_relative_to(folder):
        raise CatalogError(f"{path} links to {href!r}, which is outside the catalog's folder {folder}")
    return target


def _local(base: Path, href: object) -> Path | None:
    """The file an href means, or None where it is not a file's."""
    if not isinstance(href, str):
        return None
    parts = urlsplit(href)
    if parts.scheme == "file" and parts.netloc in ("", "localhost"):
        return Path(unquote(parts.path)).resolve()
    return (base / href).resolve() if not parts.scheme else None


def _with_whole_paths(item: dict[str, Any], base: Path, folder: Path) -> dict[str, Any]:
    assets = {}
    for key, asset in fields.assets(item).items():
        target = _local(base, asset.get("href"))
        if target is not None and not target.is_relative_to(folder):
            raise CatalogError(
                f"item {fields.identity(item)} has href {asset['href']!r} for asset {key}, "
                f"which is outside the catalog's folder {folder}"
            )
        assets[key] = asset if target is None else {**asset, "href": str(target)}
    return {**item, "assets": assets}
