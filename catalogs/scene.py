"""A scene: one acquisition of one tile, with what is needed to read it right."""

import datetime as dt
import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from shapely.geometry.base import BaseGeometry

from catalogs import fields
from catalogs.errors import CatalogError
from catalogs.harmonise import BASELINE, harmonise
from catalogs.providers import provider_of

REMOTE = ("http", "https", "s3", "gs")


@dataclass(frozen=True, slots=True)
class Asset:
    """One raster of a scene. Reflectance = DN * scale + offset where DN is not `nodata`; `href` is unsigned."""

    role: str
    href: str
    scale: float
    offset: float
    nodata: float


@dataclass(frozen=True, slots=True)
class Scene:
    """One acquisition of one tile.

    `acquisition` is the same for every processing of one acquisition. `generated` is when the product was processed,
    `updated` when the catalog last changed it. `cloud_cover` is in percent. `footprint` is in longitude and latitude.
    `bands` stand in the order they were asked for; `clear` are the values of `mask` that mean clear ground.
    """

    id: str
    collection: str
    datetime: dt.datetime
    tile: str
    acquisition: str
    baseline: str
    generated: dt.datetime
    updated: dt.datetime
    cloud_cover: float | None
    crs: str | None
    footprint: BaseGeometry
    bands: tuple[Asset, ...]
    mask: Asset
    clear: tuple[int, ...]

    def band(self, role: str) -> Asset:
        for asset in self.bands:
            if asset.role == role:
                return asset
        raise CatalogError(f"scene {self.id} has no {role}; it has {', '.join(asset.role for asset in self.bands)}")

    @property
    def digest(self) -> str:
        """16 hex digits over what its pixels depend on; the same wherever the files lie."""
        assets = [(asset.role, asset.scale, asset.offset, asset.nodata) for asset in (*self.bands, self.mask)]
        facts = (self.id, self.collection, self.baseline, self.updated.isoformat(), assets, self.clear)
        return hashlib.sha256(repr(facts).encode()).hexdigest()[:16]


def read_scene(item: Mapping[str, Any], roles: Sequence[str]) -> Scene:
    """The scene of a STAC item with the bands of these roles; CatalogError names the item and what is wrong."""
    provider = provider_of(item)
    unknown = sorted(set(roles) - set(provider.assets))
    if unknown:
        allowed = ", ".join(provider.assets)
        raise CatalogError(f"{provider.name} has no band called {unknown[0]!r}; it has {allowed}")
    properties = fields.properties(item)
    cloud_cover = properties.get("eo:cloud_cover")
    tile, when = _tile(item), fields.moment(item, "datetime")
    bands = []
    for role in roles:
        key, asset = fields.asset(item, role, provider.assets[role])
        bands.append(Asset(role, _href(item, key, asset), *harmonise(item, asset, provider)))
    key, mask = fields.asset(item, "mask", provider.mask)
    return Scene(
        id=fields.identity(item),
        collection=item["collection"],
        datetime=when,
        tile=tile,
        acquisition="/".join((fields.text(item, "platform").lower(), _pass(item, when), tile)),
        baseline=fields.text(item, BASELINE),
        generated=fields.moment(item, "s2:generation_time", "updated", "created", "datetime"),
        updated=fields.moment(item, "updated", "created", "s2:generation_time", "datetime"),
        cloud_cover=None if cloud_cover is None else fields.number(item, "eo:cloud_cover", cloud_cover),
        crs=_crs(properties),
        footprint=fields.footprint(item),
        bands=tuple(bands),
        mask=Asset("mask", _href(item, key, mask), 1.0, 0.0, 0.0),
        clear=provider.clear,
    )


def _tile(item: Mapping[str, Any]) -> str:
    properties = fields.properties(item)
    name = properties.get("grid:code") or properties.get("s2:mgrs_tile")
    match = re.fullmatch(r"(?:MGRS-)?(\d{1,2})([A-Z]{3})", name) if isinstance(name, str) else None
    if match is None:
        raise CatalogError(f"item {fields.identity(item)} has tile {name!r}, but grid:code must look like MGRS-33TWM")
    return f"{match[1]:0>2}{match[2]}"


def _pass(item: Mapping[str, Any], when: dt.datetime) -> str:
    """The datatake without its baseline ("20230815T095031_042547"), else the sensing time."""
    datatake = fields.properties(item).get("s2:datatake_id")
    match = re.fullmatch(r"GS2[A-Z]_(\d{8}T\d{6}_\d{6})_N\d\d\.\d\d", datatake) if isinstance(datatake, str) else None
    return match[1] if match else f"{when:%Y%m%dT%H%M%S}"


def _crs(properties: Mapping[str, Any]) -> str | None:
    code, epsg = properties.get("proj:code"), properties.get("proj:epsg")
    if isinstance(code, str):
        return code
    return f"EPSG:{epsg}" if isinstance(epsg, int) else None


def _href(item: Mapping[str, Any], key: str, asset: Mapping[str, Any]) -> str:
    href = asset.get("href")
    if isinstance(href, str):
        local = Path(href).is_absolute() and not href.startswith("/vsi")
        if local or urlsplit(href).scheme in REMOTE:
            return href
    allowed = ", ".join(f"{scheme}://" for scheme in REMOTE)
    raise CatalogError(
        f"item {fields.identity(item)} has href {href!r} for asset {key}, "
        f"but it must start with {allowed} or be a whole path"
    )
