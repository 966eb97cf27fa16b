"""Decoded chunks of arrays, kept in memory up to a bound."""

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, field
from threading import Lock

import numpy as np
import zarr

from pipeline.cube.store import Pixel, read_together

Span = tuple[int, int]


@dataclass
class Chunks:
    """A cache of chunks, the least recently used of which go first; for any number of threads. most: bytes."""

    most: int
    _held: OrderedDict[tuple[object, ...], np.ndarray] = field(default_factory=OrderedDict)
    _bytes: int = 0
    _lock: Lock = field(default_factory=Lock)

    def read(
        self,
        version: str,
        source: zarr.Array,
        time: int,
        rows: Span,
        cols: Span,
        bands: Sequence[int] = (),
        side: int = 1,
    ) -> tuple[np.ndarray, tuple[int, int]]:
        """The chunks that hold a window of one period of an array (time, [band,] y, x), and the index of their corner.

        bands: those to read; empty for an array without bands. side: a power of two; what is given is then the mean of
        squares of so many pixels a side, while rows, columns and corner stay those of the array. Raises DamagedChunk.
        """
        high, wide = source.chunks[-2:]
        y0, x0 = rows[0] // high, cols[0] // wide
        y1, x1 = -(-rows[1] // high), -(-cols[1] // wide)
        if (y1 - y0, x1 - x0) == (1, 1):
            return self._chunk(version, source, time, y0, x0, bands, side), (y0 * high, x0 * wide)
        shape = min(y1 * high, source.shape[-2]) - y0 * high, min(x1 * wide, source.shape[-1]) - x0 * wide
        window = np.empty((*([len(bands)] if bands else []), *(-(-n // side) for n in shape)), source.dtype)
        for y in range(y0, y1):
            for x in range(x0, x1):
                chunk = self._chunk(version, source, time, y, x, bands, side)
                top, left = (y - y0) * high // side, (x - x0) * wide // side
                window[..., top : top + chunk.shape[-2], left : left + chunk.shape[-1]] = chunk
        return window, (y0 * high, x0 * wide)

    def pixels(self, version: str, parts: Sequence[Pixel]) -> list[np.ndarray]:
        """All that arrays have at a pixel each; chunks that are not held are read at one time. Raises DamagedChunk."""
        places = [(divmod(row, source.chunks[-2]), divmod(col, source.chunks[-1])) for source, (row, col) in parts]
        keys = [(version, source.path, y, x) for (source, _), ((y, _), (x, _)) in zip(parts, places, strict=True)]
        with self._lock:
            chunks = {key: self._held[key] for key in keys if key in self._held}
        missing = [(source, key) for (source, _), key in zip(parts, keys, strict=True) if key not in chunks]
        read = read_together(*((source, (..., *_spans(source, y, x))) for source, (*_, y, x) in missing))
        chunks |= {key: chunk for (_, key), chunk in zip(missing, read, strict=True)}
        for key in keys:
            self._hold(key, chunks[key])
        return [chunks[key][..., row, col] for key, ((_, row), (_, col)) in zip(keys, places, strict=True)]

    def _chunk(
        self, version: str, source: zarr.Array, time: int, y: int, x: int, bands: Sequence[int], side: int
    ) -> np.ndarray:
        key = version, source.path, time, y, x, side, *bands
        with self._lock:
            if key in self._held:
                self._held.move_to_end(key)
                return self._held[key]
        part = _spans(source, y, x)
        if bands:
            chunk = np.stack([averaged(np.asarray(source[time, band, *part]), side) for band in bands])
        else:
            chunk = averaged(np.asarray(source[time, *part]), side)
        self._hold(key, chunk)
        return chunk

    def _hold(self, key: tuple[object, ...], chunk: np.ndarray) -> None:
        with self._lock:
            if key not in self._held:
                self._held[key] = chunk
                self._bytes += chunk.nbytes
            self._held.move_to_end(key)
            while self._bytes > self.most:
                self._bytes -= self._held.popitem(last=False)[1].nbytes


def _spans(source: zarr.Array, y: int, x: int) -> tuple[slice, slice]:
    """Rows and columns of a chunk."""
    high, wide = source.chunks[-2:]
    return slice(y * high, (y + 1) * high), slice(x * wide, (x + 1) * wide)


def averaged(value_HW: np.ndarray, side: int) -> np.ndarray:
    """The mean of squares of `side` pixels, of those that are not 0; 0 where there is none. The last may be cut."""
    if side == 1:
        return value_HW
    height, width = value_HW.shape
    value_HW = np.pad(value_HW, ((0, -height % side), (0, -width % side)))
    count_HW = _summed((value_HW > 0).view(np.uint8), side)
    return (_summed(value_HW, side) // np.maximum(count_HW, 1)).astype(value_HW.dtype)


def _summed(value_HW: np.ndarray, side: int) -> np.ndarray:
    """Sums of squares, uint32, row by row: many times as fast as one sum over two axes."""
    height, width = value_HW.shape
    row_HSW = value_HW.reshape(height // side, side, width)
    total_HW = row_HSW[:, 0].astype(np.uint32)
    for at in range(1, side):
        total_HW += row_HSW[:, at]
    col_HWS = total_HW.reshape(height // side, width // side, side)
    sum_HW = col_HWS[..., 0].copy()
    for at in range(1, side):
        sum_HW += col_HWS[..., at]
    return sum_HW
