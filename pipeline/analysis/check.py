"""Read everything of a version and list what is damaged."""

import asyncio
import json
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from io import BytesIO

import zarr
from pyarrow import ArrowException, parquet
from zarr.core.buffer import default_buffer_prototype

from cluster import gather
from pipeline.cube import versions
from pipeline.cube.checked_store import CheckedStore
from pipeline.cube.cube import Cube
from pipeline.cube.damage import Damage, DamagedChunk

Progress = Callable[[int, int, str], None]
"""(number done, total, what of)."""

Chunk = tuple[int, ...]


@dataclass(frozen=True)
class CheckReport:
    """What is damaged of a version.

    chunks: number of shards and chunks that were read. damage: chunks, by their places in words. files: a sentence for
    each damaged file of `store/` but the chunks, and of the cube's JSON and parquet files. unchecked: arrays whose
    chunks have no checksum of their own, and "manifests" where the version has no file of sums.
    """

    version: str
    chunks: int
    damage: dict[str, Damage]
    files: list[str]
    unchecked: list[str]

    @property
    def sound(self) -> bool:
        return not self.damage and not self.files


def check(cube: Cube, snapshot: str, workers: int = 2, progress: Progress | None = None) -> CheckReport:
    """Reads every chunk of a version, a shard in each of `workers` threads at a time, and the cube's other files.

    Raises RunError where the snapshot itself is damaged, for then nothing of the version can be read.
    """

    def count(what: str, before: int = 0, total: int | None = None) -> Callable[[int, int], None] | None:
        return None if progress is None else lambda done, of: progress(before + done, total or of, what)

    store, sums = cube.store(snapshot), cube.sums(snapshot)
    faults = [] if sums is None else list(sums.faults(count("manifests")))
    group = zarr.open_group(store, mode="r")
    arrays = {name: node for name, node in sorted(group.members(None)) if isinstance(node, zarr.Array)}
    readable = [
        name
        for name in arrays
        if sums is None or not any(sums.fault(manifest) for manifest, _ in sums.manifests.get(name, ()))
    ]
    damage: dict[str, Damage] = {}
    total = sum(len(asyncio.run(_chunks(cube, snapshot, name))) for name in readable)
    chunks = 0
    for name in readable:
        ids = asyncio.run(_chunks(cube, snapshot, name))
        read = partial(_damage, store, arrays[name])
        found = gather(read, ids, workers=workers, progress=count(name, chunks, total))
        chunks += len(ids)
        damage |= {error.place: error.damage for error in found if error is not None}
    unchecked = [name for name in readable if not asyncio.run(store.checksums(name)).chunks]
    files = [*faults, *_damaged_side_files(cube)]
    return CheckReport(snapshot, chunks, damage, files, [*unchecked, *(["manifests"] if sums is None else [])])


async def _chunks(cube: Cube, snapshot: str, name: str) -> list[Chunk]:
    """Indices of the shards, or chunks, that an array has."""
    session = cube.repository.readonly_session(snapshot_id=snapshot)
    return [tuple(chunk) async for chunk in session.chunk_coordinates(f"/{name}")]


def _damage(store: CheckedStore, source: zarr.Array, chunk: Chunk) -> DamagedChunk | None:
    return asyncio.run(_read(store, source, chunk))


async def _read(store: CheckedStore, source: zarr.Array, chunk: Chunk) -> DamagedChunk | None:
    """What is wrong with a chunk; one without a checksum is decoded."""
    try:
        await store.get("/".join([source.path, "c", *map(str, chunk)]), default_buffer_prototype())
    except DamagedChunk as error:
        return error
    if (await store.checksums(source.path)).chunks:
        return None
    sides = source.shards or source.chunks
    try:
        await asyncio.to_thread(
            source.__getitem__, tuple(slice(at * side, (at + 1) * side) for at, side in zip(chunk, sides, strict=True))
        )
    except (RuntimeError, ValueError):
        return await store.damaged(Damage(source.path, chunk, "it cannot be decoded"))
    return None


def _damaged_side_files(cube: Cube) -> list[str]:
    runs = sorted({f"runs/{version.origin.run}" for version in versions.history(cube)})
    return [
        f"{cube.location}/{name} is damaged; restore it from a copy of the cube"
        for folder in ("scenes", "stac", "accuracy", *runs)
        for name in cube.files.list(folder)
        if not _is_whole(name, cube.files.read(name))
    ]


def _is_whole(name: str, content: bytes) -> bool:
    """Whether a JSON or parquet file can be read."""
    try:
        if name.endswith(".json"):
            return isinstance(json.loads(content), dict | list)
        if name.endswith(".parquet"):
            parquet.read_table(BytesIO(content))
    except (ValueError, RecursionError, OSError, ArrowException):
        return False
    return True
