"""Pixels of each value in zones, by the borders of zones: pixels are looked at once a block, not for each zone.

What zones have in a block is summed over their edges there, where all that lies right of an edge counts by its height,
and over what their edges left of the block carry into it: a height for each row. A block into which the same is carried
in all rows, and that no edge of the zone cuts, counts as a whole.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from pipeline.analysis.bitmaps import WORD, Bitmap, bitmaps
from pipeline.analysis.question import Layer
from pipeline.geometry.borders import Band, Borders, Pieces, band_of
from pipeline.geometry.coverage import ROUNDING
from pipeline.geometry.extent import Extent
from pipeline.geometry.grid import Window

NOTHING = 1e-7
"""Pixels in a block, by far more than what sums over edges lose to rounding."""


def band_counts(
    extent: Extent, layers: tuple[Layer, ...], borders: Borders, iy: int
) -> tuple[np.ndarray, list[np.ndarray]]:
    """Of one row of blocks: the zones in it, and for each layer their pixels (zone, value).

    A single map's pixels of no class are left out.
    """
    side, x0, width = extent.grid.block, extent.origin[1], extent.shape[1]
    band = band_of(borders, Window(iy * side, x0, (iy + 1) * side, x0 + width))
    y = extent.slot((iy, 0))[0]
    totals = [np.zeros((len(band.polygons_Z), layer.size)) for layer in layers]
    whole = [layer.whole_blocks(y, side) for layer in layers]
    carried = _Carried(np.zeros(0, np.int64), np.zeros((0, side)))
    for x in range(-1, width // side):
        pieces = band.pieces(x)
        for layer, total_ZM, (known_X, count_XM) in zip(layers, totals, whole, strict=True):
            if x >= 0:
                known_M = count_XM[x] if len(known_X) and known_X[x] else None
                _add_block(total_ZM, layer, (y, x), band, pieces, carried, known_M)
        carried = _carry(band, x, pieces, carried)
    return band.polygons_Z, totals


@dataclass(frozen=True)
class _Carried:
    """Zones that have edges left of a block's left side and right of it or on it, and the height in each row that those
    on the left leave open: 1 where the zone covers the pixels at the side, 0 where it does not."""

    zone_A: np.ndarray
    height_AH: np.ndarray

    def take(self, which_A: np.ndarray) -> "_Carried":
        return _Carried(self.zone_A[which_A], self.height_AH[which_A])


def _carry(band: Band, x: int, pieces: Pieces, carried: _Carried) -> _Carried:
    """What is carried from block x into the next."""
    zone_A = np.flatnonzero((band.first_Z <= x) & (band.last_Z > x))
    index_Z = np.full(len(band.polygons_Z), -1)
    index_Z[zone_A] = np.arange(len(zone_A))
    height_AH = pieces.heights(index_Z, len(zone_A), band.side)
    stays_A = index_Z[carried.zone_A]
    height_AH[stays_A[stays_A >= 0]] += carried.height_AH[stays_A >= 0]
    whole_AH = np.rint(height_AH)
    return _Carried(zone_A, np.where(abs(height_AH - whole_AH) < ROUNDING, whole_AH, height_AH))


def _add_block(
    total_ZM: np.ndarray,
    layer: Layer,
    slot: tuple[int, int],
    band: Band,
    pieces: Pieces,
    carried: _Carried,
    known_M: np.ndarray | None,
) -> None:
    """Adds one block's pixels. known_M: those of the whole block."""
    inside_N = pieces.col_N < band.side
    cut_S = np.logical_or.reduceat(inside_N, pieces.first_S) if len(inside_N) else np.zeros(0, bool)
    cuts_P = cut_S[pieces.edge_P]
    edge_P, zone_P, sign_P = (of_P[cuts_P] for of_P in (pieces.edge_P, pieces.polygon_P, pieces.sign_P))
    if known_M is not None:
        even_A = (carried.height_AH == carried.height_AH[:, :1]).all(1) & ~np.isin(carried.zone_A, zone_P)
        even = carried.take(even_A)
        total_ZM[even.zone_A] += even.height_AH[:, :1] * known_M
        carried = carried.take(~even_A)
    carried = carried.take(np.flatnonzero(carried.height_AH.any(1)))
    zones_Y, index_M = np.unique(np.concatenate([zone_P, carried.zone_A]), return_inverse=True)
    if not len(zones_Y):
        return
    goes_on = bool((band.last_Z[zones_Y] > slot[1]).any())
    top, left, bottom, right = _chunks(pieces, carried, goes_on, band.side, layer.chunk)
    corner = slot[0] * band.side, slot[1] * band.side
    rows, cols = (
        slice(at + start, at + stop) for at, start, stop in zip(corner, (top, left), (bottom, right), strict=True)
    )
    shape = bottom - top, right - left
    held_S = _held(pieces, inside_N, (top, left), shape)
    sum_YM = np.zeros((len(zones_Y), total_ZM.shape[1]))
    for value, bitmap in bitmaps(layer.chunks(rows, cols), layer.codes, shape, known_M):
        if len(zone_P):
            sum_YM[:, value] = np.bincount(index_M[: len(zone_P)], sign_P * held_S(bitmap)[edge_P], len(zones_Y))
        sum_YM[index_M[len(zone_P) :], value] += carried.height_AH[:, top:bottom] @ bitmap.row_H
    sum_YM[abs(sum_YM) < NOTHING] = 0
    total_ZM[zones_Y] += sum_YM


def _held(
    pieces: Pieces, inside_N: np.ndarray, corner: tuple[int, int], shape: tuple[int, int]
) -> Callable[[Bitmap], np.ndarray]:
    """What is right of each edge within a rectangle of a block, by its height, of a bitmap of the rectangle."""
    row_N, col_N = (
        np.where(inside_N, at_N - at, 0) for at_N, at in zip((pieces.row_N, pieces.col_N), corner, strict=True)
    )
    height_N, area_N = (np.where(inside_N, of_N, 0.0) for of_N in (pieces.height_N, pieces.area_N))
    word_N, bit_N = np.divmod(col_N, WORD)
    word_N = word_N * shape[0] + row_N
    bit_N = bit_N.astype(np.uint64)
    one = np.uint64(1)

    def held(bitmap: Bitmap) -> np.ndarray:
        from_N = np.take(bitmap.word_WH, word_N)
        from_N >>= bit_N
        own_N = area_N * (from_N & one)
        from_N >>= one
        own_N += height_N * (np.bitwise_count(from_N) + np.take(bitmap.after_WH, word_N))
        return np.add.reduceat(own_N, pieces.first_S)

    return held


def _chunks(pieces: Pieces, carried: _Carried, goes_on: bool, side: int, chunk: int) -> tuple[int, int, int, int]:
    """The smallest rectangle of whole chunks of a block that holds what zones cover: top, left, bottom, right."""
    row_M = np.concatenate([pieces.row_N, np.flatnonzero(carried.height_AH.any(0))])
    left = 0 if len(carried.zone_A) else int(pieces.col_N.min())
    right = side if goes_on else min(int(pieces.col_N.max()) + 1, side)
    top, bottom = int(row_M.min()), int(row_M.max()) + 1
    return top // chunk * chunk, left // chunk * chunk, -(-bottom // chunk) * chunk, -(-right // chunk) * chunk
