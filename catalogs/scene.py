"""A scene: one acquisition of one tile, with everything needed to read it."""

import datetime as dt
import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from shapely.geometry.base import BaseGeometry

from catalogs.errors import CatalogError
from catalogs.items import fields, harmonise
from catalogs.items.checksum import file_checksum
from catalogs.items.harmonise import Doubt
from catalogs.items.mask import MaskChoice, MaskRule
from catalogs.items.providers import PROVIDERS, Provider, provider_of

ACQUIRED_FIELDS = ("datetime", "start_datetime")
GENERATED_FIELDS = (*fields.GENERATION_TIMES, "landsat:product_generated")


@dataclass(frozen=True, slots=True)
class Asset:
    """One raster of a scene. Reflectance = DN * scale + offset where DN is not `nodata`; `href` is unsigned.

    `file_offsets`: offsets that the file itself may declare. `checksum`: that of the file as a multihash, None if it is
    not known. `crs`: that of the raster by its item, None if the item does not say.
    """

    role: str
    href: str
    scale: float
    offset: float
    nodata: float
    file_offsets: tuple[float, ...] = ()
    checksum: str | None = None
    crs: str | None = None


@dataclass(frozen=True, slots=True)
class Scene:
    """One acquisition of one tile.

    `provider`: the name of the kind of item. `acquisition`: platform/pass/tile, the same for all processings of one
    acquisition (after `catalogs.passes.assign_passes`, also for items that name no datatake). `orbit`: the relative
    orbit or WRS path, None if unknown; the satellite repeats it after `repeat_days`. `baseline`: "" if unknown.
    `generated`: when the product was processed; `updated`: when the catalog last changed it. `cloud_cover`: percent.
    `footprint`: longitude and latitude. `bands`: in the requested order. `mask`: its role is the asset key and its
    nodata the value for pixels without a mask; `rule` gives the meaning of its values. While there is a `doubt`, the
    bands have its first offset.
    """

    id: str
    provider: str
    collection: str
    datetime: dt.datetime
    platform: str
    orbit: int | None
    tile: str
    acquisition: str
    repeat_days: int
    baseline: str
    generated: dt.datetime
    updated: dt.datetime
    cloud_cover: float | None
    footprint: BaseGeometry
    bands: tuple[Asset, ...]
    mask: Asset
    rule: MaskRule
    doubt: Doubt | None = None

    def band(self, role: str) -> Asset:
        for asset in self.bands:
            if asset.role == role:
                return asset
        raise CatalogError(f"scene {self.id} has no {role}; it has {', '.join(asset.role for asset in self.bands)}")

    @property
    def clear(self) -> tuple[int, ...]:
        """The values of `mask` that mean clear ground; CatalogError for a rule by bits."""
        if self.rule.bits:
            raise CatalogError(f"the mask of scene {self.id} is read by bits, not by values")
        return self.rule.clear

    @property
    def digest(self) -> str:
        """16 hex digits of everything its pixels depend on, but not of where the files are."""
        assets = [(asset.role, asset.scale, asset.offset, asset.nodata) for asset in (*self.bands, self.mask)]
        rule = self.rule
        mask = (rule.clear, rule.cloud, rule.bits, rule.bad, rule.dilate)
        doubt = self.doubt and (self.doubt.name, self.doubt.offsets)
        when = (self.datetime.isoformat(), self.acquisition, self.footprint.wkb_hex)
        facts = (self.id, self.provider, self.collection, self.baseline, self.updated.isoformat(), assets, mask, doubt)
        return hashlib.sha256(repr((*facts, *when)).encode()).hexdigest()[:16]


def read_scene(item: Mapping[str, Any], roles: Sequence[str], mask: MaskChoice | None = None) -> Scene:
    """The scene of a STAC item with the bands of these roles, and the provider's mask or the one given.

    CatalogError names the item and what is wrong.
    """
    provider = provider_of(item, roles)
    product, when = provider.product, fields.acquired(item)
    platform = fields.text(item, "platform").lower()
    if platform not in product.platforms:
        raise CatalogError(
            f"item {fields.identity(item)} has platform {fields.brief(platform)}, "
            f"but such items are of {', '.join(product.platforms)}"
        )
    tile, overpass, orbit = product.acquisition(item, when)
    bands, doubts = _bands(item, provider, roles)
    return Scene(
        id=fields.identity(item),
        provider=provider.name,
        collection=item.get("collection") or "",
        datetime=when,
        platform=platform,
        orbit=orbit,
        tile=tile,
        acquisition="/".join((platform, overpass, tile)),
        repeat_days=product.repeat_days,
        baseline=harmonise.baseline(item, provider),
        generated=fields.timestamp(item, *GENERATED_FIELDS, "updated", "created", *ACQUIRED_FIELDS),
        updated=fields.timestamp(item, "updated", "created", "published", *GENERATED_FIELDS, *ACQUIRED_FIELDS),
        cloud_cover=fields.cloud_cover(item),
        footprint=fields.footprint(item),
        bands=bands,
        mask=_mask(item, provider, mask),
        rule=mask.rule if mask else product.rule,
        doubt=doubts[0] if doubts else None,
    )


def read_scenes(
    items: Iterable[Mapping[str, Any]], roles: Sequence[str], mask: MaskChoice | None = None
) -> tuple[list[Scene], dict[str, str]]:
    """The scenes of the usable items, in the given order, and for each other item, by id, one sentence why not.

    CatalogError for a role that no provider has.
    """
    all_roles = dict.fromkeys(role for provider in PROVIDERS for role in provider.keys)
    unknown = [role for role in roles if role not in all_roles]
    if unknown:
        raise CatalogError(f"no provider has a band called {unknown[0]!r}; there are {', '.join(all_roles)}")
    scenes: list[Scene] = []
    refusals: dict[str, str] = {}
    for number, item in enumerate(items):
        try:
            scenes.append(read_scene(item, roles, mask))
        except CatalogError as error:
            refusals[_name(item, number)] = str(error)
    return scenes, refusals


def resolve_offset(scene: Scene, offset: float) -> Scene:
    """The scene without its doubt, with one of the possible offsets in every band."""
    if scene.doubt is None:
        raise CatalogError(f"scene {scene.id} is in no doubt about its offset, so none can be chosen")
    if offset not in scene.doubt.offsets:
        possible = " or ".join(f"{value:g}" for value in scene.doubt.offsets)
        raise CatalogError(f"scene {scene.id} cannot have offset {offset:g}, but only {possible}")
    bands = tuple(replace(band, offset=offset, file_offsets=scene.doubt.offsets) for band in scene.bands)
    return replace(scene, bands=bands, doubt=None)


def _bands(item: Mapping[str, Any], provider: Provider, roles: Sequence[str]) -> tuple[tuple[Asset, ...], list[Doubt]]:
    unknown = sorted(set(roles) - set(provider.keys))
    if unknown:
        raise CatalogError(f"{provider.name} has no band called {unknown[0]!r}; it has {', '.join(provider.keys)}")
    bands, doubts = [], []
    for role in roles:
        key = provider.keys[role]
        asset = fields.asset(item, role, key)
        scaling = harmonise.harmonise(item, asset, provider)
        bands.append(
            Asset(
                role,
                fields.href(item, key, asset),
                scaling.scale,
                scaling.offset,
                scaling.nodata,
                file_offsets=harmonise.file_offsets(item, provider, scaling),
                checksum=file_checksum(asset),
                crs=_crs(item, asset),
            )
        )
        if scaling.doubt is not None:
            doubts.append(scaling.doubt)
    return tuple(bands), doubts


def _mask(item: Mapping[str, Any], provider: Provider, choice: MaskChoice | None) -> Asset:
    key, rule = (choice.asset, choice.rule) if choice else (provider.mask, provider.product.rule)
    asset = fields.asset(item, "mask", key)
    href, crs = fields.href(item, key, asset), _crs(item, asset)
    return Asset(key, href, 1.0, 0.0, float(rule.outside), checksum=file_checksum(asset), crs=crs)


def _crs(item: Mapping[str, Any], asset: Mapping[str, Any]) -> str | None:
    """The CRS of an asset by the projection extension, in the asset or else in the item."""
    for holder in (asset, fields.properties(item)):
        code, epsg = holder.get("proj:code"), holder.get("proj:epsg")
        if isinstance(code, str):
            return code
        if isinstance(epsg, int) and not isinstance(epsg, bool):
            return f"EPSG:{epsg}"
    return None


def _name(item: Any, number: int) -> str:
    try:
        return fields.identity(item)
    except CatalogError:
        return f"item {number + 1}, which has no id"
