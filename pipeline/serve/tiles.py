"""Tiles of the layers of a map."""

import math
from dataclasses import dataclass
from datetime import date

import numpy as np
import zarr

from pipeline.cube.schema import LEVEL_ARRAYS
from pipeline.cube.store import array
from pipeline.errors import UserError
from pipeline.serve import colours, image
from pipeline.serve.chunks import Chunks
from pipeline.serve.maps import Map
from pipeline.serve.mercator import DEEPEST, HALF, SIDE, Positions, Tile, positions
from pipeline.serve.stretch import map_range

RGB = {"mosaic": ("red", "green", "blue"), "false-color": ("nir", "red", "green")}
"""Layers of the mosaic: the bands shown as red, green and blue. A mosaic without them is grey: `bands_of`."""
LAYERS = ("landcover", "coarse", "confidence", "refined", *RGB, "difference")
Shown = tuple[Map, date]
LARGEST = 32 * 2**20
"""Bytes of pixels that one tile may read: sets the least zoom of layers that have no coarser levels."""


@dataclass(frozen=True)
class Style:
    """hidden: codes of classes that are not shown. palette: "safe" or None. stretch: values of the mosaic shown as
    black and as full brightness; None: `map_range`."""

    hidden: frozenset[int] = frozenset()
    palette: str | None = None
    stretch: tuple[float, float] | None = None


def layers_of(shown: Map) -> list[str]:
    """The layers that a map has: those of the mosaic as far as it has their bands."""
    return [name for name in LAYERS if name not in RGB or bands_of(shown, name)]


def bands_of(shown: Map, layer: str) -> tuple[str, ...]:
    """The bands of a map that a layer of `RGB` shows: three, the first alone as grey where the mosaic lacks one of red,
    green and blue, or none where there is no such layer."""
    bands = shown.layout.bands
    if set(RGB[layer]) <= set(bands):
        return RGB[layer]
    return tuple(bands[:1]) if layer == "mosaic" else ()


def zooms(shown: Map, layer: str) -> tuple[int, int]:
    """The least zoom at which a layer has tiles, and that at which a tile has the map's own pixels."""
    extent = shown.layout.extent
    _, south, _, north = shown.bounds
    ground = extent.grid.resolution / math.cos(math.radians((south + north) / 2))
    deepest = min(max(math.ceil(math.log2(2 * HALF / SIDE / ground)), 0), DEEPEST)
    if _source_of(layer) in LEVEL_ARRAYS:
        return 0, deepest
    pixel = 6 if layer in RGB else 1
    sides = int(math.log2(math.sqrt(LARGEST / pixel) / SIDE))
    whole = math.ceil(math.log2(max(extent.shape) / SIDE))
    return max(deepest - (DEEPEST if whole <= sides else sides), 0), deepest


def _source_of(layer: str) -> str:
    return {"false-color": "mosaic", "difference": "landcover"}.get(layer, layer)


def draw(
    chunks: Chunks,
    shown: Map,
    period: date,
    layer: str,
    tile: Tile,
    style: Style,
    before: Shown | None = None,
) -> bytes:
    """A layer of one period as a PNG of 256 x 256 pixels, transparent where there is no data.

    Each pixel shows the pixel of the map under its centre, of the level whose pixels are as large or next smaller;
    bands of the mosaic are averaged to that size first. before: the map that `difference` compares with. Raises
    UserError for a zoom below the layer's least, and DamagedChunk.
    """
    least, _ = zooms(shown, layer)
    if tile.z < least:
        raise UserError(f"layer {layer} has tiles from zoom {least} on, not at {tile.z}; landcover has them at any")
    where = positions(tile, shown.layout.extent, shown.bounds)
    if where is None:
        return image.empty_png()
    if layer in RGB:
        return draw_mosaic(chunks, shown, period, layer, where, style)
    code_HW = codes_under(chunks, shown, period, _source_of(layer), where)
    if layer == "difference" and before is not None:
        old_HW = codes_under(chunks, *before, "landcover", where)
        code_HW = np.where((old_HW != code_HW) & (old_HW > 0), code_HW, np.uint8(0))
    if layer == "confidence":
        return image.indexed_png(code_HW, colours.confidence_table())
    if layer == "refined":
        return image.indexed_png(code_HW, colours.refined_table())
    table = colours.class_table(colours.class_colours(shown.layout.classes, style.palette), style.hidden)
    return image.indexed_png(code_HW, table)


def codes_under(chunks: Chunks, shown: Map, period: date, name: str, where: Positions) -> np.ndarray:
    """Values of an array of uint8 under the centres of a tile's pixels, 0 where there are none."""
    level = _level(shown, name, where.scale)
    source = array(shown.group, name, level)
    picked = _pick(source, where, 2**level)
    if picked is None:
        return np.zeros((SIDE, SIDE), np.uint8)
    rows, cols, row_HW, col_HW, inside_HW = picked
    window, (top, left) = chunks.read(shown.version, source, shown.times[period], rows, cols)
    code_HW = window[row_HW - top, col_HW - left]
    return np.where(inside_HW, code_HW, np.uint8(0))


def _level(shown: Map, name: str, scale: float) -> int:
    coarsest = shown.layout.levels if name in LEVEL_ARRAYS else 0
    return min(max(math.floor(math.log2(scale) + 1e-3), 0), coarsest)


def _pick(
    source: zarr.Array, where: Positions, size: int
) -> tuple[tuple[int, int], tuple[int, int], np.ndarray, np.ndarray, np.ndarray] | None:
    """The rows and columns of an array that a tile needs, the index of each pixel, and which are inside the array."""
    height, width = source.shape[-2:]
    with np.errstate(invalid="ignore"):
        row_HW, col_HW = np.floor(where.row_HW / size), np.floor(where.col_HW / size)
        inside_HW = (row_HW >= 0) & (row_HW < height) & (col_HW >= 0) & (col_HW < width)
    if not inside_HW.any():
        return None
    row_N, col_N = row_HW[inside_HW], col_HW[inside_HW]
    rows, cols = (int(row_N.min()), int(row_N.max()) + 1), (int(col_N.min()), int(col_N.max()) + 1)
    row_HW, col_HW = (
        np.where(inside_HW, of_HW, of[0]).astype(np.intp) for of_HW, of in ((row_HW, rows), (col_HW, cols))
    )
    return rows, cols, row_HW, col_HW, inside_HW


def draw_mosaic(chunks: Chunks, shown: Map, period: date, layer: str, where: Positions, style: Style) -> bytes:
    """A layer of `RGB` under a tile's pixels as a PNG."""
    source = array(shown.group, "mosaic")
    picked = _pick(source, where, 1)
    if picked is None:
        return image.empty_png()
    rows, cols, row_HW, col_HW, inside_HW = picked
    bands = [shown.layout.bands.index(band) for band in bands_of(shown, layer)]
    side = min(2 ** max(math.floor(math.log2(where.scale) + 1e-3), 0), *source.chunks[-2:])
    mosaic_BHW, (top, left) = chunks.read(shown.version, source, shown.times[period], rows, cols, bands, side)
    value_BHW = mosaic_BHW[:, (row_HW - top) // side, (col_HW - left) // side]
    rgba_HW4 = np.empty((SIDE, SIDE, 4), np.uint8)
    stretch = style.stretch or map_range(chunks, shown, period, bands)
    rgba_HW4[..., :3] = np.moveaxis(colours.brightness_table(shown.layout.unit, stretch)[value_BHW], 0, -1)
    rgba_HW4[..., 3] = np.where(inside_HW & (value_BHW > 0).all(0), 255, 0)
    return image.rgba_png(rgba_HW4)
