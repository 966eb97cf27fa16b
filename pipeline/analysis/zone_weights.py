"""Sums of weights in zones: confidence, and hectares where pixels differ in area. All pixels of zones are read.

A zone is cut into the whole tiles of 64 x 64 pixels and whole pixels that it covers, and the pixels of its border with
their weights. Of a block the chunks that a zone touches are read, once for all zones.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from pipeline.analysis.question import Layer
from pipeline.cube.shards import read_part
from pipeline.geometry.areal_scale import pixel_hectares
from pipeline.geometry.borders import ranges
from pipeline.geometry.coverage import Coverage, Edges, coverage
from pipeline.geometry.extent import Extent
from pipeline.geometry.grid import Window
from pipeline.geometry.spans import Spans, coarsen, minus, split

TILE = 64
"""Pixels per side; divides every chunk."""


def band_weights(
    extent: Extent, layers: tuple[Layer, ...], by_pixel: bool, edges: Edges, iy: int
) -> tuple[np.ndarray, list[np.ndarray]]:
    """Of one row of blocks: the zones in it, and for each layer their sums (zone, value) of its weight.

    by_pixel: times the hectares of each pixel.
    """
    side = extent.grid.block
    x0, width = extent.origin[1], extent.shape[1]
    cover = coverage(edges, Window(iy * side, x0, (iy + 1) * side, x0 + width))
    whole_tiles = coarsen(cover.whole, TILE)
    pixel_runs = split(minus(cover.whole, whole_tiles, TILE), side)
    tile_runs = split(whole_tiles, side // TILE)
    sums = [np.zeros((len(cover.owners_Z), layer.size)) for layer in layers]
    for x, piece in _pieces(cover, pixel_runs, tile_runs, side):
        for layer, total_ZM in zip(layers, sums, strict=True):
            _add_block(total_ZM, extent, layer, by_pixel, iy, x, piece)
    return cover.owners_Z, sums


@dataclass(frozen=True)
class _Piece:
    """The part of a coverage in one block: cells, and runs of pixels and tiles; columns from the block's corner."""

    owner_N: np.ndarray
    row_N: np.ndarray
    col_N: np.ndarray
    weight_N: np.ndarray
    pixels: Spans
    tiles: Spans


def _pieces(cover: Coverage, pixels: Spans, tiles: Spans, side: int) -> Iterator[tuple[int, _Piece]]:
    """Index of each block of the row that has any part that must be read, and the part."""
    per_side = side // TILE
    block_N = cover.col_N // side, pixels.start_N // side, tiles.start_N // per_side
    orders = [np.argsort(block, kind="stable") for block in block_N]
    sorted_N = [block[order] for block, order in zip(block_N, orders, strict=True)]
    for x in np.unique(np.concatenate(block_N)).tolist():
        cells, runs, squares = (
            order[slice(*np.searchsorted(block, (x, x + 1)))] for block, order in zip(sorted_N, orders, strict=True)
        )
        yield (
            x,
            _Piece(
                cover.owner_N[cells],
                cover.row_N[cells],
                cover.col_N[cells] - x * side,
                cover.weight_N[cells],
                _moved(pixels.take(runs), x * side),
                _moved(tiles.take(squares), x * per_side),
            ),
        )


def _moved(spans: Spans, by: int) -> Spans:
    return Spans(spans.line_N, spans.start_N - by, spans.stop_N - by)


def _add_block(
    total_ZM: np.ndarray, extent: Extent, layer: Layer, by_pixel: bool, iy: int, x: int, piece: _Piece
) -> None:
    """Adds one block's pixels."""
    side = extent.grid.block
    tile_side, values = side // TILE, layer.size
    top, left, bottom, right = _chunks(piece, side, layer.chunk)
    y0, x0 = extent.slot((iy, 0))[0] * side + top, x * side + left
    rows, cols = slice(y0, y0 + bottom - top), slice(x0, x0 + right - left)
    value_HW = layer.values(rows, cols)
    weight_HW = _weight(extent, layer, by_pixel, rows, cols)

    def add(owner_N: np.ndarray, at_N: np.ndarray, share_N: Any = 1.0) -> None:
        at_value_N = owner_N * values + value_HW.ravel()[at_N]
        total_ZM.reshape(-1)[:] += np.bincount(at_value_N, weight_HW.ravel()[at_N] * share_N, total_ZM.size)

    width = right - left
    add(piece.owner_N, (piece.row_N - top) * width + piece.col_N - left, piece.weight_N)
    length_N = piece.pixels.stop_N - piece.pixels.start_N
    owner_N, row_N = np.divmod(piece.pixels.line_N, side)
    at_N = ranges((row_N - top) * width + piece.pixels.start_N - left, length_N)
    add(np.repeat(owner_N, length_N), at_N)
    if len(piece.tiles.line_N):
        owner_N, row_N = np.divmod(piece.tiles.line_N, tile_side)
        row_N = row_N - top // TILE
        sum_YXM = np.pad(np.cumsum(tile_sums(value_HW, weight_HW, values), axis=1), ((0, 0), (1, 0), (0, 0)))
        stop_N, start_N = (at - left // TILE for at in (piece.tiles.stop_N, piece.tiles.start_N))
        np.add.at(total_ZM, owner_N, sum_YXM[row_N, stop_N] - sum_YXM[row_N, start_N])


def _chunks(piece: _Piece, side: int, chunk: int) -> tuple[int, int, int, int]:
    """The smallest rectangle of whole chunks of a block that holds a piece: top, left, bottom, right."""
    tile_row_N = piece.tiles.line_N % (side // TILE) * TILE
    rows = np.concatenate([piece.row_N, piece.pixels.line_N % side, tile_row_N, tile_row_N + TILE - 1])
    starts = np.concatenate([piece.col_N, piece.pixels.start_N, piece.tiles.start_N * TILE])
    stops = np.concatenate([piece.col_N + 1, piece.pixels.stop_N, piece.tiles.stop_N * TILE])
    top, left = int(rows.min()) // chunk * chunk, int(starts.min()) // chunk * chunk
    return top, left, (int(rows.max()) // chunk + 1) * chunk, -(-int(stops.max()) // chunk) * chunk


def _weight(extent: Extent, layer: Layer, by_pixel: bool, rows: slice, cols: slice) -> np.ndarray:
    """The layer's weight of each pixel, or 1, times its hectares if `by_pixel`."""
    weight_HW = np.ones((rows.stop - rows.start, cols.stop - cols.start))
    if layer.weight is not None:
        source, time = layer.weight
        weight_HW *= read_part(source, time, rows, cols)
    if by_pixel:
        row, col = extent.origin
        window = Window(row + rows.start, col + cols.start, row + rows.stop, col + cols.stop)
        weight_HW *= pixel_hectares(extent.grid, window)
    return weight_HW


def tile_sums(value_HW: np.ndarray, weight_HW: np.ndarray, values: int) -> np.ndarray:
    """How much weight of each value, 0 to values - 1, is in each tile of 64 x 64 pixels, float64 YXM."""
    rows, cols = (side // TILE for side in value_HW.shape)
    tile_HW = np.repeat(np.arange(rows), TILE)[:, None] * cols + np.repeat(np.arange(cols), TILE)
    at_HW = tile_HW * values + value_HW
    sum_N: np.ndarray = np.bincount(at_HW.ravel(), weight_HW.ravel(), rows * cols * values)
    return sum_N.reshape(rows, cols, values)
