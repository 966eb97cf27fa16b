"""Sums over polygons of what a map says: area of classes, of changes between two maps, confidence.

A zone is cut into the whole blocks, whole tiles of 64 x 64 pixels and whole pixels that it covers, and the pixels of
its border with their weights. Whole blocks are summed by the counts of blocks; of other blocks the chunks that a zone
touches are read, once for all zones.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import zarr

from pipeline.cube.records import BlockRows
from pipeline.geometry.areal_scale import pixel_hectares
from pipeline.geometry.coverage import Coverage, Edges, coverage
from pipeline.geometry.extent import Extent
from pipeline.geometry.grid import Window
from pipeline.geometry.spans import Spans, coarsen, minus, split

TILE = 64
"""Pixels per side; divides every block and fits the sums of a tile's column into uint8."""
FEW = 24
"""Values up to which each is counted by a comparison, more by a histogram."""

Rows = dict[int, np.ndarray]


@dataclass(frozen=True)
class Layer:
    """What is summed: the area of the classes of a map, or of pairs of classes of two maps, by area or by a weight.

    maps: arrays of codes (time, y, x) with the index along time. codes: codes of the K classes; any other code counts
    as class K. pixels: the counts of whole blocks, where they stand for pixels. made: fingerprints of two maps.
    """

    maps: tuple[tuple[zarr.Array, int], ...]
    codes: tuple[int, ...]
    weight: tuple[zarr.Array, int] | None = None
    pixels: tuple[zarr.Array, int] | None = None
    made: tuple[tuple[zarr.Array, int], ...] = ()

    @property
    def size(self) -> int:
        """Number of values M: K + 1 classes or their pairs."""
        return (len(self.codes) + 1) ** len(self.maps)

    def image(self, rows: slice, cols: slice) -> tuple[np.ndarray, np.ndarray]:
        """What stands at each pixel, and a table from that to the value, 0 to M - 1."""
        table = np.full(256, len(self.codes), np.uint8)
        table[list(self.codes)] = np.arange(len(self.codes))
        first_HW, *second = (np.asarray(source[time, rows, cols]) for source, time in self.maps)
        if not second:
            return first_HW, table
        pair_HW = np.take(table, first_HW).astype(np.uint16) * np.uint16(len(self.codes) + 1)
        return pair_HW + np.take(table, second[0]), np.arange(self.size, dtype=np.uint16)

    def whole_blocks(self, y: int, side: int) -> tuple[np.ndarray, np.ndarray]:
        """Of a row of blocks: which need not be read, bool, and their pixels by value (bx, M)."""
        if self.pixels is None:
            return np.zeros(0, bool), np.zeros((0, self.size))
        count_XK = BlockRows(*self.pixels).row(y).astype(np.float64)
        count_XM = np.concatenate([count_XK, side**2 - count_XK.sum(1, keepdims=True)], axis=1)
        if len(self.maps) == 1:
            return np.ones(len(count_XM), bool), count_XM
        a_X, b_X = (BlockRows(*made).row(y) for made in self.made)
        pair_XMM = count_XM[:, :, None] * np.eye(count_XM.shape[1])
        return a_X == b_X, pair_XMM.reshape(len(count_XM), -1)


@dataclass(frozen=True)
class Question:
    """Layers to sum over an extent; by_pixel: whether pixels differ in area, so that none may be counted by block."""

    extent: Extent
    layers: tuple[Layer, ...]
    by_pixel: bool

    @property
    def rows(self) -> range:
        """Rows of blocks, each a unit of work."""
        return range(self.extent.block_range.y0, self.extent.block_range.y1)


def band_sums(question: Question, edges: Edges, iy: int) -> tuple[np.ndarray, list[np.ndarray]]:
    """Of one row of blocks: the zones in it, and for each layer their sums (zone, value).

    In pixels, or hectares where pixels differ in area, times the layer's weight.
    """
    extent = question.extent
    side, tiles = extent.grid.block, extent.grid.block // TILE
    x0, width = extent.origin[1], extent.shape[1]
    cover = coverage(edges, Window(iy * side, x0, (iy + 1) * side, x0 + width))
    whole_tiles = coarsen(cover.whole, TILE)
    pixel_runs = split(minus(cover.whole, whole_tiles, TILE), side)
    blocks = split(coarsen(whole_tiles, tiles), 1)
    sums = []
    for layer in question.layers:
        total_ZM = np.zeros((len(cover.owners_Z), layer.size))
        known_X, count_XM = layer.whole_blocks(extent.slot((iy, 0))[0], side)
        counted = blocks.take(known_X[blocks.start_N] if len(known_X) else np.zeros(len(blocks.start_N), bool))
        np.add.at(total_ZM, counted.line_N, count_XM[counted.start_N])
        tile_runs = split(minus(whole_tiles, counted, tiles), tiles)
        for x, piece in _pieces(cover, pixel_runs, tile_runs, side):
            _add_block(total_ZM, question, layer, iy, x, piece)
        sums.append(total_ZM)
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


def _add_block(total_ZM: np.ndarray, question: Question, layer: Layer, iy: int, x: int, piece: _Piece) -> None:
    """Adds one block's pixels."""
    side = question.extent.grid.block
    tile_side, values = side // TILE, layer.size
    top, left, bottom, right = _chunks(piece, side, layer.maps[0][0].chunks[-1])
    y0, x0 = question.extent.slot((iy, 0))[0] * side + top, x * side + left
    rows, cols = slice(y0, y0 + bottom - top), slice(x0, x0 + right - left)
    image_HW, table = layer.image(rows, cols)
    weight_HW = _weight(question, layer, rows, cols)

    def add(owner_N: np.ndarray, at_N: np.ndarray, share_N: Any = None) -> None:
        value_N = owner_N * values + table[image_HW.ravel()[at_N]]
        if weight_HW is not None:
            share_N = weight_HW.ravel()[at_N] * (1.0 if share_N is None else share_N)
        total_ZM.reshape(-1)[:] += np.bincount(value_N, share_N, total_ZM.size)

    width = right - left
    add(piece.owner_N, (piece.row_N - top) * width + piece.col_N - left, piece.weight_N)
    length_N = piece.pixels.stop_N - piece.pixels.start_N
    owner_N, row_N = np.divmod(piece.pixels.line_N, side)
    first_N = (row_N - top) * width + piece.pixels.start_N - left - (np.cumsum(length_N) - length_N)
    add(np.repeat(owner_N, length_N), np.repeat(first_N, length_N) + np.arange(length_N.sum()))
    if len(piece.tiles.line_N):
        owner_N, row_N = np.divmod(piece.tiles.line_N, tile_side)
        row_N = row_N - top // TILE
        sum_YXM = np.pad(np.cumsum(tile_sums(image_HW, table, values, weight_HW), axis=1), ((0, 0), (1, 0), (0, 0)))
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


def _weight(question: Question, layer: Layer, rows: slice, cols: slice) -> np.ndarray | None:
    """Hectares of each pixel where they differ, times the layer's weight if it has one; None: all the same."""
    weight_HW = None if layer.weight is None else np.asarray(layer.weight[0][layer.weight[1], rows, cols], np.float64)
    if not question.by_pixel:
        return weight_HW
    row, col = question.extent.origin
    window = Window(row + rows.start, col + cols.start, row + rows.stop, col + cols.stop)
    hectares_HW = pixel_hectares(question.extent.grid, window)
    return hectares_HW if weight_HW is None else hectares_HW * weight_HW


def tile_sums(image_HW: np.ndarray, table: np.ndarray, values: int, weight_HW: np.ndarray | None = None) -> np.ndarray:
    """How many pixels, or how much weight, of each value are in each tile of 64 x 64 pixels, float64 YXM.

    table: the value of what stands in the image; the last value is that of all the rest.
    """
    rows, cols = (side // TILE for side in image_HW.shape)
    if weight_HW is not None or values > FEW:
        tile_HW = np.repeat(np.arange(rows), TILE)[:, None] * cols + np.repeat(np.arange(cols), TILE)
        at_N = (tile_HW * values + table[image_HW]).ravel()
        weight_N = None if weight_HW is None else weight_HW.ravel()
        return np.bincount(at_N, weight_N, rows * cols * values).reshape(rows, cols, values).astype(np.float64)
    sum_YXM = np.zeros((rows, cols, values))
    for code in np.flatnonzero(table < values - 1).tolist():
        hit_YHW = (image_HW == code).view(np.uint8).reshape(rows, TILE, -1)
        column_YW = np.add.reduce(hit_YHW, axis=1, dtype=np.uint8)
        sum_YXM[..., table[code]] = np.add.reduceat(column_YW, np.arange(0, cols * TILE, TILE), axis=1, dtype=np.uint32)
    sum_YXM[..., -1] = TILE**2 - sum_YXM.sum(2)
    return sum_YXM
