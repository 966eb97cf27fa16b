"""Copy whole blocks from cubes of regions: shards as they are stored, without decoding them."""

import asyncio
import pickle
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import icechunk
import numpy as np
import zarr
from zarr.core.buffer import default_buffer_prototype

from pipeline.cube import store
from pipeline.cube.checked_store import session_group
from pipeline.cube.cube import Cube
from pipeline.cube.damage import DamagedChunk
from pipeline.cube.schema import DAYS, LABELS, Layout
from pipeline.errors import RunError
from pipeline.geometry.grid import BlockId
from pipeline.storage.location import storage_errors

PIXELS = ("mosaic", *LABELS, *DAYS)
"""Arrays with a shard for each block."""


@dataclass(frozen=True)
class Origin:
    """Where blocks are read. time: index of the period."""

    cube: Cube
    version: str
    layout: Layout
    time: int


@dataclass(frozen=True)
class Copied:
    """The session with the shards of some blocks. bytes: read, as they are stored."""

    fork: icechunk.ForkSession
    bytes: int


def copy_blocks(
    fork: bytes, layout: Layout, time: int, origins: Sequence[Origin], batch: Sequence[tuple[int, BlockId]]
) -> Copied:
    """Copies blocks of a batch, (index of the origin, block) each, to `time` of the forked session; -1 deletes a block.

    Arrays whose shards are encoded alike are copied byte by byte; what is read has its checksums verified. A shard that
    holds nothing is absent in both. Raises RunError where a part of an origin is damaged.
    """
    session: icechunk.ForkSession = pickle.loads(fork)
    target, size = session_group(session), 0
    groups = {
        index: origins[index].cube.group(snapshot=origins[index].version) for index in {i for i, _ in batch} - {-1}
    }
    for index, block in batch:
        if index < 0:
            asyncio.run(_delete(target, time, layout.extent.slot(block)))
            continue
        origin = origins[index]
        slots = origin.layout.extent.slot(block), layout.extent.slot(block)
        with storage_errors(origin.cube.location), _damage_of(origin.cube):
            size += asyncio.run(_copy(groups[index], origin.time, slots[0], target, time, slots[1]))
    return Copied(session, size)


@contextmanager
def _damage_of(cube: Cube) -> Iterator[None]:
    """Names the cube of a damaged chunk."""
    try:
        yield
    except DamagedChunk as error:
        raise RunError(
            f"the cube at {cube.location} is damaged: {error.place} ({error.damage.why}); 'idgbr check {cube.location} "
            "--heal' and a run of its region mend that, then join again: what is copied is kept"
        ) from error


async def _copy(
    origin: zarr.Group, origin_time: int, origin_slot: BlockId, target: zarr.Group, time: int, slot: BlockId
) -> int:
    """Copies all shards of a block; returns the bytes read."""
    sizes = []
    for name in PIXELS:
        read, write = store.array(origin, name), store.array(target, name)
        if encoding(read) == encoding(write):
            content = await read.store.get(_key(read, origin_time, origin_slot), default_buffer_prototype())
            if content is None:
                await write.store.delete(_key(write, time, slot))
            else:
                await write.store.set(_key(write, time, slot), content)
                sizes.append(len(content))
        else:
            sizes.append(await asyncio.to_thread(_decode, read, origin_time, origin_slot, write, time, slot))
    return sum(sizes)


def _decode(
    origin: zarr.Array, origin_time: int, origin_slot: BlockId, target: zarr.Array, time: int, slot: BlockId
) -> int:
    values = np.asarray(origin[origin_time, ..., *_pixels(origin, origin_slot)])
    target[time, ..., *_pixels(target, slot)] = values
    return values.nbytes


async def _delete(target: zarr.Group, time: int, slot: BlockId) -> None:
    for name in PIXELS:
        node = store.array(target, name)
        await node.store.delete(_key(node, time, slot))


def encoding(node: zarr.Array) -> dict[str, Any]:
    """What must be equal for the bytes of a shard to mean the same."""
    metadata = node.metadata.to_dict()
    return {name: metadata[name] for name in ("data_type", "chunk_grid", "chunk_key_encoding", "codecs", "fill_value")}


def _key(node: zarr.Array, time: int, slot: BlockId) -> str:
    """The key of a block's shard: it has one for each band of `mosaic` together."""
    between = (0,) * (node.ndim - 3)
    return "/".join([node.path, "c", *map(str, (time, *between, *slot))])


def _pixels(node: zarr.Array, slot: BlockId) -> tuple[slice, slice]:
    shards = node.shards or node.chunks
    rows, cols = (slice(at * side, (at + 1) * side) for at, side in zip(slot, shards[-2:], strict=True))
    return rows, cols
