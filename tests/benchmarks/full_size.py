"""Scenes of full Sentinel-2 size (10980 px of 10 m, SCL of 20 m), as Earth Search stores them: COGs of 1024 px."""

import json
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import rasterio
from rasterio.transform import from_origin

from catalogs.simulated import Overpass, simulate

SIDE = 10_980
LEFT, TOP, EPSG = 600_000, 5_500_020, 32632
NORTH, SOUTH = ("33UTQ", TOP), ("33UTP", TOP - 10 * SIDE)
DATES = tuple(
    Overpass(day, "sentinel-2a", "05.10", cloudiness=cloudiness)
    for day, cloudiness in (
        ("2024-05-13", 0.05),
        ("2024-05-23", 0.3),
        ("2024-06-12", 0.5),
        ("2024-06-22", 0.1),
        ("2024-07-12", 0.2),
        ("2024-07-22", 0.05),
        ("2024-08-11", 0.4),
        ("2024-08-21", 0.1),
    )
)


def full_size_items(folder: Path, tile: tuple[str, int] = NORTH, dates: Sequence[Overpass] = DATES) -> list[dict]:
    """These dates of one tile, made in `folder` unless they are there: a simulated land of 12 km, mirrored to 110."""
    listing = folder / "items.json"
    if not listing.exists():
        folder.mkdir(parents=True, exist_ok=True)
        world = simulate(folder / "seed", seed=5, kilometres=12, dates=dates)
        seeds = [json.loads(line) for line in (world.folder / "items.ndjson").read_text().splitlines()]
        code = max((item["properties"]["grid:code"] for item in seeds), key=lambda code: _pixels(seeds, code))
        items = [_enlarged(item, folder, *tile) for item in seeds if item["properties"]["grid:code"] == code]
        listing.write_text(json.dumps(items))
    return json.loads(listing.read_text())


def _pixels(items: list[dict], code: str) -> int:
    found = [item for item in items if item["properties"]["grid:code"] == code]
    return len(found) * np.prod(found[0]["assets"]["red"]["proj:shape"])


def _enlarged(item: dict, folder: Path, tile: str, top: int) -> dict:
    """The item as one of a tile whose upper edge is at `top` metres."""
    home = folder / item["id"]
    home.mkdir(exist_ok=True)
    assets = {}

    def enlarge(entry: tuple[str, dict]) -> None:
        key, asset = entry
        side, metres = (SIDE // 2, 20) if key == "scl" else (SIDE, 10)
        path = home / f"{key}.tif"
        transform = from_origin(LEFT, top, metres, metres)
        _write(path, asset["href"], side, transform)
        facts = {"proj:shape": [side, side], "proj:transform": [metres, 0, LEFT, 0, -metres, top]}
        assets[key] = {**asset, "href": str(path), **facts}

    with ThreadPoolExecutor(2) as threads:
        list(threads.map(enlarge, item["assets"].items()))
    left, bottom, right, top = rasterio.warp.transform_bounds(
        f"EPSG:{EPSG}", "EPSG:4326", LEFT, top - SIDE * 10, LEFT + SIDE * 10, top
    )
    ring = [[left, bottom], [right, bottom], [right, top], [left, top], [left, bottom]]
    code = item["properties"]["grid:code"].removeprefix("MGRS-")
    about = json.loads(json.dumps({name: item[name] for name in item if name != "assets"}).replace(code, tile))
    about["properties"] |= {"proj:epsg": EPSG, "mgrs:grid_square": tile[3:]}
    return {
        **about,
        "bbox": [left, bottom, right, top],
        "geometry": {"type": "Polygon", "coordinates": [ring]},
        "assets": {key: assets[key] for key in item["assets"]},
    }


def _write(path: Path, source: str, side: int, transform: rasterio.Affine) -> None:
    with rasterio.open(source) as small:
        pixels = small.read(1)
    pixels = np.pad(pixels, [(0, side - length) for length in pixels.shape], mode="reflect")
    profile = {
        "driver": "COG",
        "height": side,
        "width": side,
        "count": 1,
        "dtype": pixels.dtype,
        "crs": f"EPSG:{EPSG}",
        "transform": transform,
        "nodata": 0,
        "compress": "deflate",
        "level": 1,
        "predictor": 2,
        "blocksize": 1024,
        "overview_resampling": "nearest",
    }
    with rasterio.open(path, "w", **profile) as target:
        target.write(pixels, 1)
