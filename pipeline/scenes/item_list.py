"""The durable list of a query's items, in the cube."""

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from shapely.geometry.base import BaseGeometry

from catalogs import Query, scenelist
from catalogs.errors import CatalogError
from catalogs.sources.unread import UNREAD
from pipeline.digest import json_digest
from pipeline.errors import RunError
from pipeline.storage.files import Files
from pipeline.storage.json_file import read_json

FOUND_AGAIN = "'idgbr update' finds again what the last search could not use"


def list_name(query: Query) -> str:
    """The path in the cube, without its suffix, of the files that belong to a query."""
    area = query.area if isinstance(query.area, BaseGeometry) else query.geometry
    period = [str(query.start.date()), str(query.end.date())]
    key: dict[str, Any] = {
        "catalog": query.catalog,
        "collection": query.collection,
        "period": period,
        "months": list(query.months),
    }
    if query.where:
        key["query"] = [[each.name, each.operator, each.values] for each in query.where]
    if kept := sorted(UNREAD & set(query.assets)):
        key["assets"] = kept
    return f"scenes/{json_digest([key, area.wkt])[:16]}"


def read_items(files: Files, name: str) -> list[dict[str, Any]]:
    """The STAC items of the stac-geoparquet file `name` in the cube. Raises CatalogError for a damaged file."""
    with _temporary_files(), files.local_copy(name) as path:
        try:
            return scenelist.read(path)
        except CatalogError as error:
            cause = str(error.__cause__ or error)
            raise CatalogError(
                f"the scene list {files.location}/{name} is missing or damaged ({cause[:100]}); "
                "restore it from a copy of the cube, or delete it and run again: the catalog is searched again, and "
                "scenes that it has deleted since are lost"
            ) from None


def write_items(files: Files, name: str, items: list[dict[str, Any]]) -> None:
    """Writes STAC items to the stac-geoparquet file `name` in the cube."""
    with _temporary_files(), files.local_draft(name) as path:
        scenelist.write(path, items)


def read_refusals(files: Files, query: Query) -> dict[str, str]:
    """The items that the last search of a query found but could not parse: id to reason."""
    name = _refusals(query)
    return read_json(files, name, dict[str, str], FOUND_AGAIN) if files.exists(name) else {}


def write_refusals(files: Files, query: Query, refusals: Mapping[str, str]) -> None:
    """Replaces what `read_refusals` returns."""
    files.write(_refusals(query), json.dumps(refusals, indent=1) + "\n")


def read_warnings(files: Files, query: Query) -> list[str]:
    """Sentences about what the last search of a query may have missed."""
    return _read_lines(files, _warnings(query))


def write_warnings(files: Files, query: Query, warnings: Sequence[str]) -> None:
    """Replaces what `read_warnings` returns."""
    _write_lines(files, _warnings(query), warnings)


def read_withdrawn(files: Files, query: Query) -> list[str]:
    """The ids of items of the list that the last search did not give any more."""
    return _read_lines(files, _withdrawn(query))


def write_withdrawn(files: Files, query: Query, names: Sequence[str]) -> None:
    """Replaces what `read_withdrawn` returns."""
    _write_lines(files, _withdrawn(query), names)


def _read_lines(files: Files, name: str) -> list[str]:
    return read_json(files, name, list[str], FOUND_AGAIN) if files.exists(name) else []


def _write_lines(files: Files, name: str, lines: Sequence[str]) -> None:
    """No file stands for none, but one that is there is replaced."""
    if lines or files.exists(name):
        files.write(name, json.dumps(list(lines), indent=1) + "\n")


@contextmanager
def _temporary_files() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise RunError(f"the temporary folder (TMPDIR) cannot be used ({error}); make room and run again") from error


def _refusals(query: Query) -> str:
    return f"{list_name(query)}.refused.json"


def _warnings(query: Query) -> str:
    return f"{list_name(query)}.warnings.json"


def _withdrawn(query: Query) -> str:
    return f"{list_name(query)}.withdrawn.json"
