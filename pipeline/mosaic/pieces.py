"""How many pixels of a raster a window needs, and the window in pieces that need no more than memory is planned for."""

from collections.abc import Iterator
from functools import lru_cache
from math import ceil, floor, isfinite, prod

import shapely

from catalogs.access import redact
from pipeline.geometry.grid import Grid, Window, transformer
from pipeline.mosaic.memory import part_pixels
from pipeline.raster.level import Raster
from pipeline.raster.placement import outline
from pipeline.raster.retry import ReadError

MOST_PIECES = 256


def check_fineness(grid: Grid, window: Window, raster: Raster, href: str) -> None:
    """Raises ReadError where a window needs more than MOST_PIECES: of pixels far finer than the grid's."""
    needed, most = _needed(grid, window, raster) * raster.factor**2, MOST_PIECES * part_pixels(grid)
    if needed > most:
        raise ReadError(
            f"{redact(href)} has pixels of {raster.resolution:g} in {raster.crs:.80}, too fine for a grid of "
            f"{grid.resolution:g} m: {needed:.2g} of them would be read for one block, at most {most:.2g} are; write "
            "it with overviews"
        )


def pieces(grid: Grid, window: Window, raster: Raster) -> Iterator[Window]:
    """The window, halved until each piece needs at most `part_pixels` of the raster."""
    return _halves(window, _needed(grid, window, raster) / part_pixels(grid))


@lru_cache(maxsize=4096)
def raster_window(grid: Grid, raster: Raster) -> Window:
    """A window that contains a raster: its bounds in the grid's CRS, padded by two pixels since its edges may bow."""
    to_grid = transformer(raster.crs, grid.crs)
    x0, y0, x1, y1 = to_grid.transform_bounds(*raster.bounds, densify_pts=100)
    r = grid.resolution
    if not all(map(isfinite, (x0, y0, x1, y1))):
        raise ReadError(f"a raster in {raster.crs} cannot be shown in {grid.crs}; choose a grid.crs made for its place")
    return Window(floor(-y1 / r), floor(x0 / r), ceil(-y0 / r), ceil(x1 / r)).pad(2)


def _needed(grid: Grid, window: Window, raster: Raster) -> float:
    parts = _windows(grid, raster)
    share = sum(prod((window & part).shape) for part in parts) / sum(prod(part.shape) for part in parts)
    return raster.height * raster.width * share


@lru_cache(maxsize=4096)
def _windows(grid: Grid, raster: Raster) -> tuple[Window, ...]:
    """`raster_window`; for a raster across the antimeridian, where the grid may be cut, one on each side of it."""
    whole, extent = raster_window(grid, raster), outline(raster, grid.crs)
    if not isinstance(extent, shapely.MultiPolygon):
        return (whole,)
    return tuple(grid.window_around(part.bounds, raster.crs).pad(2) for part in extent.geoms)


def _halves(window: Window, times: float) -> Iterator[Window]:
    height, width = window.shape
    if times <= 1 or height * width <= 1:
        yield window
        return
    y, x = window.y0 + height // 2, window.x0 + width // 2
    first, second = (
        (Window(window.y0, window.x0, y, window.x1), Window(y, window.x0, window.y1, window.x1))
        if height >= width
        else (Window(window.y0, window.x0, window.y1, x), Window(window.y0, x, window.y1, window.x1))
    )
    yield from _halves(first, times / 2)
    yield from _halves(second, times / 2)
