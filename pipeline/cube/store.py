"""The cube: an Icechunk repository in `CUBE/store`, where CUBE is a folder or object storage (`pipeline.place`).

/            mosaic (time, band, y, x) uint16, landcover, coarse, confidence, refined, observations (time, y, x) uint8
/levels/N    landcover at 2**N times the pixel size, by majority
/blocks      one value a block and period (time, by, bx): fingerprints, state, pixels of each class

One block is one shard of every array, so a shard has one writer.
"""

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import icechunk
import numpy as np
import zarr
from zarr.errors import GroupNotFoundError

from pipeline.errors import RunError, UserError
from pipeline.geometry.extent import Extent
from pipeline.geometry.grid import BlockId, Window
from pipeline.storage.location import Place, bucket, place, reaching, unreached

icechunk.set_logs_filter("off")  # it writes to stdout, and raises what it logs

SHARDS_A_MANIFEST = 64
"""Shards of an array along y and x whose references stand in one file.

A commit writes those files anew that it touches, and Icechunk (1.1.21) compares each with each. In a map of a million
blocks it takes less than twice what it takes in one of ten thousand; with 32 twenty times as long.
"""

UNWRITABLE = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EACCES, errno.EPERM, errno.EIO)

TRIES = 10
"""Of each request to object storage, with growing pauses: about twelve seconds in all."""


def exists(cube: str | Path) -> bool:
    """Raises UserError and RunError as `repository`."""
    with reaching(cube):
        return icechunk.Repository.exists(_storage(place(cube)))


def _storage(cube: Place) -> icechunk.Storage:
    if isinstance(cube, Path):
        return icechunk.local_filesystem_storage(str(cube / "store"))
    found = bucket(cube)
    return icechunk.s3_storage(
        bucket=found.name,
        prefix=f"{found.prefix}/store".lstrip("/"),
        region=found.region,
        endpoint_url=found.endpoint,
        allow_http=found.plain,
        force_path_style=found.endpoint is not None,
        from_env=True,
    )


def repository(cube: str | Path, create: bool = False) -> icechunk.Repository:
    """The Icechunk repository of a cube.

    Raises UserError where there is none (and `create` is not set), and RunError where object storage does not answer.
    """
    at = place(cube)
    with reaching(cube):
        if create:
            if isinstance(at, Path):
                at.mkdir(parents=True, exist_ok=True)
            return icechunk.Repository.open_or_create(_storage(at), _config(at))
        if not exists(cube):
            raise UserError(f"there is no cube at {cube}; give what a run's region file names as 'cube'")
        return icechunk.Repository.open(_storage(at), _config(at))


def _config(cube: Place) -> icechunk.RepositoryConfig:
    """`SHARDS_A_MANIFEST`, which the cube keeps; no manifest read before it is asked for; `TRIES` on object storage."""
    dimension = icechunk.ManifestSplitDimCondition.DimensionName
    sides: Any = {dimension("y"): SHARDS_A_MANIFEST, dimension("x"): SHARDS_A_MANIFEST}
    splitting = icechunk.ManifestSplittingConfig.from_dict({icechunk.ManifestSplitCondition.AnyArray(): sides})
    preload = icechunk.ManifestPreloadConfig(max_total_refs=0, preload_if=icechunk.ManifestPreloadCondition.false())
    retries = icechunk.StorageRetriesSettings(max_tries=TRIES)
    return icechunk.RepositoryConfig(
        manifest=icechunk.ManifestConfig(splitting=splitting, preload=preload),
        storage=None if isinstance(cube, Path) else icechunk.StorageSettings(retries=retries),
    )


@contextmanager
def writing(cube: Place) -> Iterator[None]:
    """Raises RunError, in one sentence, where what is done meanwhile cannot be written."""
    try:
        yield
    except (icechunk.IcechunkError, icechunk.ConflictError, icechunk.RebaseFailedError, OSError) as error:
        if isinstance(error, OSError) and error.errno not in UNWRITABLE:
            raise
        reason = " ".join(str(error).split())[:200]
        raise unreached(cube, error) or RunError(
            f"the cube at {cube} cannot be written ({reason}); what is committed is kept, mend the cause and run again"
        ) from error


def reader(repository: icechunk.Repository, *, branch: str | None = None, snapshot: str | None = None) -> zarr.Group:
    """A cube's arrays as they stand at a branch's tip or at a snapshot, to read."""
    return zarr.open_group(repository.readonly_session(branch=branch, snapshot_id=snapshot).store, mode="r")


def peek(repository: icechunk.Repository, branch: str) -> zarr.Group | None:
    """A branch's arrays to read; None where a run was stopped before it made them."""
    try:
        group = reader(repository, branch=branch)
    except GroupNotFoundError:
        return None
    return group if "mosaic" in group else None


def array(group: zarr.Group, path: str) -> zarr.Array:
    """The array at `path` of a group."""
    found = group[path]
    if not isinstance(found, zarr.Array):
        raise TypeError(f"{path} is a group, not an array")
    return found


def write_block(group: zarr.Group, name: str, time: int, extent: Extent, block: BlockId, covered: np.ndarray) -> None:
    """Writes a block's whole shard: `covered` (..., rows, columns) where the region lies, zero elsewhere."""
    whole = extent.grid.block_window(block)
    shard = np.zeros((*covered.shape[:-2], *whole.shape), covered.dtype)
    shard[..., *extent.covered(block).slices((whole.y0, whole.x0))] = covered
    array(group, name)[time, ..., *whole.slices(extent.origin)] = shard


def read_window(source: zarr.Array, time: int, extent: Extent, window: Window) -> np.ndarray:
    """Any absolute window of `source` (..., rows, columns); zeros outside the region."""
    result = np.zeros((*source.shape[1:-2], *window.shape), source.dtype)
    part = window & extent.window
    if not part.empty:
        result[..., *part.slices((window.y0, window.x0))] = source[time, ..., *part.slices(extent.origin)]
    return result
