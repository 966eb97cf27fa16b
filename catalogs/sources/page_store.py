"""Pages of a search on disk, from which it goes on after a crash or an outage."""

import fcntl
import gzip
import json
import os
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from catalogs.errors import CatalogError, CatalogUnavailable

FRESH_SECONDS = 86_400
"""An older search is begun anew: catalogs gain scenes every day, and its halves would belong to different states."""


@dataclass(frozen=True, slots=True)
class Page:
    """What a server gave at once: raw items, the request that gives the next page (None after the last), and how many
    items it says there are in all (None if it does not say)."""

    features: list[dict[str, Any]]
    next: dict[str, Any] | None = None
    matched: int | None = None


def put(folder: Path, number: int, page: Page) -> None:
    """Write page `number` of a folder; after a crash it is there whole or not at all."""
    write(folder / f"{number:06}.json.gz", asdict(page))


def read(folder: Path) -> list[Page]:
    """The pages of a folder from the first on, without a gap; CatalogError when one is damaged."""
    found: list[Page] = []
    while (path := folder / f"{len(found):06}.json.gz").is_file():
        found.append(Page(**load(path)))
    return found


def write(path: Path, content: dict[str, Any]) -> None:
    """Write an object as one compressed JSON file, which appears whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    with draft.open("wb") as file:
        file.write(gzip.compress(json.dumps(content).encode(), compresslevel=1))
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def load(path: Path) -> dict[str, Any]:
    """What `write` wrote; CatalogError when it is damaged."""
    try:
        return json.loads(gzip.decompress(path.read_bytes()))
    except (OSError, EOFError, ValueError) as error:
        raise CatalogError(f"{path} is damaged ({error}); delete {path.parent} to search anew") from None


@contextmanager
def held(folder: Path) -> Iterator[None]:
    """The folder of a search, made if need be and kept from others meanwhile.

    It is cleared where its search was finished, or began more than a day ago. CatalogUnavailable while another search
    holds it, CatalogError when it holds other things.
    """
    begun = folder / "begun"
    while True:
        if not begun.is_file() and folder.is_dir() and any(folder.iterdir()):
            raise CatalogError(f"{folder} holds other things than a search's pages; name another folder")
        folder.mkdir(parents=True, exist_ok=True)
        if not begun.is_file():
            with suppress(FileNotFoundError):
                begun.touch()
        with _locked(begun) as lock:
            if lock == "busy":
                raise CatalogUnavailable(f"another search holds {folder} now; try again when it has ended")
            if lock == "gone":
                continue
            if time.time() - begun.stat().st_mtime <= FRESH_SECONDS and not (folder / "complete").is_file():
                yield
                return
            _remove(folder)


def complete(folder: Path) -> None:
    """Mark a search as finished: the next one in this folder begins anew."""
    (folder / "complete").touch()


def remove(folder: Path) -> None:
    """Remove the pages of a search, or of one of its slices, whose folder this is: all at once, whatever happens.

    A folder that another search holds by now is left to it.
    """
    with _locked(folder / "begun") as lock:
        if lock != "busy":
            _remove(folder)


@contextmanager
def _locked(path: Path) -> Iterator[Literal["held", "busy", "gone"]]:
    """Hold a file against others, unless one is busy with it or it is gone; a process that ends lets go."""
    try:
        file = path.open("r+b")
    except FileNotFoundError:
        yield "gone"
        return
    with file:
        held = False
        with suppress(BlockingIOError, FileNotFoundError):
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            held = os.path.samestat(os.fstat(file.fileno()), path.stat())
        yield "held" if held else "busy"


def _remove(folder: Path) -> None:
    gone = folder.with_name(f".{folder.name}.dropped")
    if gone.is_dir():
        shutil.rmtree(gone)
    if folder.is_dir():
        folder.replace(gone)
        shutil.rmtree(gone)
