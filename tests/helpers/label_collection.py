"""A label collection as ESA WorldCover is published: tiles with an asset `map`, a class table at the collection."""

import json
import os
import shutil
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import rasterio
from pyproj import Transformer

from catalogs.simulated import WORLDCOVER, World

COLLECTION = "esa-worldcover"


def add_labels(world: World, years: tuple[int, ...] = (2021,), tiles: int = 2) -> None:
    """Adds the collection, of the world's truth cut into tiles side by side, to its catalog."""
    folder = world.folder / COLLECTION
    with rasterio.open(world.truth) as truth:
        profile, code_HW = truth.profile | {"driver": "GTiff"}, truth.read(1)
        edges = np.linspace(0, truth.width, tiles + 1).astype(int)
        items = []
        for year in years:
            for number, (left, right) in enumerate(pairwise(edges)):
                name = f"{COLLECTION}_{year}_{number}"
                place = profile | {
                    "width": int(right - left),
                    "transform": truth.window_transform(((0, 1), (left, right))),
                }
                (folder / name).mkdir(parents=True)
                with rasterio.open(folder / name / "map.tif", "w", **place) as target:
                    target.write(code_HW[:, left:right], 1)
                    bounds = target.bounds
                items.append(_item(name, year, bounds, truth.crs))
    for item in items:
        (folder / item["id"] / f"{item['id']}.json").write_text(json.dumps(item))
    links = [{"rel": "item", "href": f"./{item['id']}/{item['id']}.json"} for item in items]
    rows = [{"value": row["code"], "description": row["name"], "color_hint": row["color"][1:]} for row in WORLDCOVER]
    collection = {
        "type": "Collection",
        "id": COLLECTION,
        "stac_version": "1.0.0",
        "description": "labels",
        "license": "CC-BY-4.0",
        "extent": {"spatial": {"bbox": [[-180, -90, 180, 90]]}, "temporal": {"interval": [[None, None]]}},
        "item_assets": {"map": {"classification:classes": rows}},
        "links": links,
    }
    (folder / "collection.json").write_text(json.dumps(collection))
    catalog = json.loads(world.catalog.read_text())
    catalog["links"].append({"rel": "child", "href": f"./{COLLECTION}/collection.json"})
    world.catalog.write_text(json.dumps(catalog))


def _item(name: str, year: int, bounds: tuple[float, ...], crs: object) -> dict:
    west, south, east, north = Transformer.from_crs(crs, "EPSG:4326", always_xy=True).transform_bounds(*bounds)
    ring = [[west, south], [east, south], [east, north], [west, north], [west, south]]
    return {
        "type": "Feature",
        "stac_version": "1.0.0",
        "id": name,
        "collection": COLLECTION,
        "geometry": {"type": "Polygon", "coordinates": [ring]},
        "bbox": [west, south, east, north],
        "properties": {
            "datetime": None,
            "start_datetime": f"{year}-01-01T00:00:00Z",
            "end_datetime": f"{year}-12-31T23:59:59Z",
        },
        "assets": {"map": {"href": "./map.tif", "type": "image/tiff; application=geotiff"}},
        "links": [{"rel": "collection", "href": "../collection.json"}],
    }


def copy_world(world: World, folder: Path) -> World:
    """A copy of a world whose catalog may be changed; its scenes are links."""
    shutil.copytree(world.folder, folder, copy_function=os.link)
    copied = replace(world, folder=folder)
    text = copied.catalog.read_text()
    copied.catalog.unlink()
    copied.catalog.write_text(text)
    return copied
