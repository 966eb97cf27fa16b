"""Items of a static catalog on disk."""

import json
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

from catalogs.errors import CatalogError, CatalogUnavailable
from catalogs.items import fields
from catalogs.sources.crawl import Document, Refuse, crawl, find_collection
from catalogs.sources.hrefs import local_path, resolve_hrefs

MAX_DOCUMENTS = 10_000_000


def items(catalog: str | Path, collection: str, refuse: Refuse) -> Iterator[Any]:
    """Every item of the collection that the catalog's links reach, with local hrefs made absolute paths.

    `catalog` is a folder with a catalog.json or collection.json, such a file, or a file with a FeatureCollection of
    items. Hrefs of assets that lead out of the catalog's folder are withheld. `refuse` is told of links to items that
    cannot be followed. CatalogUnavailable if there is no catalog; CatalogError if one is not STAC, or if one that is
    linked to is missing or out of the folder.
    """
    start = _start(Path(catalog))
    folder = start.parent.resolve()
    resolve_link, resolve_assets = partial(_resolve_link, folder), partial(_resolve_assets, folder)
    return crawl(str(start.resolve()), collection, _read, resolve_link, resolve_assets, refuse, MAX_DOCUMENTS)


def collection(catalog: str | Path, name: str) -> Document | None:
    """The collection of that id in a catalog (see `items`); None where there is none. Raises CatalogError."""
    start = _start(Path(catalog))
    return find_collection(
        str(start.resolve()), name, _read, partial(_resolve_link, start.parent.resolve()), MAX_DOCUMENTS
    )


def _start(path: Path) -> Path:
    if path.is_file():
        return path
    for name in ("catalog.json", "collection.json"):
        if (path / name).is_file():
            return path / name
    raise CatalogUnavailable(
        f"no STAC catalog at {path}: give a folder with a catalog.json, a .json file, a list of items (.parquet or "
        ".ndjson), or an http(s) URL"
    )


def _read(path: str) -> Any:
    try:
        if Path(path).exists() and not Path(path).is_file():
            raise CatalogError(f"the catalog links to {path}, which is no regular file")
        return json.loads(Path(path).read_bytes())
    except FileNotFoundError:
        raise CatalogError(f"the catalog links to {path}, which is not there") from None
    except CatalogError:
        raise
    except (OSError, ValueError, RecursionError) as error:
        raise CatalogError(f"{path} cannot be read as JSON: {error}") from None


def _resolve_link(folder: Path, path: str, href: object) -> str:
    target = local_path(Path(path).parent, href)
    if target is None or not target.is_relative_to(folder):
        raise CatalogError(f"{path} links to {fields.brief(href)}, which is outside the catalog's folder {folder}")
    return str(target)


def _resolve_assets(folder: Path, item: dict[str, Any], path: str) -> dict[str, Any]:
    def resolve(href: str) -> str:
        target = local_path(Path(path).parent, href)
        if target is not None and not target.is_relative_to(folder):
            raise CatalogError(f"is {fields.brief(href)}, which is outside the catalog's folder {folder}")
        return href if target is None else str(target)

    return resolve_hrefs(item, resolve)
