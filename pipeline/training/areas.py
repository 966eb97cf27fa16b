"""Labelled areas: mosaics with a class for their pixels, kept as a folder of `images/` and `labels/` with the same
stems.

They come from simulated worlds (labels: the truth), or from a region of real scenes whose own scene classification
serves as label where it is clear; from other labels: `region_areas`.
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
from catalogs.access import ANYWHERE, Access
from pipeline.config.region import Region
from pipeline.errors import RunError, UserError
from pipeline.geometry.grid import Grid, Window
from pipeline.mosaic.block import mosaic_block
from pipeline.raster.read import inspect, read_part
from pipeline.raster.resample import nearest
from pipeline.raster.source import SourcePixels
from pipeline.raster.warp import sample_points
from pipeline.scenes.resolve import resolve_or_drop
from pipeline.scenes.search import catalog_query
from pipeline.training import dataset
from pipeline.training.labels import LabelValues
from pipeline.training.pair import read_pairs

SEARCHED = {"catalog", "collection", "period", "grid", "max_cloud"}
"""The keys of a region by which its mosaics of whole scenes are told apart."""


@dataclass(frozen=True)
class Area:
    """Reflectance x 10,000 (uint16) and class codes (uint8, 0 = none) of a window of a grid."""

    image_BHW: np.ndarray
    label_HW: np.ndarray
    grid: Grid
    window: Window


def from_simulation(folder: Path, seed: int, kilometres: float) -> Area:
    """A simulated world: the composite of all its scenes, and its truth."""
    from catalogs.simulated import simulate

    world = simulate(folder, seed, kilometres=kilometres)
    always = datetime(2000, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC)
    everything = Query(str(folder / "catalog.json"), "sentinel-2-l2a", world.bounds_lonlat, *always)
    grid = Grid("EPSG:3035", 10.0, 2048)
    left, bottom, right, top = (round(side / grid.resolution) for side in world.bounds)
    window = Window(-top, left, -bottom, right)
    image_BHW = complete_mosaic(grid, window, resolve_or_drop(catalogs.search(everything)))
    with rasterio.open(folder / "truth.tif") as truth:
        return Area(image_BHW, truth.read(1), grid, window)


def from_scenes(region: Region, bounds: tuple[float, float, float, float], codes: Sequence[int]) -> Area:
    """The part `bounds` (degrees) of a region: its composite, and `scene_classes` as labels."""
    grid = region.extent.grid
    window = grid.window_of(bounds) & region.extent.window
    if window.empty:
        raise UserError(
            f"bounds {list(bounds)} lie outside the region {region.name}, whose bounds are {list(region.area.bounds)}"
        )
    scenes = resolve_or_drop(catalogs.search(catalog_query(region), provider=region.row), region.access)
    image_BHW = complete_mosaic(grid, window, scenes, region.access)
    return Area(image_BHW, scene_classes(grid, window, scenes, codes, region.access), grid, window)


def complete_mosaic(grid: Grid, window: Window, scenes: Sequence[Scene], access: Access = ANYWHERE) -> np.ndarray:
    """The composite of scenes whose offsets are resolved, uint16 BHW. Raises RunError where one cannot be read."""
    block = mosaic_block(grid, window, scenes, catalogs.ROLES, access=access)
    for name, why in block.lost.items():
        raise RunError(f"scene {name} cannot be read ({why}); labelled areas must not lack a scene, try again")
    return block.mosaic_BHW


def scene_classes(
    grid: Grid, window: Window, scenes: Sequence[Scene], codes: Sequence[int], access: Access = ANYWHERE
) -> np.ndarray:
    """The class that most clear views give each pixel, among `codes` of the scenes' own classification; 0 where
    none does.

    Ties go to the code named first. uint8 HW.
    """
    votes_KHW = np.zeros((len(codes), *window.shape), np.uint16)
    for scene in scenes:
        if scene.mask is None:
            raise UserError(f"scene {scene.id} has no mask whose classes could be labels; name labels of another kind")
        raster = inspect(scene.mask.href, None, access)
        at = sample_points(grid, window, raster)
        if at is not None:
            source = SourcePixels.of([read_part(scene.mask.href, raster, at.part, access, codes=codes)])
            scl_HW = nearest(at, source, slice(None))[0][0].numpy()
            votes_KHW += np.stack([scl_HW == code for code in codes])
    best_HW = np.array(codes, np.uint8)[votes_KHW.argmax(0)]
    return np.where(votes_KHW.any(0), best_HW, 0).astype(np.uint8)


def write(folder: Path, stem: str, area: Area, classes: Sequence[dict[str, Any]], bands: Sequence[str]) -> None:
    """Adds one labelled area to a data set folder, as GeoTIFFs. Raises UserError if the folder has other classes."""
    folder.mkdir(parents=True, exist_ok=True)
    metadata = folder / "classes.json"
    content = json.dumps({"classes": list(classes), "bands": list(bands)}, indent=1) + "\n"
    if metadata.is_file() and metadata.read_text() != content:
        raise UserError(f"{folder} holds areas of other classes or bands; name another folder in the recipe's 'data'")
    for kind, array_BHW in (("labels", area.label_HW[None]), ("images", area.image_BHW)):
        write_raster(folder / kind / f"{stem}.tif", array_BHW, area.grid, area.window, nodata=0)
    metadata.write_text(content)


def write_raster(
    path: Path, array_BHW: np.ndarray, grid: Grid, window: Window, nodata: int | None = None, names: Sequence[str] = ()
) -> None:
    """A GeoTIFF of a window of a grid, whole or not at all. names: descriptions of the bands."""
    left, bottom, right, top = grid.bounds(window)
    height, width = window.shape
    path.parent.mkdir(parents=True, exist_ok=True)
    profile: dict[str, Any] = {
        "driver": "GTiff",
        "compress": "deflate",
        "tiled": True,
        "count": len(array_BHW),
        "dtype": array_BHW.dtype,
        "height": height,
        "width": width,
        "crs": grid.crs,
        "transform": from_bounds(left, bottom, right, top, width, height),
        "nodata": nodata,
    }
    with rasterio.open(path.with_suffix(".partial"), "w", **profile) as target:
        target.write(array_BHW)
        for number, name in enumerate(names, 1):
            target.set_band_description(number, name)
    path.with_suffix(".partial").rename(path)


def read_folder(
    folder: Path,
    metadata: dict[str, Any] | None = None,
    no_label: int = 0,
    ignore: Sequence[int] = (),
    grey: int | None = None,
    blank: float | None = 0.0,
    stems: Sequence[str] | None = None,
) -> tuple[dict[str, tuple[np.ndarray, np.ndarray]], dict[str, Any]]:
    """The labelled areas of a data set folder by stem, (image_BHW, label_HW), and its "classes" and "bands".

    metadata: these two where the folder has no classes.json. no_label, ignore, grey: see `labels.LabelValues`; blank:
    see `pair.read_pair`. stems: of the areas; default: all.
    Raises UserError.
    """
    files = dataset.pairs(folder)
    if stems is not None:
        files = {stem: file for stem, file in files.items() if stem in set(stems)}
    metadata = dataset.metadata(folder) or metadata
    if metadata is None:
        raise UserError(
            f"{folder} has no classes.json; a labelled data set is a folder of images/, labels/, classes.json"
        )
    values = LabelValues(tuple(row["code"] for row in metadata["classes"]), no_label, tuple(ignore), grey)
    pairs = read_pairs(files.values(), values, tuple(metadata["bands"]), blank)
    return dict(zip(files, pairs, strict=True)), metadata
