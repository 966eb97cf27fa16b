"""A cube that a command opens once and hands down."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import icechunk
import zarr
from zarr.errors import GroupNotFoundError

from pipeline.cube.checked_store import CheckedStore
from pipeline.cube.checksums import Sums, load_sums, rewriting_snapshots, write_sums
from pipeline.cube.schema import check_age
from pipeline.cube.snapshot_group import SnapshotGroup
from pipeline.cube.store import create_repository, find_repository, path_of, write_errors
from pipeline.errors import UserError
from pipeline.storage.files import Files, files_at
from pipeline.storage.lease import Lease, hold
from pipeline.storage.location import Location, parse_location


@dataclass(frozen=True)
class Cube:
    """Where a cube lies, its small files and its Icechunk repository.

    Where this process holds the cube, `files`, `writable` and `commit` change nothing once it has lost it: they raise
    RunError.
    """

    location: Location
    files: Files
    repository: icechunk.Repository
    held: Lease | None = None
    _sums: dict[str, Sums | None] = field(default_factory=dict, init=False, repr=False, compare=False)

    def check(self) -> None:
        """Raises RunError if this process held the cube and does not any more."""
        if self.held is not None:
            self.held.check()

    def hold_for(self, run: str) -> None:
        """Names another run that this process holds the cube for. Raises what `check` raises."""
        if self.held is not None:
            self.held.hold_for(run)

    @property
    def writable(self) -> icechunk.Repository:
        """The repository, for one change of a branch or tag. Raises what `check` raises."""
        self.check()
        return self.repository

    def commit(self, session: icechunk.Session, message: str, metadata: dict[str, Any] | None = None) -> str:
        """Commits a session; returns the snapshot. Raises what `check` raises."""
        self.check()
        return str(session.commit(message, metadata=metadata))

    @staticmethod
    def find(location: str | Path) -> "Cube | None":
        """Opens a cube; None where there is none.

        Raises UserError for what is no location, and RunError where object storage does not answer or refuses.
        """
        parsed = _absolute(location)
        repository = find_repository(parsed)
        return None if repository is None else Cube(parsed, files_at(parsed), repository)

    @staticmethod
    def open(location: str | Path) -> "Cube":
        """Opens a cube. Raises UserError where there is none, and what `find` raises."""
        cube = Cube.find(location)
        if cube is None:
            raise UserError(f"there is no cube at {location}; give what a run's region file names as 'cube'")
        return cube

    @staticmethod
    def create(location: str | Path) -> "Cube":
        """Opens a cube, or makes an empty one where there is none. Raises what `find` raises."""
        parsed = _absolute(location)
        return Cube(parsed, files_at(parsed), create_repository(parsed))

    def group(self, *, branch: str | None = None, snapshot: str | None = None) -> zarr.Group:
        """The arrays at the tip of a branch or at a snapshot, read-only. Reading raises what `CheckedStore` does.

        Raises UserError for a cube that `schema.check_age` refuses.
        """
        if snapshot is None:
            snapshot = str(self.repository.lookup_branch(branch or "main"))
        group = SnapshotGroup.of(zarr.open_group(self.store(snapshot), mode="r"))
        check_age(group.attrs)
        return group

    def store(self, snapshot: str) -> CheckedStore:
        """The Zarr store of a snapshot, read-only."""
        sums = self.sums(snapshot)
        return CheckedStore(self.repository.readonly_session(snapshot_id=snapshot).store, sums)

    def sums(self, snapshot: str) -> Sums | None:
        """See `load_sums`."""
        if snapshot not in self._sums:
            self._sums[snapshot] = load_sums(self.files, self.repository, snapshot)
        return self._sums[snapshot]

    def write_sums(self, snapshot: str, base: str) -> None:
        """Writes the sums of a snapshot, unless it has them; its files that `base` has too are not read."""
        if self.sums(snapshot) is None:
            write_sums(self.files, self.repository, snapshot, self.sums(base))
            del self._sums[snapshot]

    @contextmanager
    def rewriting_snapshots(self, versions: Iterable[str]) -> Iterator[None]:
        """See `checksums.rewriting_snapshots`."""
        with rewriting_snapshots(self.files, [sums for version in versions if (sums := self.sums(version))]):
            yield
        self._sums.clear()

    def branch_group(self, branch: str) -> zarr.Group | None:
        """The arrays at the tip of a branch; None where there is no such branch, or it has no arrays yet."""
        if branch not in self.repository.list_branches():
            return None
        try:
            group = self.group(branch=branch)
        except GroupNotFoundError:
            return None
        except icechunk.IcechunkError:
            if branch in self.repository.list_branches():
                raise
            return None  # It was published in between.
        return group if path_of("mosaic") in group else None

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Turns an error of Icechunk or of the disk in the block into a RunError of one sentence."""
        with write_errors(self.location):
            yield

    @contextmanager
    def lease(self, run: str, name: str) -> Iterator["Cube"]:
        """This cube, held for a run of the region `name`, to write to it as in `writing`.

        Raises CubeHeld where another run holds it.
        """
        with self.writing(), hold(self.files, run, name) as lease:
            yield replace(self, files=lease.writable_files, held=lease)


def _absolute(location: str | Path) -> Location:
    """The location of a cube for processes of any working folder. Raises UserError."""
    parsed = parse_location(location)
    return parsed.absolute() if isinstance(parsed, Path) else parsed
