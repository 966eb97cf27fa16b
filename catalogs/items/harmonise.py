"""Scale and offset of an item's stored numbers (DN), and whether the offset is certain."""

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from math import isclose
from typing import Any, NamedTuple

from catalogs.errors import CatalogError
from catalogs.items.acquisition import product_names
from catalogs.items.fields import GENERATION_TIMES, brief, identity, number, properties, timestamp
from catalogs.items.providers import PROVIDERS, Provider

# Baseline 04.00 went into operation on this day; no product made before it is shifted (Sentinel-2 processing baseline).
FIRST_SHIFTED = datetime(2022, 1, 25, tzinfo=UTC)
# Products made outside ESA's processing carry this baseline; it says nothing about a shift.
UNOFFICIAL = "99.99"
FLAGS = tuple(dict.fromkeys(row.offset_removed for row in PROVIDERS if row.offset_removed))


@dataclass(frozen=True, slots=True)
class Doubt:
    """Why an offset is not certain: a `name`, one sentence, and the possible offsets, the likeliest first.

    `offset-flag`: the flag that the offset was removed is missing, is false in a collection where that is known to be
    wrong, or is true where the offset is known to be present. `offset-facts`: the item's facts contradict each other.
    `offset-single`: the item has only one kind of fact.
    """

    name: str
    sentence: str
    offsets: tuple[float, ...]


class Scaling(NamedTuple):
    """reflectance = DN * scale + offset where DN is not nodata. If there is doubt, `offset` is the likeliest one."""

    scale: float
    offset: float
    nodata: float
    doubt: Doubt | None = None


class Fact(NamedTuple):
    """One fact of an item: whether 1000 was added to its DN (`shifted`), and the `statement` for messages."""

    kind: str
    shifted: bool
    statement: str


def baseline(item: Mapping[str, Any], provider: Provider) -> str:
    """The processing baseline ("05.09"; "02" for Landsat), or "" if the item has none."""
    return _baseline_property(item, provider) or max(_baselines_in_names(item), default="")


def harmonise(item: Mapping[str, Any], asset: Mapping[str, Any], provider: Provider) -> Scaling:
    """The scaling of one reflectance asset of an item.

    Sentinel-2 products of baseline 04.00 and later store reflectance * 10000 + 1000 (Products Specification,
    BOA_ADD_OFFSET). The offset is certain if two kinds of fact agree, of: baseline property, baseline in product names,
    declared offset, generation time before baseline 04.00. The sensing date is no fact, because old
    acquisitions are processed again. Earth Search has removed the 1000 from some files and says so by a flag, but still
    declares -0.1; some files whose flag is false have lost the 1000 too (Element84/earth-search#66, #71). Raises
    CatalogError if no offset is possible.
    """
    product = provider.product
    for name, expected in (("scale", product.scale), ("nodata", product.nodata)):
        for value in _declared(item, asset, name):
            if not isclose(value, expected, rel_tol=1e-6):
                raise CatalogError(
                    f"item {identity(item)} declares {name} {value:g}, but it is {expected:g} in such scenes"
                )
    offsets = _declared(item, asset, "offset")
    possible = (product.offset,) if product.later_offset_since is None else (product.offset, product.later_offset)
    for value in offsets:
        if not any(isclose(value, offset, abs_tol=1e-9) for offset in possible):
            allowed = " or ".join(f"{offset:g}" for offset in possible)
            raise CatalogError(f"item {identity(item)} declares offset {value:g}, but it is {allowed} in such scenes")
    if product.later_offset_since is None:
        return Scaling(product.scale, product.offset, product.nodata)
    offset, doubt = _offset(item, provider, offsets)
    return Scaling(product.scale, offset, product.nodata, doubt)


def file_offsets(item: Mapping[str, Any], provider: Provider, scaling: Scaling) -> tuple[float, ...]:
    """The offsets that an item's files may declare themselves without contradicting it.

    Files from which the provider has removed the later offset may still declare it, as their items do.
    """
    removed = provider.offset_removed is not None and _flag(item, provider.offset_removed)
    return tuple(dict.fromkeys((scaling.offset, *((provider.product.later_offset,) if removed else ()))))


def _offset(item: Mapping[str, Any], provider: Provider, declared: list[float]) -> tuple[float, Doubt | None]:
    who, product, flag = identity(item), provider.product, provider.offset_removed
    flags = {name: _flag(item, name) for name in (FLAGS if flag is None else (flag,))}
    claims = [name for name, value in flags.items() if value]
    offset_removed = flags[flag] if flag else False

    facts = [*_baseline_facts(item, provider), *_generation_facts(item)]
    for value in declared:
        shifted = isclose(value, product.later_offset, abs_tol=1e-9)
        if shifted or not offset_removed:
            facts.append(Fact("offset", shifted, f"its declared offset is {value:g}"))
    if not facts:
        raise CatalogError(
            f"item {who} tells neither its processing baseline nor an offset: its values cannot be made reflectance"
        )
    likely = Counter(fact.shifted for fact in facts).most_common(1)[0][0]
    offset = product.later_offset if likely and not offset_removed else product.offset
    other = product.offset if offset == product.later_offset else product.later_offset

    statements, why = "; ".join(dict.fromkeys(fact.statement for fact in facts)), None
    if len({fact.shifted for fact in facts}) > 1:
        why = "offset-facts", f"contradicts itself: {statements}"
    elif len({fact.kind for fact in facts}) == 1:
        why = "offset-single", f"tells its offset by one thing alone: {statements}"
    elif claims and not likely:
        why = "offset-flag", f"was never shifted ({statements}), but {claims[0]} is true"
    elif claims and not offset_removed:
        why = "offset-flag", f"is shifted as all of its collection ({statements}), but {claims[0]} is true"
    elif flag and likely and not offset_removed:
        missing = "missing" if offset_removed is None else "false, which is wrong in some such items"
        why = "offset-flag", f"was shifted ({statements}), but {flag} is {missing}"
    return offset, Doubt(why[0], f"item {who} {why[1]}", (offset, other)) if why else None


def _flag(item: Mapping[str, Any], name: str) -> bool | None:
    value = properties(item).get(name)
    if value is not None and not isinstance(value, bool):
        raise CatalogError(f"item {identity(item)} has {name} {brief(value)}, but it must be true or false")
    return value


def _baseline_facts(item: Mapping[str, Any], provider: Provider) -> Iterator[Fact]:
    stated, since = _baseline_property(item, provider), provider.product.later_offset_since
    versions = [("baseline", f"its baseline is {stated}", stated)] if stated else []
    versions += [("name", f"its names say {version}", version) for version in _baselines_in_names(item)]
    for kind, statement, version in versions:
        if since is not None and version != UNOFFICIAL:
            yield Fact(kind, version >= since, statement)


def _baseline_property(item: Mapping[str, Any], provider: Provider) -> str:
    form = "02" if provider.product.later_offset_since is None else "05.09"
    for name in provider.baseline:
        value = properties(item).get(name)
        if value is not None:
            if not isinstance(value, str) or not re.fullmatch(re.sub(r"\d", r"\\d", form), value, re.ASCII):
                raise CatalogError(f"item {identity(item)} has {name} {brief(value)}, but it must look like {form}")
            return value
    return ""


def _baselines_in_names(item: Mapping[str, Any]) -> Iterator[str]:
    """The baseline in each product name that has one: ..._N0509_... or ..._N05.09."""
    for name in product_names(item):
        if match := re.search(r"_N(\d\d)\.?(\d\d)(?=[_.]|$)", name, re.ASCII):
            yield f"{match[1]}.{match[2]}"


def _generation_facts(item: Mapping[str, Any]) -> Iterator[Fact]:
    for name in (*GENERATION_TIMES, "created"):
        if properties(item).get(name) is not None:
            generated = timestamp(item, name)
            if generated < FIRST_SHIFTED:
                yield Fact("generation", False, f"it was made in {generated:%Y-%m}, before any was shifted")
            return


def _declared(item: Mapping[str, Any], asset: Mapping[str, Any], name: str) -> list[float]:
    """The values of the raster extension, in its form before STAC 1.1 (`raster:bands`) and since (`bands`, common)."""
    common = name if name == "nodata" else f"raster:{name}"
    bands = [*_single_band(item, asset, "raster:bands"), *_single_band(item, asset, "bands")]
    values = [
        (key, holder[key])
        for holder, keys in [*((band, (name, common)) for band in bands), (asset, (common,))]
        for key in dict.fromkeys(keys)
        if key in holder
    ]
    return [number(item, key, value) for key, value in values if value is not None]


def _single_band(item: Mapping[str, Any], asset: Mapping[str, Any], name: str) -> list[Mapping[str, Any]]:
    bands = asset.get(name)
    if bands is None:
        return []
    if not isinstance(bands, list) or len(bands) != 1 or not isinstance(bands[0], Mapping):
        raise CatalogError(f"item {identity(item)} has {name} {brief(bands)}, but a band's asset must have exactly one")
    return bands
