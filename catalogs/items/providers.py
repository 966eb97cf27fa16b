"""The layouts of items that can be read, as data: one row for each kind of item."""

from collections.abc import Collection, Mapping
from dataclasses import replace
from typing import Any

from catalogs.errors import CatalogError
from catalogs.items.fields import assets, brief, identity, properties
from catalogs.items.products import (
    COPERNICUS_DEM,
    GA_LANDSAT_ARD,
    HLS_V2,
    LANDSAT_C2_L2,
    LANDSAT_C2_L2_ODC,
    PHOTOGRAPH,
    SENTINEL1_RTC,
    SENTINEL2_L2A,
    TERRASCOPE_TOC,
)
from catalogs.items.provider import Band, Provider, by_asset

LEVELS = ("s2:product_type", "sentinel2:product_type", "product:type", "landsat:correction")

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
# Landsat's near infrared (OLI band 5, 0.87 um) is as narrow as Sentinel-2's 8A; it serves both roles.
LANDSAT_KEYS = {key: key for key in ("blue", "green", "red", "nir08", "swir16", "swir22")} | {"nir": "nir08"}

HLS_L30_KEYS = {
    "blue": "B02",
    "green": "B03",
    "red": "B04",
    "nir": "B05",
    "nir08": "B05",
    "swir16": "B06",
    "swir22": "B07",
}
GA_KEYS = {
    "blue": "nbart_blue",
    "green": "nbart_green",
    "red": "nbart_red",
    "nir": "nbart_nir",
    "nir08": "nbart_nir",
    "swir16": "nbart_swir_1",
    "swir22": "nbart_swir_2",
}

OLI_KEYS = {
    "blue": "SR_B2",
    "green": "SR_B3",
    "red": "SR_B4",
    "nir": "SR_B5",
    "nir08": "SR_B5",
    "swir16": "SR_B6",
    "swir22": "SR_B7",
}
TM_KEYS = {
    "blue": "SR_B1",
    "green": "SR_B2",
    "red": "SR_B3",
    "nir": "SR_B4",
    "nir08": "SR_B4",
    "swir16": "SR_B5",
    "swir22": "SR_B7",
}

EARTH_SEARCH_URL = "https://earth-search.aws.element84.com/v1"
PLANETARY_COMPUTER_URL = "https://planetarycomputer.microsoft.com/api/stac/v1"
AFRICA_URL = "https://explorer.digitalearth.africa/stac"

PROVIDERS = (
    Provider(
        name="Earth Search v1 sentinel-2-l2a",
        urls=(EARTH_SEARCH_URL,),
        collections=("sentinel-2-l2a",),
        product=SENTINEL2_L2A,
        bands=by_asset(BY_ROLE),
        mask=Band("scl"),
        baseline=("s2:processing_baseline",),
        hosts=("https://sentinel-cogs.s3.us-west-2.amazonaws.com/", "s3://sentinel-cogs/"),
        namespaces=("earthsearch:",),
        offset_removed="earthsearch:boa_offset_applied",
    ),
    Provider(
        name="Earth Search v1 sentinel-2-c1-l2a",
        urls=(EARTH_SEARCH_URL,),
        collections=("sentinel-2-c1-l2a",),
        product=SENTINEL2_L2A,
        bands=by_asset(BY_ROLE),
        mask=Band("scl"),
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
        bands=by_asset(BY_BAND),
        mask=Band("SCL"),
        baseline=("sentinel:processing_baseline",),
        hosts=("https://sentinel-cogs.s3.us-west-2.amazonaws.com/", "s3://sentinel-cogs/"),
        namespaces=("sentinel:",),
        offset_removed="sentinel:boa_offset_applied",
    ),
    Provider(
        name="Planetary Computer sentinel-2-l2a",
        urls=(PLANETARY_COMPUTER_URL,),
        collections=("sentinel-2-l2a",),
        product=SENTINEL2_L2A,
        bands=by_asset(BY_BAND),
        mask=Band("SCL"),
        baseline=("s2:processing_baseline",),
        hosts=("https://sentinel2l2a01.blob.core.windows.net/",),
    ),
    Provider(
        name="Copernicus Data Space sentinel-2-l2a",
        urls=("https://stac.dataspace.copernicus.eu/v1",),
        collections=("sentinel-2-l2a",),
        product=SENTINEL2_L2A,
        bands=by_asset(BY_BAND_AND_METRES),
        mask=Band("SCL_20m"),
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
        bands=by_asset(BY_ROLE),
        mask=Band("scl"),
        baseline=("s2:processing_baseline", "sentinel2:processing_baseline"),
        hosts=("s3://sentinel-s2-l2a/",),
    ),
    Provider(
        name="stactools sentinel2",
        urls=(),
        collections=(),
        product=SENTINEL2_L2A,
        bands=by_asset(BY_ROLE),
        mask=Band("scl"),
        baseline=("s2:processing_baseline",),
        layout_asset="scl_60m",
    ),
    Provider(
        name="Landsat Collection 2 Level-2",
        urls=(PLANETARY_COMPUTER_URL, EARTH_SEARCH_URL, "https://landsatlook.usgs.gov/stac-server"),
        collections=("landsat-c2-l2", "landsat-c2l2-sr"),
        product=LANDSAT_C2_L2,
        bands=by_asset(LANDSAT_KEYS),
        mask=Band("qa_pixel"),
        baseline=("landsat:collection_number",),
        hosts=("s3://usgs-landsat/", "https://landsateuwest.blob.core.windows.net/", "https://landsatlook.usgs.gov/"),
        namespaces=("landsat:", "earthsearch:"),
    ),
    Provider(
        name="HLS v2 L30",
        urls=("https://cmr.earthdata.nasa.gov/stac/LPCLOUD", PLANETARY_COMPUTER_URL),
        collections=("HLSL30_2.0", "HLSL30.v2.0", "hls2-l30"),
        product=HLS_V2,
        bands=by_asset(HLS_L30_KEYS),
        mask=Band("Fmask"),
        namespaces=("landsat:",),
    ),
    Provider(
        name="HLS v2 S30",
        urls=("https://cmr.earthdata.nasa.gov/stac/LPCLOUD", PLANETARY_COMPUTER_URL),
        collections=("HLSS30_2.0", "HLSS30.v2.0", "hls2-s30"),
        product=HLS_V2,
        bands=by_asset(BY_BAND),
        mask=Band("Fmask"),
    ),
    Provider(
        name="Geoscience Australia Landsat ARD 3",
        urls=("https://explorer.dea.ga.gov.au/stac",),
        collections=("ga_ls5t_ard_3", "ga_ls7e_ard_3", "ga_ls8c_ard_3", "ga_ls9c_ard_3"),
        product=GA_LANDSAT_ARD,
        bands=by_asset(GA_KEYS),
        mask=Band("oa_fmask"),
        namespaces=("landsat:",),
    ),
    # Digital Earth Africa (its data specifications) has copies of the files of Earth Search and USGS.
    Provider(
        name="Digital Earth Africa s2_l2a",
        urls=(AFRICA_URL,),
        collections=("s2_l2a",),
        product=SENTINEL2_L2A,
        bands=by_asset(BY_BAND),
        mask=Band("SCL"),
        baseline=("sentinel:processing_baseline",),
        hosts=("s3://deafrica-sentinel-2/",),
        namespaces=("sentinel:",),
        offset_removed="sentinel:boa_offset_applied",
    ),
    Provider(
        name="Digital Earth Africa s2_l2a_c1",
        urls=(AFRICA_URL,),
        collections=("s2_l2a_c1",),
        product=SENTINEL2_L2A,
        bands=by_asset(BY_ROLE),
        mask=Band("scl"),
        baseline=("s2:processing_baseline",),
        hosts=("s3://deafrica-sentinel-2-l2a-c1/",),
        namespaces=("earthsearch:",),
    ),
    Provider(
        name="Digital Earth Africa Landsat 8 and 9",
        urls=(AFRICA_URL,),
        collections=("ls8_sr", "ls9_sr"),
        product=LANDSAT_C2_L2_ODC,
        bands=by_asset(OLI_KEYS),
        mask=Band("QA_PIXEL"),
        hosts=("s3://deafrica-landsat/",),
        namespaces=("landsat:",),
    ),
    Provider(
        name="Digital Earth Africa Landsat 5 and 7",
        urls=(AFRICA_URL,),
        collections=("ls5_sr", "ls7_sr"),
        product=LANDSAT_C2_L2_ODC,
        bands=by_asset(TM_KEYS),
        mask=Band("QA_PIXEL"),
        hosts=("s3://deafrica-landsat/",),
        namespaces=("landsat:",),
    ),
    Provider(
        name="Terrascope Sentinel-2 TOC",
        urls=("https://stac.terrascope.be",),
        collections=("terrascope-s2-toc-v2",),
        product=TERRASCOPE_TOC,
        bands=by_asset(BY_BAND),
        mask=Band("SCL"),
        hosts=("https://services.terrascope.be/download/Sentinel2/",),
    ),
    Provider(
        name="NAIP",
        urls=(PLANETARY_COMPUTER_URL, EARTH_SEARCH_URL),
        collections=("naip",),
        product=PHOTOGRAPH,
        bands={role: Band("image", number) for number, role in enumerate(("red", "green", "blue", "nir"), 1)},
        mask=None,
        namespaces=("naip:", "earthsearch:"),
    ),
    Provider(
        name="Planetary Computer sentinel-1-rtc",
        urls=(PLANETARY_COMPUTER_URL,),
        collections=("sentinel-1-rtc",),
        product=replace(SENTINEL1_RTC, nodata=-32768.0),
        bands=by_asset({"vv": "vv", "vh": "vh"}),
        mask=None,
    ),
    Provider(
        name="Sentinel-1 RTC on AWS",
        urls=(),
        collections=("sentinel1-rtc-aws",),
        product=SENTINEL1_RTC,
        bands=by_asset({"vv": "gamma0_vv", "vh": "gamma0_vh"}),
        mask=None,
        namespaces=("sentinel:",),
    ),
    Provider(
        name="Copernicus DEM",
        urls=(PLANETARY_COMPUTER_URL, EARTH_SEARCH_URL),
        collections=("cop-dem-glo-30", "cop-dem-glo-90"),
        product=COPERNICUS_DEM,
        bands=by_asset({"height": "data"}),
        mask=None,
        namespaces=("earthsearch:",),
    ),
)


def provider_of(item: Mapping[str, Any], roles: Collection[str] | None = None) -> Provider:
    """The row of an item; CatalogError if no row or several rows fit, or if its fields point to another row.

    `roles`: those of the band files that are read (default: all); others have no say.
    """
    who, collection, present = identity(item), item.get("collection"), assets(item)
    _check_level(item)
    fitting = [row for row in PROVIDERS if _fits(row, collection, present)]
    if not fitting:
        all_collections = sorted({name for row in PROVIDERS for name in row.collections})
        if collection not in all_collections:
            raise CatalogError(
                f"item {who} is of collection {brief(collection)}, but this system reads {', '.join(all_collections)}"
            )
        wanted = "; ".join(
            f"{row.name}: {', '.join(band.asset for band in row.bands.values())}"
            for row in PROVIDERS
            if collection in row.collections
        )
        raise CatalogError(f"item {who} has none of the assets that {collection} has ({wanted})")
    if len(fitting) > 1:
        raise CatalogError(f"item {who} has assets of {' and of '.join(row.name for row in fitting)}: leave one kind")
    _check_origin(item, fitting[0], present, fitting[0].bands if roles is None else roles)
    return fitting[0]


def _fits(row: Provider, collection: Any, present: Mapping[str, Any]) -> bool:
    if row.collections:
        here = collection in row.collections
    else:
        here = not any(collection in other.collections for other in PROVIDERS)
    ours = any(key in present for key in row.keys)
    return here and ours and (row.layout_asset is None or row.layout_asset in present)


def _check_level(item: Mapping[str, Any]) -> None:
    levels = [level for row in PROVIDERS for level in row.product.levels]
    for name in LEVELS:
        level = properties(item).get(name)
        if level is not None and level not in levels:
            raise CatalogError(
                f"item {identity(item)} has {name} {brief(level)}, but maps are made from surface reflectance: "
                f"Level-2 products ({', '.join(sorted(set(levels)))})"
            )


def _check_origin(item: Mapping[str, Any], row: Provider, present: Mapping[str, Any], roles: Collection[str]) -> None:
    """Raises CatalogError if a property or a band file belongs to another row, whose DN mean other values."""
    for name in properties(item):
        owners = [other for other in PROVIDERS if name.startswith(other.namespaces)]
        if owners and row not in owners:
            raise CatalogError(f"item {identity(item)} looks like {row.name}, but {name} is of {owners[0].name}")
    for band in (row.bands[role] for role in row.bands if role in roles):
        asset = present.get(band.asset)
        href = asset.get("href") if isinstance(asset, Mapping) else None
        owners = [other for other in PROVIDERS if isinstance(href, str) and href.startswith(other.hosts)]
        if owners and row not in owners:
            raise CatalogError(
                f"item {identity(item)} looks like {row.name}, but its file {brief(href)} is of {owners[0].name}"
            )
