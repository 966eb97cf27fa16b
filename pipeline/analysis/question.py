"""A layer of a map that zones are asked for: classes, or pairs of classes of two maps, by area or by a weight."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import zarr

from pipeline.cube.records import BlockRows
from pipeline.cube.shards import read_chunks, read_part


@dataclass(frozen=True)
class Layer:
    """What is summed for each value: of one map its K classes, of two maps their pairs; pixels, or a weight.

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

    @property
    def chunk(self) -> int:
        return int(self.maps[0][0].chunks[-1])

    def chunks(self, rows: slice, cols: slice) -> list[Iterator[tuple[int, int, np.ndarray]]]:
        """The codes of each map, of whole chunks of one block: see `read_chunks`."""
        return [read_chunks(source, time, rows, cols) for source, time in self.maps]

    def values(self, rows: slice, cols: slice) -> np.ndarray:
        """The value of each pixel, 0 to M - 1, in whole chunks of one block."""
        table = np.full(256, len(self.codes), np.uint16)
        table[list(self.codes)] = np.arange(len(self.codes))
        images = (read_part(source, time, rows, cols) for source, time in self.maps)
        first_HW, *second = (np.take(table, image_HW) for image_HW in images)
        return first_HW * np.uint16(len(self.codes) + 1) + second[0] if second else first_HW

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
