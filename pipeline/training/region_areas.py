"""Labelled areas of a region: its mosaic wherever there are labels, in tiles of a fixed lattice."""

import json
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np

import catalogs
from pipeline.config.region import Region
from pipeline.config.region_file import load as load_region
from pipeline.digest import json_digest
from pipeline.errors import RunError, UserError
from pipeline.geometry.grid import Window
from pipeline.mosaic.block import mosaic_block
from pipeline.mosaic.params import mosaic_params
from pipeline.scenes.choose import choose_scenes
from pipeline.scenes.resolve import resolve_or_drop
from pipeline.scenes.search import catalog_query
from pipeline.training.area_kinds import LabelledRegion, RasterLabels, VectorLabels
from pipeline.training.areas import Area, write
from pipeline.training.label_cube import open_cube_labels
from pipeline.training.label_map import open_label_maps
from pipeline.training.label_source import LabelSource
from pipeline.training.label_vector import open_vector_labels
from pipeline.training.recipe import Report

TILE = 2048
"""Pixels per side of an area: one that is read in one piece may have 2**25."""
SEARCHED = {
    "catalog",
    "collection",
    "polygon",
    "bbox",
    "period",
    "months",
    "grid",
    "mosaic",
    "mask",
    "max_cloud",
    "provider",
}

Kept = tuple[str, Sequence[str], bool]
"""Of features: a column, values of it, and whether the features of these values are used, or all others."""


def make_region_areas(areas: LabelledRegion, data: Path, report: Report, kept: Kept | None = None) -> list[str]:
    """The stems of the areas in the data set folder `data`, made where it lacks them. Raises UserError and RunError."""
    region = load_region(areas.region, with_model=False)
    source = open_labels(areas, region, kept)
    search = region.model_dump(mode="json", include=SEARCHED | region.queried)
    name = json_digest([search, areas.bbox, areas.erode, source.identity, source.classes])[:16]
    listing = data / f"{areas.kind}-{name}.json"
    if listing.is_file():
        return list(map(str, json.loads(listing.read_text())))
    window = _window(areas, region)
    tiles = list(_tiles(window))
    composite: Callable[[Window], np.ndarray] | None = None
    stems = []
    for done, (row, col, tile) in enumerate(tiles, 1):
        stem = f"{areas.kind}-{name}-{row}-{col}"
        label_HW = source.draw(tile)
        if label_HW.any():
            if not (data / "images" / f"{stem}.tif").is_file():
                composite = composite or _composite(region)
                image_BHW = composite(tile)
                area = Area(image_BHW, np.where(image_BHW.any(0), label_HW, 0), region.extent.grid, tile)
                write(data, stem, area, source.classes, region.bands)
            stems.append(stem)
        report(done, len(tiles), f"area {stem}")
    if not stems:
        raise UserError(
            f"none of the pixels of {areas.bbox or region.name} has a label; see that labels and region lie on each "
            "other, and that 'erode' leaves some"
        )
    listing.with_suffix(".partial").write_text(json.dumps(stems))
    listing.with_suffix(".partial").rename(listing)
    return stems


def open_labels(areas: LabelledRegion, region: Region, kept: Kept | None = None) -> LabelSource:
    """The labels on a region's grid. Raises UserError and RunError."""
    if isinstance(areas, VectorLabels):
        return open_vector_labels(areas, region, kept)
    return open_label_maps(areas, region) if isinstance(areas, RasterLabels) else open_cube_labels(areas, region)


def _window(areas: LabelledRegion, region: Region) -> Window:
    extent = region.extent
    if areas.bbox is None:
        return extent.window
    window = extent.grid.window_of(areas.bbox) & extent.window
    if window.empty:
        raise UserError(
            f"bbox {list(areas.bbox)} lies outside the region {region.name}, whose bounds are "
            f"{list(region.area.bounds)}"
        )
    return window


def _tiles(window: Window) -> Iterator[tuple[int, int, Window]]:
    """Row and column on the absolute lattice, and the part of each tile in the window."""
    for row in range(window.y0 // TILE, -(-window.y1 // TILE)):
        for col in range(window.x0 // TILE, -(-window.x1 // TILE)):
            yield row, col, Window(row * TILE, col * TILE, (row + 1) * TILE, (col + 1) * TILE) & window


def _composite(region: Region) -> Callable[[Window], np.ndarray]:
    """The mosaic of any window of a region, uint16 BHW, of the scenes that a run would use."""
    items = catalogs.search_items(catalog_query(region))
    selection = choose_scenes(region, items, region.bands, {})
    scenes = resolve_or_drop(selection.scenes, region.access)
    if not scenes:
        why = next(iter(selection.exclusions.values()), "the catalog has none for its area and period")
        raise UserError(f"there are no scenes for the region {region.name}: {why}")

    def composite(window: Window) -> np.ndarray:
        block = mosaic_block(
            region.extent.grid,
            window,
            scenes,
            region.bands,
            mosaic_params(region),
            area=region.extent.area,
            access=region.access,
        )
        for name, why in block.lost.items():
            raise RunError(f"scene {name} cannot be read ({why}); labelled areas must not lack a scene, try again")
        return block.mosaic_BHW

    return composite
