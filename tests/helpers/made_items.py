"""Items as Earth Search v1 writes them, made to order, and static catalogs of them."""

import json
from pathlib import Path

KEYS = {"blue": "B02", "green": "B03", "red": "B04", "nir": "B08", "swir16": "B11"}


def made_item(
    id="S2A_33TWM_20230815_0_L2A",
    *,
    baseline="05.09",
    applied=True,
    offset=-0.1,
    bounds=(15.0, 46.0, 16.0, 47.0),
    datatake="GS2A_20230815T095031_042547",
    datetime="2023-08-15T09:57:57.246000Z",
    updated="2023-08-15T21:19:47.562Z",
    hrefs="https://example.org/scenes/",
    **properties,
):
    west, south, east, north = bounds
    band = {"nodata": 0, "data_type": "uint16", "scale": 0.0001, "offset": offset}
    facts = {
        "datetime": datetime,
        "created": updated,
        "updated": updated,
        "platform": "sentinel-2a",
        "grid:code": "MGRS-33TWM",
        "proj:epsg": 32633,
        "eo:cloud_cover": 12.5,
        "s2:processing_baseline": baseline,
        "s2:datatake_id": f"{datatake}_N{baseline}",
        "s2:generation_time": "2023-08-15T15:50:57.000000Z",
        "earthsearch:boa_offset_applied": applied,
    }
    facts.update({name.replace("__", ":"): value for name, value in properties.items()})
    ring = [[west, south], [east, south], [east, north], [west, north], [west, south]]
    return {
        "type": "Feature",
        "stac_version": "1.0.0",
        "stac_extensions": ["https://stac-extensions.github.io/raster/v1.1.0/schema.json"],
        "id": id,
        "collection": "sentinel-2-l2a",
        "bbox": list(bounds),
        "geometry": {"type": "Polygon", "coordinates": [ring]},
        "properties": {name: value for name, value in facts.items() if value is not None},
        "links": [],
        "assets": {
            **{role: {"href": f"{hrefs}{key}.tif", "raster:bands": [band]} for role, key in KEYS.items()},
            "scl": {"href": f"{hrefs}SCL.tif", "raster:bands": [{"nodata": 0, "data_type": "uint8"}]},
        },
    }


def made_catalog(folder: Path, items) -> Path:
    """A static catalog: catalog.json -> collection.json -> one folder per item."""
    collection = folder / "sentinel-2-l2a"
    collection.mkdir(parents=True)
    for item in items:
        (collection / item["id"]).mkdir()
        (collection / item["id"] / "item.json").write_text(json.dumps(item))
    links = [{"rel": "item", "href": f"./{item['id']}/item.json"} for item in items]
    about = {"stac_version": "1.0.0", "description": "made"}
    (collection / "collection.json").write_text(
        json.dumps(
            {
                **about,
                "type": "Collection",
                "id": "sentinel-2-l2a",
                "license": "other",
                "extent": {"spatial": {"bbox": [[-180, -90, 180, 90]]}, "temporal": {"interval": [[None, None]]}},
                "links": [{"rel": "root", "href": "../catalog.json"}, *links],
            }
        )
    )
    child = {"rel": "child", "href": "./sentinel-2-l2a/collection.json"}
    (folder / "catalog.json").write_text(json.dumps({**about, "type": "Catalog", "id": "made", "links": [child]}))
    return folder
