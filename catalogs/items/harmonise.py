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
from catalogs.items.provider import FROM_ITEM, Band, Declared, Provider
from catalogs.items.providers import PROVIDERS

# Baseline 04.00 went into operation on this day; no product made before it is shifted (Sentinel-2 processing baseline).
FIRST_SHIFTED = datetime(2022, 1, 25, tzinfo=UTC)
# Products made outside ESA's processing carry this baseline; it says nothing about a shift.
UNOFFICIAL = "99.99"
BAND_NAMES = ("name", "common_name", "eo:common_name")
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
    """value = DN * scale + offset where DN is not nodata (None: where the file marks none). If there is doubt, `offset`
    is the likeliest one."""

    scale: float
    offset: float
    nodata: float | None
    doubt: Doubt | None = None


class Fact(NamedTuple):
    """One fact of an item: whether 1000 was added to its DN (`shifted`), and the `statement` for messages."""

    kind: str
    shifted: bool
    statement: str


def baseline(item: Mapping[str, Any], provider: Provider) -> str:
    """The processing baseline ("05.09"; "02" for Landsat), or "" if the item has none."""
    return _baseline_property(item, provider) or max(_baselines_in_names(item), default="")


def harmonise(item: Mapping[str, Any], asset: Mapping[str, Any], provider: Provider, band: Band) -> Scaling:
    """The scaling of one band of an item, which the asset holds.

    Sentinel-2 products of baseline 04.00 and later store reflectance * 10000 + 1000 (Products Specification,
    BOA_ADD_OFFSET). The offset is certain if two kinds of fact agree, of: baseline property, baseline in product names,
    declared offset, generation time before baseline 04.00. The sensing date is no fact, because old
    acquisitions are processed again. Earth Search has removed the 1000 from some files and says so by a flag, but still
    declares -0.1; some files whose flag is false have lost the 1000 too (Element84/earth-search#66, #71). Raises
    CatalogError if no offset is possible.
    """
    product = provider.product
    declared = {name: _declared(item, asset, name, band.number) for name in ("scale", "offset", "nodata")}
    if not provider.trusts_items:
        declared = {name: [] for name in declared}
    scale = _settle(item, "scale", product.scale if band.scale is None else band.scale, declared)
    nodata = _settle(item, "nodata", product.nodata, declared)
    if product.later_offset_since is None:
        offset = _settle(item, "offset", product.offset if band.offset is None else band.offset, declared)
        assert scale is not None and offset is not None, "only nodata may be None"
        return Scaling(scale, offset, nodata)
    assert scale is not None and product.offset != FROM_ITEM, "a row with two offsets knows both"
    possible = product.offset, product.later_offset
    for value in declared["offset"]:
        if not any(isclose(value, offset, abs_tol=1e-9) for offset in possible):
            raise _contradicts(item, "offset", value, " or ".join(f"{offset:g}" for offset in possible))
    offset, doubt = _offset(item, provider, declared["offset"])
    return Scaling(scale, offset, nodata, doubt)


def _settle(
    item: Mapping[str, Any], name: str, expected: Declared | None, declared: Mapping[str, list[float]]
) -> float | None:
    """The expected value, which the declared ones must not contradict, or the one that the item declares."""
    values = declared[name]
    if expected == FROM_ITEM:
        if not values and name != "nodata" and not (declared["scale"] or declared["offset"]):
            raise CatalogError(
                f"item {identity(item)} declares neither scale nor offset of its values; write both in the provider, "
                "as {scale: 0.0001, offset: 0}"
            )
        default = {"scale": 1.0, "offset": 0.0, "nodata": None}[name]
        expected = values[0] if values else default
    for value in values:
        if expected is None or not isclose(value, expected, rel_tol=1e-6, abs_tol=1e-9 if name == "offset" else 0.0):
            raise _contradicts(item, name, value, "none" if expected is None else f"{expected:g}")
    return expected


def _contradicts(item: Mapping[str, Any], name: str, value: float, allowed: str) -> CatalogError:
    return CatalogError(f"item {identity(item)} declares {name} {value:g}, but it is {allowed} in such scenes")


def file_offsets(item: Mapping[str, Any], provider: Provider, scaling: Scaling) -> tuple[float, ...]:
    """The offsets that an item's files may declare themselves without contradicting it.

    Files from which the provider has removed the later offset may still declare it, as their items do.
    """
    removed = provider.offset_removed is not None and _flag(item, provider.offset_removed)
    return tuple(dict.fromkeys((scaling.offset, *((provider.product.later_offset,) if removed else ()))))


def _offset(item: Mapping[str, Any], provider: Provider, declared: list[float]) -> tuple[float, Doubt | None]:
    who, product, flag = identity(item), provider.product, provider.offset_removed
    assert product.offset != FROM_ITEM, "a row with two offsets knows both"
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


def _declared(item: Mapping[str, Any], asset: Mapping[str, Any], name: str, which: int | str | None) -> list[float]:
    """The values of the raster extension, in its form before STAC 1.1 (`raster:bands`) and since (`bands`, common)."""
    common = name if name == "nodata" else f"raster:{name}"
    bands = [band for key in ("raster:bands", "bands") for band in _band_of(item, asset, key, which)]
    values = [
        (key, holder[key])
        for holder, keys in [*((band, (name, common)) for band in bands), (asset, (common,))]
        for key in dict.fromkeys(keys)
        if key in holder
    ]
    if name == "nodata":
        values = [(key, value) for key, value in values if value != "nan"]
    return [number(item, key, value) for key, value in values if value is not None]


def _band_of(
    item: Mapping[str, Any], asset: Mapping[str, Any], name: str, which: int | str | None
) -> list[Mapping[str, Any]]:
    """What an asset's list `name` says of one of its bands; empty without such a list."""
    bands = asset.get(name)
    if bands is None:
        return []
    listed = isinstance(bands, list) and all(isinstance(band, Mapping) for band in bands)
    if which is None and not (listed and len(bands) == 1):
        raise CatalogError(f"item {identity(item)} has {name} {brief(bands)}, but a band's asset must have exactly one")
    at = 1 if which is None else band_number(item, asset, which)
    if not listed or at > len(bands):
        raise CatalogError(f"item {identity(item)} has {name} {brief(bands)}, but band {at} is looked for")
    return [bands[at - 1]]


def band_number(item: Mapping[str, Any], asset: Mapping[str, Any], which: int | str) -> int:
    """The number from 1 of a band in its asset's raster; a text is the band's name or common name in the item."""
    if isinstance(which, int):
        return which
    names: list[str] = []
    for key in ("bands", "eo:bands", "raster:bands"):
        bands = asset.get(key)
        for at, band in enumerate(bands if isinstance(bands, list) else (), 1):
            own = [band.get(name) for name in BAND_NAMES] if isinstance(band, Mapping) else []
            if which in own:
                return at
            names += [str(each) for each in own if isinstance(each, str)]
    raise CatalogError(
        f"item {identity(item)} has no band named {which!r:.80} in its asset (it has "
        f"{brief(sorted(dict.fromkeys(names))) if names else 'no names of bands'}); give the band's number"
    )
