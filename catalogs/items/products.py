"""What the numbers of each product mean, as its documentation has it."""

from dataclasses import replace

from catalogs.items import acquisition
from catalogs.items.mask import HLS_FMASK, OA_FMASK, QA_PIXEL, SCL
from catalogs.items.provider import FROM_ITEM, Product, Unit

# Sentinel-2 Products Specification: QUANTIFICATION_VALUE 10000; BOA_ADD_OFFSET -1000 from baseline 04.00 on; DN 0 is
# no data. Each satellite repeats its 143 orbits after 10 days.
SENTINEL2_L2A = Product(
    levels=("S2MSI2A",),
    platforms=("sentinel-2a", "sentinel-2b", "sentinel-2c", "sentinel-2d"),
    repeat_days=10,
    scale=0.0001,
    offset=0.0,
    nodata=0.0,
    rule=SCL,
    acquisition=acquisition.sentinel2,
    later_offset_since="04.00",
    later_offset=-0.1,
)
# Terrascope Sentinel-2 TOC V2, as items of stac.terrascope.be declare it: int16, reflectance = DN * 0.0001 without an
# offset, 32767 is no data; the scene classification is Sen2Cor's.
TERRASCOPE_TOC = replace(
    SENTINEL2_L2A, levels=("TOC",), nodata=32767.0, later_offset_since=None, later_offset=0.0, dtypes=("int16",)
)
# Landsat Collection 2 Level-2 Science Product Guide (USGS LSDS-1619): reflectance = DN * 0.0000275 - 0.2, 0 is fill.
LANDSAT_C2_L2 = Product(
    levels=("L2SP", "L2SR"),
    platforms=("landsat-4", "landsat-5", "landsat-7", "landsat-8", "landsat-9"),
    repeat_days=16,
    scale=0.0000275,
    offset=-0.2,
    nodata=0.0,
    rule=QA_PIXEL,
    acquisition=acquisition.landsat,
)
# The same files in an Open Data Cube, whose items name their place by `odc:region_code`.
LANDSAT_C2_L2_ODC = replace(LANDSAT_C2_L2, repeat_days=0, acquisition=acquisition.platform_time)
# HLS v2 User Guide: reflectance = DN * 0.0001, -9999 is fill. Items of CMR name no platform.
HLS_V2 = Product(
    levels=(),
    platforms=(),
    repeat_days=0,
    scale=0.0001,
    offset=0.0,
    nodata=-9999.0,
    rule=HLS_FMASK,
    acquisition=acquisition.platform_time,
    dtypes=("int16",),
)
# DEA Surface Reflectance, Collection 3 (knowledge.dea.ga.gov.au): reflectance = DN * 0.0001, -999 is no data.
GA_LANDSAT_ARD = Product(
    levels=(),
    platforms=("landsat-5", "landsat-7", "landsat-8", "landsat-9"),
    repeat_days=0,
    scale=0.0001,
    offset=0.0,
    nodata=-999.0,
    rule=OA_FMASK,
    acquisition=acquisition.platform_time,
    dtypes=("int16",),
)
PHOTOGRAPH = Product(
    levels=(),
    platforms=(),
    repeat_days=0,
    scale=1.0,
    offset=0.0,
    nodata=None,
    rule=None,
    acquisition=acquisition.alone,
    unit=Unit("grey value", 1.0, 0.0),
    dtypes=("uint8",),
)
# Radiometrically terrain corrected Sentinel-1: gamma nought, linear. Indigo on AWS has 0, Planetary Computer -32768 as
# no data.
SENTINEL1_RTC = Product(
    levels=(),
    platforms=("sentinel-1a", "sentinel-1b", "sentinel-1c", "sentinel-1d"),
    repeat_days=0,
    scale=1.0,
    offset=0.0,
    nodata=0.0,
    rule=None,
    acquisition=acquisition.platform_time,
    unit=Unit("backscatter, gamma nought", 0.0001, 0.0),
    dtypes=("float32",),
)
COPERNICUS_DEM = Product(
    levels=(),
    platforms=(),
    repeat_days=0,
    scale=1.0,
    offset=0.0,
    nodata=FROM_ITEM,
    rule=None,
    acquisition=acquisition.alone,
    unit=Unit("height in metres", 0.5, -500.0),
    dtypes=("float32",),
)
