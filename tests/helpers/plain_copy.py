"""A version as plain Zarr: each key of its store as a file of a folder, with consolidated metadata."""

import asyncio
import warnings

import zarr
from zarr.core.buffer import default_buffer_prototype


def plain_copy(cube, version, folder):
    """Writes the folder; returns it."""
    asyncio.run(_copy(cube.store(version), folder))
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Consolidated metadata is currently not part", UserWarning)
        zarr.consolidate_metadata(folder)
    return folder


async def _copy(store, folder):
    async for key in store.list():
        content = await store.get(key, default_buffer_prototype())
        path = folder / key
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.to_bytes())
