"""Whether a raster lies where its item says."""

from functools import lru_cache
from math import isfinite

import numpy as np
import shapely
from pyproj import CRS
from pyproj.exceptions import ProjError
from shapely.geometry.base import BaseGeometry

from catalogs import Asset, Scene
from catalogs.access import redact
from pipeline.geometry.footprint import grid_footprint
from pipeline.geometry.grid import transformer
from pipeline.raster.level import Raster
from pipeline.raster.retry import ReadError

COMMON = 0.9
"""Of a raster and the item's footprint, the smaller must lie within the larger by this share of its area."""

FALSE_NORTHING = 1e7
"""Metres between the northings of the two hemispheres of a UTM zone."""


def check_place(scene: Scene, asset: Asset, raster: Raster, grid_crs: str) -> None:
    """Raises ReadError unless a scene's raster has the CRS that its item says and lies at the item's footprint."""
    why = _misplacement(scene, asset.crs, raster, grid_crs)
    if why is not None:
        raise ReadError(f"{redact(asset.href)} {why}")


@lru_cache(maxsize=4096)
def _misplacement(scene: Scene, stated: str | None, raster: Raster, grid_crs: str) -> str | None:
    if stated is not None and not _same_place(raster, stated):
        return f"lies in {raster.crs:.80}, but its item says {stated}"
    footprint, extent = grid_footprint(scene, grid_crs), _extent(raster, grid_crs)
    if extent is None:
        return f"in {raster.crs:.80} cannot be shown in {grid_crs}; choose a grid.crs made for its place"
    share = footprint.intersection(extent).area / min(footprint.area, extent.area)
    if not share >= COMMON:
        return f"does not lie where its item says: footprint and raster have {share:.0%} of the smaller in common"
    return None


def _same_place(raster: Raster, stated: str) -> bool:
    """Whether the raster's coordinates mean the same ground, to a pixel, in the CRS that its item states.

    A CRS that is not known says nothing. The hemisphere of a UTM zone is left to the footprint: Landsat's files are in
    northern zones everywhere, and items may name the southern one (microsoft/PlanetaryComputer#486).
    """
    try:
        zones = [(CRS.from_user_input(crs).utm_zone or "").rstrip("NS") for crs in (raster.crs, stated)]
        to_stated = transformer(raster.crs, stated)
    except ProjError:
        return True
    left, bottom, right, top = raster.bounds
    corners = np.array([(left, bottom), (right, bottom), (right, top), (left, top)])
    moved = np.stack(to_stated.transform(*corners.T), axis=1) - corners
    if zones[0] and zones[0] == zones[1]:
        moved[:, 1] -= np.rint(moved[:, 1] / FALSE_NORTHING) * FALSE_NORTHING
    return bool((np.abs(moved) < raster.resolution).all())


def _extent(raster: Raster, grid_crs: str) -> BaseGeometry | None:
    """The raster's outline in the grid's CRS; None if it cannot be shown there."""
    left, bottom, right, top = raster.bounds
    shape = shapely.box(left, bottom, right, top) if raster.turned is None else shapely.Polygon(raster.corners)
    outline = shapely.segmentize(shape, max(right - left, top - bottom) / 16)
    to_grid = transformer(raster.crs, grid_crs)
    extent = shapely.transform(outline, lambda xy_N2: np.stack(to_grid.transform(*xy_N2.T), axis=1))
    return shapely.make_valid(extent) if all(map(isfinite, extent.bounds)) else None
