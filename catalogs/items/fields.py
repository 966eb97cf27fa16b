"""Checked access to the fields of STAC items; each CatalogError names the item and the field."""

import json
import math
import reprlib
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import numpy as np
import shapely
from shapely.geometry.base import BaseGeometry

from catalogs.area import split_at_antimeridian
from catalogs.errors import CatalogError

REMOTE = ("http", "https", "s3")
GENERATION_TIMES = ("s2:generation_time", "sentinel2:generation_time", "processing:datetime")
"""Properties with the time at which the product was processed."""
WITHHELD = "idgbr:withheld"
"""The field of an asset whose href a catalog may not give: why."""
MAX_DEPTH = 100
_REPR = reprlib.Repr()
_REPR.maxstring = _REPR.maxother = _REPR.maxlong = 80


def brief(value: Any) -> str:
    """The repr of a value for messages: one line, cut to about 80 characters."""
    return _REPR.repr(value)


def identity(item: Mapping[str, Any]) -> str:
    """The item's id; CatalogError if it is not a printable text."""
    name = item.get("id") if isinstance(item, Mapping) else None
    if not isinstance(name, str) or not name or not name.isprintable():
        raise CatalogError(f"a STAC item has id {brief(name)}, but an id must be a printable text that is not empty")
    return name


def check_depth(item: Mapping[str, Any]) -> None:
    """CatalogError if an item nests deeper than 100 levels, which later readers of it could not follow."""
    level: list[Any] = [item]
    for _ in range(MAX_DEPTH):
        level = [part for each in level for part in (each.values() if isinstance(each, Mapping) else each)]
        level = [part for part in level if isinstance(part, Mapping | list)]
        if not level:
            return
    raise CatalogError(f"item {identity(item)} nests deeper than {MAX_DEPTH} levels")


def properties(item: Mapping[str, Any]) -> Mapping[str, Any]:
    return _mapping(item, "properties", item.get("properties"))


def text(item: Mapping[str, Any], name: str) -> str:
    """A required text property."""
    value = properties(item).get(name)
    if not isinstance(value, str) or not value:
        raise CatalogError(f"item {identity(item)} has {name} {brief(value)}, but it must be a text that is not empty")
    return value


def number(item: Mapping[str, Any], name: str, value: Any) -> float:
    """`value` as a finite float; `name` is the field's name for the message."""
    try:
        if isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value):
            return float(value)
    except OverflowError:
        pass
    raise CatalogError(f"item {identity(item)} has {name} {brief(value)}, but it must be a finite number")


def cloud_cover(item: Mapping[str, Any]) -> float | None:
    """eo:cloud_cover in percent; None if the item has none."""
    value = properties(item).get("eo:cloud_cover")
    if value is None:
        return None
    percent = number(item, "eo:cloud_cover", value)
    if not 0 <= percent <= 100:
        raise CatalogError(f"item {identity(item)} has eo:cloud_cover {percent:g}, but it must be 0 to 100 percent")
    return percent


def timestamp(item: Mapping[str, Any], *names: str) -> datetime:
    """The first of these properties that is set, in UTC, cut to milliseconds, the precision of a scene list.

    A time without a zone is in UTC, as STAC asks of all times.
    """
    for name in names:
        value = properties(item).get(name)
        if value is None:
            continue
        try:
            time = datetime.fromisoformat(value)
            if len(value) <= len("2023-08-15"):
                raise ValueError
            utc = time.replace(tzinfo=UTC) if time.tzinfo is None else time.astimezone(UTC)
        except (TypeError, ValueError, OverflowError):
            raise CatalogError(
                f"item {identity(item)} has {name} {brief(value)}, but it must be an RFC 3339 time"
            ) from None
        return utc.replace(microsecond=utc.microsecond // 1000 * 1000)
    raise CatalogError(f"item {identity(item)} has no {' or '.join(names)}")


def acquired(item: Mapping[str, Any]) -> datetime:
    """When the scene was taken: datetime or, where that is null, start_datetime (STAC: both ends are there then)."""
    if properties(item).get("datetime") is not None or properties(item).get("start_datetime") is None:
        return timestamp(item, "datetime")
    start, end = timestamp(item, "start_datetime"), timestamp(item, "end_datetime")
    if not timedelta(0) <= end - start <= timedelta(days=1):
        raise CatalogError(
            f"item {identity(item)} goes from {start.isoformat()} to {end.isoformat()}, but a scene is taken in a day"
        )
    return start


def period(item: Mapping[str, Any]) -> tuple[datetime, datetime]:
    """What an item is of, however long: from start_datetime to end_datetime, or datetime."""
    if properties(item).get("start_datetime") is None or properties(item).get("end_datetime") is None:
        moment = timestamp(item, "datetime", "start_datetime")
        return moment, moment
    return timestamp(item, "start_datetime"), timestamp(item, "end_datetime")


def assets(item: Mapping[str, Any]) -> dict[str, Any]:
    """All assets by key, unchecked."""
    present = _mapping(item, "assets", item.get("assets")).items()
    return {key: asset for key, asset in present if asset is not None}


def asset(item: Mapping[str, Any], role: str, key: str) -> Mapping[str, Any]:
    """The asset with this key; `role` is what it is needed for."""
    present = assets(item)
    if key not in present:
        raise CatalogError(
            f"item {identity(item)} has no asset for {role} (looked for {key}; it has {brief(sorted(present))})"
        )
    return _mapping(item, f"asset {key}", present[key])


def href(item: Mapping[str, Any], key: str, asset: Mapping[str, Any]) -> str:
    """The asset's href: an http(s) or s3 URL without user or password, an absolute path, or a file: URL."""
    if WITHHELD in asset:
        reason = asset[WITHHELD]
        told = isinstance(reason, str) and reason.isprintable() and len(reason) < 1000
        raise CatalogError(f"item {identity(item)}: the href of asset {key} {reason if told else 'is withheld'}")
    value = asset.get("href")
    if isinstance(value, str) and value.isprintable() and _is_allowed_href(value):
        return value
    raise CatalogError(
        f"item {identity(item)} has href {brief(value)} for asset {key}, but it must start with "
        f"{', '.join(f'{scheme}://' for scheme in REMOTE)} or be an absolute path"
    )


def _is_allowed_href(href: str) -> bool:
    try:
        parts = urlsplit(href)
        if parts.scheme in REMOTE:
            return bool(parts.hostname) and "@" not in parts.netloc and parts.port != 0
    except ValueError:
        return False
    path = href
    if parts.scheme == "file" and parts.netloc in ("", "localhost"):
        path = unquote(parts.path)
    return Path(path).is_absolute() and not path.startswith("/vsi")


def footprint(item: Mapping[str, Any]) -> BaseGeometry:
    """The item's area in longitude and latitude, valid and within +-180 degrees.

    A ring with an edge of more than 180 degrees crosses the antimeridian; it is cut there, as is one beyond +-180
    degrees. A MultiPolygon of one part is its Polygon: a scene list may write the one as the other.
    """
    geometry = item.get("geometry")
    try:
        shape = shapely.force_2d(shapely.from_geojson(json.dumps(geometry)))
    except (TypeError, ValueError, RecursionError, shapely.errors.GEOSException):
        raise CatalogError(f"item {identity(item)} has a geometry that is not GeoJSON: {brief(geometry)}") from None
    if not isinstance(shape, shapely.Polygon | shapely.MultiPolygon) or shape.is_empty:
        raise CatalogError(
            f"item {identity(item)} has geometry {brief(geometry)}, but it must be a Polygon or MultiPolygon"
        )
    coordinates = shapely.get_coordinates(shape)
    if not np.isfinite(coordinates).all() or (abs(coordinates) > (360, 90)).any():
        raise CatalogError(f"item {identity(item)} has a geometry outside longitude +-360, latitude +-90")
    parts = list(shapely.get_parts(shape))
    shape = shape if len(parts) > 1 else parts[0]
    split = [split_at_antimeridian(part) for part in parts]
    if any(new is not old for new, old in zip(split, parts, strict=True)):
        shape = shapely.union_all(split)
    shape = shape if shape.is_valid else shapely.make_valid(shape, method="structure", keep_collapsed=False)
    if shape.area == 0:
        raise CatalogError(f"item {identity(item)} has geometry {brief(geometry)}, which covers no ground")
    return shape


def _mapping(item: Mapping[str, Any], name: str, value: Any) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise CatalogError(f"item {identity(item)} has {name} {brief(value)}, but it must be an object")
    return value
