"""One pass of a satellite over a window: its tiles read, warped, masked and joined."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date
from functools import lru_cache
from math import ceil, floor, isfinite
from threading import Lock

import numpy as np
import torch
from shapely.geometry.base import BaseGeometry

from catalogs import Asset, Scene
from catalogs.access import ANYWHERE, Access, redact
from idgbr.distance import squared_distance
from pipeline.geometry.area_mask import area_mask
from pipeline.geometry.footprint import grid_footprint
from pipeline.geometry.grid import Grid, Window, transformer
from pipeline.mosaic.composite import CLOUD_METRES, UNSEEN, PassView
from pipeline.raster import resample
from pipeline.raster.average import SampleBoxes
from pipeline.raster.read import Part, Raster, inspect, read_part
from pipeline.raster.retry import ReadError
from pipeline.raster.source import MARGIN, SourcePixels
from pipeline.raster.strips import row_strips
from pipeline.raster.warp import SamplePoints
from pipeline.scenes.passes import Pass

REFLECTANCE = 10_000
EPOCH = date(1970, 1, 1).toordinal()
SampleGeometry = SamplePoints | SampleBoxes
SAMPLE_CACHE_BYTES = 256 * 2**20


@dataclass(frozen=True)
class ViewParams:
    """How a window is looked at: on which grid, for which bands, resampled how, within `area` (of the grid's CRS, None
    for everywhere), with the distance from clouds or without, by what may be read."""

    grid: Grid
    window: Window
    bands: tuple[str, ...]
    resampling: str = "bilinear"
    area: BaseGeometry | None = None
    clouds: bool = False
    device: str = "cpu"
    access: Access = ANYWHERE


@dataclass(frozen=True)
class SampleCache:
    """Where rasters' pixels fall in a look's window: worked out once for all scenes of a tile, while memory lasts."""

    look: ViewParams
    known: dict[tuple[Raster, str, Window], SampleGeometry | None] = field(default_factory=dict)
    lock: Lock = field(default_factory=Lock)

    def of(self, raster: Raster, method: str, window: Window) -> SampleGeometry | None:
        key = raster, method, window
        with self.lock:
            if key in self.known:
                return self.known[key]
            place, _ = resample.METHODS[method]
            found = self.known[key] = place(self.look.grid, window, raster, self.look.device)
            while sum(at.nbytes for at in self.known.values() if at) > SAMPLE_CACHE_BYTES and len(self.known) > 1:
                del self.known[next(iter(self.known))]
            return found


def view_pass(places: SampleCache, seen: Pass) -> tuple[PassView | None, dict[str, str]]:
    """What one pass shows of a window (None if nothing is clear), and the scenes that could not be read, with why.

    Where several tiles are clear the first counts.
    """
    look = places.look
    value_BHW = torch.full((len(look.bands), *look.window.shape), UNSEEN, dtype=torch.int16, device=look.device)
    cloud_HW = torch.zeros(look.window.shape, device=look.device) if look.clouds else None
    lost: dict[str, str] = {}
    for scene in seen.scenes:
        try:
            _add(places, scene, value_BHW, cloud_HW)
        except ReadError as error:
            lost[scene.id] = str(error)
    if lost or not (value_BHW[0] != UNSEEN).any():
        return None, lost
    return PassView(value_BHW, seen.start.date().toordinal() - EPOCH, cloud_HW), lost


def _add(places: SampleCache, scene: Scene, value_BHW: torch.Tensor, cloud_HW: torch.Tensor | None) -> None:
    """Writes what a scene shows clear and no tile before it did. Raises ReadError."""
    look = places.look
    mask = inspect(scene.mask.href, look.grid.resolution, look.access)
    window = look.window & _reach(look.grid, mask)
    at = None if window.empty else places.of(mask, "nearest", window)
    if not isinstance(at, SamplePoints):
        return
    rows, cols = window.slices((look.window.y0, look.window.x0))
    clear_HW, far_HW = _clear(scene, mask, at, look)
    clear_HW &= value_BHW[0, rows, cols] == UNSEEN
    for area in (grid_footprint(scene, look.grid.crs), look.area):
        if area is not None:
            clear_HW &= torch.from_numpy(area_mask(area, look.grid, window)).to(look.device)
    claimed_HW = clear_HW.clone()
    assets = [scene.band(role) for role in look.bands]
    rasters = [inspect(asset.href, look.grid.resolution, look.access) for asset in assets] if clear_HW.any() else []
    for raster in dict.fromkeys(rasters):
        which = [i for i, other in enumerate(rasters) if other == raster]
        _write(places, raster, [(i, assets[i]) for i in which], clear_HW, window, value_BHW[:, rows, cols])
    if (clear_HW != claimed_HW).any():
        value_BHW[:, rows, cols].masked_fill_(claimed_HW & ~clear_HW, UNSEEN)
    if cloud_HW is not None and far_HW is not None:
        cloud_HW[rows, cols] = torch.where(clear_HW, far_HW, cloud_HW[rows, cols])


def _write(
    places: SampleCache,
    raster: Raster,
    bands: Sequence[tuple[int, Asset]],
    clear_HW: torch.Tensor,
    window: Window,
    value_BHW: torch.Tensor,
) -> None:
    """Resamples bands of one raster into `value_BHW` where `clear_HW`, which loses what is not valid in them."""
    look = places.look
    place = places.of(raster, look.resampling, window)
    if place is None:
        clear_HW[:] = False
        return
    source = SourcePixels.of([_pixels(asset, raster, place.part, look, "uint16") for _, asset in bands], look.device)
    _, resampled = resample.METHODS[look.resampling]
    for _, here in row_strips(window):
        if not clear_HW[here].any():
            continue
        warped_BHW, valid_HW = resampled(place, source, here)
        clear_HW[here] &= valid_HW
        for (i, asset), warped_HW in zip(bands, warped_BHW, strict=True):
            warped_HW *= float(np.float32(asset.scale * REFLECTANCE))
            warped_HW += float(np.float32(asset.offset * REFLECTANCE + 0.5))
            target_HW = value_BHW[i, here]
            reflectance_HW = warped_HW.floor_().clamp_(1, UNSEEN - 1).short()
            target_HW.copy_(torch.where(clear_HW[here], reflectance_HW, target_HW))


def _pixels(asset: Asset, raster: Raster, part: Part, look: ViewParams, *allowed: str) -> np.ndarray:
    """A part of an asset, of one of the types that are allowed. Raises ReadError."""
    pixel_HW = read_part(asset.href, raster, part, look.access)
    if pixel_HW.dtype not in allowed:
        raise ReadError(
            f"{redact(asset.href)} holds {pixel_HW.dtype}, but {asset.role} must hold {' or '.join(allowed)}"
        )
    return pixel_HW


def _clear(scene: Scene, mask: Raster, at: SamplePoints, look: ViewParams) -> tuple[torch.Tensor, torch.Tensor | None]:
    """Where a scene is clear, bool HW, and metres to the nearest cloud if the look wants them, float32 HW.

    Distances are taken between pixels of the mask, before it is warped: they are the same on every grid.
    """
    dilate = scene.rule.dilate / mask.resolution
    reach = ceil(max(dilate, CLOUD_METRES / mask.resolution if look.clouds else 0))
    part, crop = _widened(at.part, reach, mask)
    code_HW = _pixels(scene.mask, mask, part, look, "uint8", "uint16")
    clear_HW = torch.from_numpy(scene.rule.is_clear(code_HW))[crop]
    far_HW = None
    if reach:
        square_HW = torch.from_numpy(squared_distance(scene.rule.is_cloud(code_HW), reach)[crop])
        clear_HW = clear_HW & (square_HW > dilate**2)
        far_HW = square_HW.float().sqrt_().mul_(mask.resolution) if look.clouds else None
    index_N = at.nearest_HW.flatten()

    def warped(source_HW: torch.Tensor) -> torch.Tensor:
        padded_HW = torch.nn.functional.pad(source_HW, (MARGIN,) * 4).to(look.device)
        return padded_HW.flatten().index_select(0, index_N).view(at.window.shape)

    return warped(clear_HW), None if far_HW is None else warped(far_HW)


def _widened(part: Part, reach: int, raster: Raster) -> tuple[Part, tuple[slice, slice]]:
    """A part with `reach` more pixels on each side, as far as there are any, and where the part lies in it."""

    def axis(span: tuple[int, int], length: int) -> tuple[tuple[int, int], slice]:
        low = max(span[0] - reach, 0)
        return (low, min(span[1] + reach, length)), slice(span[0] - low, span[1] - low)

    rows, cols = axis(part.rows, raster.height), axis(part.cols, raster.width)
    return Part(rows[0], cols[0]), (rows[1], cols[1])


@lru_cache(maxsize=4096)
def _reach(grid: Grid, raster: Raster) -> Window:
    """A window of the grid that holds a raster: its bounds, with two pixels for the bow of their lines."""
    right = raster.left + raster.width * raster.resolution
    bottom = raster.top - raster.height * raster.resolution * raster.tall
    to_grid = transformer(raster.crs, grid.crs)
    x0, y0, x1, y1 = to_grid.transform_bounds(raster.left, bottom, right, raster.top, densify_pts=100)
    r = grid.resolution
    if not all(map(isfinite, (x0, y0, x1, y1))):
        raise ReadError(f"a raster in {raster.crs} cannot be shown in {grid.crs}; choose a grid.crs made for its place")
    return Window(floor(-y1 / r), floor(x0 / r), ceil(-y0 / r), ceil(x1 / r)).pad(2)
