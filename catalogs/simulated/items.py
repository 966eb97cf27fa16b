"""STAC items and the static catalog around them, laid out as Earth Search v1 lays out Sentinel-2 L2A."""

import json
from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray
from pyproj import Transformer
from shapely.geometry.base import BaseGeometry

from catalogs.atomic import atomic_write
from catalogs.simulated.landscape import CRS
from catalogs.simulated.noise import Bounds
from catalogs.simulated.overpass import Overpass, sun_position
from catalogs.simulated.scenes import SCL_METRES, SWATH_TILT, Exposure
from catalogs.simulated.tiles import PIXEL_METRES, Tile

COLLECTION = "sentinel-2-l2a"
STAC_VERSION = "1.0.0"
RELATIVE_ORBIT = 65
SECONDS_PER_METRE = 1 / 6700
EXTENSIONS = [
    f"https://stac-extensions.github.io/{name}/schema.json"
    for name in ("grid/v1.0.0", "projection/v1.1.0", "view/v1.0.0", "eo/v1.1.0", "mgrs/v1.0.0", "raster/v1.1.0")
]
CLASSIFICATION = "https://stac-extensions.github.io/classification/v1.1.0/schema.json"
# asset, band number, description, centre wavelength and full width at half maximum in micrometres
SPECTRAL = (
    ("blue", 2, "Blue", 0.49, 0.098),
    ("green", 3, "Green", 0.56, 0.045),
    ("red", 4, "Red", 0.665, 0.038),
    ("nir", 8, "NIR 1", 0.842, 0.145),
)
SCL_CLASSES = (
    "no_data",
    "saturated_or_defective",
    "dark_area_pixels",
    "cloud_shadows",
    "vegetation",
    "not_vegetated",
    "water",
    "unclassified",
    "cloud_medium_probability",
    "cloud_high_probability",
    "thin_cirrus",
    "snow",
)
SCL_SHARES = {
    2: "dark_features",
    3: "cloud_shadow",
    4: "vegetation",
    5: "not_vegetated",
    6: "water",
    7: "unclassified",
    8: "medium_proba_clouds",
    9: "high_proba_clouds",
    10: "thin_cirrus",
    11: "snow_ice",
}


def item_id(overpass: Overpass, tile: Tile) -> str:
    """For example S2A_32UQU_20240513_0_L2A."""
    return f"{_satellite(overpass)}_{tile.name}_{overpass.day.replace('-', '')}_{overpass.sequence}_L2A"


def item(overpass: Overpass, tile: Tile, exposure: Exposure, bounds: Bounds) -> dict[str, Any]:
    """The STAC item of an exposure, with relative hrefs; `bounds` (EPSG:3035) is the region of the pass' swath edge."""
    footprint = _footprint(overpass, tile, bounds)
    centre = shapely.centroid(footprint)
    sensed = overpass.start + timedelta(seconds=20 - (tile.bounds[1] - 5_300_000) * SECONDS_PER_METRE)
    azimuth, elevation = sun_position(sensed, centre.x, centre.y)
    published = _stamp(overpass.processed + timedelta(hours=2))
    started, processed = (f"{moment:%Y%m%dT%H%M%S}" for moment in (overpass.start, overpass.processed))
    satellite, baseline = _satellite(overpass), overpass.baseline
    orbit = 40_000 + round((overpass.start.date().toordinal() - 738_521) * 14.3)
    scl_V = exposure.scl_HW[exposure.scl_HW > 0]
    properties = {
        "created": published,
        "updated": published,
        "datetime": _stamp(sensed),
        "platform": overpass.platform,
        "constellation": "sentinel-2",
        "mission": "simulated",
        "instruments": ["msi"],
        "eo:cloud_cover": round(100 * exposure.cloud_share, 6),
        "proj:epsg": tile.epsg,
        "mgrs:utm_zone": tile.zone,
        "mgrs:latitude_band": tile.name[2],
        "mgrs:grid_square": tile.name[3:],
        "grid:code": f"MGRS-{tile.name}",
        "view:sun_azimuth": azimuth,
        "view:sun_elevation": elevation,
        "s2:nodata_pixel_percentage": round(100 * (1 - scl_V.size / exposure.scl_HW.size), 6),
        **{f"s2:{name}_percentage": round(100 * float((scl_V == code).mean()), 6) for code, name in SCL_SHARES.items()},
        "s2:product_type": "S2MSI2A",
        "s2:processing_baseline": baseline,
        "s2:product_uri": f"{satellite}_MSIL2A_{started}_N{baseline.replace('.', '')}_R{RELATIVE_ORBIT:03d}_"
        f"T{tile.name}_{processed}.SAFE",
        "s2:generation_time": _stamp(overpass.processed),
        "s2:datatake_id": f"G{satellite}_{started}_{orbit:06d}_N{baseline}",
        "s2:datatake_type": "INS-NOBS",
        "s2:sequence": str(overpass.sequence),
        "earthsearch:boa_offset_applied": False,
    }
    return {
        "type": "Feature",
        "stac_version": STAC_VERSION,
        "stac_extensions": [*EXTENSIONS, CLASSIFICATION],
        "id": item_id(overpass, tile),
        "collection": COLLECTION,
        "geometry": shapely.geometry.mapping(footprint),
        "bbox": list(footprint.bounds),
        "properties": properties,
        "links": [
            {"rel": "root", "href": "../../catalog.json", "type": "application/json"},
            {"rel": "parent", "href": "../collection.json", "type": "application/json"},
            {"rel": "collection", "href": "../collection.json", "type": "application/json"},
        ],
        "assets": _assets(tile, overpass.offset),
    }


def write_index(folder: Path, listed: Sequence[str] | None = None) -> None:
    """The catalog and the collection of the items below `folder`, and items.ndjson with absolute asset hrefs.

    They list all items or those `listed`; the collection's extent is that of all.
    """
    paths = sorted((folder / COLLECTION).glob("*/*.json"))
    every = [json.loads(path.read_text()) for path in paths]
    child = {"rel": "child", "href": f"./{COLLECTION}/collection.json", "type": "application/json"}
    catalog = {
        "type": "Catalog",
        "stac_version": STAC_VERSION,
        "id": "simulated",
        "description": "A simulated landscape seen by a Sentinel-2-like sensor.",
        "links": [{"rel": "root", "href": "./catalog.json", "type": "application/json"}, child],
    }
    boxes_N4 = np.array([entry["bbox"] for entry in every])
    moments = sorted(entry["properties"]["datetime"] for entry in every)
    items = [entry for entry in every if listed is None or entry["id"] in listed]
    collection = {
        "type": "Collection",
        "stac_version": STAC_VERSION,
        "stac_extensions": [],
        "id": COLLECTION,
        "title": "Sentinel-2 Level-2A (simulated)",
        "description": "Simulated surface reflectance and scene classification, in the layout of Earth Search v1.",
        "license": "proprietary",
        "extent": {
            "spatial": {"bbox": [[*boxes_N4.min(axis=0)[:2].tolist(), *boxes_N4.max(axis=0)[2:].tolist()]]},
            "temporal": {"interval": [[moments[0], moments[-1]]]},
        },
        "links": [
            {"rel": "root", "href": "../catalog.json", "type": "application/json"},
            {"rel": "parent", "href": "../catalog.json", "type": "application/json"},
            *(
                {"rel": "item", "href": f"./{entry['id']}/{entry['id']}.json", "type": "application/geo+json"}
                for entry in items
            ),
        ],
    }
    lines = [json.dumps(_for_server(entry, folder / COLLECTION / entry["id"])) + "\n" for entry in items]
    for name, text in (
        ("items.ndjson", "".join(lines)),
        (f"{COLLECTION}/collection.json", json.dumps(collection, indent=2)),
        ("catalog.json", json.dumps(catalog, indent=2)),
    ):
        with atomic_write(folder / name) as draft:
            draft.write_text(text)


def _assets(tile: Tile, offset: int) -> dict[str, Any]:
    assets: dict[str, Any] = {}
    for name, number, description, wavelength, width in SPECTRAL:
        band = {
            "nodata": 0,
            "data_type": "uint16",
            "bits_per_sample": 15,
            "spatial_resolution": PIXEL_METRES,
            "scale": 0.0001,
            "offset": -offset / 10_000,
        }
        assets[name] = {
            **_cog(f"B{number:02d}", f"{description} (band {number}) - {PIXEL_METRES}m", tile, PIXEL_METRES),
            "eo:bands": [
                {
                    "name": name,
                    "common_name": name,
                    "description": f"{description} (band {number})",
                    "center_wavelength": wavelength,
                    "full_width_half_max": width,
                }
            ],
            "gsd": PIXEL_METRES,
            "raster:bands": [band],
            "roles": ["data", "reflectance"],
        }
    assets["scl"] = {
        **_cog("SCL", "Scene classification map (SCL)", tile, SCL_METRES),
        "raster:bands": [{"nodata": 0, "data_type": "uint8", "spatial_resolution": SCL_METRES}],
        "classification:classes": [{"value": code, "name": name} for code, name in enumerate(SCL_CLASSES)],
        "roles": ["data"],
    }
    return assets


def _cog(stem: str, title: str, tile: Tile, metres: int) -> dict[str, Any]:
    rows, columns = (size * PIXEL_METRES // metres for size in tile.shape)
    return {
        "href": f"./{stem}.tif",
        "type": "image/tiff; application=geotiff; profile=cloud-optimized",
        "title": title,
        "proj:shape": [rows, columns],
        "proj:transform": list(tile.transform(metres))[:6],
    }


def _footprint(overpass: Overpass, tile: Tile, bounds: Bounds) -> BaseGeometry:
    """The area of the tile with data, in longitude and latitude."""
    area: BaseGeometry = shapely.box(*tile.bounds)
    if overpass.swath_edge is not None:
        west, south, east, north = bounds
        reach, middle = 10 * (north - south), (south + north) / 2
        crossing = west + overpass.swath_edge * (east - west)
        swath = [
            (crossing - 2 * reach, middle - reach),
            (crossing - SWATH_TILT * reach, middle - reach),
            (crossing + SWATH_TILT * reach, middle + reach),
            (crossing - 2 * reach, middle + reach),
        ]
        area = area.intersection(
            shapely.segmentize(_reproject(CRS, f"EPSG:{tile.epsg}", shapely.Polygon(swath)), 1000.0)
        )
    return shapely.normalize(_reproject(f"EPSG:{tile.epsg}", "EPSG:4326", area))


def _reproject(source: str, target: str, area: BaseGeometry) -> BaseGeometry:
    transformer = Transformer.from_crs(source, target, always_xy=True)

    def move(xy_N2: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.stack(transformer.transform(*xy_N2.T), axis=1)

    return shapely.transform(area, move)


def _for_server(entry: dict[str, Any], folder: Path) -> dict[str, Any]:
    """The item with absolute asset hrefs and without links; a server adds its own."""
    assets = {
        name: {**asset, "href": str((folder / asset["href"]).resolve())} for name, asset in entry["assets"].items()
    }
    return {**entry, "links": [], "assets": assets}


def _satellite(overpass: Overpass) -> str:
    return "S2" + overpass.platform[-1].upper()


def _stamp(moment: datetime) -> str:
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{moment.microsecond // 1000:03d}Z"
