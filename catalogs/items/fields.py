"""Checked access to the fields of STAC items; each CatalogError names the item and the field."""

import json
import math
import reprlib
from collections.abc import Mapping
from datetime import UTC, datetime
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
    """The first of these properties that is set, in UTC, cut to milliseconds, the precision of a scene list."""
    for name in names:
        value = properties(item).get(name)
        if value is None:
            continue
        try:
            time = datetime.fromisoformat(value)
            utc = time.astimezone(UTC)
        except (TypeError, ValueError, OverflowError):
            raise CatalogError(
                f"item {identity(item)} has {name} {brief(value)}, but it must be an RFC 3339 time"
            ) from None
        if time.tzinfo is None:
            raise CatalogError(f"item {identity(item)} has {name} {brief(value)}, but a time zone is missing")
        return utc.replace(microsecond=time.microsecond // 1000 * 1000)
    raise CatalogError(f"item {identity(item)} has no {' or '.join(names)}")


def assets(item: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    """All assets by key."""
    present = _mapping(item, "assets", item.get("assets")).items()
    return {key: _mapping(item, f"asset {key}", asset) for key, asset in present if asset is not None}


def asset(item: Mapping[str, Any], role: str, key: str) -> Mapping[str, Any]:
    """The asset with this key; `role` is what it is needed for."""
    present = assets(item)
    if key not in present:
        raise CatalogError(
            f"item {identity(item)} has no asset for {role} (looked for {key}; it has {brief(sorted(present))})"
        )
    return present[key]


def href(item: Mapping[str, Any], key: str, asset: Mapping[str, Any]) -> str:
    """The asset's href: an http(s) or s3 URL without user or password, an absolute path, or a file: URL."""
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

    A ring that spans more than 180 degrees crosses the antimeridian; it is cut there.
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
    if not np.isfinite(coordinates).all() or (abs(coordinates) > (180, 90)).any():
        raise CatalogError(f"item {identity(item)} has a geometry outside longitude +-180, latitude +-90")
    if isinstance(shape, shapely.Polygon):
        shape = split_at_antimeridian(shape)
    return shape if shape.is_valid else shapely.make_valid(shape, method="structure", keep_collapsed=False)


def _mapping(item: Mapping[str, Any], name: str, value: Any) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise CatalogError(f"item {identity(item)} has {name} {brief(value)}, but it must be an object")
    return value
