"""Pages of a search on disk, from which the search resumes after a crash or an outage."""

import fcntl
import gzip
import json
import os
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from catalogs.atomic import atomic_write
from catalogs.errors import CatalogError, CatalogUnavailable, SearchHeld
from catalogs.secrets import holds_secret

FRESH_SECONDS = 86_400
"""An older search starts again: catalogs gain scenes every day, and its parts would show different states."""
PAGE_TOKENS = ("token", "next_token", "nexttoken", "page_token", "pagetoken", "continuation_token", "continuationtoken")
"""Parameters by which servers name the next page."""


@dataclass(frozen=True, slots=True)
class Page:
    """Raw items as the server gave them, the request for the next page (None after the last one), and the total number
    of matching items that the server reports (None if it does not)."""

    features: list[Any]
    next: dict[str, Any] | None = None
    matched: int | None = None


def write_page(folder: Path, number: int, page: Page) -> None:
    """Write page `number` of a folder, atomic and durable, unless it holds secrets or nests too deeply to be written: a
    search resumes before those."""
    with suppress(RecursionError):
        if not holds_secret(page.features):
            content = {"features": page.features, "next": page.next, "matched": page.matched}
            write_json(folder / f"{number:06}.json.gz", content)


def read_pages(folder: Path) -> list[Page]:
    """The pages of a folder, from the first up to a gap; CatalogError if one is damaged."""
    pages: list[Page] = []
    while (path := folder / f"{len(pages):06}.json.gz").is_file():
        pages.append(Page(**read_json(path)))
    return pages


def write_json(path: Path, content: dict[str, Any]) -> None:
    """Write an object as one gzipped JSON file, atomic and durable, unless its URLs hold secrets.

    CatalogUnavailable where the disk is full.
    """
    if holds_secret(content, PAGE_TOKENS):
        return
    with _writing(path.parent), atomic_write(path) as draft:
        draft.write_bytes(gzip.compress(json.dumps(content).encode(), compresslevel=1))


def read_json(path: Path) -> dict[str, Any]:
    """The content of a file by `write_json`; CatalogError if it is damaged."""
    try:
        return json.loads(gzip.decompress(path.read_bytes()))
    except (OSError, EOFError, ValueError) as error:
        raise CatalogError(f"{path} is damaged ({error}); delete {path.parent} to search anew") from None


@contextmanager
def exclusive(folder: Path) -> Iterator[None]:
    """Make the folder of a search and lock it against other searches, by the file `begun` in it.

    The pages of a search that is complete, or that began more than a day ago, are removed. Raises SearchHeld while
    another search has the folder, CatalogError if the folder has other content.
    """
    begun = folder / "begun"
    while True:
        if not begun.is_file() and folder.is_dir() and any(folder.iterdir()):
            raise CatalogError(f"{folder} holds other things than a search's pages; name another folder")
        with _writing(folder):
            folder.mkdir(parents=True, exist_ok=True)
            if not begun.is_file():
                with suppress(FileNotFoundError):
                    begun.touch()
        with _lock(begun) as lock:
            if lock == "busy":
                raise SearchHeld(f"another search holds {folder} now; try again when it has ended")
            if lock == "gone":
                continue
            if time.time() - begun.stat().st_mtime <= FRESH_SECONDS and not (folder / "complete").is_file():
                yield
                return
            _remove(folder)


def mark_complete(folder: Path) -> None:
    """The next search in this folder starts again."""
    with _writing(folder):
        (folder / "complete").touch()


def mark_needed(folder: Path) -> None:
    """The next search in this folder takes the pages that are there, although they are complete."""
    (folder / "complete").unlink(missing_ok=True)


@contextmanager
def _writing(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise CatalogUnavailable(
            f"the pages of a search cannot be written to {folder} ({error.strerror}): make room, and run the same "
            "again; it goes on after the pages that are there"
        ) from None


def remove(folder: Path) -> None:
    """Remove the folder of a search, or of one of its slices, atomically.

    A folder that another search has locked is left as it is.
    """
    with _lock(folder / "begun") as lock:
        if lock != "busy":
            _remove(folder)


@contextmanager
def _lock(path: Path) -> Iterator[Literal["locked", "busy", "gone"]]:
    """Lock a file; "busy" if another process has locked it, "gone" if there is none. The end of the process unlocks."""
    try:
        file = path.open("r+b")
    except FileNotFoundError:
        yield "gone"
        return
    with file:
        locked = False
        with suppress(BlockingIOError, FileNotFoundError):
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            locked = os.path.samestat(os.fstat(file.fileno()), path.stat())
        yield "locked" if locked else "busy"


def _remove(folder: Path) -> None:
    trash = folder.with_name(f".{folder.name}.dropped")
    if trash.is_dir():
        shutil.rmtree(trash)
    if folder.is_dir():
        folder.replace(trash)
        shutil.rmtree(trash)
