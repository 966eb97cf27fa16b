"""A scene: one acquisition of one tile, with everything needed to read it."""

import datetime as dt
import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from urllib.parse import quote

from shapely.geometry.base import BaseGeometry

from catalogs.errors import CatalogError
from catalogs.items import fields, harmonise
from catalogs.items.checksum import file_checksum
from catalogs.items.harmonise import Doubt
from catalogs.items.mask import MaskChoice, MaskFiles, MaskRule
from catalogs.items.provider import REFLECTANCE, Band, Provider, Unit
from catalogs.items.providers import PROVIDERS
from catalogs.items.recognise import provider_of

ACQUIRED_FIELDS = ("datetime", "start_datetime")
GENERATED_FIELDS = (*fields.GENERATION_TIMES, "landsat:product_generated")


@dataclass(frozen=True, slots=True)
class Asset:
    """One band of a raster of a scene. Value in `unit` = DN * scale + offset where DN is not `nodata` (None: no DN is);
    `href` is unsigned.

    `file_offsets`: offsets that the file itself may declare. `checksum`: that of the file as a multihash, None if it is
    not known. `crs`: that of the raster by its item, None if the item does not say. `band`: its number in the file,
    from 1; None: its only one. `valid`: lowest and highest DN that are data. `dtypes`: types that the raster may have;
    empty: any.
    """

    role: str
    href: str
    scale: float
    offset: float
    nodata: float | None
    file_offsets: tuple[float, ...] = ()
    checksum: str | None = None
    crs: str | None = None
    band: int | None = None
    valid: tuple[float, float] | None = None
    unit: Unit = REFLECTANCE
    dtypes: tuple[str, ...] = ("uint16",)


@dataclass(frozen=True, slots=True)
class Scene:
    """One acquisition of one tile.

    `provider`: the name of the kind of item. `acquisition`: platform/pass/tile, the same for all processings of one
    acquisition (after `catalogs.passes.assign_passes`, also for items that name no datatake). `orbit`: the relative
    orbit or WRS path, None if unknown; the satellite repeats it after `repeat_days`. `baseline`: "" if unknown.
    `generated`: when the product was processed; `updated`: when the catalog last changed it. `cloud_cover`: percent.
    `footprint`: longitude and latitude. `bands`: in the requested order. `mask`: its role is the asset key, or the end
    of the path of somebody's own files; its nodata is the value for pixels without a mask; `rule` gives the meaning of
    its values; both None: all that has data is clear. While there is a `doubt`, the bands have its first offset.
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
    mask: Asset | None
    rule: MaskRule | None
    doubt: Doubt | None = None

    def band(self, role: str) -> Asset:
        for asset in self.bands:
            if asset.role == role:
                return asset
        raise CatalogError(f"scene {self.id} has no {role}; it has {', '.join(asset.role for asset in self.bands)}")

    @property
    def clear(self) -> tuple[int, ...]:
        """The values of `mask` that mean clear ground; CatalogError without a mask, and for a rule by bits."""
        if self.rule is None:
            raise CatalogError(f"scene {self.id} has no mask")
        if self.rule.bits:
            raise CatalogError(f"the mask of scene {self.id} is read by bits, not by values")
        return self.rule.clear

    @property
    def digest(self) -> str:
        """16 hex digits of everything its pixels depend on, but not of where the files are."""
        files = (*self.bands, *(() if self.mask is None else (self.mask,)))
        assets = [(asset.role, asset.scale, asset.offset, asset.nodata) for asset in files]
        rule = self.rule
        mask = rule and (rule.clear, rule.cloud, rule.bits, rule.bad, rule.dilate)
        doubt = self.doubt and (self.doubt.name, self.doubt.offsets)
        when = (self.datetime.isoformat(), self.acquisition, self.footprint.wkb_hex)
        facts = (self.id, self.provider, self.collection, self.baseline, self.updated.isoformat(), assets, mask, doubt)
        usual = (None, None, REFLECTANCE, ("uint16",))
        coding = [(asset.band, asset.valid, asset.unit, asset.dtypes) for asset in files]
        further = () if all(each == usual for each in coding) else (coding,)
        return hashlib.sha256(repr((*facts, *when, *further)).encode()).hexdigest()[:16]


def read_scene(
    item: Mapping[str, Any], roles: Sequence[str], mask: MaskChoice | None = None, provider: Provider | None = None
) -> Scene:
    """The scene of a STAC item with the bands of these roles, and the provider's mask or the one given.

    `provider`: the row that describes the item; None: the shipped one that fits. CatalogError names the item and what
    is wrong.
    """
    row = provider or provider_of(item, roles)
    product, when = row.product, fields.acquired(item)
    platform = _platform(item, row)
    tile, overpass, orbit = product.acquisition(item, when)
    bands, doubts = _bands(item, row, roles)
    return Scene(
        id=fields.identity(item),
        provider=row.name,
        collection=_collection(item, row),
        datetime=when,
        platform=platform,
        orbit=orbit,
        tile=tile,
        acquisition="/".join((platform, overpass, tile)),
        repeat_days=product.repeat_days,
        baseline=harmonise.baseline(item, row),
        generated=fields.timestamp(item, *GENERATED_FIELDS, "updated", "created", *ACQUIRED_FIELDS),
        updated=fields.timestamp(item, "updated", "created", "published", *GENERATED_FIELDS, *ACQUIRED_FIELDS),
        cloud_cover=fields.cloud_cover(item),
        footprint=fields.footprint(item),
        bands=bands,
        mask=_mask(item, row, mask),
        rule=mask.rule if mask else product.rule,
        doubt=doubts[0] if doubts else None,
    )


def read_scenes(
    items: Iterable[Mapping[str, Any]],
    roles: Sequence[str],
    mask: MaskChoice | None = None,
    provider: Provider | None = None,
) -> tuple[list[Scene], dict[str, str]]:
    """The scenes of the usable items, in the given order, and for each other item, by id, one sentence why not.

    `mask` and `provider` as in `read_scene`. CatalogError for a role that no provider has.
    """
    rows = PROVIDERS if provider is None else (provider,)
    all_roles = dict.fromkeys(role for row in rows for role in row.bands)
    unknown = [role for role in roles if role not in all_roles]
    if unknown:
        raise CatalogError(f"no provider has a band called {unknown[0]!r}; there are {', '.join(all_roles)}")
    scenes: list[Scene] = []
    refusals: dict[str, str] = {}
    for number, item in enumerate(items):
        try:
            scenes.append(read_scene(item, roles, mask, provider))
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


def _platform(item: Mapping[str, Any], row: Provider) -> str:
    if not row.product.platforms:
        name = fields.properties(item).get("platform") or fields.properties(item).get("constellation")
        return quote(name.lower(), safe="") if isinstance(name, str) else "unknown"
    platform = fields.text(item, "platform").lower().replace("_", "-")
    if platform not in row.product.platforms:
        raise CatalogError(
            f"item {fields.identity(item)} has platform {fields.brief(platform)}, "
            f"but such items are of {', '.join(row.product.platforms)}"
        )
    return platform


def _collection(item: Mapping[str, Any], row: Provider) -> str:
    collection = item.get("collection") or ""
    if not isinstance(collection, str) or (row.collections and collection not in row.collections):
        raise CatalogError(
            f"item {fields.identity(item)} is of collection {fields.brief(collection)}, but {row.name} is of "
            f"{', '.join(row.collections) or 'one named by a text'}"
        )
    return collection


def _bands(item: Mapping[str, Any], row: Provider, roles: Sequence[str]) -> tuple[tuple[Asset, ...], list[Doubt]]:
    unknown = sorted(set(roles) - set(row.bands))
    if unknown:
        raise CatalogError(f"{row.name} has no band called {unknown[0]!r}; it has {', '.join(row.bands)}")
    bands, doubts = [], []
    for role in roles:
        band, product = row.bands[role], row.product
        asset = fields.asset(item, role, band.asset)
        scaling = harmonise.harmonise(item, asset, row, band)
        bands.append(
            Asset(
                role,
                fields.href(item, band.asset, asset),
                scaling.scale,
                scaling.offset,
                scaling.nodata,
                file_offsets=harmonise.file_offsets(item, row, scaling),
                checksum=file_checksum(asset),
                crs=_crs(item, asset),
                band=None if band.number is None else harmonise.band_number(item, asset, band.number),
                valid=product.valid,
                unit=product.unit,
                dtypes=product.dtypes,
            )
        )
        if scaling.doubt is not None:
            doubts.append(scaling.doubt)
    return tuple(bands), doubts


def _mask(item: Mapping[str, Any], row: Provider, choice: MaskChoice | None) -> Asset | None:
    if isinstance(choice, MaskFiles):
        role, path = "/".join(Path(choice.path).parts[-2:]), choice.file(fields.identity(item))
        return Asset(role, path, 1.0, 0.0, float(choice.rule.outside), band=choice.band)
    band, rule = (Band(choice.asset, choice.band), choice.rule) if choice else (row.mask, row.product.rule)
    if band is None or rule is None:
        return None
    asset = fields.asset(item, "mask", band.asset)
    return Asset(
        band.asset,
        fields.href(item, band.asset, asset),
        1.0,
        0.0,
        float(rule.outside),
        checksum=file_checksum(asset),
        crs=_crs(item, asset),
        band=None if band.number is None else harmonise.band_number(item, asset, band.number),
    )


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
