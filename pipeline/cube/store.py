"""The Icechunk repository of a cube, at `store` below its location, and reading and writing of its arrays.

Arrays (dimensions) dtype; 0 means no data in all but the coordinates:

/0               mosaic (time, band, y, x) uint16: reflectance x 10,000
                 landcover, coarse (time, y, x) uint8: class codes; confidence: percent; refined: 0 not considered,
                 1 confirmed, 2 changed; observations: number of clear observations
                 first_clear, last_clear (time, y, x) uint16: days since 1970-01-01
                 change (time, y, x) uint8, change_day (time, y, x) uint16: see `change.layer`, if updates made them
                 time, time_bnds, band, y, x, spatial_ref: coordinates
/N               at 2**N times the pixel size: landcover by majority, confidence by mean; coordinates but band
/blocks          one value a block and period (time, by, bx):
                 mosaic, landcover, aggregate uint64: fingerprint of what each was made from
                 state uint8: index into `schema.STATES`
                 clear uint8: clear observations of the block's median pixel
                 holes uint32: pixels with a clear observation and no class
                 pixels (time, by, bx, class) uint32: pixels of each class

One block is one shard of every array of pixels, so a shard has one writer.
"""

import asyncio
import errno
import os
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import icechunk
import numpy as np
import zarr
from zarr.core.sync import sync

from pipeline.cube.checksums import check_snapshot
from pipeline.errors import RunError
from pipeline.geometry.extent import Extent
from pipeline.geometry.grid import BlockId, Window
from pipeline.storage.files import files_at
from pipeline.storage.location import Location, bucket, storage_error, storage_errors

icechunk.set_logs_filter("off")  # it writes to stdout, and raises what it logs

Pixel = tuple[zarr.Array, tuple[int, int]]
"""An array (..., y, x) and a row and column of it."""

SHARDS_A_MANIFEST = 64
"""Shards of an array along y and x whose references are in one manifest.

A commit rewrites each manifest that it touches, and Icechunk (1.1.21) compares all of them pairwise. With 64 a commit
into a map of a million blocks takes less than twice as long as into one of ten thousand; with 32 twenty times as long.
"""

UNWRITABLE = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EACCES, errno.EPERM, errno.EIO)

INITIAL_SNAPSHOT = "1CECHNKREP0F1RSTCMT0"
"""The snapshot that Icechunk makes with every repository, before the branch `main`."""

TRIES = 10
"""Attempts of each request to object storage, with growing pauses: about twelve seconds in all."""

_opened = _broken = False
"""Whether this process has opened a repository, and whether it was forked from one that had."""


def _after_fork() -> None:
    global _broken
    _broken = _opened


os.register_at_fork(after_in_child=_after_fork)


def check_fork() -> None:
    """Raises RunError in a process that was forked after a cube was opened: Icechunk's threads are not there."""
    global _opened
    if _broken:
        raise RunError(
            "this process was forked from one that had opened a cube, where Icechunk would wait for ever; start it by "
            "spawn or forkserver instead, such as DataLoader(..., multiprocessing_context='forkserver')"
        )
    _opened = True


def find_repository(location: Location) -> icechunk.Repository | None:
    """Opens a repository; None where there is none, or it is just being made.

    Raises RunError where object storage does not answer, where there are versions but no branch `main`, and where
    the snapshot of `main` is damaged.
    """
    check_fork()
    if isinstance(location, Path) and not _is_there(location):
        return None  # Icechunk makes the folder that it is asked about.
    with storage_errors(location), _main_errors(location):
        storage = _storage(location)
        if icechunk.Repository.exists(storage):
            repository = icechunk.Repository.open(storage, _config(location))
            check_snapshot(files_at(location), str(repository.lookup_branch("main")))
            next(repository.ancestry(branch="main"))
            return repository
        if _snapshots(location) - {INITIAL_SNAPSHOT} and not icechunk.Repository.exists(storage):
            raise _lost_main(location)
    return None


def _snapshots(location: Location) -> set[str]:
    return {name.rpartition("/")[2] for name in files_at(location).list("store/snapshots")}


@contextmanager
def _main_errors(location: Location) -> Iterator[None]:
    try:
        yield
    except icechunk.IcechunkError as error:
        if not re.search(r"cannot serialize ref|/snapshots/\S+ not found|snapshot not found|NoSuchKey", str(error)):
            raise
        raise _lost_main(location) from error


def _lost_main(location: Location) -> RunError:
    return RunError(
        f"the cube at {location} has lost its branch main: store/refs/branch.main/ref.json is missing, damaged or "
        'names a version that is not there; restore it from a backup, or write {"snapshot":"VERSION"} into it, with '
        "the version that the items in stac/ name"
    )


def _is_there(location: Path) -> bool:
    """Whether a folder has a repository. Raises RunError where it cannot be read: Icechunk may panic there."""
    try:
        if not (location / "store").is_dir():
            return False
        for part in ("store", "store/refs", "store/snapshots"):
            if (location / part).is_dir():
                next((location / part).iterdir(), None)
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise RunError(f"the cube at {location!s:.200} cannot be read ({reason}); mend that, or name another") from None
    return True


def create_repository(location: Location) -> icechunk.Repository:
    """Opens a repository, or makes it where there is none.

    Raises what `find_repository` raises, and RunError where the making of one was begun and not ended.
    """
    if repository := find_repository(location):
        return repository
    if _snapshots(location):
        raise RunError(
            f"another run is just making the cube at {location}, or was interrupted before anything was in it; run "
            f"again, and if this is said again with no other run, delete {location}/store"
        )
    with storage_errors(location):
        if isinstance(location, Path):
            _make_folder(location)
        return icechunk.Repository.open_or_create(_storage(location), _config(location))


def _make_folder(location: Path) -> None:
    """Raises RunError where Icechunk, which would make it too, panics."""
    try:
        (location / "store").mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise RunError(
            f"the cube at {location!s:.200} cannot be made ({error.strerror}); mend that, or name another folder"
        ) from None


def _storage(location: Location) -> icechunk.Storage:
    if isinstance(location, Path):
        return icechunk.local_filesystem_storage(str(location / "store"))
    at = bucket(location)
    return icechunk.s3_storage(
        bucket=at.name,
        prefix=f"{at.prefix}/store".lstrip("/"),
        region=at.region,
        endpoint_url=at.endpoint,
        allow_http=at.plain,
        force_path_style=at.endpoint is not None,
        from_env=True,
    )


def _config(location: Location) -> icechunk.RepositoryConfig:
    """`SHARDS_A_MANIFEST`, which the repository keeps; manifests are read when needed; `TRIES` on object storage."""
    dimension = icechunk.ManifestSplitDimCondition.DimensionName
    sides: Any = {dimension("y"): SHARDS_A_MANIFEST, dimension("x"): SHARDS_A_MANIFEST}
    splitting = icechunk.ManifestSplittingConfig.from_dict({icechunk.ManifestSplitCondition.AnyArray(): sides})
    preload = icechunk.ManifestPreloadConfig(max_total_refs=0, preload_if=icechunk.ManifestPreloadCondition.false())
    retries = icechunk.StorageRetriesSettings(max_tries=TRIES)
    return icechunk.RepositoryConfig(
        manifest=icechunk.ManifestConfig(splitting=splitting, preload=preload),
        storage=None if isinstance(location, Path) else icechunk.StorageSettings(retries=retries),
    )


@contextmanager
def write_errors(location: Location) -> Iterator[None]:
    """Turns an error of Icechunk or of the disk in the block into a RunError of one sentence."""
    try:
        yield
    except (icechunk.IcechunkError, icechunk.ConflictError, icechunk.RebaseFailedError, OSError) as error:
        if isinstance(error, OSError) and error.errno not in UNWRITABLE:
            raise
        reason = " ".join(str(error).split())[:200]
        raise storage_error(location, error) or RunError(
            f"the cube at {location} cannot be written ({reason}); what is committed is kept, mend the cause and run "
            "again"
        ) from error


def path_of(name: str, level: int = 0) -> str:
    """Where an array lies in a cube: `blocks/NAME` there, any other in the group of its level; 0 is full resolution."""
    return name if name.startswith("blocks/") else f"{level}/{name}"


def array(group: zarr.Group, name: str, level: int = 0) -> zarr.Array:
    """An array of a cube's root group: of the blocks, such as `blocks/state`, or of a level."""
    node = group[path_of(name, level)]
    if not isinstance(node, zarr.Array):
        raise TypeError(f"{name} is a group, not an array")
    return node


def read_together(*parts: tuple[zarr.Array, Any]) -> list[np.ndarray]:
    """Parts of arrays, each by its index, read at one time: of single pixels in two thirds of the time."""

    async def read() -> list[Any]:
        return await asyncio.gather(*(source.async_array.getitem(index) for source, index in parts))

    return [np.asarray(part) for part in sync(read())]


def read_pixels(parts: Sequence[Pixel]) -> list[np.ndarray]:
    """All that arrays have at a pixel each, read at one time."""
    return read_together(*((source, (..., *at)) for source, at in parts))


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
