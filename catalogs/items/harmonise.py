"""How the numbers stored for an item become reflectance, and whether that is certain."""

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from math import isclose
from typing import Any, NamedTuple

from catalogs.errors import CatalogError
from catalogs.items.acquisition import names
from catalogs.items.fields import identity, moment, number, properties, shown
from catalogs.items.providers import PROVIDERS, Provider

GENERATED = ("s2:generation_time", "sentinel2:generation_time", "processing:datetime", "created")
# Baseline 04.00 went into operation on this day; no product made before it is shifted (Sentinel-2 processing baseline).
FIRST_SHIFTED = datetime(2022, 1, 25, tzinfo=UTC)
# Products made outside ESA's processing carry this baseline; it says nothing about a shift.
UNOFFICIAL = "99.99"
FLAGS = tuple(dict.fromkeys(row.undone for row in PROVIDERS if row.undone))


@dataclass(frozen=True, slots=True)
class Doubt:
    """Why an offset is not certain: a `name`, one sentence, and the offsets that are possible, the likeliest first.

    `offset-flag`: the catalog's flag that the shift was taken out is missing, false where it is known to be wrong, or
    true where the shift is known to be there.
    `offset-facts`: what the item says about its shift contradicts itself. `offset-single`: only one thing is said.
    """

    name: str
    sentence: str
    offsets: tuple[float, ...]


class Scaling(NamedTuple):
    """reflectance = DN * scale + offset, where DN is not nodata; where there is doubt, the likeliest offset."""

    scale: float
    offset: float
    nodata: float
    doubt: Doubt | None = None


class Fact(NamedTuple):
    """One thing an item says about its DN: that they are shifted, or that they are not."""

    kind: str
    shifted: bool
    said: str


def baseline(item: Mapping[str, Any], provider: Provider) -> str:
    """The processing baseline ("05.09"; "02" for Landsat), or "" where the item does not tell."""
    return _stated(item, provider) or max(_named(item), default="")


def harmonise(item: Mapping[str, Any], asset: Mapping[str, Any], provider: Provider) -> Scaling:
    """The scaling of one reflectance asset as it applies to this item.

    Sentinel-2 products of baseline 04.00 and later store reflectance * 10000 + 1000 (Products Specification,
    BOA_ADD_OFFSET). Two things that the item says about this must agree, of: its baseline, the baseline in its names,
    the declared offset, a making before 04.00. The sensing date says nothing, since old acquisitions are made again.
    Earth Search took the 1000 out of some files and then says so by a flag, while it goes on to declare -0.1; where the
    flag is false some of these files have lost the 1000 too (Element84/earth-search#66, #71). CatalogError where no
    offset is possible.
    """
    product = provider.product
    for name, known in (("scale", product.scale), ("nodata", product.nodata)):
        for value in _declared(item, asset, name):
            if not isclose(value, known, rel_tol=1e-6):
                raise CatalogError(
                    f"item {identity(item)} declares {name} {value:g}, but it is {known:g} in such scenes"
                )
    offsets = _declared(item, asset, "offset")
    possible = (product.offset,) if product.shifted_since is None else (product.offset, product.shifted)
    for value in offsets:
        if not any(isclose(value, offset, abs_tol=1e-9) for offset in possible):
            allowed = " or ".join(f"{offset:g}" for offset in possible)
            raise CatalogError(f"item {identity(item)} declares offset {value:g}, but it is {allowed} in such scenes")
    if product.shifted_since is None:
        return Scaling(product.scale, product.offset, product.nodata)
    offset, doubt = _offset(item, provider, offsets)
    return Scaling(product.scale, offset, product.nodata, doubt)


def _offset(item: Mapping[str, Any], provider: Provider, declared: list[float]) -> tuple[float, Doubt | None]:
    who, product, flag = identity(item), provider.product, provider.undone
    flags = {name: _flag(item, name) for name in (FLAGS if flag is None else (flag,))}
    claims = [name for name, value in flags.items() if value]
    undone = flags[flag] if flag else False

    facts = [*_baseline_facts(item, provider), *_making(item)]
    for value in declared:
        shifted = isclose(value, product.shifted, abs_tol=1e-9)
        if shifted or not undone:
            facts.append(Fact("offset", shifted, f"its declared offset is {value:g}"))
    if not facts:
        raise CatalogError(
            f"item {who} tells neither its processing baseline nor an offset: its values cannot be made reflectance"
        )
    likely = Counter(fact.shifted for fact in facts).most_common(1)[0][0]
    offset = product.shifted if likely and not undone else product.offset
    other = product.offset if offset == product.shifted else product.shifted

    said, why = "; ".join(dict.fromkeys(fact.said for fact in facts)), None
    if len({fact.shifted for fact in facts}) > 1:
        why = "offset-facts", f"contradicts itself: {said}"
    elif len({fact.kind for fact in facts}) == 1:
        why = "offset-single", f"tells its offset by one thing alone: {said}"
    elif claims and not likely:
        why = "offset-flag", f"was never shifted ({said}), but {claims[0]} is true"
    elif claims and not undone:
        why = "offset-flag", f"is shifted as all of its collection ({said}), but {claims[0]} is true"
    elif flag and likely and not undone:
        missing = "missing" if undone is None else "false, which is wrong in some such items"
        why = "offset-flag", f"was shifted ({said}), but {flag} is {missing}"
    return offset, Doubt(why[0], f"item {who} {why[1]}", (offset, other)) if why else None


def _flag(item: Mapping[str, Any], name: str) -> bool | None:
    value = properties(item).get(name)
    if value is not None and not isinstance(value, bool):
        raise CatalogError(f"item {identity(item)} has {name} {shown(value)}, but it must be true or false")
    return value


def _baseline_facts(item: Mapping[str, Any], provider: Provider) -> Iterator[Fact]:
    stated, since = _stated(item, provider), provider.product.shifted_since
    versions = [("baseline", f"its baseline is {stated}", stated)] if stated else []
    versions += [("name", f"its names say {version}", version) for version in _named(item)]
    for kind, said, version in versions:
        if since is not None and version != UNOFFICIAL:
            yield Fact(kind, version >= since, said)


def _stated(item: Mapping[str, Any], provider: Provider) -> str:
    form = "02" if provider.product.shifted_since is None else "05.09"
    for name in provider.baseline:
        value = properties(item).get(name)
        if value is not None:
            if not isinstance(value, str) or not re.fullmatch(re.sub(r"\d", r"\\d", form), value, re.ASCII):
                raise CatalogError(f"item {identity(item)} has {name} {shown(value)}, but it must look like {form}")
            return value
    return ""


def _named(item: Mapping[str, Any]) -> Iterator[str]:
    """The baseline within each product name that holds one: ..._N0509_... or ..._N05.09."""
    for name in names(item):
        if match := re.search(r"_N(\d\d)\.?(\d\d)(?=[_.]|$)", name, re.ASCII):
            yield f"{match[1]}.{match[2]}"


def _making(item: Mapping[str, Any]) -> Iterator[Fact]:
    for name in GENERATED:
        if properties(item).get(name) is not None:
            made = moment(item, name)
            if made < FIRST_SHIFTED:
                yield Fact("making", False, f"it was made in {made:%Y-%m}, before any was shifted")
            return


def _declared(item: Mapping[str, Any], asset: Mapping[str, Any], name: str) -> list[float]:
    """The values of the raster extension, in its form before STAC 1.1 (`raster:bands`) and since (`bands`, common)."""
    common = name if name == "nodata" else f"raster:{name}"
    places = [
        (holder, (name, common)) for holder in (*_only(item, asset, "raster:bands"), *_only(item, asset, "bands"))
    ]
    found = [
        (key, holder[key])
        for holder, keys in [*places, (asset, (common,))]
        for key in dict.fromkeys(keys)
        if key in holder
    ]
    return [number(item, key, value) for key, value in found if value is not None]


def _only(item: Mapping[str, Any], asset: Mapping[str, Any], name: str) -> list[Mapping[str, Any]]:
    bands = asset.get(name)
    if bands is None:
        return []
    if not isinstance(bands, list) or len(bands) != 1 or not isinstance(bands[0], Mapping):
        raise CatalogError(f"item {identity(item)} has {name} {shown(bands)}, but a band's asset must have exactly one")
    return bands
