"""A version of a cube as plain Zarr, which needs no Icechunk to be read."""

import asyncio
import json
import time as clock
from collections.abc import Mapping, Sequence, Set
from datetime import date
from functools import partial
from pathlib import Path

import numpy as np
import zarr
from zarr.core.buffer import default_buffer_prototype

from catalogs.atomic import atomic_write
from cluster import gather
from pipeline.cube.checked_store import CheckedStore
from pipeline.cube.cube import Cube
from pipeline.cube.periods import periods_of
from pipeline.export.source import open_source
from pipeline.export.target import Exported, Progress, resumable, size_of
from pipeline.storage.consolidate import consolidate

Chunk = tuple[str, tuple[int, ...], int | None]
"""Path of an array, index of a shard (or chunk) of it, and the one period to export of it, None for all."""


def export_zarr(
    cube: Cube,
    target: str | Path,
    names: Sequence[str] | None = None,
    version: str | None = None,
    start: date | None = None,
    workers: int = 2,
    progress: Progress | None = None,
    beside: Mapping[str, str] | None = None,
) -> Exported:
    """Writes arrays of a version, by default all with the records of the blocks, as Zarr 3 with consolidated metadata.

    Groups, attributes and pyramid are the cube's. Shards are copied as they are encoded, after a look at their
    checksums, so pixels are not decoded. `start`: first day of the one period to export, by default all. `beside`: text
    of files for the folder by name, which are no part of the Zarr. Raises what `open_source` and `resumable` raise,
    UserError for an unknown name, and DamagedChunk.
    """
    begun, target = clock.monotonic(), Path(target)
    source = open_source(cube, version, start)
    source.check_names(names or [])
    arrays = list(names or source.names)
    time = None if start is None else source.time
    request = {**source.request(), "kind": "zarr", "period": str(start), "arrays": sorted(set(arrays))}
    request |= {"beside": sorted(beside)} if beside else {}
    with resumable(target, cube, request, (".zarr",)) as scratch:
        out, store = scratch / target.name, cube.store(source.version)
        nodes = {"": source.group, **dict(source.group.members(None))}
        left_out = set(source.names) - set(arrays)
        wanted = {path: node for path, node in sorted(nodes.items()) if names is None or _is_wanted(path, left_out)}
        ids: list[Chunk] = []
        for path, node in wanted.items():
            part = time if isinstance(node, zarr.Array) and _begins_with_time(node) else None
            _write_metadata(store, out, path, part)
            if isinstance(node, zarr.Array) and part is not None and node.chunks[0] > 1:
                zarr.open_array(out / path, mode="r+")[:] = np.asarray(node[part : part + 1])
            elif isinstance(node, zarr.Array):
                chunks = asyncio.run(_chunks(cube, source.version, path))
                ids += [(path, chunk, part) for chunk in chunks if part is None or chunk[0] == part]
        count = None if progress is None else (lambda done, total: progress(done, total, "shards"))
        gather(partial(_copy, store, out), ids, workers=workers, progress=count)
        consolidate(out)
        for name, text in (beside or {}).items():
            with atomic_write(out / name) as draft:
                draft.write_text(text, encoding="utf-8")
    files, size = size_of(target)
    periods = [first for first, _ in periods_of(source.group)] if start is None else [start]
    return Exported("zarr", target, source.version, periods, arrays, files, size, clock.monotonic() - begun)


def _is_wanted(path: str, left_out: Set[str]) -> bool:
    """Whether a group or an array is exported where arrays were named: these with their coordinates, no others."""
    return not (path.startswith("blocks") or path.rpartition("/")[2] in left_out)


def _begins_with_time(node: zarr.Array) -> bool:
    names = getattr(node.metadata, "dimension_names", None) or ("",)
    return bool(names[0] == "time")


def _write_metadata(store: CheckedStore, out: Path, path: str, time: int | None) -> None:
    """Copies the metadata of a group or an array; with `time` those of an array of one period."""
    content = asyncio.run(store.get(f"{path}/zarr.json".lstrip("/"), default_buffer_prototype()))
    assert content is not None, f"{path} is in the cube"
    metadata = json.loads(content.to_bytes())
    if time is not None:
        metadata["shape"][0] = 1
    with atomic_write(out / path / "zarr.json") as draft:
        draft.write_text(json.dumps(metadata, indent=2))


async def _chunks(cube: Cube, snapshot: str, path: str) -> list[tuple[int, ...]]:
    """Indices of the shards, or chunks, that an array has."""
    session = cube.repository.readonly_session(snapshot_id=snapshot)
    return [tuple(chunk) async for chunk in session.chunk_coordinates(f"/{path}")]


def _copy(store: CheckedStore, out: Path, id: Chunk) -> None:
    """Copies a shard as it is encoded, unless it is there."""
    path, chunk, time = id
    file = out.joinpath(path, "c", *map(str, chunk if time is None else (0, *chunk[1:])))
    if file.exists():
        return
    content = asyncio.run(store.get("/".join([path, "c", *map(str, chunk)]), default_buffer_prototype()))
    assert content is not None, f"the version lists {path} {chunk}"
    with atomic_write(file) as draft:
        draft.write_bytes(content.to_bytes())
