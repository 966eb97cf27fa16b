"""A draft of the section `provider`, from the items of a collection, and what the items do not say."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, count
from typing import Any

from catalogs.errors import CatalogError
from catalogs.items.harmonise import BAND_NAMES
from catalogs.items.recognise import provider_of

RASTER = (".tif", ".tiff", ".jp2")
PICTURES = {"thumbnail", "overview", "visual", "metadata", "date", "mask"}
MASKS = ("scl", "qa_pixel", "fmask", "oa_fmask", "pixel_quality", "cloud")
"""Keys of assets that are often masks."""


@dataclass(frozen=True)
class Draft:
    """`provider`: the section. `unknown`: one sentence for each thing that the items do not say. `row`: the shipped row
    that reads the items without it, None if there is none."""

    provider: dict[str, Any]
    unknown: list[str]
    row: str | None


def draft_provider(items: Sequence[Mapping[str, Any]]) -> Draft:
    """The draft by the first item, checked on the others. Raises CatalogError where it has no raster."""
    first, unknown = items[0], []
    rasters = {key: asset for key, asset in first["assets"].items() if _is_raster(asset)}
    masks = [key for key, asset in rasters.items() if _is_mask(key, asset)]
    data = {key: asset for key, asset in rasters.items() if key not in masks and not _roles(asset) & PICTURES}
    bands: dict[str, Any] = {}
    for key, asset in data.items():
        for role, place in _bands(key, asset):
            names = chain((role, key), (f"{key}{number}" for number in count(2)))
            bands[next(name for name in names if name not in bands)] = place
    if not bands:
        raise CatalogError(
            f"item {first.get('id')!r:.80} has no raster asset (GeoTIFF or JPEG 2000) with data; its assets are "
            f"{', '.join(first['assets'])!s:.200}"
        )
    lacking = [key for key in data if not all(key in item["assets"] for item in items)]
    if lacking:
        unknown.append(f"not every item has the asset {', '.join(lacking)}; leave out bands that you do not need")
    provider: dict[str, Any] = {"bands": bands, **_values(list(data.values()), unknown)}
    provider["mask"] = _mask(masks, rasters, unknown)
    named = all(item["properties"].get("platform") for item in items)
    provider["passes"] = "platform-time" if named else "item"
    if any(str(asset.get("href")).startswith("s3://") for asset in data.values()):
        provider["access"] = "signed"
        unknown.append("whether the bucket is open, signed (keys of AWS_*) or requester-pays: see 'access'")
    return Draft(provider, unknown, _row(first))


def _row(item: Mapping[str, Any]) -> str | None:
    try:
        return provider_of(item).name
    except CatalogError:
        return None


def _is_raster(asset: Any) -> bool:
    if not isinstance(asset, Mapping):
        return False
    path = str(asset.get("href", "")).partition("?")[0].lower()
    return path.endswith(RASTER) or str(asset.get("type", "")).startswith(("image/tiff", "image/jp2"))


def _roles(asset: Mapping[str, Any]) -> set[str]:
    roles = asset.get("roles")
    return {str(role) for role in roles} if isinstance(roles, list) else set()


def _is_mask(key: str, asset: Mapping[str, Any]) -> bool:
    tells = any(name.startswith("classification:") for name in asset)
    return tells or "cloud" in _roles(asset) or re.sub(r"[-_](jp2|\d+m)$", "", key.lower()) in MASKS


def _listed(asset: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """What the item says of the asset's bands, in the form of STAC 1.1 or before."""
    for name in ("bands", "eo:bands", "raster:bands"):
        bands = asset.get(name)
        if isinstance(bands, list) and bands and all(isinstance(band, Mapping) for band in bands):
            return bands
    return []


def _bands(key: str, asset: Mapping[str, Any]) -> list[tuple[str, Any]]:
    listed = _listed(asset)
    if len(listed) < 2:
        common = next((band.get(name) for band in listed for name in reversed(BAND_NAMES) if band.get(name)), None)
        role = common if isinstance(common, str) and common != listed[0].get("name") else key
        return [(role, key)]
    named = [next((band[n] for n in reversed(BAND_NAMES) if isinstance(band.get(n), str)), None) for band in listed]
    roles = [name and (name if re.search(r"\d", name) else name.lower()) for name in named]
    return [(role or f"{key}{at}", {"asset": key, "band": at}) for at, role in enumerate(roles, 1)]


def _values(assets: Sequence[Mapping[str, Any]], unknown: list[str]) -> dict[str, Any]:
    def declared(name: str) -> bool:
        return all(
            any(key in holder for holder in (asset, *_entries(asset)) for key in (name, f"raster:{name}"))
            for asset in assets
        )

    values: dict[str, Any] = {"scale": "item", "offset": "item", "nodata": "item"}
    if not declared("scale"):
        values |= {"scale": 1, "offset": 0, "unit": {"name": "stored number", "scale": 1, "offset": 0}}
        unknown.append(
            "what the numbers mean: items declare no scale, so that they are stored as they are; see 'scale', 'offset' "
            "and 'unit'"
        )
    if not declared("nodata"):
        unknown.append("which number is no data, unless the files say it: see 'nodata'")
    return values


def _entries(asset: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    lists = [asset.get(name) for name in ("raster:bands", "bands")]
    return [band for bands in lists if isinstance(bands, list) for band in bands if isinstance(band, Mapping)]


def _mask(masks: Sequence[str], rasters: Mapping[str, Mapping[str, Any]], unknown: list[str]) -> Any:
    if not masks:
        unknown.append("what masks clouds: no asset looks like a mask, so that every pixel with data counts as clear")
        return "none"
    classes = rasters[masks[0]].get("classification:classes")
    named = [
        f"{row.get('value')} {row.get('name') or row.get('description')}"
        for row in (classes if isinstance(classes, list) else [])
        if isinstance(row, Mapping)
    ]
    means = f" (its classes: {', '.join(named)})" if named else ""
    unknown.append(
        f"which values of {' or '.join(masks)} are clear and which are cloud{means}; write it instead of none, as "
        f"{{asset: {masks[0]}, clear: [4, 5], cloud: [8, 9]}}"
    )
    return "none"
