"""Images without labels, for training that needs none: of simulated worlds, scenes, cubes and folders."""

from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path

import numpy as np

import catalogs
from idgbr.no_data import missing_of_array
from pipeline.config.region_file import load as load_region
from pipeline.cube import versions
from pipeline.cube.cube import Cube
from pipeline.cube.schema import Layout
from pipeline.cube.store import array, read_window
from pipeline.digest import json_digest
from pipeline.errors import UserError
from pipeline.geometry.grid import Window
from pipeline.scenes.resolve import resolve_or_drop
from pipeline.scenes.search import catalog_query
from pipeline.training import areas as labelled
from pipeline.training import dataset
from pipeline.training.area_kinds import Simulated
from pipeline.training.ddpm_recipe import CubeMosaics, Images, Scenes, Unlabelled
from pipeline.training.image_file import MAX_PIXELS, read_file
from pipeline.training.pair import check_memory, data_or_nan
from pipeline.training.prepare import load_areas
from pipeline.training.recipe import Report

TRIES = 50
"""Places tried for each window of a cube."""


@dataclass(frozen=True)
class ImageSet:
    """images: BHW each, in raw numbers. blank: the number that, in all bands, means no data."""

    images: list[np.ndarray]
    bands: tuple[str, ...]
    blank: float | None = 0.0


def load_images(areas: Unlabelled, data: Path, report: Report) -> ImageSet:
    """The images of a recipe; mosaics are made first where `data` lacks them. Raises UserError."""
    if isinstance(areas, Simulated):
        pairs, spec = load_areas(areas, data, report)
        return ImageSet([image_BHW for image_BHW, _ in pairs], spec.bands)
    if isinstance(areas, Scenes):
        return ImageSet([_mosaic(areas, data)], catalogs.ROLES)
    return _from_cube(areas) if isinstance(areas, CubeMosaics) else _from_folder(areas)


def _mosaic(areas: Scenes, data: Path) -> np.ndarray:
    region = load_region(areas.region, with_model=False)
    search = region.model_dump(mode="json", include=labelled.SEARCHED | region.queried)
    path = data / "unlabelled" / f"scenes-{json_digest([search, areas.bbox])[:16]}.tif"
    if not path.is_file():
        grid = region.extent.grid
        window = grid.window_of(areas.bbox) & region.extent.window
        if window.empty or np.prod(window.shape, dtype=np.int64) > MAX_PIXELS:
            raise UserError(
                f"bbox {list(areas.bbox)} has {0 if window.empty else np.prod(window.shape):,} px in the region "
                f"{region.name}, but 1 to {MAX_PIXELS:,} are needed; name another part"
            )
        scenes = resolve_or_drop(catalogs.search(catalog_query(region)), region.access)
        mosaic_BHW = labelled.complete_mosaic(grid, window, scenes, region.access)
        labelled.write_raster(path, mosaic_BHW, grid, window, nodata=0)
    return read_file(path, data, len(catalogs.ROLES), "a mosaic has more").array_BHW


def _from_cube(areas: CubeMosaics) -> ImageSet:
    cube = Cube.open(areas.path)
    group = cube.group(snapshot=versions.readable(cube, areas.version))
    layout, mosaic = Layout.of(group), array(group, "mosaic")
    extent, side = layout.extent, areas.side
    part = extent.window if areas.bbox is None else extent.grid.window_of(areas.bbox) & extent.window
    if part.empty:
        raise UserError(f"bbox {list(areas.bbox or ())} lies outside the cube {areas.path}; name a part of it")
    random = np.random.default_rng(areas.seed)
    images: list[np.ndarray] = []
    for _ in range(TRIES * areas.windows):
        y, x = (
            int(random.integers(low, max(low, high - side) + 1))
            for low, high in ((part.y0, part.y1), (part.x0, part.x1))
        )
        time = int(random.integers(mosaic.shape[0]))
        image_BHW = read_window(mosaic, time, extent, Window(y, x, min(y + side, part.y1), min(x + side, part.x1)))
        if missing_of_array(image_BHW, 0).mean() <= 0.5:
            images.append(image_BHW)
        if len(images) == areas.windows:
            return ImageSet(images, layout.bands)
    raise UserError(
        f"{areas.path} has {len(images)} windows of {side} px with data in half of their pixels where {areas.windows} "
        "were asked for; ask for fewer or smaller ones, or name another part"
    )


def _from_folder(areas: Images) -> ImageSet:
    if not areas.path.is_dir():
        raise UserError(f"there is no folder {areas.path}; name the one that holds the images")
    files = dataset.by_stem(areas.path, areas.path)
    chosen = [file for stem, file in files.items() if any(fnmatch(stem, pattern) for pattern in areas.include)]
    if not chosen:
        raise UserError(f"{areas.path} has no image whose stem fits 'include': {', '.join(areas.include)}")
    expected = f"the recipe names {len(areas.bands)}: {', '.join(areas.bands)}"
    images = []
    for file in chosen:
        images.append(data_or_nan(read_file(file, areas.path, len(areas.bands), expected), areas.nodata))
        check_memory(images, file)
    return ImageSet(images, tuple(areas.bands), areas.nodata)
