"""Fuse the scenes of one pass into one view of a window: read, warp, mask, join."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np
import torch
from shapely.geometry.base import BaseGeometry

from catalogs import Asset, Scene
from catalogs.access import ANYWHERE, Access, redact
from pipeline.geometry.area_mask import area_mask
from pipeline.geometry.footprint import grid_footprint
from pipeline.geometry.grid import Grid, Window
from pipeline.mosaic.asset import read_band
from pipeline.mosaic.clear import clear_mask
from pipeline.mosaic.pieces import check_fineness, pieces, raster_window
from pipeline.mosaic.sample_cache import SampleCache
from pipeline.mosaic.view import UNSEEN, PassView
from pipeline.raster import resample
from pipeline.raster.blank import is_blank
from pipeline.raster.level import Raster
from pipeline.raster.placement import check_place
from pipeline.raster.read import inspect
from pipeline.raster.retry import ReadError
from pipeline.raster.scaling import check_scaling
from pipeline.raster.source import SourcePixels
from pipeline.raster.strips import row_strips
from pipeline.raster.warp import SamplePoints
from pipeline.scenes.passes import Pass

REFLECTANCE = 10_000
EPOCH = date(1970, 1, 1).toordinal()


@dataclass(frozen=True)
class ViewParams:
    """What to read of each pass: `window` of `grid`, `bands` by role, `resampling` of resample.METHODS, within `area`
    (in the grid's CRS, None = everywhere), with distances from clouds if `clouds`."""

    grid: Grid
    window: Window
    bands: tuple[str, ...]
    resampling: str = "bilinear"
    area: BaseGeometry | None = None
    clouds: bool = False
    device: str = "cpu"
    access: Access = ANYWHERE


def view_pass(params: ViewParams, cache: SampleCache, overpass: Pass) -> tuple[PassView | None, dict[str, str]]:
    """The view of one pass, None if nothing is clear, and why scenes could not be read, by scene id.

    Where several scenes are clear the first counts. If any scene cannot be read there is no view.
    """
    value_BHW = torch.full((len(params.bands), *params.window.shape), UNSEEN, dtype=torch.int16, device=params.device)
    cloud_HW = torch.zeros(params.window.shape, device=params.device) if params.clouds else None
    lost: dict[str, str] = {}
    for scene in overpass.scenes:
        try:
            _add(params, cache, scene, value_BHW, cloud_HW)
        except ReadError as error:
            lost[scene.id] = str(error)
    if lost or not (value_BHW[0] != UNSEEN).any():
        return None, lost
    return PassView(value_BHW, overpass.start.date().toordinal() - EPOCH, cloud_HW), lost


def _add(
    params: ViewParams, cache: SampleCache, scene: Scene, value_BHW: torch.Tensor, cloud_HW: torch.Tensor | None
) -> None:
    """Writes a scene's clear pixels where `value_BHW` is UNSEEN. Raises ReadError."""
    mask = inspect(scene.mask.href, None, params.access, scene.mask.checksum)
    check_place(scene, scene.mask, mask, params.grid.crs)
    window = params.window & raster_window(params.grid, mask)
    if not window.empty:
        check_fineness(params.grid, window, mask, scene.mask.href)
    at = None if window.empty else cache.locate(mask, "nearest", window)
    if not isinstance(at, SamplePoints):
        return
    rows, cols = window.slices((params.window.y0, params.window.x0))
    clear_HW, metres_HW = clear_mask(scene, mask, at, params.access, params.clouds, params.device)
    clear_HW &= value_BHW[0, rows, cols] == UNSEEN
    for area in (grid_footprint(scene, params.grid.crs), params.area):
        if area is not None:
            clear_HW &= torch.from_numpy(area_mask(area, params.grid, window)).to(params.device)
    claimed_HW = clear_HW.clone()
    assets = [scene.band(role) for role in params.bands]
    rasters = []
    if clear_HW.any():
        rasters = [inspect(asset.href, params.grid.resolution, params.access, asset.checksum) for asset in assets]
    for asset, raster in zip(assets, rasters, strict=False):
        check_place(scene, asset, raster, params.grid.crs)
        check_scaling(asset, raster.scaling)
        check_fineness(params.grid, window, raster, asset.href)
    for raster in dict.fromkeys(rasters):
        which = [(i, assets[i]) for i, other in enumerate(rasters) if other == raster]
        for piece in pieces(params.grid, window, raster):
            at_HW = piece.slices((window.y0, window.x0))
            _write(params, cache, raster, which, clear_HW[at_HW], piece, value_BHW[:, rows, cols][:, *at_HW])
    if (clear_HW != claimed_HW).any():
        value_BHW[:, rows, cols].masked_fill_(claimed_HW & ~clear_HW, UNSEEN)
    if cloud_HW is not None and metres_HW is not None:
        cloud_HW[rows, cols] = torch.where(clear_HW, metres_HW, cloud_HW[rows, cols])


def _write(
    params: ViewParams,
    cache: SampleCache,
    raster: Raster,
    bands: Sequence[tuple[int, Asset]],
    clear_HW: torch.Tensor,
    window: Window,
    value_BHW: torch.Tensor,
) -> None:
    """Resamples bands that share a pixel lattice into `value_BHW` where `clear_HW`.

    Pixels that are not valid are removed from `clear_HW`. Raises ReadError, also where a band has no data at all.
    """
    if not clear_HW.any():
        return
    located = cache.locate(raster, params.resampling, window)
    if located is None:
        clear_HW[:] = False
        return
    part_BHW = [read_band(asset, raster, located.part, params.access) for _, asset in bands]
    for (_, asset), part_HW in zip(bands, part_BHW, strict=True):
        if not part_HW.any() and is_blank(asset.href, params.access):
            raise ReadError(f"{redact(asset.href)} has no data at all, but by its mask the scene shows clear ground")
    source = SourcePixels.of(part_BHW, params.device)
    for _, rows in row_strips(window):
        if not clear_HW[rows].any():
            continue
        warped_BHW, valid_HW = resample.METHODS[params.resampling].resample(located, source, rows)
        clear_HW[rows] &= valid_HW
        for (i, asset), warped_HW in zip(bands, warped_BHW, strict=True):
            warped_HW *= float(np.float32(asset.scale * REFLECTANCE))
            warped_HW += float(np.float32(asset.offset * REFLECTANCE + 0.5))
            target_HW = value_BHW[i, rows]
            reflectance_HW = warped_HW.floor_().clamp_(1, UNSEEN - 1).short()
            target_HW.copy_(torch.where(clear_HW[rows], reflectance_HW, target_HW))
