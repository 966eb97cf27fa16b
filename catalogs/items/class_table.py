"""The class table that STAC gives a map: of the asset of an item, or of its collection's `item_assets`."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class MapClass:
    """A value of a map. color: such as #006400, None where none is told."""

    value: int
    name: str
    color: str | None


def classes_of(asset: Any) -> list[MapClass]:
    """The classes of an asset's first band, in order of their values, without those that mean no data; [] if none.

    Source: the classification extension 1.0 to 2.0, at the asset or its band (`raster:bands`, STAC 1.1 `bands`), and
    the older `file:values` of the file extension.
    """
    rows = {row.value: row for part in _parts(asset) for row in _rows(part)}
    return [rows[value] for value in sorted(rows)]


def _parts(asset: Any) -> Iterator[Mapping[str, Any]]:
    if isinstance(asset, Mapping):
        yield asset
        for key in ("raster:bands", "bands"):
            bands = asset.get(key)
            if isinstance(bands, list) and bands and isinstance(bands[0], Mapping):
                yield bands[0]


def _rows(part: Mapping[str, Any]) -> Iterator[MapClass]:
    for row in _objects(part.get("classification:classes")):
        value = row.get("value")
        if type(value) is int and row.get("nodata") is not True:
            name = row.get("title") or row.get("name") or row.get("description") or f"class {value}"
            yield MapClass(value, str(name), _color(row.get("color_hint", row.get("color-hint"))))
    for row in _objects(part.get("file:values")):
        values, name = row.get("values"), str(row.get("summary", ""))
        if isinstance(values, list) and len(values) == 1 and type(values[0]) is int and name.lower() != "no data":
            yield MapClass(values[0], name or f"class {values[0]}", None)


def _objects(rows: Any) -> list[Mapping[str, Any]]:
    return [row for row in rows if isinstance(row, Mapping)] if isinstance(rows, list) else []


def _color(hint: Any) -> str | None:
    digits = str(hint).removeprefix("#")
    return f"#{digits.lower()}" if re.fullmatch("[0-9a-fA-F]{6}", digits) else None
