"""Tile, pass and orbit of an item, for each mission."""

import re
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any, NamedTuple
from urllib.parse import quote

from catalogs.errors import CatalogError
from catalogs.items.fields import brief, identity, properties, text

# Properties with the name of the product, its datatake, datastrip or granule, in the catalogs that are read.
NAME_FIELDS = (
    "s2:product_uri",
    "s2:product_title",
    "sentinel2:product_title",
    "sentinel:product_id",
    "s2:datatake_id",
    "eopf:datatake_id",
    "s2:datastrip_id",
    "eopf:datastrip_id",
    "s2:tile_id",
    "s2:granule_id",
)
ORBIT_FIELDS = ("sat:relative_orbit", "s2:relative_orbit_number", "sentinel2:relative_orbit_number")
SECOND = "%Y%m%dT%H%M%S"
SENSED = "sensed-"
"""Prefix of the pass of a Sentinel-2 scene whose item names no datatake; `catalogs.passes.assign_passes` finds it."""
PATHS = 233
FIRST_NODE = -64.6
"""Longitude where path 1 of WRS-2 crosses the equator; each further path is 360 / 233 degrees to the west (Landsat 7
Handbook)."""
MGRS = r"(0?[1-9]|[1-5]\d|60)([C-HJ-NP-X][A-HJ-NP-Z][A-HJ-NP-V])"


class Acquisition(NamedTuple):
    """`overpass` identifies the pass, for all its tiles and processings; `orbit` is the relative orbit or WRS path."""

    tile: str
    overpass: str
    orbit: int | None


def product_names(item: Mapping[str, Any]) -> Iterator[str]:
    """The product names in an item, and its id, which is often one."""
    for name in NAME_FIELDS:
        value = properties(item).get(name)
        if isinstance(value, str):
            yield value
    yield identity(item)


def sentinel2(item: Mapping[str, Any], when: datetime) -> Acquisition:
    """MGRS tile ("33TWM"), and the start of the datatake ("20230815T095031") or, if no name has it, "sensed-" and the
    sensing time.

    Product names and datatake ids contain the same start (Sentinel-2 Products Specification, naming convention).
    """
    return Acquisition(_mgrs_tile(item), _datatake(item) or f"{SENSED}{when:{SECOND}}", _relative_orbit(item))


def landsat(item: Mapping[str, Any], when: datetime) -> Acquisition:
    """WRS-2 path and row ("WRS2-190027"), and path and day ("190-20230815"): a satellite repeats a path in 16 days.

    The day is that of mean solar time where the path crosses the equator. The satellite crosses there between 9 and 11
    in the morning and covers the path within half an orbit (50 minutes), so all rows of a path have one day. The day in
    UTC, or by each row's own longitude, may change within a path.
    """
    path, row = _wrs(item, "landsat:wrs_path", PATHS), _wrs(item, "landsat:wrs_row", 248)
    node = (FIRST_NODE - (path - 1) * 360 / PATHS + 180) % 360 - 180
    return Acquisition(f"WRS2-{path:03}{row:03}", f"{path:03}-{when + timedelta(hours=node / 15):%Y%m%d}", path)


def platform_time(item: Mapping[str, Any], when: datetime) -> Acquisition:
    """The tile of `grid:code` or `odc:region_code`, or else the item itself, and "sensed-" and the sensing time: items
    of one platform that follow each other within half an orbit are one pass."""
    codes = (properties(item).get(name) for name in ("grid:code", "odc:region_code"))
    tile = next((code for code in codes if isinstance(code, str) and code), identity(item))
    return Acquisition(quote(tile, safe=""), f"{SENSED}{when:{SECOND}}", None)


def alone(item: Mapping[str, Any], when: datetime) -> Acquisition:
    """Each item is a tile and a pass of its own."""
    name = quote(identity(item), safe="")
    return Acquisition(name, f"item-{name}", None)


def _mgrs_tile(item: Mapping[str, Any]) -> str:
    for field in ("grid:code", "s2:mgrs_tile"):
        name = properties(item).get(field)
        if name is not None:
            match = re.fullmatch(rf"(?:MGRS-)?{MGRS}", name) if isinstance(name, str) else None
            if match is None:
                raise CatalogError(
                    f"item {identity(item)} has tile {brief(name)}, but grid:code must look like MGRS-33TWM"
                )
            return f"{match[1]:0>2}{match[2]}"
    for name in product_names(item):
        if match := re.search(rf"_T{MGRS}(?:_|$)", name):
            return f"{match[1]:0>2}{match[2]}"
    raise CatalogError(f"item {identity(item)} names no tile: neither grid:code nor s2:mgrs_tile is there")


def _datatake(item: Mapping[str, Any]) -> str | None:
    for name in product_names(item):
        if match := re.match(r"(?:GS2[A-Z]|S2[A-Z]_MSIL2A)_(\d{8}T\d{6})_", name, re.ASCII):
            try:
                datetime.strptime(match[1], SECOND)
            except ValueError:
                raise CatalogError(
                    f"item {identity(item)} is of {brief(name)}, but a datatake begins at a time, as 20230815T095031"
                ) from None
            return match[1]
    return None


def _relative_orbit(item: Mapping[str, Any]) -> int | None:
    for field in ORBIT_FIELDS:
        value = properties(item).get(field)
        if value is not None:
            if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= 143:
                raise CatalogError(f"item {identity(item)} has {field} {brief(value)}, but orbits go from 1 to 143")
            return value
    for name in product_names(item):
        if match := re.search(r"_R(\d{3})_", name):
            return int(match[1])
    return None


def _wrs(item: Mapping[str, Any], field: str, last: int) -> int:
    value = text(item, field)
    if not re.fullmatch(r"\d{3}", value) or not 1 <= int(value) <= last:
        raise CatalogError(f"item {identity(item)} has {field} {value!r:.80}, but it must be from 001 to {last}")
    return int(value)
