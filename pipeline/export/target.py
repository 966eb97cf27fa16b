"""Where an export goes: written beside its target, and renamed when it is whole; an interrupted one goes on."""

import errno
import fcntl
import json
import os
import re
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from catalogs.atomic import atomic_write, is_draft
from cluster.dask import current_client
from pipeline.console.output import check_folder
from pipeline.cube.cube import Cube
from pipeline.cube.store import UNWRITABLE
from pipeline.errors import RunError, UserError

REQUEST, PARTS = "export.json", "export.parts"
"""In the partial folder: what is exported, and parts of it. No target is named so."""
ZARR_DRAFT = re.compile(r".+\.[0-9a-f]{32}\.partial")
"""Names of files that Zarr had not finished when its process was killed."""

Progress = Callable[[int, int, str], None]
"""(number done, total, what of)."""


@dataclass(frozen=True)
class Exported:
    """What an export wrote. kind: cog, zarr, stac, vector or html. path: of the file or folder. files, bytes: all."""

    kind: str
    path: Path
    version: str
    periods: list[date]
    arrays: list[str]
    files: int
    bytes: int
    seconds: float

    def line(self) -> str:
        """What was written, in one line."""
        periods = ", ".join(map(str, self.periods))
        return (
            f"{self.kind}: {', '.join(self.arrays)} of {periods}, version {self.version}, to {self.path}: "
            f"{self.files:,} file{'s' * (self.files != 1)}, {_megabytes(self.bytes)}, {self.seconds:,.1f} s"
        )


def _megabytes(count: int) -> str:
    return f"{count / 1e6:,.1f} MB" if count >= 50_000 else f"{count:,} bytes"


@contextmanager
def resumable(target: Path, cube: Cube | None, request: Mapping[str, Any], suffixes: tuple[str, ...]) -> Iterator[Path]:
    """A folder, `TARGET.partial`, to write `TARGET` and whatever else in; `TARGET` takes its place at the end.

    After an interruption or an exception the folder stays, and the same request gets it again as it was left, or with
    the whole target in it where only its deletion was interrupted. `suffixes`: the endings that a target may have, ""
    for a folder. Raises UserError for a target that exists, that lies in the cube if there is one, or whose partial
    folder holds another request, and RunError where it cannot be written, or Dask workers do not see the folder.
    """
    partial, content = target.absolute().with_name(f"{target.name}.partial"), json.dumps(dict(request), sort_keys=True)
    _check(target, cube, suffixes)
    if (target.exists() or target.is_symlink()) and not _is_ours(target, content):
        raise UserError(f"{target} exists already, and exports replace nothing; delete it or name another")
    with writing(target):
        partial.mkdir(exist_ok=True)
        with _lock(partial):
            _check_request(partial, target, content)
            _check_workers(partial, content)
            if target.exists() and _is_ours(target, content):
                target.replace(partial / target.name)
            _whole(target).unlink(missing_ok=True)
            yield partial
            _put_into_place(partial, target, content)
        _whole(target).unlink()


def _put_into_place(partial: Path, target: Path, request: str) -> None:
    """Moves the target to its place and deletes the folder; whatever interrupts this, `_is_ours` knows the target."""
    for draft in partial.rglob("*"):
        if is_draft(draft.name) or ZARR_DRAFT.fullmatch(draft.name):
            draft.unlink()
    with atomic_write(_whole(target)) as draft:
        draft.write_text(request)
    for side in list(partial.iterdir()):
        if side.name.startswith(f"{target.name}."):
            side.replace(target.with_name(side.name))
    (partial / target.name).replace(target)
    shutil.rmtree(partial)


def _whole(target: Path) -> Path:
    """A file that holds what is exported while the target is put into its place, and is deleted last."""
    return target.with_name(f"{target.name}.partial.whole")


def _is_ours(target: Path, request: str) -> bool:
    """Whether a target that is there is that of the same export, interrupted before it had ended."""
    return _read(_whole(target)) == request


def _check(target: Path, cube: Cube | None, suffixes: tuple[str, ...]) -> None:
    if re.match(r"[a-z0-9]+:/", str(target)):
        raise UserError(f"{target} is no local path; export into a folder of this machine and copy it from there")
    if target.suffix.lower() not in suffixes:
        allowed = " or ".join(suffix or "no suffix, for a folder" for suffix in suffixes)
        raise UserError(f"{target} ends in {target.suffix or 'no suffix'}; this export is named with {allowed}")
    check_folder(target)
    location = None if cube is None else cube.location
    if isinstance(location, Path) and target.resolve().is_relative_to(location.resolve()):
        raise UserError(f"{target} lies inside the cube at {location}; export to a place outside it")


def _check_request(partial: Path, target: Path, request: str) -> None:
    file = partial / REQUEST
    if not file.exists():
        with atomic_write(file) as draft:
            draft.write_text(request)
    elif file.read_text() != request:
        raise UserError(f"{partial} holds an interrupted export of something else; delete it or name another target")


def _check_workers(partial: Path, request: str) -> None:
    """Raises RunError if the parts are written by Dask workers, and one does not see the folder for them."""
    client = current_client()
    for worker, seen in ({} if client is None else client.on_every_worker(_read, partial / REQUEST)).items():
        if seen != request:
            raise RunError(
                f"the Dask worker at {worker} does not see the folder {partial}; name a target that all workers see "
                "under the same path, or leave --dask out"
            )


def _read(file: Path) -> str | None:
    """The text of a file; None where there is none."""
    return file.read_text() if file.exists() else None


@contextmanager
def _lock(folder: Path) -> Iterator[None]:
    handle = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    except BlockingIOError:
        raise RunError(f"another export is writing {folder} just now; wait for it, or name another target") from None
    finally:
        os.close(handle)


@contextmanager
def writing(target: Path) -> Iterator[None]:
    """Turns an error of the disk in the block into a RunError of one sentence."""
    try:
        yield
    except OSError as error:
        if error.errno not in UNWRITABLE:
            raise
        full = error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
        raise RunError(
            f"{target} cannot be written ({error.strerror}); {'make room' if full else 'mend that'} and give the same "
            "command again, which goes on from there"
        ) from error


def size_of(path: Path) -> tuple[int, int]:
    """(files, bytes) of a file or folder."""
    sizes = [file.stat().st_size for file in ([path] if path.is_file() else path.rglob("*")) if file.is_file()]
    return len(sizes), sum(sizes)
