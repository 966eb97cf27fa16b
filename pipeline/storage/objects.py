"""Single objects on object storage that are not of a cube: listed, and read within limits of number and size."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import obstore
from obstore.exceptions import InvalidPathError

from pipeline.errors import RunError, UserError, first_line
from pipeline.storage.client import client_of
from pipeline.storage.location import storage_errors

if TYPE_CHECKING:
    from obstore import ObjectMeta

CHUNK_BYTES = 8 * 2**20


@dataclass(frozen=True)
class StoredObject:
    """Its name below the URL that was listed, its bytes, and a tag that changes with its content."""

    name: str
    size: int
    tag: str


def list_objects(url: str, most: int) -> list[StoredObject]:
    """All objects below s3://bucket/prefix, sorted by name. Raises UserError for more than `most`, and RunError."""
    found: list[StoredObject] = []
    with _errors(url):
        for page in obstore.list(client_of(url)):
            found += [_stored(meta["path"], meta) for meta in page]
            if len(found) > most:
                raise UserError(f"there are more than {most:,} objects below {url}; name a longer prefix")
    return sorted(found, key=lambda each: each.name)


def fetch(url: str, item: StoredObject, file: Path) -> None:
    """Writes an object below a URL, as it was listed, into a new file. Raises RunError."""
    with _errors(url):
        try:
            result = obstore.get(client_of(url), item.name)
        except FileNotFoundError:
            raise _changed(url, item.name) from None
        if _stored(item.name, result.meta) != item:
            raise _changed(url, item.name)
        with file.open("wb") as out:
            for chunk in result.stream(min_chunk_size=CHUNK_BYTES):
                out.write(chunk)


def read_object(url: str, limit: int, what: str) -> bytes:
    """The object s3://bucket/key. Raises UserError, which calls it `what`, where there is none or one of more bytes
    than `limit`, and RunError."""
    folder, _, name = url.rpartition("/")
    if folder == "s3:/":
        raise UserError(f"{url} is a bucket, not a {what}; name a file in it")
    with _errors(url):
        try:
            result = obstore.get(client_of(folder), name)
        except FileNotFoundError as error:
            if "NoSuchBucket" in str(error):
                raise
            raise UserError(f"there is no {what} at {url}; copy it there, or name another") from None
        if result.meta["size"] > limit:
            raise UserError(f"{url} has more than {limit >> 20} MiB, too much for a {what}; name another")
        return bytes(result.bytes())


def _stored(name: str, meta: "ObjectMeta") -> StoredObject:
    return StoredObject(name, meta["size"], str(meta["e_tag"] or meta["last_modified"]))


def _changed(url: str, name: str) -> RunError:
    return RunError(f"{url}/{name} was changed while it was fetched; run again")


@contextmanager
def _errors(url: str) -> Iterator[None]:
    with storage_errors(url):
        try:
            yield
        except InvalidPathError as error:
            raise UserError(
                f"an object below {url} has a name that is no path ({first_line(error):.200}); delete it, or name "
                "another place"
            ) from None
