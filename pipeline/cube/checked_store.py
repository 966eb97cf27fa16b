"""A Zarr store that checks what it reads: the checksum of each chunk, and the manifests that say where chunks lie."""

import asyncio
import json
import math
import re
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import google_crc32c
import icechunk
import numpy as np
import zarr
from zarr.abc.store import ByteRequest, SuffixByteRequest
from zarr.api import asynchronous
from zarr.core.buffer import Buffer, BufferPrototype, default_buffer_prototype
from zarr.storage import WrapperStore

from pipeline.cube.checksums import Sums
from pipeline.cube.damage import Damage, DamagedChunk
from pipeline.cube.schema import Layout
from pipeline.cube.store import check_fork, path_of

CHUNK = re.compile(r"(?P<array>.+)/c(?P<chunk>(/\d+)*)")
CRC = 4
INDEX_ENTRY = 16
EMPTY = 2**64 - 1
INDEXES = 8192
"""Indexes of shards that a read-only store keeps in memory, of about a kilobyte each."""
MISSING = re.compile(r"not ?found|NoSuchKey|No such file", re.IGNORECASE)


@dataclass(frozen=True)
class Checksums:
    """Which checksums an array has. inner: number of chunks of a shard, None without shards. chunks: of each chunk.

    The index of a shard always has one.
    """

    inner: int | None
    chunks: bool

    @staticmethod
    def of(metadata: Mapping[str, Any]) -> "Checksums":
        """From the content of an array's zarr.json."""
        first, *_ = codecs = metadata["codecs"]
        if first["name"] != "sharding_indexed":
            return Checksums(None, codecs[-1]["name"] == "crc32c")
        inner, shard = first["configuration"], metadata["chunk_grid"]["configuration"]["chunk_shape"]
        chunks = math.prod(shard) // math.prod(inner["chunk_shape"])
        return Checksums(chunks, inner["codecs"][-1]["name"] == "crc32c")

    def match(self, content_N: np.ndarray) -> bool:
        """Whether a whole shard (or chunk), as bytes, has the right checksums."""
        if self.inner is None:
            return not self.chunks or crc_matches(content_N)
        index_N = content_N[-(INDEX_ENTRY * self.inner + CRC) :]
        if len(index_N) < INDEX_ENTRY * self.inner + CRC or not crc_matches(index_N):
            return False
        parts = np.frombuffer(index_N[:-CRC].tobytes(), "<u8").reshape(-1, 2).tolist()
        return not self.chunks or all(
            offset == EMPTY or crc_matches(content_N[offset : offset + length]) for offset, length in parts
        )


def crc_matches(content_N: np.ndarray) -> bool:
    """Whether the last four bytes are the CRC32C of those before, little-endian."""
    crc = google_crc32c.value(np.ascontiguousarray(content_N[:-CRC]))
    return len(content_N) > CRC and crc.to_bytes(CRC, "little") == content_N[-CRC:].tobytes()


class CheckedStore(WrapperStore[icechunk.IcechunkStore]):
    """The store of a session. Reading raises DamagedChunk, and RunError for a manifest that `sums` finds damaged.

    The index of a shard, which every read of one of its chunks asks for, is read once where nothing can be written.
    """

    def __init__(self, store: icechunk.IcechunkStore, sums: Sums | None = None) -> None:
        super().__init__(store)
        self._sums = sums
        self._checksums: dict[str, Checksums] = {}
        self._indexes: OrderedDict[tuple[str, int], Buffer] = OrderedDict()

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_indexes": OrderedDict()}

    def _with_store(self, store: icechunk.IcechunkStore) -> "CheckedStore":
        return CheckedStore(store, self._sums)

    async def get(self, key: str, prototype: BufferPrototype, byte_range: ByteRequest | None = None) -> Buffer | None:
        check_fork()
        match = CHUNK.fullmatch(key)
        if match is None:
            return await self._store.get(key, prototype, byte_range)
        index = (key, byte_range.suffix) if isinstance(byte_range, SuffixByteRequest) and self.read_only else None
        if index is not None and index in self._indexes:
            self._indexes.move_to_end(index)
            return self._indexes[index]
        array, chunk = match["array"], tuple(map(int, match["chunk"].split("/")[1:]))
        if self._sums is not None and not self._sums.has_checked(array, chunk):
            await asyncio.to_thread(self._sums.check_array, array, chunk)
        try:
            content = await self._store.get(key, prototype, byte_range)
            sound = content is None or await self._is_sound(array, key, content, byte_range)
        except icechunk.IcechunkError as error:
            if not MISSING.search(str(error)):
                raise
            raise await self.damaged(Damage(array, chunk, "it is missing")) from error
        if not sound:
            raise await self.damaged(Damage(array, chunk, "its checksum is another"))
        if index is not None and content is not None:
            self._indexes[index] = content
            while len(self._indexes) > INDEXES:
                self._indexes.popitem(last=False)
        return content

    async def checksums(self, array: str) -> Checksums:
        """Which checksums an array has."""
        if array not in self._checksums:
            metadata = await self._store.get(f"{array}/zarr.json", default_buffer_prototype())
            assert metadata is not None, f"{array} has chunks, so it has metadata"
            self._checksums[array] = Checksums.of(json.loads(metadata.to_bytes()))
        return self._checksums[array]

    async def _is_sound(self, array: str, key: str, content: Buffer, byte_range: ByteRequest | None) -> bool:
        checksums = await self.checksums(array)
        if byte_range is None:
            return checksums.match(content.as_numpy_array().view(np.uint8))
        if not checksums.chunks or crc_matches(content.as_numpy_array().view(np.uint8)):
            return True
        # A part need not be one chunk or the index.
        whole = await self._store.get(key, default_buffer_prototype())
        return whole is None or checksums.match(whole.as_numpy_array().view(np.uint8))

    async def damaged(self, damage: Damage) -> DamagedChunk:
        """The error of a damaged chunk."""
        group = await asynchronous.open_group(self._store, mode="r")
        layout = Layout.from_attributes(group.attrs)
        return DamagedChunk(damage, damage.place(layout, await self._starts(damage)))

    async def _starts(self, damage: Damage) -> list[date]:
        """The first days of the periods; none where those themselves are damaged."""
        try:
            time = await asynchronous.open_array(store=self._store, path=path_of("time"), mode="r")
            days = await time.getitem(slice(None))
        except (ValueError, RuntimeError, icechunk.IcechunkError):
            return []
        return [date(1970, 1, 1) + timedelta(day) for day in np.asarray(days).tolist()]


def session_group(session: icechunk.Session | icechunk.ForkSession) -> zarr.Group:
    """The arrays of a session, to read and write."""
    return zarr.open_group(CheckedStore(session.store))
