"""Rasters and scenes whose truth is known, and pyproj's own answer to where the grid's pixels fall in them."""

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import rasterio
import shapely
from pyproj import Transformer
from rasterio import Affine

from catalogs import Asset, MaskRule, Scene
from pipeline.geometry.grid import Grid, Window
from pipeline.raster.level import Raster

CLEAR, CLOUD = 4, 9
RULE = MaskRule(clear=(CLEAR,), cloud=(CLOUD,))
SQUARE = Grid("EPSG:32633", 10.0, 512)
HERE = Raster("EPSG:32633", 500_000.0, 5_300_000.0, 10.0, 120, 100, None)
OVER = Window(-530_000, 50_000, -529_880, 50_100)
"""A raster on the very pixels of a window of a grid in UTM."""


def exact_coordinates(grid: Grid, window: Window, raster: Raster) -> tuple[np.ndarray, np.ndarray]:
    """(row_HW, col_HW) by pyproj at every pixel, float64; 0 is the centre of the raster's first pixel."""
    rows, cols = np.mgrid[window.y0 : window.y1, window.x0 : window.x1]
    to_raster = Transformer.from_crs(grid.crs, raster.crs, always_xy=True)
    x, y = to_raster.transform((cols + 0.5) * grid.resolution, -(rows + 0.5) * grid.resolution)
    return (raster.top - y) / (raster.resolution * raster.tall) - 0.5, (x - raster.left) / raster.resolution - 0.5


def around(grid: Grid, lon: float, lat: float, height: int, width: int) -> Window:
    """A window with a point in its middle."""
    row, col = grid.pixel_of(lon, lat)
    y0, x0 = row - height // 2, col - width // 2
    return Window(y0, x0, y0 + height, x0 + width)


def raster_around(crs: str, lon: float, lat: float, resolution: float, height: int, width: int) -> Raster:
    """A raster with a point near its middle, its corner on whole pixels as Sentinel-2's are."""
    x, y = Transformer.from_crs("EPSG:4326", crs, always_xy=True).transform(lon, lat)
    left, top = (round(side / resolution) * resolution for side in (x, y))
    return Raster(crs, left - width // 2 * resolution, top + height // 2 * resolution, resolution, height, width, None)


def write(path: Path, pixel_HW: np.ndarray | None, raster: Raster, **options: object) -> str:
    """Writes pixels, None for no pixels, where `raster` lies; the path as an href."""
    profile = {
        "driver": "GTiff",
        "height": raster.height,
        "width": raster.width,
        "count": 1,
        "dtype": None if pixel_HW is None else pixel_HW.dtype,
        "crs": raster.crs,
        "transform": Affine(raster.resolution, 0, raster.left, 0, -raster.resolution, raster.top),
    }
    with rasterio.open(path, "w", **profile | options) as target:
        if pixel_HW is not None:
            target.write(pixel_HW, 1)
    return str(path)


def scene(
    name: str,
    bands: dict[str, str],
    mask: str,
    bounds: Raster,
    day: str = "2024-06-01",
    overpass: str | None = None,
    rule: MaskRule = RULE,
    scale: float = 0.0001,
    offset: float = 0.0,
) -> Scene:
    """A scene of files that exist, its footprint that of `bounds`; tiles of one `overpass` are one view."""
    when = datetime.fromisoformat(f"{day}T10:00:00").replace(tzinfo=UTC)
    right, bottom = bounds.left + bounds.width * bounds.resolution, bounds.top - bounds.height * bounds.resolution
    outline = shapely.box(bounds.left, bottom, right, bounds.top)
    to_lonlat = Transformer.from_crs(bounds.crs, "EPSG:4326", always_xy=True)
    return Scene(
        id=name,
        provider="made",
        collection="made",
        datetime=when,
        platform="sentinel-2a",
        orbit=None,
        tile=name,
        acquisition=f"sentinel-2a/{overpass or name}/{name}",
        repeat_days=10,
        baseline="05.10",
        generated=when,
        updated=when,
        cloud_cover=None,
        footprint=shapely.transform(outline, lambda xy: np.stack(to_lonlat.transform(*xy.T), 1)),
        bands=tuple(Asset(role, href, scale, offset, 0.0, crs=bounds.crs) for role, href in bands.items()),
        mask=Asset("mask", mask, 1.0, 0.0, 0.0, crs=bounds.crs),
        rule=rule,
    )


def coarser(raster, times=2):
    return replace(
        raster, resolution=raster.resolution * times, height=raster.height // times, width=raster.width // times
    )


def flat(folder, name, red=1_000, mask=None, raster=HERE, **facts):
    """A scene on SQUARE's own pixels: one value everywhere, clear everywhere unless a mask (20 m) says otherwise."""
    mask_HW = np.full((raster.height // 2, raster.width // 2), CLEAR, np.uint8) if mask is None else mask
    red_HW = np.full((raster.height, raster.width), red, np.uint16) if np.isscalar(red) else red
    paths = {role: folder / f"{name}-{role}.tif" for role in ("red", "mask")}
    hrefs = write(paths["red"], red_HW, raster), write(paths["mask"], mask_HW, coarser(raster))
    return scene(name, {"red": hrefs[0]}, hrefs[1], raster, **facts)
