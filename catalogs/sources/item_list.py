"""Items of a list in one file: stac-geoparquet, or one JSON object per line."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from catalogs import scenelist
from catalogs.errors import CatalogError
from catalogs.sources.static_folder import local_path

LINES = (".ndjson", ".jsonl", ".geojsonl")
SUFFIXES = (".parquet", *LINES)


def items(path: str | Path, collection: str) -> Iterator[dict[str, Any]]:
    """Every item of the collection in a list, with hrefs that are relative to the list's folder made absolute paths.

    CatalogError if the file is missing or is not such a list.
    """
    path = Path(path)
    for item in scenelist.read(path) if path.suffix == ".parquet" else _lines(path):
        if item.get("collection") == collection:
            yield _with_absolute_paths(path.parent.resolve(), item)


def _lines(path: Path) -> Iterator[dict[str, Any]]:
    try:
        with path.open("rb") as file:
            for number, line in enumerate(file, start=1):
                if line.strip():
                    yield _item(path, number, line)
    except OSError as error:
        raise CatalogError(f"{path} cannot be read as a list of items: {error.strerror}") from None


def _item(path: Path, number: int, line: bytes) -> dict[str, Any]:
    try:
        item = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise CatalogError(f"line {number} of {path} is not JSON: {error}") from None
    if not isinstance(item, dict):
        raise CatalogError(f"line {number} of {path} must be an object, a STAC item")
    return item


def _with_absolute_paths(folder: Path, item: dict[str, Any]) -> dict[str, Any]:
    assets = item.get("assets")
    if not isinstance(assets, dict):
        return item
    resolved = {}
    for key, asset in assets.items():
        target = local_path(folder, asset.get("href")) if isinstance(asset, dict) else None
        resolved[key] = asset if target is None else {**asset, "href": str(target)}
    return {**item, "assets": resolved}
