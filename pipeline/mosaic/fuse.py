"""Fuse the scenes of one pass into one view of a window: read, warp, mask, join."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import NamedTuple

import numpy as np
import torch
from shapely.geometry.base import BaseGeometry

from catalogs import Asset, Scene
from catalogs.access import ANYWHERE, Access, redact
from pipeline.geometry.area_mask import area_mask
from pipeline.geometry.footprint import grid_footprint
from pipeline.geometry.grid import Grid, Window
from pipeline.mosaic.asset import inspect_band, read_band
from pipeline.mosaic.clear import clear_mask, far_from_clouds
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
    located = _clear(params, cache, scene)
    if located is None:
        return
    window, clear_HW, metres_HW = located
    rows, cols = window.slices((params.window.y0, params.window.x0))
    clear_HW &= value_BHW[0, rows, cols] == UNSEEN
    for area in (grid_footprint(scene, params.grid.crs), params.area):
        if area is not None:
            clear_HW &= torch.from_numpy(area_mask(area, params.grid, window)).to(params.device)
    claimed_HW = clear_HW.clone()
    assets = [scene.band(role) for role in params.bands] if clear_HW.any() else []
    rasters = [inspect_band(asset, params.grid.resolution, params.access) for asset in assets]
    for asset, raster in zip(assets, rasters, strict=True):
        check_place(scene, asset, raster, params.grid.crs)
        check_scaling(asset, raster.scaling)
        check_fineness(params.grid, window, raster, asset.href)
    for raster in dict.fromkeys(rasters):
        which = [_Band(i, assets[i], other) for i, other in enumerate(rasters) if other == raster]
        for piece in pieces(params.grid, window, raster):
            at_HW = piece.slices((window.y0, window.x0))
            _write(params, cache, which, clear_HW[at_HW], piece, value_BHW[:, rows, cols][:, *at_HW])
    if (clear_HW != claimed_HW).any():
        value_BHW[:, rows, cols].masked_fill_(claimed_HW & ~clear_HW, UNSEEN)
    if cloud_HW is not None and metres_HW is not None:
        cloud_HW[rows, cols] = torch.where(clear_HW, metres_HW, cloud_HW[rows, cols])


def _clear(
    params: ViewParams, cache: SampleCache, scene: Scene
) -> tuple[Window, torch.Tensor, torch.Tensor | None] | None:
    """The part of the window that a scene may show, where it is clear there, and metres to the nearest cloud.

    None beside the scene. Without a mask it is clear throughout, as far from clouds as is told apart. Raises ReadError.
    """
    if scene.mask is None:
        first = inspect_band(scene.band(params.bands[0]), params.grid.resolution, params.access)
        window = params.window & raster_window(params.grid, first)
        if window.empty:
            return None
        clear_HW = torch.ones(window.shape, dtype=torch.bool, device=params.device)
        return window, clear_HW, far_from_clouds(window.shape, params.device) if params.clouds else None
    mask = inspect(scene.mask.href, None, params.access, scene.mask.checksum, scene.mask.band or 1)
    check_place(scene, scene.mask, mask, params.grid.crs)
    window = params.window & raster_window(params.grid, mask)
    if window.empty:
        return None
    check_fineness(params.grid, window, mask, scene.mask.href)
    clear_HW = torch.zeros(window.shape, dtype=torch.bool, device=params.device)
    metres_HW = torch.zeros(window.shape, device=params.device) if params.clouds else None
    for piece in pieces(params.grid, window, mask):
        at, at_HW = cache.locate(mask, "nearest", piece), piece.slices((window.y0, window.x0))
        if isinstance(at, SamplePoints):
            clear_HW[at_HW], near_HW = clear_mask(scene, mask, at, params.access, params.clouds, params.device)
            if metres_HW is not None and near_HW is not None:
                metres_HW[at_HW] = near_HW
    return window, clear_HW, metres_HW


class _Band(NamedTuple):
    """`number`: among the bands of the view, from 0."""

    number: int
    asset: Asset
    raster: Raster


def _write(
    params: ViewParams,
    cache: SampleCache,
    bands: Sequence[_Band],
    clear_HW: torch.Tensor,
    window: Window,
    value_BHW: torch.Tensor,
) -> None:
    """Resamples bands that share a pixel lattice into `value_BHW` where `clear_HW`.

    Pixels that are not valid are removed from `clear_HW`. Raises ReadError, also where a band has no data at all.
    """
    if not clear_HW.any():
        return
    located = cache.locate(bands[0].raster, params.resampling, window)
    if located is None:
        clear_HW[:] = False
        return
    parts = [read_band(band.asset, band.raster, located.part, params.access) for band in bands]
    for (_, asset, _), (part_HW, coding) in zip(bands, parts, strict=True):
        if not part_HW.any() and is_blank(asset.href, params.access, asset.band or 1, coding):
            raise ReadError(f"{redact(asset.href)} has no data at all, but by its mask the scene shows clear ground")
    source = SourcePixels.of([part_HW for part_HW, _ in parts], params.device)
    for _, rows in row_strips(window):
        if not clear_HW[rows].any():
            continue
        warped_BHW, valid_HW = resample.METHODS[params.resampling].resample(located, source, rows)
        clear_HW[rows] &= valid_HW
        for (i, asset, _), (_, coding), warped_HW in zip(bands, parts, warped_BHW, strict=True):
            unit = asset.unit
            warped_HW *= float(np.float32(coding.scale * unit.steps))
            warped_HW += float(np.float32((coding.offset - unit.offset) * unit.steps + 0.5))
            target_HW = value_BHW[i, rows]
            reflectance_HW = warped_HW.floor_().clamp_(1, UNSEEN - 1).short()
            target_HW.copy_(torch.where(clear_HW[rows], reflectance_HW, target_HW))
