"""Items of a list in one file: stac-geoparquet, or one JSON object per line."""

import json
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

from catalogs import scenelist
from catalogs.errors import CatalogError, CatalogUnavailable
from catalogs.sources.hrefs import local_path, resolve_hrefs

LINES = (".ndjson", ".jsonl", ".geojsonl")
SUFFIXES = (".parquet", *LINES)


def items(path: str | Path, collection: str) -> Iterator[dict[str, Any]]:
    """Every item of the collection in a list, with hrefs that are relative to the list's folder made absolute paths.

    CatalogUnavailable if there is no file, CatalogError if it is not such a list.
    """
    path = Path(path)
    if not path.exists():
        raise CatalogUnavailable(f"no list of items at {path}: name another, or make it readable")
    for item in scenelist.read(path) if path.suffix == ".parquet" else _lines(path):
        if item.get("collection") == collection:
            yield resolve_hrefs(item, partial(_absolute, path.parent.resolve()))


def _lines(path: Path) -> Iterator[dict[str, Any]]:
    if path.exists() and not path.is_file():
        raise CatalogError(f"{path} cannot be read as a list of items: it is no regular file")
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


def _absolute(folder: Path, href: str) -> str:
    path = local_path(folder, href)
    return href if path is None else str(path)
