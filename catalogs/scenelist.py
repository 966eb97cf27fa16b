"""The durable list of the items that a map is made from, in stac-geoparquet."""

import json
import math
import os
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import shapely

from catalogs.atomic import atomic_write
from catalogs.errors import CatalogError, CatalogUnavailable
from catalogs.items.fields import acquired, footprint, identity, timestamp

ITEM = "idgbr:item"
"""The property that holds a whole item as JSON text, if its fields do not fit into columns."""

TIMES = ("datetime", "start_datetime", "end_datetime", "created", "updated")


def write(path: str | Path, items: Sequence[Mapping[str, Any]]) -> None:
    """Write the items as one stac-geoparquet file, atomically; CatalogError if there are none, CatalogUnavailable
    if the disk is full.

    Columns hold times to the millisecond and omit null fields; nothing else is lost. Items that columns cannot hold,
    for instance because a field is a number in one and a text in another, are written as whole JSON texts beside the
    columns id, collection, geometry, bbox and datetime.
    """
    try:
        _write(Path(path), items)
    except OSError as error:
        raise CatalogUnavailable(f"{path} cannot be written ({error.strerror}): make room, and run the same") from None


def _write(path: Path, items: Sequence[Mapping[str, Any]]) -> None:
    if not items:
        raise CatalogError("no scenes found: widen the region or the period, or allow more cloud")
    with atomic_write(path) as draft:
        if not _holds(draft, items, items) and not _holds(draft, [_as_text(item) for item in items], items):
            raise CatalogError(f"the {len(items)} items do not fit into one list at {path}: one of them is not STAC")


def read(path: str | Path) -> list[dict[str, Any]]:
    """The items of a list; CatalogError if the file is missing or is not a scene list."""
    path = Path(path)
    if not path.is_file():
        raise CatalogError(f"no scene list at {path}: make one by planning the region first")
    try:
        return [_item_of_row(item) for item in _rows(path)]
    except Exception as error:
        raise CatalogError(f"{path} cannot be read as a scene list: {error}") from error


def merge(old: Iterable[dict[str, Any]], new: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """The union by id, ordered by id. Of two items with one id the later `updated` is newest, the new one at a tie."""
    newest: dict[str, dict[str, Any]] = {}
    for item in (*old, *new):
        name = identity(item)
        if name not in newest or _updated(item) >= _updated(newest[name]):
            newest[name] = item
    return [newest[name] for name in sorted(newest)]


def _updated(item: Mapping[str, Any]) -> Any:
    return timestamp(item, "updated", "created", "datetime", "start_datetime")


def _holds(draft: Path, rows: Sequence[Mapping[str, Any]], items: Sequence[Mapping[str, Any]]) -> bool:
    """Write the rows; whether they read back as the items."""
    import rustac

    try:
        rustac.write_sync(str(draft), [dict(row) for row in rows])
        back = [_item_of_row(row) for row in _rows(draft)]
    except Exception as error:
        if isinstance(error, OSError):
            raise
        if code := re.search(r"\(os error (\d+)\)", str(error)):
            raise OSError(int(code[1]), os.strerror(int(code[1]))) from None
        return False
    return len(back) == len(items) and all(_essence(old) == _essence(new) for old, new in zip(items, back, strict=True))


def _rows(path: Path) -> list[dict[str, Any]]:
    import rustac

    return rustac.read_sync(str(path), format="parquet", set_self_link=False)["features"]


def _as_text(item: Mapping[str, Any]) -> dict[str, Any]:
    shape = footprint(item)
    return {
        "type": "Feature",
        "stac_version": "1.0.0",
        "id": identity(item),
        "collection": item.get("collection"),
        "geometry": shapely.geometry.mapping(shape),
        "bbox": list(shape.bounds),
        "properties": {"datetime": acquired(item).isoformat(), ITEM: json.dumps(item)},
        "links": [],
        "assets": {},
    }


def _item_of_row(row: dict[str, Any]) -> dict[str, Any]:
    text = row["properties"].get(ITEM)
    return row if text is None else json.loads(text)


def _essence(item: Mapping[str, Any]) -> dict[str, Any]:
    """An item without the differences that columns make, NaN equal to itself: nulls, empty defaults, the
    spelling of times, versions, and a MultiPolygon of one Polygon."""
    plain = _without_nulls(item)
    times = {name: _instant(item, name) for name in TIMES if item["properties"].get(name) is not None}
    geometry = plain.get("geometry", {})
    if geometry.get("type") == "MultiPolygon" and len(geometry["coordinates"]) == 1:
        geometry = {"type": "Polygon", "coordinates": geometry["coordinates"][0]}
    properties = {**plain["properties"], **times}
    spelled = {"stac_version": None, "geometry": geometry, "properties": properties}
    return {"links": [], "stac_extensions": [], **plain, **spelled}


def _instant(item: Mapping[str, Any], name: str) -> Any:
    try:
        return str(timestamp(item, name))
    except CatalogError:
        return item["properties"][name]


def _without_nulls(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _without_nulls(each) for key, each in value.items() if each is not None}
    if isinstance(value, float) and math.isnan(value):
        return "NaN"
    return [_without_nulls(each) for each in value] if isinstance(value, list | tuple) else value
