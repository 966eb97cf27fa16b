"""Where a scene is clear, by its mask."""

from math import ceil

import torch

from catalogs import Scene
from catalogs.access import Access
from idgbr.distance import squared_distance
from pipeline.mosaic.asset import read_mask
from pipeline.mosaic.best import CLOUD_METRES
from pipeline.raster.read import Part, Raster
from pipeline.raster.source import MARGIN
from pipeline.raster.warp import SamplePoints


def clear_mask(
    scene: Scene, mask: Raster, at: SamplePoints, access: Access, with_distance: bool, device: str
) -> tuple[torch.Tensor, torch.Tensor | None]:
    """Where a scene is clear, bool HW, and `with_distance` metres to the nearest cloud, float32 HW (else None).

    Clouds are grown by the rule's `dilate`, in metres. Distances are measured between pixels of the mask before it is
    warped, so that they are the same on every grid, and only up to 1 km. Raises ReadError.
    """
    dilate = scene.rule.dilate / mask.resolution
    reach = ceil(max(dilate, CLOUD_METRES / mask.resolution if with_distance else 0))
    part, crop = _pad(at.part, reach, mask)
    code_HW = read_mask(scene, mask, part, access)
    clear_HW = torch.from_numpy(scene.rule.is_clear(code_HW))[crop]
    metres_HW = None
    if reach:
        square_HW = torch.from_numpy(squared_distance(scene.rule.is_cloud(code_HW), reach)[crop])
        clear_HW = clear_HW & (square_HW > dilate**2)
        metres_HW = square_HW.float().sqrt_().mul_(mask.resolution) if with_distance else None
    index_N = at.nearest_HW.flatten()

    def warp(source_HW: torch.Tensor) -> torch.Tensor:
        padded_HW = torch.nn.functional.pad(source_HW, (MARGIN,) * 4).to(device)
        return padded_HW.flatten().index_select(0, index_N).view(at.window.shape)

    return warp(clear_HW), None if metres_HW is None else warp(metres_HW)


def _pad(part: Part, reach: int, raster: Raster) -> tuple[Part, tuple[slice, slice]]:
    """A part grown by `reach` pixels on each side within the raster, and the slices of `part` in it."""

    def axis(span: tuple[int, int], length: int) -> tuple[tuple[int, int], slice]:
        low = max(span[0] - reach, 0)
        return (low, min(span[1] + reach, length)), slice(span[0] - low, span[1] - low)

    rows, cols = axis(part.rows, raster.height), axis(part.cols, raster.width)
    return Part(rows[0], cols[0]), (rows[1], cols[1])
