"""Where a scene is clear, by its mask."""

from collections.abc import Iterator
from math import ceil

import torch

from catalogs import Scene
from catalogs.access import Access
from idgbr.distance import squared_distance
from pipeline.mosaic.asset import read_mask
from pipeline.mosaic.best import CLOUD_METRES
from pipeline.raster.level import Part, Raster, pixel_metres
from pipeline.raster.source import MARGIN
from pipeline.raster.warp import SamplePoints

MASK_PIXELS = 2**22
"""Pixels of a mask that are looked at at a time: a coarse grid's block has many."""


def clear_mask(
    scene: Scene, mask: Raster, at: SamplePoints, access: Access, with_distance: bool, device: str
) -> tuple[torch.Tensor, torch.Tensor | None]:
    """Where a scene is clear, bool HW, and `with_distance` metres to the nearest cloud, float32 HW (else None).

    Clouds are grown by the rule's `dilate`, in metres. Distances are measured between pixels of the mask at full
    resolution before it is warped, so that they are the same on every grid, and only up to 1 km. Raises ReadError.
    """
    clear_HW = torch.zeros(at.window.shape, dtype=torch.bool, device=device)
    metres_HW = torch.zeros(at.window.shape, device=device) if with_distance else None
    for rows, part, index_HW in _strips(at):
        near = _near_clouds(scene, mask, part, access, with_distance)
        for target_HW, source_HW in zip((clear_HW, metres_HW), near, strict=True):
            if target_HW is not None and source_HW is not None:
                padded_HW = torch.nn.functional.pad(source_HW, (MARGIN,) * 4).to(device)
                target_HW[rows] = padded_HW.flatten().index_select(0, index_HW.flatten()).view(index_HW.shape)
    return clear_HW, metres_HW


def far_from_clouds(shape: tuple[int, int], device: str) -> torch.Tensor:
    """The distances of a scene without a mask: the greatest that is told apart, float32 HW."""
    return torch.full(shape, float(CLOUD_METRES), device=device)


def _strips(at: SamplePoints) -> Iterator[tuple[slice, Part, torch.Tensor]]:
    """Rows of the window, the part of the mask that they lie in, and their `nearest_HW` in that part.

    Parts have about MASK_PIXELS at most. Rows that lie beside the mask are left out.
    """
    (top, bottom), (left, right) = at.part.rows, at.part.cols
    count = ceil((bottom - top) * (right - left) / MASK_PIXELS)
    height = ceil(at.window.shape[0] / count)
    for y in range(0, at.window.shape[0], height):
        index_HW = at.nearest_HW[y : y + height]
        first, last = (int(index) // at.width - MARGIN + top for index in (index_HW.min(), index_HW.max()))
        first, last = max(first, top), min(last, bottom - 1)
        if first <= last:
            moved_HW = index_HW - (first - top) * at.width
            yield slice(y, y + height), Part((first, last + 1), at.part.cols), moved_HW


def _near_clouds(
    scene: Scene, mask: Raster, part: Part, access: Access, with_distance: bool
) -> tuple[torch.Tensor, torch.Tensor | None]:
    """Clear ground of a part of a mask, bool HW, and metres to the nearest cloud, float32 HW or None."""
    rule = scene.rule
    assert rule is not None, "only a scene with a mask is asked"
    height, width = pixel_metres(mask)
    dilate, tall = rule.dilate / width, height / width
    reach = ceil(max(dilate, CLOUD_METRES / width if with_distance else 0))
    wider, crop = _pad(part, ceil(reach / min(tall, 1)), mask)
    code_HW = read_mask(scene, mask, wider, access)
    clear_HW = torch.from_numpy(rule.is_clear(code_HW))[crop]
    if not reach:
        return clear_HW, None
    square_HW = torch.from_numpy(squared_distance(rule.is_cloud(code_HW), reach, tall)[crop])
    metres_HW = square_HW.float().sqrt_().mul_(width) if with_distance else None
    return clear_HW & (square_HW > dilate**2), metres_HW


def _pad(part: Part, reach: int, raster: Raster) -> tuple[Part, tuple[slice, slice]]:
    """A part grown by `reach` pixels on each side within the raster, and the slices of `part` in it."""

    def axis(span: tuple[int, int], length: int) -> tuple[tuple[int, int], slice]:
        low = max(span[0] - reach, 0)
        return (low, min(span[1] + reach, length)), slice(span[0] - low, span[1] - low)

    rows, cols = axis(part.rows, raster.height), axis(part.cols, raster.width)
    return Part(rows[0], cols[0]), (rows[1], cols[1])
