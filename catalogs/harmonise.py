"""How the numbers stored for an item become reflectance."""

import math
import re
from collections.abc import Mapping
from typing import Any, NamedTuple

from catalogs.errors import CatalogError
from catalogs.fields import identity, number, properties, text
from catalogs.providers import Provider

BASELINE = "s2:processing_baseline"


class Scaling(NamedTuple):
    """reflectance = DN * scale + offset, where DN is not nodata."""

    scale: float
    offset: float
    nodata: float


def harmonise(item: Mapping[str, Any], asset: Mapping[str, Any], provider: Provider) -> Scaling:
    """The scaling of one reflectance asset as it applies to this item.

    Products of baseline 04.00 and later store reflectance * 10000 + 1000 (Sentinel-2 Products Specification,
    BOA_ADD_OFFSET). Earth Search takes the 1000 out of some files and then says `boa_offset_applied`, while its
    `raster:bands` go on declaring -0.1, so the flag decides. The baseline decides whether there was a shift at all:
    the sensing date does not, since old acquisitions are processed again. CatalogError when the facts contradict.
    """
    who, baseline = identity(item), text(item, BASELINE)
    if not re.fullmatch(r"\d\d\.\d\d", baseline):
        raise CatalogError(f"item {who} has {BASELINE} {baseline!r}, but it must look like 05.09")
    undone = properties(item).get(provider.shift_undone)
    if undone not in (None, True, False):
        raise CatalogError(f"item {who} has {provider.shift_undone} {undone!r}, but it must be true or false")

    major, minor = baseline.split(".")
    shifted = (int(major), int(minor)) >= provider.shifted_since
    if undone and not shifted:
        raise CatalogError(f"item {who} is of baseline {baseline}, which has no offset, yet says it was applied")

    scale = _declared(item, asset, "scale", provider.scale)
    if scale <= 0:
        raise CatalogError(f"item {who} has scale {scale}, but it must be positive")
    expected = provider.shift * scale if shifted else 0.0
    declared = _declared(item, asset, "offset", expected)
    if not math.isclose(declared, expected, abs_tol=1e-9) and not (undone and declared == 0):
        raise CatalogError(f"item {who} declares offset {declared}, but baseline {baseline} means {expected}")
    nodata = _declared(item, asset, "nodata", provider.nodata)
    if nodata != provider.nodata:
        raise CatalogError(f"item {who} declares nodata {nodata:g}, but it is {provider.nodata:g} in such scenes")
    return Scaling(scale, 0.0 if undone else expected, nodata)


def _declared(item: Mapping[str, Any], asset: Mapping[str, Any], name: str, default: float) -> float:
    """A value of the raster extension, in its form before STAC 1.1 (`raster:bands`) or since (`bands`, common)."""
    common = name if name == "nodata" else f"raster:{name}"
    holders = [*_only(item, asset, "raster:bands"), *_only(item, asset, "bands"), asset]
    for holder in holders:
        for key in (name, common) if holder is not asset else (common,):
            if holder.get(key) is not None:
                return number(item, key, holder[key])
    return default


def _only(item: Mapping[str, Any], asset: Mapping[str, Any], name: str) -> list[Mapping[str, Any]]:
    bands = asset.get(name)
    if bands is None:
        return []
    if not isinstance(bands, list) or len(bands) != 1 or not isinstance(bands[0], Mapping):
        raise CatalogError(f"item {identity(item)} has {name} {bands!r:.80}, but a band's asset must have exactly one")
    return bands
