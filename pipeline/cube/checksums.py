"""SHA-256 sums of what Icechunk writes without a checksum: the snapshot of a version and its manifests.

`checksums/VERSION.sha256` in the cube lists them as sha256sum does, which checks them by
`cd CUBE/store && sha256sum --check ../checksums/VERSION.sha256`. Chunks are not listed: they end in a CRC32C.
"""

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field

import icechunk

from pipeline.errors import RunError
from pipeline.storage.files import Files

SUMS = "checksums"
READERS = 8
"""Files read at a time."""

Manifests = Mapping[str, Sequence[tuple[str, Sequence[Sequence[int]]]]]
"""By path of an array: names of its manifests, each with the ranges of chunks, (start, end) an axis, that it holds."""


@dataclass(frozen=True)
class Sums:
    """The sums of one version: by name below `store/`, such as "manifests/ID"."""

    files: Files
    snapshot: str
    digests: Mapping[str, str]
    manifests: Manifests
    _sound: set[str] = field(default_factory=set)

    def check_array(self, path: str, chunk: Sequence[int]) -> None:
        """Raises RunError if a manifest that says where a chunk of the array lies is damaged."""
        for name in self._manifests_of(path, chunk):
            self.check(name)

    def has_checked(self, path: str, chunk: Sequence[int]) -> bool:
        """Whether `check_array` has nothing left to read."""
        return all(name in self._sound for name in self._manifests_of(path, chunk))

    def _manifests_of(self, path: str, chunk: Sequence[int]) -> Iterator[str]:
        for name, extents in self.manifests.get(path, ()):
            if all(start <= at < end for at, (start, end) in zip(chunk, extents, strict=True)):
                yield name

    def check(self, name: str) -> None:
        """Raises RunError if a file is missing or not as it was written. A sound file is read once."""
        if name not in self._sound:
            if fault := self.fault(name):
                raise RunError(fault)
            self._sound.add(name)

    def check_all(self) -> None:
        """Raises RunError for the first damaged file."""
        for fault in self.faults():
            raise RunError(fault)

    def faults(self, progress: Callable[[int, int], None] | None = None) -> Iterator[str]:
        """A sentence for each damaged file."""
        names = sorted({f"snapshots/{self.snapshot}", *(n for each in self.manifests.values() for n, _ in each)})
        with ThreadPoolExecutor(READERS) as readers:
            for done, fault in enumerate(readers.map(self.fault, names), start=1):
                if progress is not None:
                    progress(done, len(names))
                if fault:
                    yield fault

    def fault(self, name: str) -> str | None:
        """What is wrong with a file, as a sentence; None if nothing is."""
        if name == f"snapshots/{self.snapshot}" and name not in self.digests:
            return None  # See `rewriting_snapshots`.
        try:
            sound = self.digests.get(name) == _digest(self.files, name)
        except FileNotFoundError:
            sound = False
        return None if sound else _sentence(self.files, self.snapshot, name)


def load_sums(files: Files, repository: icechunk.Repository, snapshot: str) -> Sums | None:
    """The sums of a version, whose snapshot is checked; None where none were written.

    None were for the commits of a run under way and by earlier versions of this system. Raises RunError for a damaged
    snapshot.
    """
    digests = check_snapshot(files, snapshot)
    return None if digests is None else Sums(files, snapshot, digests, _manifests(repository, snapshot))


def check_snapshot(files: Files, snapshot: str) -> dict[str, str] | None:
    """The sums of a version by name; None where none were written. Raises RunError for a damaged snapshot."""
    try:
        text = files.read(sums_name(snapshot)).decode(errors="replace")
    except FileNotFoundError:
        return None
    digests = {name: digest for digest, _, name in (line.partition("  ") for line in text.splitlines())}
    Sums(files, snapshot, digests, {}).check_all()
    return digests


def write_sums(files: Files, repository: icechunk.Repository, snapshot: str, known: Sums | None) -> None:
    """Writes the sums of a snapshot; files that `known` lists are not read again."""
    names = {f"snapshots/{snapshot}", *(n for each in _manifests(repository, snapshot).values() for n, _ in each)}
    digests = {name: digest for name, digest in known.digests.items() if name in names} if known else {}
    new = sorted(names - digests.keys())
    with ThreadPoolExecutor(READERS) as readers:
        digests |= zip(new, readers.map(lambda name: _digest(files, name), new), strict=True)
    _write(files, snapshot, digests)


@contextmanager
def rewriting_snapshots(files: Files, versions: Sequence[Sums]) -> Iterator[None]:
    """While the block runs, Icechunk may give the snapshots of these versions other parents.

    The sums of the snapshots are missing meanwhile, so that versions stay readable where the block is interrupted.
    """
    for sums in versions:
        name = f"snapshots/{sums.snapshot}"
        _write(files, sums.snapshot, {other: digest for other, digest in sums.digests.items() if other != name})
    yield
    for sums in versions:
        name = f"snapshots/{sums.snapshot}"
        _write(files, sums.snapshot, {**sums.digests, name: _digest(files, name)})


def _digest(files: Files, name: str) -> str:
    return hashlib.sha256(files.read(f"store/{name}")).hexdigest()


def _write(files: Files, snapshot: str, digests: Mapping[str, str]) -> None:
    files.write(sums_name(snapshot), "".join(f"{digests[name]}  {name}\n" for name in sorted(digests)))


def sums_name(snapshot: str) -> str:
    """The file in the cube with the sums of a snapshot."""
    return f"{SUMS}/{snapshot}.sha256"


def _manifests(repository: icechunk.Repository, snapshot: str) -> Manifests:
    nodes = json.loads(repository.inspect_snapshot(snapshot, pretty=False))["nodes"]
    return {
        node["path"].lstrip("/"): [(f"manifests/{ref['id']}", ref["extents"]) for ref in node["manifest_refs"]]
        for node in nodes
        if node["node_type"] == "array"
    }


def _sentence(files: Files, snapshot: str, name: str) -> str:
    return (
        f"{files.location}/store/{name} does not have the checksum that {sums_name(snapshot)} gives it, so one of "
        "them is damaged; restore the file from a copy of the cube, or roll back to a version without it"
    )
