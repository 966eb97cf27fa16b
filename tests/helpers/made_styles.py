"""One made item of each kind that the providers write, with what is true of its pixels."""

import copy
from typing import Any, NamedTuple

from made_items import made_item

ROLES = ("blue", "green", "red", "nir", "swir16")
BANDS = {"blue": "B02", "green": "B03", "red": "B04", "nir": "B08", "swir16": "B11"}
RING = [[15.0, 46.0], [16.0, 46.0], [16.0, 47.0], [15.0, 47.0], [15.0, 46.0]]
TAKEN = {"scale": 0.0001, "offset": -0.1, "nodata": 0}


class Made(NamedTuple):
    """`offset` is the true one of the stored values; `certain` tells whether the item leaves no doubt about it."""

    item: dict[str, Any]
    provider: str
    offset: float
    certain: bool = True
    tile: str = "33TWM"
    orbit: int | None = 79


def feature(id, collection, properties, assets):
    facts = {"datetime": "2023-08-15T09:57:57.246000Z", "eo:cloud_cover": 12.5, "proj:epsg": 32633, **properties}
    item = {
        "type": "Feature",
        "stac_version": "1.0.0",
        "id": id,
        "bbox": [15.0, 46.0, 16.0, 47.0],
        "geometry": {"type": "Polygon", "coordinates": [RING]},
        "properties": {name: value for name, value in facts.items() if value is not None},
        "links": [],
        "assets": assets,
    }
    return item if collection is None else {**item, "collection": collection}


def sentinel2(prefix, baseline, **properties):
    names = {
        f"{prefix}:product_uri": f"S2A_MSIL2A_20230815T095031_N{baseline.replace('.', '')}_R079_T33TWM_x.SAFE",
        f"{prefix}:datatake_id": f"GS2A_20230815T095031_042547_N{baseline}",
        f"{prefix}:processing_baseline": baseline,
        f"{prefix}:product_type": "S2MSI2A",
        "platform": "sentinel-2a",
        "created": "2024-02-01T00:00:00Z",
    }
    return {**names, **{name.replace("__", ":"): value for name, value in properties.items()}}


def files(keys, mask, host, suffix="tif", **facts):
    shown = {role: {"href": f"{host}{BANDS[role]}.{suffix}", **facts} for role in ROLES}
    return {**{keys[role]: shown[role] for role in ROLES}, mask: {"href": f"{host}SCL.{suffix}"}}


def earth_search(collection, host, baseline, offset, **properties):
    assets = files({role: role for role in ROLES}, "scl", host, **{"raster:bands": [{**TAKEN, "offset": offset}]})
    facts = sentinel2("s2", baseline, grid__code="MGRS-33TWM", earthsearch__payload_id="x/y", **properties)
    return feature("S2A_33TWM_20230815_0_L2A", collection, facts, assets)


def earth_search_v0(
    collection="sentinel-s2-l2a-cogs", host="https://sentinel-cogs.s3.us-west-2.amazonaws.com/", **properties
):
    facts = {
        **{name.replace("__", ":"): value for name, value in properties.items()},
        "platform": "sentinel-2a",
        "created": "2023-08-15T21:19:47.562Z",
        "sentinel:utm_zone": 33,
        "sentinel:product_id": "S2A_MSIL2A_20230815T095031_N0509_R079_T33TWM_20230815T155057",
        "sentinel:processing_baseline": "05.09",
        "sentinel:boa_offset_applied": True,
    }
    assets = files(BANDS, "SCL", f"{host}sentinel-s2-l2a-cogs/33/T/WM/")
    return feature("S2A_33TWM_20230815_0_L2A", collection, facts, assets)


def planetary_computer(baseline, generated):
    facts = sentinel2("s2", baseline, s2__mgrs_tile="33TWM", sat__relative_orbit=79, s2__generation_time=generated)
    facts |= {"platform": "Sentinel-2A", "created": None}
    host = "https://sentinel2l2a01.blob.core.windows.net/sentinel2-l2/33/T/WM/"
    name = "S2A_MSIL2A_20230815T095031_R079_T33TWM_20230815T155057"
    return feature(name, "sentinel-2-l2a", facts, files(BANDS, "SCL", host))


def data_space():
    facts = {
        "platform": "sentinel-2a",
        "grid:code": "MGRS-33TWM",
        "product:type": "S2MSI2A",
        "processing:version": "05.09",
        "processing:datetime": "2023-08-15T15:50:57.000000Z",
        "eopf:datatake_id": "GS2A_20230815T095031_042547_N05.09",
        "sat:relative_orbit": 79,
        "published": "2023-08-15T17:00:00Z",
    }
    keys = {role: f"{band}_{20 if role == 'swir16' else 10}m" for role, band in BANDS.items()}
    raster = {"raster:scale": 0.0001, "raster:offset": -0.1, "nodata": 0, "bands": [{"name": "a band"}]}
    assets = files(keys, "SCL_20m", "s3://eodata/Sentinel-2/MSI/L2A/2023/08/15/x.SAFE/", "jp2", **raster)
    name = "S2A_MSIL2A_20230815T095031_N0509_R079_T33TWM_20230815T155057"
    return feature(name, "sentinel-2-l2a", facts, assets) | {"stac_version": "1.1.0"}


def on_aws(prefix):
    facts = sentinel2(prefix, "05.09", grid__code="MGRS-33TWM") | {f"{prefix}:relative_orbit_number": 79}
    facts[f"{prefix}:product_title"] = facts.pop(f"{prefix}:product_uri").removesuffix(".SAFE")
    del facts[f"{prefix}:datatake_id"]
    host = "s3://sentinel-s2-l2a/tiles/33/T/WM/2023/8/15/0/"
    assets = files({role: role for role in ROLES}, "scl", host, "jp2", **{"raster:bands": [TAKEN]})
    name = "S2A_OPER_MSI_L2A_TL_2APS_20230815T155057_A042547_T33TWM"
    return feature(name, "sentinel-s2-l2a", facts, {**assets, "scl_60m": {"href": f"{host}R60m/SCL.jp2"}})


def stactools(baseline, offset):
    facts = sentinel2("s2", baseline, grid__code="MGRS-33TWM", sat__relative_orbit=79)
    raster = {"raster:bands": [{**TAKEN, "offset": offset}]}
    assets = files({role: role for role in ROLES}, "scl", "/data/x.SAFE/", "jp2", **raster)
    return feature("S2A_T33TWM_x_L2A", None, facts, {**assets, "scl_60m": {"href": "/data/x.SAFE/SCL_60m.jp2"}})


def landsat(host, **properties):
    facts = {
        "platform": "landsat-8",
        "created": "2023-10-18T07:31:29.878Z",
        "landsat:wrs_path": "190",
        "landsat:wrs_row": "027",
        "landsat:wrs_type": "2",
        "landsat:correction": "L2SP",
        "landsat:collection_number": "02",
        **properties,
    }
    keys = {role: "nir08" if role == "nir" else role for role in ROLES}
    assets = files(keys, "qa_pixel", host, **{"raster:bands": [{"scale": 2.75e-05, "offset": -0.2, "nodata": 0}]})
    return feature("LC08_L2SP_190027_20230815_02_T1", "landsat-c2-l2", facts, assets)


COGS, C1 = "https://sentinel-cogs.s3.us-west-2.amazonaws.com/x/", "s3://e84-earth-search-sentinel-data/x/"
ON_AZURE = "https://landsateuwest.blob.core.windows.net/landsat-c2/level-2/"
ES1, ES1_C1 = "Earth Search v1 sentinel-2-l2a", "Earth Search v1 sentinel-2-c1-l2a"
PC, STACTOOLS, AWS = "Planetary Computer sentinel-2-l2a", "stactools sentinel2", "Sentinel-2 on AWS"
AFRICA = "s2_l2a", "s3://deafrica-sentinel-2/"
AFRICA_C1 = "s2_l2a_c1", "s3://deafrica-sentinel-2-l2a-c1/x/"
CDSE, V0, LANDSAT = (
    "Copernicus Data Space sentinel-2-l2a",
    "Earth Search v0 sentinel-s2-l2a-cogs",
    "Landsat Collection 2 Level-2",
)


def es1(baseline, offset, undone):
    return earth_search("sentinel-2-l2a", COGS, baseline, offset, earthsearch__boa_offset_applied=undone)


STYLES = {
    "made_items, taken out": Made(made_item(), ES1, 0.0, orbit=None),
    "made_items, not taken out": Made(made_item(applied=False), ES1, -0.1, certain=False, orbit=None),
    "made_items, never there": Made(made_item(baseline="02.14", applied=False, offset=0), ES1, 0.0, orbit=None),
    "Earth Search v1, taken out": Made(es1("05.09", -0.1, True), ES1, 0.0),
    "Earth Search v1, not taken out": Made(es1("04.00", -0.1, False), ES1, -0.1, certain=False),
    "Earth Search v1, wrong flag": Made(es1("05.11", -0.1, False), ES1, 0.0, certain=False),
    "Earth Search v1, never there": Made(es1("02.14", 0, False), ES1, 0.0),
    "Earth Search v1, Collection 1": Made(earth_search("sentinel-2-c1-l2a", C1, "05.00", -0.1), ES1_C1, -0.1),
    "Earth Search v0": Made(earth_search_v0(), V0, 0.0),
    "Digital Earth Africa": Made(
        earth_search_v0(*AFRICA, odc__product="s2_l2a", odc__region_code="33TWM", gsd=10, title="S2A_33TWM"),
        "Digital Earth Africa s2_l2a",
        0.0,
    ),
    "Digital Earth Africa, Collection 1": Made(
        earth_search(*AFRICA_C1, "05.00", -0.1), "Digital Earth Africa s2_l2a_c1", -0.1
    ),
    "Planetary Computer": Made(planetary_computer("05.10", "2023-08-15T15:50:57Z"), PC, -0.1),
    "Planetary Computer, made before": Made(planetary_computer("02.12", "2020-10-07T21:46:51.1Z"), PC, 0.0),
    "Copernicus Data Space": Made(data_space(), CDSE, -0.1),
    "AWS": Made(on_aws("s2"), AWS, -0.1),
    "AWS, older names": Made(on_aws("sentinel2"), AWS, -0.1),
    "stactools": Made(stactools("05.09", -0.1), STACTOOLS, -0.1),
    "stactools, made before": Made(stactools("02.12", 0), STACTOOLS, 0.0),
    "Landsat on Planetary Computer": Made(landsat(ON_AZURE), LANDSAT, -0.2, tile="WRS2-190027", orbit=190),
    "Landsat on Earth Search": Made(
        landsat("s3://usgs-landsat/collection02/", **{"earthsearch:payload_id": "x", "grid:code": "WRS2-190027"}),
        LANDSAT,
        -0.2,
        tile="WRS2-190027",
        orbit=190,
    ),
}


def changed(item, *path, to):
    """A copy with one thing replaced, or removed where `to` is None."""
    copied = copy.deepcopy(item)
    place = copied
    for part in path[:-1]:
        place = place[part]
    if to is None:
        del place[path[-1]]
    else:
        place[path[-1]] = to
    return copied
