"""Labelled areas: mosaics with a class for their pixels, kept as a folder of `images/` and `labels/` with the same
stems.

They come from simulated worlds (labels: the truth), or from a region of real scenes whose own scene classification
serves as label where it is clear.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
from rasterio.transform import from_bounds

import catalogs
from catalogs import Query, Scene
from pipeline import warp
from pipeline.config import Region
from pipeline.errors import UserError
from pipeline.grid import Grid, Window
from pipeline.mosaic import composite
from pipeline.plan import query
from pipeline.read import inspect, read


@dataclass(frozen=True)
class Area:
    """Reflectance x 10,000 (uint16) and class codes (uint8, 0 = none) of a window of a grid."""

    image_BHW: np.ndarray
    label_HW: np.ndarray
    grid: Grid
    window: Window


def simulated(folder: Path, seed: int, kilometres: float) -> Area:
    """A simulated world: the composite of all its scenes, and its truth."""
    from catalogs.simulated import simulate

    world = simulate(folder, seed, kilometres=kilometres)
    always = datetime(2000, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC)
    everything = Query(str(folder / "catalog.json"), "sentinel-2-l2a", world.bounds_lonlat, *always)
    grid = Grid("EPSG:3035", 10.0, 2048)
    left, bottom, right, top = (round(side / grid.resolution) for side in world.bounds)
    window = Window(-top, left, -bottom, right)
    image_BHW = composite(grid, window, catalogs.search(everything), catalogs.ROLES).mosaic_BHW
    with rasterio.open(folder / "truth.tif") as truth:
        return Area(image_BHW, truth.read(1), grid, window)


def from_scenes(region: Region, bounds: tuple[float, float, float, float], codes: Sequence[int]) -> Area:
    """The part `bounds` (degrees) of a region: its composite, and `scene_classes` as labels."""
    grid = region.extent.grid
    window = grid.window_of(bounds) & region.extent.window
    scenes = catalogs.search(query(region))
    image_BHW = composite(grid, window, scenes, catalogs.ROLES).mosaic_BHW
    return Area(image_BHW, scene_classes(grid, window, scenes, codes), grid, window)


def scene_classes(grid: Grid, window: Window, scenes: Sequence[Scene], codes: Sequence[int]) -> np.ndarray:
    """The class that most clear views give each pixel, among `codes` of the scenes' own classification; 0 where
    none does.

    Ties go to the code named first. uint8 HW.
    """
    votes_KHW = np.zeros((len(codes), *window.shape), np.uint16)
    for scene in scenes:
        raster = inspect(scene.mask.href, grid.resolution)
        part = warp.footprint(grid, window, raster)
        if part is not None:
            scl_HW = warp.nearest(grid, window, raster, part, read(scene.mask.href, raster, part))
            votes_KHW += np.stack([scl_HW == code for code in codes])
    best_HW = np.array(codes, np.uint8)[votes_KHW.argmax(0)]
    return np.where(votes_KHW.any(0), best_HW, 0).astype(np.uint8)


def write(folder: Path, stem: str, area: Area, classes: Sequence[dict[str, Any]], bands: Sequence[str]) -> None:
    """Adds one labelled area to a data set folder, as GeoTIFFs."""
    left, bottom, right, top = area.grid.bounds(area.window)
    height, width = area.window.shape
    profile: dict[str, Any] = {
        "driver": "GTiff",
        "compress": "deflate",
        "tiled": True,
        "height": height,
        "width": width,
        "crs": area.grid.crs,
        "transform": from_bounds(left, bottom, right, top, width, height),
        "nodata": 0,
    }
    for kind, array_BHW in (("labels", area.label_HW[None]), ("images", area.image_BHW)):
        (folder / kind).mkdir(parents=True, exist_ok=True)
        path = folder / kind / f"{stem}.tif"
        count, dtype = len(array_BHW), array_BHW.dtype
        with rasterio.open(path.with_suffix(".partial"), "w", count=count, dtype=dtype, **profile) as target:
            target.write(array_BHW)
        path.with_suffix(".partial").rename(path)
    (folder / "classes.json").write_text(json.dumps({"classes": list(classes), "bands": list(bands)}, indent=1) + "\n")


def read_folder(folder: Path) -> tuple[dict[str, tuple[np.ndarray, np.ndarray]], dict[str, Any]]:
    """All labelled areas of a data set folder by stem, and its class table and band names. Raises UserError."""
    about = folder / "classes.json"
    if not about.is_file():
        raise UserError(
            f"{folder} has no classes.json; a labelled data set is a folder with images/, labels/ and classes.json"
        )
    labels = {label.stem: label for label in (folder / "labels").iterdir()}
    pairs = {}
    for image in sorted((folder / "images").iterdir()):
        label = labels.get(image.stem)
        if label is None:
            raise UserError(
                f"{folder}/images/{image.name} has no label of the same stem in labels/; add it or take the image out"
            )
        with rasterio.open(image) as i, rasterio.open(label) as t:
            pairs[image.stem] = (i.read(), t.read(1))
    return pairs, json.loads(about.read_text())
