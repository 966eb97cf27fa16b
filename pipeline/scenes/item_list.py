"""The durable list of a query's items, in the cube."""

import json
from collections.abc import Mapping
from typing import Any

from shapely.geometry.base import BaseGeometry

from catalogs import Query, scenelist
from pipeline.fingerprint import json_digest
from pipeline.storage import files
from pipeline.storage.location import Place


def list_name(query: Query) -> str:
    """The path in the cube, without its suffix, of the files that belong to a query."""
    area = query.area if isinstance(query.area, BaseGeometry) else query.geometry
    period = [str(query.start.date()), str(query.end.date())]
    key = {
        "catalog": query.catalog,
        "collection": query.collection,
        "period": period,
        "months": list(query.months),
    }
    return f"scenes/{json_digest([key, area.wkt])[:16]}"


def read_items(cube: Place, name: str) -> list[dict[str, Any]]:
    """The STAC items of the stac-geoparquet file `name` in the cube."""
    with files.reading(cube, name) as path:
        return scenelist.read(path)


def write_items(cube: Place, name: str, items: list[dict[str, Any]]) -> None:
    """Writes STAC items to the stac-geoparquet file `name` in the cube."""
    with files.writing(cube, name) as path:
        scenelist.write(path, items)


def read_refusals(cube: Place, query: Query) -> dict[str, str]:
    """The items that the last search of a query found but could not parse: id to reason."""
    name = _refusals(query)
    return json.loads(files.read(cube, name)) if files.exists(cube, name) else {}


def write_refusals(cube: Place, query: Query, refusals: Mapping[str, str]) -> None:
    """Replaces what `read_refusals` returns."""
    files.write(cube, _refusals(query), json.dumps(refusals, indent=1) + "\n")


def _refusals(query: Query) -> str:
    return f"{list_name(query)}.refused.json"
