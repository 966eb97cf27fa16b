"""Decoded chunks of arrays, kept in memory up to a bound."""

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, field
from threading import Lock

import numpy as np
import zarr

Span = tuple[int, int]


@dataclass
class Chunks:
    """A cache of chunks, the least recently used of which go first; for any number of threads. most: bytes."""

    most: int
    _held: OrderedDict[tuple[object, ...], np.ndarray] = field(default_factory=OrderedDict)
    _bytes: int = 0
    _lock: Lock = field(default_factory=Lock)

    def read(
        self, version: str, source: zarr.Array, time: int, rows: Span, cols: Span, bands: Sequence[int] = ()
    ) -> tuple[np.ndarray, tuple[int, int]]:
        """The chunks that hold a window of one period of an array (time, [band,] y, x), and the index of their corner.

        bands: those to read; empty for an array without bands. Raises DamagedChunk.
        """
        high, wide = source.chunks[-2:]
        y0, x0 = rows[0] // high, cols[0] // wide
        y1, x1 = -(-rows[1] // high), -(-cols[1] // wide)
        if (y1 - y0, x1 - x0) == (1, 1):
            return self._chunk(version, source, time, y0, x0, bands), (y0 * high, x0 * wide)
        shape = min(y1 * high, source.shape[-2]) - y0 * high, min(x1 * wide, source.shape[-1]) - x0 * wide
        window = np.empty((*([len(bands)] if bands else []), *shape), source.dtype)
        for y in range(y0, y1):
            for x in range(x0, x1):
                chunk = self._chunk(version, source, time, y, x, bands)
                top, left = (y - y0) * high, (x - x0) * wide
                window[..., top : top + chunk.shape[-2], left : left + chunk.shape[-1]] = chunk
        return window, (y0 * high, x0 * wide)

    def _chunk(self, version: str, source: zarr.Array, time: int, y: int, x: int, bands: Sequence[int]) -> np.ndarray:
        key = version, source.path, time, y, x, *bands
        with self._lock:
            if key in self._held:
                self._held.move_to_end(key)
                return self._held[key]
        high, wide = source.chunks[-2:]
        part = slice(y * high, (y + 1) * high), slice(x * wide, (x + 1) * wide)
        if bands:
            chunk = np.stack([np.asarray(source[time, band, *part]) for band in bands])
        else:
            chunk = np.asarray(source[time, *part])
        with self._lock:
            if key not in self._held:
                self._held[key] = chunk
                self._bytes += chunk.nbytes
            while self._bytes > self.most:
                self._bytes -= self._held.popitem(last=False)[1].nbytes
        return chunk
