"""Checked access to STAC items, which come from outside: each error names the item and the field."""

import json
import math
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import numpy as np
import shapely
from shapely.geometry.base import BaseGeometry

from catalogs.errors import CatalogError


def identity(item: Mapping[str, Any]) -> str:
    """The item's id; CatalogError if it has none."""
    name = item.get("id") if isinstance(item, Mapping) else None
    if not isinstance(name, str) or not name:
        raise CatalogError(f"a STAC item has id {name!r}, but an id must be a text that is not empty")
    return name


def properties(item: Mapping[str, Any]) -> Mapping[str, Any]:
    return _mapping(item, "properties", item.get("properties"))


def text(item: Mapping[str, Any], name: str) -> str:
    """A text property that must be there."""
    value = properties(item).get(name)
    if not isinstance(value, str) or not value:
        raise CatalogError(f"item {identity(item)} has {name} {value!r}, but it must be a text that is not empty")
    return value


def number(item: Mapping[str, Any], name: str, value: Any) -> float:
    """`value` as a finite float; `name` is how the message calls it."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise CatalogError(f"item {identity(item)} has {name} {value!r}, but it must be a finite number")
    return float(value)


def moment(item: Mapping[str, Any], *names: str) -> datetime:
    """The first of these properties that is there, in UTC, cut to milliseconds, which is what a scene list keeps."""
    for name in names:
        value = properties(item).get(name)
        if value is None:
            continue
        try:
            time = datetime.fromisoformat(value)
        except (TypeError, ValueError):
            raise CatalogError(f"item {identity(item)} has {name} {value!r}, but it must be an RFC 3339 time") from None
        if time.tzinfo is None:
            raise CatalogError(f"item {identity(item)} has {name} {value!r}, but a time zone is missing")
        return time.astimezone(UTC).replace(microsecond=time.microsecond // 1000 * 1000)
    raise CatalogError(f"item {identity(item)} has no {' or '.join(names)}")


def assets(item: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    """All assets by their keys."""
    present = _mapping(item, "assets", item.get("assets")).items()
    return {key: _mapping(item, f"asset {key}", asset) for key, asset in present if asset is not None}


def asset(item: Mapping[str, Any], role: str, keys: Sequence[str]) -> tuple[str, Mapping[str, Any]]:
    """The first of these assets that the item has, with its key."""
    present = assets(item)
    for key in keys:
        if key in present:
            return key, present[key]
    raise CatalogError(f"item {identity(item)} has no asset for {role} (looked for {', '.join(keys)})")


def footprint(item: Mapping[str, Any]) -> BaseGeometry:
    """The item's area in longitude and latitude, valid and within +-180 degrees.

    A ring that spans more than 180 degrees is one that crosses the antimeridian; it is cut there.
    """
    geometry = item.get("geometry")
    try:
        shape = shapely.force_2d(shapely.from_geojson(json.dumps(geometry)))
    except (TypeError, ValueError, shapely.errors.GEOSException):
        raise CatalogError(f"item {identity(item)} has a geometry that is not GeoJSON: {geometry!r:.80}") from None
    if not isinstance(shape, shapely.Polygon | shapely.MultiPolygon) or shape.is_empty:
        raise CatalogError(
            f"item {identity(item)} has geometry {geometry!r:.80}, but it must be a Polygon or MultiPolygon"
        )
    coordinates = shapely.get_coordinates(shape)
    if not np.isfinite(coordinates).all() or (abs(coordinates) > (180, 90)).any():
        raise CatalogError(f"item {identity(item)} has a geometry outside longitude +-180, latitude +-90")
    west, _, east, _ = shape.bounds
    if isinstance(shape, shapely.Polygon) and east - west > 180:
        shape = _cut_at_antimeridian(shape)
    return shape if shape.is_valid else shapely.make_valid(shape, method="structure", keep_collapsed=False)


def _cut_at_antimeridian(ring: BaseGeometry) -> BaseGeometry:
    beyond_180 = shapely.transform(ring, lambda lonlat: lonlat + np.where(lonlat[:, :1] < 0, (360, 0), (0, 0)))
    eastward = shapely.make_valid(beyond_180, method="structure", keep_collapsed=False)
    western = shapely.intersection(eastward, shapely.box(180, -90, 360, 90))
    back = shapely.transform(western, lambda lonlat: lonlat - (360, 0))
    return shapely.union(shapely.intersection(eastward, shapely.box(0, -90, 180, 90)), back)


def _mapping(item: Mapping[str, Any], name: str, value: Any) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise CatalogError(f"item {identity(item)} has {name} {value!r:.80}, but it must be an object")
    return value
