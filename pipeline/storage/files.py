"""The small files of a cube, by their names in it such as "runs/ID/report.json".

A file is there whole or not at all, also after a crash. Every function raises RunError where object storage does not
answer or refuses.
"""

import fcntl
import hashlib
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

import obstore
from obstore.exceptions import AlreadyExistsError, PreconditionError
from obstore.store import S3Store

from pipeline.errors import RunError
from pipeline.storage.location import Bucket, Place, bucket, reaching

if TYPE_CHECKING:
    from obstore import GetResult, PutMode
    from obstore.store import S3Config


def exists(cube: Place, name: str) -> bool:
    if isinstance(cube, Path):
        return (cube / name).is_file()
    return _get(cube, name) is not None


def read(cube: Place, name: str) -> bytes:
    """Raises FileNotFoundError."""
    if isinstance(cube, Path):
        with _usable(cube):
            return (cube / name).read_bytes()
    found = _get(cube, name)
    if found is None:
        raise FileNotFoundError(f"{cube}/{name}")
    with reaching(cube):
        return bytes(found.bytes())


def write(cube: Place, name: str, content: str | bytes) -> None:
    content = content.encode() if isinstance(content, str) else content
    if isinstance(cube, Path):
        with _usable(cube):
            _replace(cube / name, content)
        return
    with reaching(cube):
        obstore.put(_client(cube), name, content)


def swap(cube: Place, name: str, old: bytes | None, new: bytes | None) -> bool:
    """Replaces a file whose content is still `old`, and tells whether it was: of several at once one succeeds.

    `old` and `new` must differ; None is no file. On object storage, where nothing deletes on condition, an empty file
    is left instead.
    """
    if isinstance(cube, Path):
        with _usable(cube):
            return _swap_locally(cube / name, old, new)
    found = _get(cube, name)
    with reaching(cube):
        held = bytes(found.bytes()) if found is not None else b""
        if held != (old or b""):
            return False
        mode: PutMode = "create" if found is None else {"e_tag": found.meta["e_tag"]}
        try:
            obstore.put(_client(cube), name, new or b"", mode=mode)
        except (AlreadyExistsError, PreconditionError, FileNotFoundError):
            now = _get(cube, name)
            return now is not None and bool(new) and bytes(now.bytes()) == new
    return True


@contextmanager
def reading(cube: Place, name: str) -> Iterator[Path]:
    """A local path to read a file by; to nothing where there is no such file."""
    if isinstance(cube, Path):
        yield cube / name
        return
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / Path(name).name
        with suppress(FileNotFoundError):
            copy.write_bytes(read(cube, name))
        yield copy


@contextmanager
def writing(cube: Place, name: str) -> Iterator[Path]:
    """A local path to write a file at, which the cube has when the block ends well."""
    with tempfile.TemporaryDirectory() as folder:
        draft = Path(folder) / Path(name).name
        yield draft
        write(cube, name, draft.read_bytes())


def scratch(cube: Place, name: str) -> Path:
    """A local folder for what need not last: in the cube, or in the user's cache for a cube on object storage."""
    if isinstance(cube, Path):
        return cube / name
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return cache / "idgbr" / hashlib.sha256(cube.encode()).hexdigest()[:16] / name


def _get(url: str, name: str) -> "GetResult | None":
    with reaching(url):
        try:
            return obstore.get(_client(url), name)
        except FileNotFoundError as error:
            if "NoSuchBucket" in str(error):
                raise
            return None


def _client(url: str) -> S3Store:
    return _store(bucket(url), os.environ.get("AWS_ACCESS_KEY_ID"), os.environ.get("AWS_SESSION_TOKEN"))


@lru_cache(maxsize=16)
def _store(found: Bucket, *keys: str | None) -> S3Store:
    """One for each `keys` of the environment, where it finds them itself."""
    where: S3Config = {}
    if found.endpoint is not None:
        where["endpoint"] = found.endpoint
    if found.region is not None:
        where["region"] = found.region
    return S3Store(
        found.name,
        prefix=found.prefix or None,
        config=where,
        client_options={"allow_http": found.plain, "connect_timeout": timedelta(seconds=5)},
        retry_config={"max_retries": 6, "retry_timeout": timedelta(seconds=20)},
    )


@contextmanager
def _usable(cube: Path) -> Iterator[None]:
    try:
        yield
    except FileNotFoundError:
        raise
    except OSError as error:
        raise RunError(f"the cube at {cube} cannot be used ({error.strerror}); mend that and run again") from error


def _replace(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    with draft.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)


def _swap_locally(path: Path, old: bytes | None, new: bytes | None) -> bool:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.with_suffix(".guard").open("wb") as guard:
        fcntl.flock(guard, fcntl.LOCK_EX)
        try:
            if (path.read_bytes() if path.is_file() else None) != old:
                return False
            if new is not None:
                _replace(path, new)
            elif old is not None:
                path.unlink()
        finally:
            fcntl.flock(guard, fcntl.LOCK_UN)
    return True
