"""Part of a shard of one array, in one read of the store: only its chunks that are asked for are decoded."""

from collections.abc import Iterator

import numpy as np
import zarr
from numcodecs import blosc
from zarr.codecs import BloscCodec, BytesCodec, Crc32cCodec, ShardingCodec
from zarr.core.buffer import default_buffer_prototype
from zarr.core.metadata import ArrayV3Metadata
from zarr.core.sync import sync

from pipeline.cube.checked_store import CRC, EMPTY, INDEX_ENTRY


def read_part(source: zarr.Array, time: int, rows: slice, cols: slice) -> np.ndarray:
    """`source[time, rows, cols]` of a map (time, y, x), uint8: whole chunks of one shard. Raises DamagedChunk."""
    part_HW = np.zeros((rows.stop - rows.start, cols.stop - cols.start), np.uint8)
    for top, left, chunk_HW in read_chunks(source, time, rows, cols):
        part_HW[top : top + len(chunk_HW), left : left + chunk_HW.shape[1]] = chunk_HW
    return part_HW


def read_chunks(source: zarr.Array, time: int, rows: slice, cols: slice) -> Iterator[tuple[int, int, np.ndarray]]:
    """The chunks of `read_part` that hold any data, each at its row and column there, until the next is asked for.

    Arrays that are not encoded as `create` does it are read by zarr, in one piece. Raises DamagedChunk.
    """
    if source.shards is None or not _is_known(source):
        yield 0, 0, np.asarray(source[time, rows, cols])
        return
    side, chunk = source.shards[-1], source.chunks[-1]
    y, x = rows.start // side, cols.start // side
    key = f"{source.store_path.path}/{source.metadata.encode_chunk_key((time, y, x))}"
    content = sync(source.store_path.store.get(key, default_buffer_prototype()))
    if content is None:
        return
    content_N, across = memoryview(content.to_bytes()), side // chunk
    index = np.frombuffer(content_N[-(INDEX_ENTRY * across**2 + CRC) : -CRC], "<u8").reshape(across, across, 2)
    chunk_HW = np.empty((chunk, chunk), np.uint8)
    for row in range(rows.start, rows.stop, chunk):
        for col in range(cols.start, cols.stop, chunk):
            offset, length = index[(row - y * side) // chunk, (col - x * side) // chunk].tolist()
            if offset != EMPTY:
                blosc.decompress(content_N[offset : offset + length - CRC], chunk_HW)
                yield row - rows.start, col - cols.start, chunk_HW


def _is_known(source: zarr.Array) -> bool:
    metadata = source.metadata
    assert isinstance(metadata, ArrayV3Metadata), "cubes are Zarr 3"
    first, *_ = metadata.codecs
    return (
        isinstance(first, ShardingCodec)
        and [type(codec) for codec in first.codecs] == [BytesCodec, BloscCodec, Crc32cCodec]
        and first.index_location.value == "end"
        and source.dtype == np.uint8
    )
