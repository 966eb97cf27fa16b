"""The memory that making a block's mosaic takes."""

from collections.abc import Iterator

from pipeline.geometry.grid import Grid, Window
from pipeline.mosaic.clear import MASK_PIXELS
from pipeline.mosaic.composite import STACKED
from pipeline.mosaic.params import MosaicParams
from pipeline.mosaic.sample_cache import SAMPLE_CACHE_BYTES
from pipeline.raster.gdal import CACHE_BYTES
from pipeline.raster.read import CELL_BATCH

STACK_BYTES = 2**30
"""Memory for all views of a strip, where the method needs them at once."""
FINEST = 10.0
"""Metres per pixel of the finest sources."""
LEAST_PART = 2**20
"""Pixels of each band that are read at a time, however small the block."""
MASK_METRES = 20.0
"""Metres per pixel of the finest masks of the providers."""


def mosaic_bytes(grid: Grid, passes: int, bands: int, params: MosaicParams, threads: int) -> int:
    """Upper bound of the bytes that a block's mosaic takes, without the interpreter and its modules.

    The sum of: views; parts being read, twice while copied; on coarse grids, pixels of full resolution while they are
    averaged; masks of 20 m or coarser with the distances in them; pixel positions; results; GDAL's cache.
    """
    pixels = grid.block**2
    view = pixels * bands * 2
    views = min(passes * view, max(STACK_BYTES, view)) if params.method in STACKED else 3 * view
    part = part_pixels(grid) * bands * 2 * 2
    cells = 8 * CELL_BATCH if grid.resolution >= 2 * FINEST else 0
    mask = 24 * min(int(pixels * (1.2 * grid.resolution / MASK_METRES) ** 2), MASK_PIXELS)
    positions = SAMPLE_CACHE_BYTES + threads * pixels * 24
    return views + threads * (view + part + cells + mask) + positions + pixels * (bands * 2 + 5) + CACHE_BYTES


def part_pixels(grid: Grid) -> int:
    """Pixels of each band that are read at a time, at most.

    Those of sources of 10 m or coarser with overviews by factors of two, a fifth longer and wider than the block.
    """
    finer = min(max(grid.resolution / FINEST, 1), 2)
    return max(int(grid.block**2 * (1.2 * finer) ** 2), LEAST_PART)


def memory_strips(window: Window, views: int, bands: int, method: str) -> Iterator[Window]:
    """The window in strips of rows: whole, or where the method needs all views at once, as STACK_BYTES holds."""
    height, width = window.shape
    rows = height
    if method in STACKED:
        rows = max(1, min(height, STACK_BYTES // max(1, views * bands * width * 2)))
    for y in range(window.y0, window.y1, rows):
        yield Window(y, window.x0, min(y + rows, window.y1), window.x1)
