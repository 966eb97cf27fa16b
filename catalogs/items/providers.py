"""What the items of each catalog look like, as data: one row for each kind of item."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from catalogs.errors import CatalogError
from catalogs.items import acquisition
from catalogs.items.acquisition import Acquisition
from catalogs.items.fields import assets, identity, properties, shown
from catalogs.items.mask import QA_PIXEL, SCL, MaskRule

Keys = Mapping[str, str]

LEVELS = ("s2:product_type", "sentinel2:product_type", "product:type", "landsat:correction")


@dataclass(frozen=True, slots=True)
class Product:
    """What holds for a product whoever serves it: reflectance = DN * `scale` + `offset` where DN is not `nodata`.

    From baseline `shifted_since` on DN are shifted up, and the offset is `shifted` instead. `levels` are the texts that
    name it. `repeat` is in days and for one satellite. `acquisition` reads tile and pass of an item.
    """

    levels: tuple[str, ...]
    platforms: tuple[str, ...]
    repeat: int
    scale: float
    offset: float
    nodata: float
    rule: MaskRule
    acquisition: Callable[[Mapping[str, Any], datetime], Acquisition]
    shifted_since: str | None = None
    shifted: float = 0.0


@dataclass(frozen=True, slots=True)
class Provider:
    """Where the items of these collections keep what a scene needs; no collections: any that no other row has.

    `keys` are the assets of the band roles. An item is one of this row where its collection fits, one of the row's
    assets is there, and so is the asset `layout`; properties that begin with one of `namespaces` and band files below
    `hosts` are this row's, and must not be another's. `baseline` are the properties that may hold the baseline. Where
    the property `undone` is true the shift was taken out of the files.
    """

    name: str
    urls: tuple[str, ...]
    collections: tuple[str, ...]
    product: Product
    keys: Keys
    mask: str
    baseline: tuple[str, ...]
    hosts: tuple[str, ...] = ()
    namespaces: tuple[str, ...] = ()
    layout: str | None = None
    undone: str | None = None


# Sentinel-2 Products Specification: QUANTIFICATION_VALUE 10000; BOA_ADD_OFFSET -1000 from baseline 04.00 on; DN 0 is
# no data. Each satellite comes back over its 143 orbits after 10 days.
SENTINEL2_L2A = Product(
    levels=("S2MSI2A",),
    platforms=("sentinel-2a", "sentinel-2b", "sentinel-2c", "sentinel-2d"),
    repeat=10,
    scale=0.0001,
    offset=0.0,
    nodata=0.0,
    rule=SCL,
    acquisition=acquisition.sentinel2,
    shifted_since="04.00",
    shifted=-0.1,
)
# Landsat Collection 2 Level-2 Science Product Guide (USGS LSDS-1619): reflectance = DN * 0.0000275 - 0.2, 0 is fill.
LANDSAT_C2_L2 = Product(
    levels=("L2SP", "L2SR"),
    platforms=("landsat-4", "landsat-5", "landsat-7", "landsat-8", "landsat-9"),
    repeat=16,
    scale=0.0000275,
    offset=-0.2,
    nodata=0.0,
    rule=QA_PIXEL,
    acquisition=acquisition.landsat,
)


SENTINEL2_ROLES = {
    "blue": ("B02", 10),
    "green": ("B03", 10),
    "red": ("B04", 10),
    "rededge1": ("B05", 20),
    "rededge2": ("B06", 20),
    "rededge3": ("B07", 20),
    "nir": ("B08", 10),
    "nir08": ("B8A", 20),
    "swir16": ("B11", 20),
    "swir22": ("B12", 20),
}
BY_ROLE = {role: role for role in SENTINEL2_ROLES}
BY_BAND = {role: band for role, (band, _) in SENTINEL2_ROLES.items()}
BY_BAND_AND_METRES = {role: f"{band}_{metres}m" for role, (band, metres) in SENTINEL2_ROLES.items()}
# Landsat's near infrared (OLI band 5, 0.87 um) is as narrow as Sentinel-2's 8A, and stands for both roles.
LANDSAT_KEYS = {key: key for key in ("blue", "green", "red", "nir08", "swir16", "swir22")} | {"nir": "nir08"}

EARTH_SEARCH = "https://earth-search.aws.element84.com/v1"
PLANETARY_COMPUTER = "https://planetarycomputer.microsoft.com/api/stac/v1"

PROVIDERS = (
    Provider(
        name="Earth Search v1 sentinel-2-l2a",
        urls=(EARTH_SEARCH,),
        collections=("sentinel-2-l2a",),
        product=SENTINEL2_L2A,
        keys=BY_ROLE,
        mask="scl",
        baseline=("s2:processing_baseline",),
        hosts=("https://sentinel-cogs.s3.us-west-2.amazonaws.com/", "s3://sentinel-cogs/"),
        namespaces=("earthsearch:",),
        undone="earthsearch:boa_offset_applied",
    ),
    Provider(
        name="Earth Search v1 sentinel-2-c1-l2a",
        urls=(EARTH_SEARCH,),
        collections=("sentinel-2-c1-l2a",),
        product=SENTINEL2_L2A,
        keys=BY_ROLE,
        mask="scl",
        baseline=("s2:processing_baseline",),
        hosts=(
            "https://e84-earth-search-sentinel-data.s3.us-west-2.amazonaws.com/",
            "s3://e84-earth-search-sentinel-data/",
        ),
        namespaces=("earthsearch:",),
    ),
    Provider(
        name="Earth Search v0 sentinel-s2-l2a-cogs",
        urls=("https://earth-search.aws.element84.com/v0",),
        collections=("sentinel-s2-l2a-cogs",),
        product=SENTINEL2_L2A,
        keys=BY_BAND,
        mask="SCL",
        baseline=("sentinel:processing_baseline",),
        hosts=("https://sentinel-cogs.s3.us-west-2.amazonaws.com/", "s3://sentinel-cogs/"),
        namespaces=("sentinel:",),
        undone="sentinel:boa_offset_applied",
    ),
    Provider(
        name="Planetary Computer sentinel-2-l2a",
        urls=(PLANETARY_COMPUTER,),
        collections=("sentinel-2-l2a",),
        product=SENTINEL2_L2A,
        keys=BY_BAND,
        mask="SCL",
        baseline=("s2:processing_baseline",),
        hosts=("https://sentinel2l2a01.blob.core.windows.net/",),
    ),
    Provider(
        name="Copernicus Data Space sentinel-2-l2a",
        urls=("https://stac.dataspace.copernicus.eu/v1",),
        collections=("sentinel-2-l2a",),
        product=SENTINEL2_L2A,
        keys=BY_BAND_AND_METRES,
        mask="SCL_20m",
        baseline=("processing:version",),
        hosts=(
            "s3://eodata/",
            "https://eodata.dataspace.copernicus.eu/",
            "https://download.dataspace.copernicus.eu/",
        ),
        namespaces=("eopf:",),
    ),
    Provider(
        name="Sentinel-2 on AWS",
        urls=(),
        collections=("sentinel-s2-l2a",),
        product=SENTINEL2_L2A,
        keys=BY_ROLE,
        mask="scl",
        baseline=("s2:processing_baseline", "sentinel2:processing_baseline"),
        hosts=("s3://sentinel-s2-l2a/",),
    ),
    Provider(
        name="stactools sentinel2",
        urls=(),
        collections=(),
        product=SENTINEL2_L2A,
        keys=BY_ROLE,
        mask="scl",
        baseline=("s2:processing_baseline",),
        layout="scl_60m",
    ),
    Provider(
        name="Landsat Collection 2 Level-2",
        urls=(PLANETARY_COMPUTER, EARTH_SEARCH),
        collections=("landsat-c2-l2",),
        product=LANDSAT_C2_L2,
        keys=LANDSAT_KEYS,
        mask="qa_pixel",
        baseline=("landsat:collection_number",),
        hosts=("s3://usgs-landsat/", "https://landsateuwest.blob.core.windows.net/", "https://landsatlook.usgs.gov/"),
        namespaces=("landsat:", "earthsearch:"),
    ),
)


def provider_of(item: Mapping[str, Any]) -> Provider:
    """The row an item is of; CatalogError where none is, several are, or what the item says points elsewhere."""
    who, collection, present = identity(item), item.get("collection"), assets(item)
    _check_level(item)
    fitting = [row for row in PROVIDERS if _fits(row, collection, present)]
    if not fitting:
        known = sorted({name for row in PROVIDERS for name in row.collections})
        if collection not in known:
            raise CatalogError(
                f"item {who} is of collection {shown(collection)}, but this system reads {', '.join(known)}"
            )
        wanted = "; ".join(
            f"{row.name}: {', '.join(row.keys.values())}" for row in PROVIDERS if collection in row.collections
        )
        raise CatalogError(f"item {who} has none of the assets that {collection} has ({wanted})")
    if len(fitting) > 1:
        raise CatalogError(f"item {who} has assets of {' and of '.join(row.name for row in fitting)}: leave one kind")
    _check_origin(item, fitting[0], present)
    return fitting[0]


def _fits(row: Provider, collection: Any, present: Mapping[str, Any]) -> bool:
    if row.collections:
        here = collection in row.collections
    else:
        here = not any(collection in other.collections for other in PROVIDERS)
    ours = any(key in present for key in (*row.keys.values(), row.mask))
    return here and ours and (row.layout is None or row.layout in present)


def _check_level(item: Mapping[str, Any]) -> None:
    levels = [level for row in PROVIDERS for level in row.product.levels]
    for name in LEVELS:
        level = properties(item).get(name)
        if level is not None and level not in levels:
            raise CatalogError(
                f"item {identity(item)} has {name} {shown(level)}, but maps are made from surface reflectance: "
                f"Level-2 products ({', '.join(sorted(set(levels)))})"
            )


def _check_origin(item: Mapping[str, Any], row: Provider, present: Mapping[str, Mapping[str, Any]]) -> None:
    """That neither the item's properties nor its band files are those of other rows: their DN mean other values."""
    for name in properties(item):
        owners = [other for other in PROVIDERS if name.startswith(other.namespaces)]
        if owners and row not in owners:
            raise CatalogError(f"item {identity(item)} looks like {row.name}, but {name} is of {owners[0].name}")
    for key in row.keys.values():
        href = present.get(key, {}).get("href")
        owners = [other for other in PROVIDERS if isinstance(href, str) and href.startswith(other.hosts)]
        if owners and row not in owners:
            raise CatalogError(
                f"item {identity(item)} looks like {row.name}, but its file {shown(href)} is of {owners[0].name}"
            )
