"""The small files of a cube, by their names in it such as "runs/ID/report.json"."""

import fcntl
import hashlib
import tempfile
import time as clock
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import obstore
from obstore.exceptions import AlreadyExistsError, PreconditionError
from obstore.store import S3Store

from catalogs.atomic import atomic_write, is_draft
from pipeline.errors import RunError
from pipeline.storage.client import client_of
from pipeline.storage.location import Location, parse_location, storage_errors
from pipeline.storage.user_cache import user_cache

GUARD_SECONDS = 30.0

if TYPE_CHECKING:
    from obstore import GetResult, PutMode


def files_at(location: Location) -> "Files":
    """The files of the cube at a location. Touches no storage. Raises UserError if it is no location."""
    parsed = parse_location(location)
    return FolderFiles(parsed) if isinstance(parsed, Path) else BucketFiles(parsed)


class Files(ABC):
    """The files of one cube.

    A file is there whole or not at all, also after a crash. Every method raises RunError where the folder cannot be
    used, or where object storage does not answer or refuses.
    """

    location: Location

    @abstractmethod
    def exists(self, name: str) -> bool: ...

    @abstractmethod
    def read(self, name: str) -> bytes:
        """Raises FileNotFoundError."""

    @abstractmethod
    def write(self, name: str, content: str | bytes) -> None:
        """Creates or replaces a file, and the folders above it."""

    @abstractmethod
    def swap(self, name: str, old: bytes | None, new: bytes | None) -> bool:
        """Replaces a file if its content is `old`; returns whether it was. Of several at once one succeeds.

        `old` and `new` must differ; None means no file, and an empty file counts as none. Object storage has no
        conditional delete: there new=None leaves an empty file.
        """

    @abstractmethod
    def list(self, folder: str) -> list[str]:
        """Sorted names of the files right in a folder, such as "stac/a.json" in "stac"; [] where there is no folder."""

    @abstractmethod
    def remove(self, name: str) -> None:
        """Deletes a file if there is one."""

    @abstractmethod
    def scratch(self, name: str) -> Path:
        """A local folder for what need not last: in the cube, or in the user's cache for a cube on object storage."""

    @contextmanager
    def local_copy(self, name: str) -> Iterator[Path]:
        """A local path to read a file at; nothing is there if the cube has no such file."""
        with tempfile.TemporaryDirectory() as folder:
            copy = Path(folder) / Path(name).name
            with suppress(FileNotFoundError):
                copy.write_bytes(self.read(name))
            yield copy

    @contextmanager
    def local_draft(self, name: str) -> Iterator[Path]:
        """A local path to write a file at; the cube gets the file when the block ends without an exception."""
        with tempfile.TemporaryDirectory() as folder:
            draft = Path(folder) / Path(name).name
            yield draft
            self.write(name, draft.read_bytes())


@dataclass(frozen=True)
class FolderFiles(Files):
    """In a local folder. Not by obstore's LocalStore, which neither syncs a file to the disk nor puts on condition."""

    location: Path

    def exists(self, name: str) -> bool:
        return (self.location / name).is_file()

    def read(self, name: str) -> bytes:
        with self._errors():
            return (self.location / name).read_bytes()

    def write(self, name: str, content: str | bytes) -> None:
        with self._errors():
            _write(self.location / name, _bytes(content))

    def swap(self, name: str, old: bytes | None, new: bytes | None) -> bool:
        path = self.location / name
        with self._errors():
            path.parent.mkdir(parents=True, exist_ok=True)
            with self._guarded(path.with_suffix(".guard")):
                content = path.read_bytes() if path.is_file() else b""
                if content != (old or b""):
                    return False
                if new is not None:
                    _write(path, new)
                elif old is not None:
                    path.unlink()
        return True

    @contextmanager
    def _guarded(self, path: Path) -> Iterator[None]:
        """Holds the flock of a file. Raises RunError where another process keeps it."""
        with path.open("wb") as guard:
            begun = clock.monotonic()
            while True:
                try:
                    fcntl.flock(guard, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    break
                except BlockingIOError:
                    if clock.monotonic() - begun > GUARD_SECONDS:
                        raise RunError(
                            f"{path} has been locked by another process for {GUARD_SECONDS:g} s, which may be stopped; "
                            "continue or end that process and run again"
                        ) from None
                    clock.sleep(0.01)
            yield

    def list(self, folder: str) -> list[str]:
        with self._errors():
            if not (self.location / folder).exists():
                return []
            paths = [path for path in (self.location / folder).iterdir() if path.is_file() and not is_draft(path.name)]
            return sorted(f"{folder}/{path.name}" for path in paths)

    def remove(self, name: str) -> None:
        with self._errors():
            (self.location / name).unlink(missing_ok=True)

    def scratch(self, name: str) -> Path:
        return self.location / name

    @contextmanager
    def local_copy(self, name: str) -> Iterator[Path]:
        yield self.location / name

    @contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except FileNotFoundError:
            raise
        except OSError as error:
            raise RunError(
                f"the cube at {self.location} cannot be used ({error.strerror}); mend that and run again"
            ) from error


@dataclass(frozen=True)
class BucketFiles(Files):
    """On object storage, with the keys that the environment has when a file is asked for."""

    location: str

    def exists(self, name: str) -> bool:
        return self._get(name) is not None

    def read(self, name: str) -> bytes:
        result = self._get(name)
        if result is None:
            raise FileNotFoundError(f"{self.location}/{name}")
        with storage_errors(self.location):
            return bytes(result.bytes())

    def write(self, name: str, content: str | bytes) -> None:
        with storage_errors(self.location):
            obstore.put(self._client, name, _bytes(content))

    def swap(self, name: str, old: bytes | None, new: bytes | None) -> bool:
        result = self._get(name)
        with storage_errors(self.location):
            content = bytes(result.bytes()) if result is not None else b""
            if content != (old or b""):
                return False
            mode: PutMode = "create" if result is None else {"e_tag": result.meta["e_tag"]}
            try:
                obstore.put(self._client, name, new or b"", mode=mode)
            except (AlreadyExistsError, PreconditionError, FileNotFoundError):
                # A put that was sent twice is refused the second time although the first succeeded.
                now = self._get(name)
                return now is not None and bool(new) and bytes(now.bytes()) == new
        return True

    def list(self, folder: str) -> list[str]:
        with storage_errors(self.location):
            found = obstore.list_with_delimiter(self._client, f"{folder}/")["objects"]
        return sorted(str(each["path"]) for each in found)

    def remove(self, name: str) -> None:
        with storage_errors(self.location), suppress(FileNotFoundError):
            obstore.delete(self._client, name)

    def scratch(self, name: str) -> Path:
        return user_cache() / hashlib.sha256(self.location.encode()).hexdigest()[:16] / name

    def _get(self, name: str) -> "GetResult | None":
        with storage_errors(self.location):
            try:
                return obstore.get(self._client, name)
            except FileNotFoundError as error:
                if "NoSuchBucket" in str(error):
                    raise
                return None

    @property
    def _client(self) -> S3Store:
        return client_of(self.location)


def _write(path: Path, content: bytes) -> None:
    with atomic_write(path) as draft:
        draft.write_bytes(content)


def _bytes(content: str | bytes) -> bytes:
    return content.encode() if isinstance(content, str) else content
