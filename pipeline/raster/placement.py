"""Where a raster lies, and whether that is where its item says."""

from functools import lru_cache
from math import isfinite

import numpy as np
import shapely
from pyproj import CRS
from pyproj.exceptions import ProjError
from shapely.geometry.base import BaseGeometry

from catalogs import Asset, Scene
from catalogs.access import redact
from catalogs.area import split_at_antimeridian
from pipeline.geometry.footprint import grid_footprint, project
from pipeline.geometry.grid import LONLAT, transformer
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
    footprint, extent = grid_footprint(scene, grid_crs), outline(raster, grid_crs)
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


def outline(raster: Raster, crs: str) -> BaseGeometry | None:
    """The raster's outline in a CRS, in parts where it crosses the antimeridian; None if it cannot be shown there."""
    left, bottom, right, top = raster.bounds
    shape = shapely.box(left, bottom, right, top) if raster.turned is None else shapely.Polygon(raster.corners)
    own = shapely.segmentize(shape, max(right - left, top - bottom) / 16)
    lonlat = _transform(own, raster.crs, LONLAT)
    cut = split_at_antimeridian(lonlat) if all(map(isfinite, lonlat.bounds)) else lonlat
    extent = _transform(own, raster.crs, crs) if cut is lonlat else project(cut, crs)
    return shapely.make_valid(extent) if all(map(isfinite, extent.bounds)) else None


def _transform(shape: BaseGeometry, source: str, target: str) -> BaseGeometry:
    convert = transformer(source, target)
    return shapely.transform(shape, lambda xy_N2: np.stack(convert.transform(*xy_N2.T), axis=1))
