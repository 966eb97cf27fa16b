"""Which satellite saw which tile on which pass, as the items of each mission tell it."""

import re
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any, NamedTuple

from catalogs.errors import CatalogError
from catalogs.fields import identity, properties, shown, text

# Texts that hold the name of the product, of its datatake, datastrip or granule, by the catalogs that write them.
NAMES = (
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
ORBITS = ("sat:relative_orbit", "s2:relative_orbit_number", "sentinel2:relative_orbit_number")
MGRS = r"(0?[1-9]|[1-5]\d|60)([C-HJ-NP-X][A-HJ-NP-Z][A-HJ-NP-V])"


class Acquisition(NamedTuple):
    """`overpass` is the same for every processing of one pass; `orbit` is the relative orbit, or the WRS path."""

    tile: str
    overpass: str
    orbit: int | None


def names(item: Mapping[str, Any]) -> Iterator[str]:
    """The product names an item carries; its own id is often one."""
    for name in NAMES:
        value = properties(item).get(name)
        if isinstance(value, str):
            yield value
    yield identity(item)


def sentinel2(item: Mapping[str, Any], when: datetime) -> Acquisition:
    """By MGRS tile ("33TWM") and datatake without its baseline ("20230815T095031_042547"), else the sensing second.

    Names: Sentinel-2 Products Specification, naming convention.
    """
    return Acquisition(_mgrs_tile(item), _datatake(item) or f"{when:%Y%m%dT%H%M%S}", _relative_orbit(item))


def landsat(item: Mapping[str, Any], when: datetime) -> Acquisition:
    """By WRS-2 path and row ("WRS2-190027") and day: a satellite sees each once in 16 days."""
    path, row = _wrs(item, "landsat:wrs_path", 233), _wrs(item, "landsat:wrs_row", 248)
    return Acquisition(f"WRS2-{path:03}{row:03}", f"{when:%Y%m%d}", path)


def _mgrs_tile(item: Mapping[str, Any]) -> str:
    for field in ("grid:code", "s2:mgrs_tile"):
        name = properties(item).get(field)
        if name is not None:
            match = re.fullmatch(rf"(?:MGRS-)?{MGRS}", name) if isinstance(name, str) else None
            if match is None:
                raise CatalogError(
                    f"item {identity(item)} has tile {shown(name)}, but grid:code must look like MGRS-33TWM"
                )
            return f"{match[1]:0>2}{match[2]}"
    for name in names(item):
        if match := re.search(rf"_T{MGRS}(?:_|$)", name):
            return f"{match[1]:0>2}{match[2]}"
    raise CatalogError(f"item {identity(item)} names no tile: neither grid:code nor s2:mgrs_tile is there")


def _datatake(item: Mapping[str, Any]) -> str | None:
    named = list(names(item))
    for name in named:
        if match := re.fullmatch(r"GS2[A-Z]_(\d{8}T\d{6}_\d{6})_N\d\d\.\d\d", name):
            return match[1]
    starts = [match[1] for name in named if (match := re.match(r"S2[A-Z]_MSIL2A_(\d{8}T\d{6})_", name))]
    orbits = [match[1] for name in named if (match := re.search(r"_A(\d{6})_", name))]
    return f"{starts[0]}_{orbits[0]}" if starts and orbits else None


def _relative_orbit(item: Mapping[str, Any]) -> int | None:
    for field in ORBITS:
        value = properties(item).get(field)
        if value is not None:
            if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= 143:
                raise CatalogError(f"item {identity(item)} has {field} {shown(value)}, but orbits go from 1 to 143")
            return value
    for name in names(item):
        if match := re.search(r"_R(\d{3})_", name):
            return int(match[1])
    return None


def _wrs(item: Mapping[str, Any], field: str, last: int) -> int:
    value = text(item, field)
    if not re.fullmatch(r"\d{3}", value) or not 1 <= int(value) <= last:
        raise CatalogError(f"item {identity(item)} has {field} {value!r:.80}, but it must be from 001 to {last}")
    return int(value)
